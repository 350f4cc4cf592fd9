"""Sizes of plain items in characters, and cutting them. Pure.

What is cut stays a plain item: arguments stay a JSON object, and the cut shows as an ellipsis.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..model import Item

SHORTEST = 200
"""Characters that every text keeps, however many share the room."""
CUT = "…"
_CUTTABLE = ("content", "output")


def size(items: Iterable[Item]) -> int:
    """Return how many characters the items hold."""
    return sum(_length(value) for item in items for value in item.values())


def fitted(items: Sequence[Item], room: int) -> tuple[Item, ...]:
    """Return the items, their long texts cut when they hold more than ``room`` characters together."""
    if size(items) <= room:
        return tuple(items)
    longest = max(SHORTEST, room // len(items))
    return tuple(_cut(item, longest) for item in items)


def _cut(item: Item, longest: int) -> Item:
    cut = {name: _text(item[name], longest) for name in _CUTTABLE if isinstance(item.get(name), str)}
    if isinstance(item.get("arguments"), str) and len(item["arguments"]) > longest:
        cut["arguments"] = _arguments(item["arguments"], longest)
    return {**item, **cut}


def _text(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}{CUT}"


def _arguments(text: str, longest: int) -> str:
    """Return arguments with their long texts cut; none at all where they are long in another way."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return "{}"
    each = max(1, longest // (2 * len(value)))
    kept = {name: _text(inner, each) if isinstance(inner, str) else inner for name, inner in value.items()}
    shorter = json.dumps(kept, ensure_ascii=False)
    return shorter if len(shorter) <= longest else "{}"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value, default=str))
