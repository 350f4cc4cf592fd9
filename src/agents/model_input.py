"""Input of a model call: items and settings as they leave, in forms that services take, and less of them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agents import ModelSettings

from ..conversation.history import fitted, size

Items = Sequence[Mapping[str, Any]]
Prepare = Callable[[Any, ModelSettings], tuple[Any, ModelSettings]]
"""Returns the input and the settings of a call as the SDK's own model is given them."""

PREFIX: Final = "call_"
"""Begins our ids of calls; some services take only what follows it."""
REASONING = re.compile(r"(?:.*/)?(?:(?!o1-mini)o[1-9](?:-.*)?|gpt-5(?!.*-(?:chat|search)).*|codex-.*)")
"""Models that think before they answer, as OpenAI calls them; others refuse to be asked for thoughts."""
ENCRYPTED = "reasoning.encrypted_content"
SHORT = 6000
"""Characters that are left of an input that was refused."""
TOO_LITTLE = 2000
"""Characters of an input that no service refuses for its length."""


def as_it_is(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
    """Return both unchanged."""
    return given, settings


def for_chat(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
    """Return the input of the Chat Completions API in what all services agree on."""
    return given if isinstance(given, str) else portable(given), settings


def for_responses(name: str) -> Prepare:
    """Return what hands the input items to a model of the Responses API as they are.

    On the way through the SDK's model each of them would be copied twice more (docs/decisions/0005). They leave in
    their full form (:func:`wire_items`), which every server of that protocol takes. Ids stay out: nothing
    is stored at the provider, so they would refer to nothing. Instead a reasoning model is asked for its thoughts
    encrypted, and gets them back with the results of the tools that it called. Of earlier turns it needs none.
    """
    reasons = REASONING.fullmatch(name) is not None

    def prepare(given: Any, settings: ModelSettings) -> tuple[Any, ModelSettings]:
        items = wire_items([{"role": "user", "content": given}] if isinstance(given, str) else given)
        body = settings.extra_body if isinstance(settings.extra_body, Mapping) else {}
        store = False if settings.store is None else settings.store
        include = list(settings.response_include or ())
        if reasons and not store and ENCRYPTED not in include:
            include.append(ENCRYPTED)
        settings = replace(settings, extra_body={**body, "input": items}, store=store, response_include=include or None)
        return [], settings

    return prepare


# --- in forms that every service takes ------------------------------------------------------------------------


def portable(items: Items) -> list[dict[str, Any]]:
    """Return the items in what all services agree on.

    Ids of calls are nine letters and digits, which is all that some take. Arguments are a JSON object, which some read
    back. Hosted tools' items are left out: they refer to what is stored at the provider, and nothing is.
    """
    return [_portable(item) for item in items if _kind(item) == "function_call" or not _kind(item).endswith("_call")]


def wire_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as every server of the Responses API takes them: portable, each with its type and its parts.

    Without provider ids, and without reasoning that carries no content of its own.
    """
    return [
        _typed(item) for item in portable(items) if item.get("type") != "reasoning" or item.get("encrypted_content")
    ]


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
    except (ValueError, RecursionError):
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


# --- less of it -----------------------------------------------------------------------------------------------


def chars(given: str | Items) -> int:
    """Return how many characters an input holds."""
    return len(given) if isinstance(given, str) else size(given)


def shortened(given: str | Items) -> list[Mapping[str, Any]] | None:
    """Return what an answer to the newest words needs most, or None when that is hardly less.

    These words and what followed them stay, their long texts cut; of the turns before, the newest that have room.
    """
    given = [{"role": "user", "content": given}] if isinstance(given, str) else given
    items = [item for item in given if item.get("type") != "reasoning"]
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
    return kept if size(given) > TOO_LITTLE and size(kept) < size(given) else None


def _newest(items: Items) -> int:
    """Return where the newest turn begins: the customer's last words, and what the system says right before them."""
    said = [place for place, item in enumerate(items) if item.get("role") == "user"]
    place = said[-1] if said else 0
    while place and items[place - 1].get("role") in ("user", "system", "developer"):
        place -= 1
    return place


def _opens_turn(items: Items, place: int) -> bool:
    return items[place].get("role") == "user" and (place == 0 or items[place - 1].get("role") != "user")
