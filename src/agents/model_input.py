"""Input items as they leave for a model: forms that every service takes, and less of them where one refuses. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation.item_size import fitted, size
from .call_ids import PREFIX

SHORT = 6000
"""Characters that are left of an input that was refused."""
TOO_LITTLE = 2000
"""Characters of an input that no service refuses for its length."""

Items = Sequence[Mapping[str, Any]]


def portable(items: Items) -> list[dict[str, Any]]:
    """Return the items in what all services agree on.

    Ids of calls are nine letters and digits, which is all that some take. Arguments are a JSON object, which some read
    back. Hosted tools' items are left out: they refer to what is stored at the provider, and nothing is.
    """
    return [_portable(item) for item in items if _kind(item) == "function_call" or not _kind(item).endswith("_call")]


def wire_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as the Responses API takes them from anybody: portable, each with its type and its parts.

    Without provider ids, and without reasoning that carries no content of its own.
    """
    return [
        _typed(item) for item in portable(items) if item.get("type") != "reasoning" or item.get("encrypted_content")
    ]


def chars(given: str | Items) -> int:
    """Return how many characters an input holds."""
    return len(given) if isinstance(given, str) else size(given)


def shortened(given: str | Items) -> list[Mapping[str, Any]] | None:
    """Return what an answer to the newest words needs most, or None when that is hardly less.

    These words and what followed them stay, their long texts cut; of the turns before, the newest that have room.
    """
    items = [{"role": "user", "content": given}] if isinstance(given, str) else list(given)
    newest = _newest(items)
    tail = fitted(items[newest:], SHORT // 2)
    begin = newest
    for start in range(newest - 1, -1, -1):
        if not _opens_turn(items, start):
            continue
        if size(items[start:newest]) + size(tail) > SHORT:
            break
        begin = start
    kept = [*items[begin:newest], *tail]
    return kept if size(items) > TOO_LITTLE and size(kept) < size(items) else None


def _newest(items: Items) -> int:
    """Return where the newest turn begins: the customer's last words, and what the system says right before them."""
    said = [place for place, item in enumerate(items) if item.get("role") == "user"]
    place = said[-1] if said else 0
    while place and items[place - 1].get("role") in ("user", "system", "developer"):
        place -= 1
    return place


def _opens_turn(items: Items, place: int) -> bool:
    return items[place].get("role") == "user" and (place == 0 or items[place - 1].get("role") != "user")


def _kind(item: Mapping[str, Any]) -> str:
    return str(item.get("type") or "message")


def _portable(item: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = dict(item)
    if isinstance(item.get("call_id"), str):
        changed["call_id"] = item["call_id"].removeprefix(PREFIX)
    if isinstance(item.get("arguments"), str):
        changed["arguments"] = _arguments(item["arguments"])
    return changed


def _arguments(text: str) -> str:
    try:
        readable = isinstance(json.loads(text), dict)
    except ValueError:
        readable = False
    if readable:
        return text
    return json.dumps({"unreadable": text}, ensure_ascii=False) if text.strip() else "{}"


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    if _kind(item) != "message":
        return {key: value for key, value in item.items() if key not in ("id", "status") and value is not None}
    role, content = item["role"], item.get("content")
    kind = "output_text" if role == "assistant" else "input_text"
    parts = (
        [{"type": kind, "text": content}] if isinstance(content, str) else [_part(part, kind) for part in content or ()]
    )
    return {"type": "message", "role": role, "content": parts}


def _part(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    text = part.get("text") or part.get("refusal")
    if isinstance(text, str):
        return {"type": kind, "text": text}
    return {key: value for key, value in part.items() if value is not None}
