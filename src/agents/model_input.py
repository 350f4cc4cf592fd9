"""Input of a model call that was refused for what it holds: less of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..conversation.history import fitted, size

Items = Sequence[Mapping[str, Any]]

PREFIX: Final = "call_"
"""Begins our ids of calls; some services take only what follows it."""
SHORT = 6000
"""Characters that are left of an input that was refused."""
TOO_LITTLE = 2000
"""Characters of an input that no service refuses for its length."""


def chars(given: str | Items) -> int:
    """Return how many characters an input holds."""
    return len(given) if isinstance(given, str) else size(given)


def shortened(given: str | Items, *, alone: bool = False) -> list[Mapping[str, Any]] | None:
    """Return what an answer to the newest words needs most, or None when that is hardly less.

    These words and what followed them stay, their long texts cut; of the turns before, the newest that have room, or
    none where the newest stand ``alone``: earlier ones hold what a service takes offence at.
    """
    given = [{"role": "user", "content": given}] if isinstance(given, str) else given
    items = [item for item in given if item.get("type") != "reasoning"]
    newest = _newest(items)
    tail = fitted(items[newest:], SHORT // 2)
    begin = newest
    for start in range(newest - 1, -1, -1):
        if not _opens_turn(items, start):
            continue
        if alone or size(items[start:newest]) + size(tail) > SHORT:
            break
        begin = start
    kept = [*items[begin:newest], *tail]
    return kept if (alone or size(given) > TOO_LITTLE) and size(kept) < size(given) else None


def _newest(items: Items) -> int:
    """Return where the newest turn begins: the customer's last words, and what the system says right before them."""
    said = [place for place, item in enumerate(items) if item.get("role") == "user"]
    place = said[-1] if said else 0
    while place and items[place - 1].get("role") in ("user", "system", "developer"):
        place -= 1
    return place


def _opens_turn(items: Items, place: int) -> bool:
    return items[place].get("role") == "user" and (place == 0 or items[place - 1].get("role") != "user")
