"""Ids of tool calls. Services repeat theirs or leave them out, so every call gets one of ours."""

from __future__ import annotations

import secrets
import string
from typing import Final

PREFIX: Final = "call_"
LENGTH: Final = 9
"""Letters and digits after the prefix: all that some services take, and enough that none comes twice."""
_ALPHABET: Final = string.ascii_letters + string.digits


def new_call_id() -> str:
    """Return an id that no other call has."""
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
