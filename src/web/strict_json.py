"""JSON as staff may send it: strictly read, so that nobody guesses what was meant. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any


def read_json(body: bytes) -> Any:
    """Read JSON. Raises ValueError also for a name given twice, and for a value that no store could keep."""
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not all(_storable(text) for text in _texts(value)):
        raise ValueError("not storable")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("ambiguous")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names included."""
    ahead = [value]
    while ahead:
        here = ahead.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, dict):
            ahead += [*here, *here.values()]
        elif isinstance(here, list):
            ahead += here


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
