"""Check of plain items, the shapes that are stored (docs/persistence.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tandem.conversation.notes import read_note
from tandem.model import Item

ROLES = frozenset({"user", "assistant", "system", "developer"})
SHAPES = {
    "message": {"role", "content"},
    "function_call": {"type", "call_id", "name", "arguments"},
    "function_call_output": {"type", "call_id", "output"},
}


def check_plain(items: Sequence[Item]) -> None:
    """Raise ValueError with the first reason why the items cannot be stored, or made a model's input."""
    json.dumps([dict(item) for item in items], allow_nan=False)
    calls = set[str]()
    for item in items:
        if read_note(item) is not None:
            continue
        kind = str(item.get("type", "message"))
        if set(item) != SHAPES.get(kind) or not all(isinstance(value, str) for value in item.values()):
            raise ValueError(f"not a plain item: {item!r}")
        if kind == "message" and item["role"] not in ROLES:
            raise ValueError(f"unknown role: {item!r}")
        if kind == "function_call":
            if item["call_id"] in calls:
                raise ValueError(f"a call without an output: {item!r}")
            calls.add(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in calls:
                raise ValueError(f"an output without its call: {item!r}")
            calls.remove(item["call_id"])
    if calls:
        raise ValueError(f"calls without an output: {sorted(calls)}")
