"""Request metadata besides the address: a signed webhook's query, or a call's parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

USER_ID, ANONYMOUS_ID, EMAIL = "userId", "anonymousId", "email"

_SPELLINGS = {"user_id": USER_ID, "anonymous_id": ANONYMOUS_ID}
_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,63}", re.ASCII)
"""The provider's own fields begin with a capital letter, and stand beside ours in the query of a GET."""
_MOST, _LONGEST = 16, 200


def read(values: Mapping[str, str]) -> dict[str, str]:
    """Return what a resolver may use of a request's values: at most 16, of at most 200 printable characters each."""
    found: dict[str, str] = {}
    for name, value in values.items():
        text = value.strip()
        if _NAME.fullmatch(name) and text and len(text) <= _LONGEST and text.isprintable() and len(found) < _MOST:
            found.setdefault(_SPELLINGS.get(name, name), text)
    return found
