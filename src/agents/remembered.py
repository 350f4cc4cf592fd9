"""Values that tools keep of a customer: what may be kept, and under which names. Pure.

They are JSON, without card numbers, and few: the record of a conversation is read and written with every turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from ..guardrails.pii import mask, mask_value
from ..guardrails.thoughts import whole_value

MOST: Final = 50
"""Values of one customer."""
LARGEST: Final = 8000
"""Bytes of all of them together, as JSON."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


def to_keep(known: Mapping[str, Any], name: str, value: Any) -> Any:
    """Return a value as it can be kept beside the ``known`` ones.

    Raises ValueError with a sentence for the model when it cannot.
    """
    if not _NAME.fullmatch(name) or mask(name).text != name:
        raise ValueError("A name must be up to 64 letters, digits and the signs _ . - and begin with a letter.")
    try:
        plain = whole_value(json.loads(json.dumps(value, allow_nan=False)))
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"{name} is no JSON value, so it cannot be remembered.") from None
    kept = mask_value({name: plain})[name]  # a name says what its value is: ssn
    together = {**known, name: kept}
    if len(together) > MOST:
        raise ValueError(f"{MOST} values are remembered of this customer, which are enough; forget one first.")
    if len(json.dumps(together, ensure_ascii=False).encode(errors="replace")) > LARGEST:
        raise ValueError(f"{name} is too large to be remembered beside the others; {LARGEST} bytes are enough in all.")
    return kept
