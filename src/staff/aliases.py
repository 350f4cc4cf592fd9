"""Opaque customer ids of the staff page (``cus_…``).

An alias is the subject id, encrypted deterministically (AES-SIV, RFC 5297): every replica makes the same one and reads
it back, and nothing has to be stored. A page that knows only aliases cannot give a number away.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha512
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ..model import SubjectId

PREFIX: Final = "cus_"


class Aliases:
    """Makes and reads aliases. ``secret`` is one that every replica has."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(sha512(b"tandem customer alias:" + secret.encode()).digest())

    def of(self, subject: str) -> str:
        """Return the alias of a subject."""
        sealed = self._cipher.encrypt(subject.encode(), None)
        return PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def named(self, spelling: str) -> str:
        """Return the subject that an alias stands for; any other spelling, and what no gateway made, as it is."""
        text = spelling.strip()
        if not text.startswith(PREFIX):
            return spelling
        try:
            sealed = text.removeprefix(PREFIX)
            opened = self._cipher.decrypt(base64.b64decode(sealed + "=" * (-len(sealed) % 4), b"-_", True), None)
            return SubjectId(opened.decode())
        except (binascii.Error, InvalidTag, ValueError):
            return spelling
