"""Opaque customer ids of the staff page (``cus_…``), and what the page is shown of numbers until one is revealed.

An alias is the subject id, encrypted deterministically (AES-SIV, RFC 5297): every replica makes the same one and reads
it back, and nothing has to be stored. A page that knows only aliases cannot give a number away.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha512
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from starlette.requests import Request

from ..model import SubjectId
from ..persistence.redaction import pattern_of
from .customer_directory import masked_number

PREFIX: Final = "cus_"
_PHONE = re.compile(r"\bphone_[0-9]{4,20}\b", re.ASCII)
_AS_WRITTEN: Final = frozenset({"arguments", "editedArguments"})
"""Of a request: what staff decide about is what will be carried out, letter for letter."""


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

    def seen(self, request: Request, content: Mapping[str, Any], *, number: str | None = None) -> Mapping[str, Any]:
        """Return what the sender of a request may see: a program everything, a page no id that tells a number."""
        return self.veiled(content, number=number) if by_page(request) else content

    def cursor(self, request: Request) -> str | None:
        """Return where a list is to go on, None for its beginning."""
        return self.named(request.query_params.get("cursor") or "") or None

    def veiled(self, content: Mapping[str, Any], *, number: str | None = None) -> dict[str, Any]:
        """Return an answer as a page is sent it: aliases for ids, and the ends of the customers' own numbers.

        A customer's number is hidden in everything that stands under their ``subjectId``. ``number`` is that of the
        customer whom the whole answer is about, where their id does not tell.
        """
        shown: dict[str, Any] = self._veil(content, number)
        if isinstance(following := shown.get("next"), str):
            shown["next"] = self.of(following)  # where a list goes on: behind a customer, who is named in it
        return shown

    def _veil(self, value: Any, number: str | None) -> Any:
        if isinstance(value, Mapping):
            subject = value.get("subjectId")
            if isinstance(subject, str):
                number = _number_of(subject) or number
            shown = {
                str(key): inner
                if key in _AS_WRITTEN and "toolCallId" in value
                else self._named(str(key), inner, number)
                for key, inner in value.items()
            }
            return {"contact": masked_number(number), **shown} if isinstance(subject, str) else shown
        if isinstance(value, list | tuple):
            return [self._veil(inner, number) for inner in value]
        return self._text(value, number) if isinstance(value, str) else value

    def _named(self, key: str, value: Any, number: str | None) -> Any:
        return self.of(value) if key == "subjectId" and isinstance(value, str) else self._veil(value, number)

    def _text(self, text: str, number: str | None) -> str:
        text = _PHONE.sub(lambda found: self.of(found[0]), text)
        return text if number is None else _spellings(number).sub(masked_number(number) or "", text)


def by_page(request: Request) -> bool:
    """Tell whether a page of ours sent a request, and no program with a token."""
    return "authorization" not in request.headers


@lru_cache(maxsize=4096)
def _spellings(number: str) -> re.Pattern[str]:
    return pattern_of(number)


def _number_of(subject: str) -> str | None:
    return f"+{subject.removeprefix('phone_')}" if _PHONE.fullmatch(subject) else None
