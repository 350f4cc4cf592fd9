"""Cursors of listings: the sort key of the last row shown, as text that means nothing to its carrier."""

from __future__ import annotations

import base64
import json
import math

from ..errors import MalformedRequest


def write_cursor(number: float, text: str) -> str:
    """Return the cursor for what follows the row with this sort key (the number first, then the text)."""
    return base64.urlsafe_b64encode(json.dumps([number, text]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[float, str]:
    """Return the sort key in a cursor. Raises MalformedRequest when no listing gave it."""
    try:
        number, text = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(number, int | float) and math.isfinite(number) and isinstance(text, str):
            text.encode()  # a lone surrogate cannot be asked for
            return float(number), text
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise MalformedRequest("(cursor)") from error
    raise MalformedRequest("(cursor)")
