"""Words that were meant to be heard, for somebody who reads them instead. Pure."""

from __future__ import annotations

import re
from typing import Final

_SPELLED: Final = re.compile(r"(?<!\w)(?:[A-Z0-9],? ){3,}[A-Z0-9](?!\w)")
"""An id as it is said: ``R E F 0 B 7``."""


def as_written(text: str) -> str:
    """Return an answer with ids in one piece again: ``R E F 0 B 7`` becomes ``REF0B7``."""
    return _SPELLED.sub(lambda found: re.sub("[ ,]", "", found[0]), text)
