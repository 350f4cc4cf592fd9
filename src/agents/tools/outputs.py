"""Tool outputs: compact JSON text, and one shape for every refusal. Pure.

A refusal is ``{"error": code, "message": sentence}``. The sentence is for the model to pass on; it never holds
another customer's data. A tool that raises writes no answer of its own: what the model sees of it is decided in one
place for every tool, also for those of other agents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NOT_FOUND = "not_found"
"""It does not exist, or belongs to somebody else: the answers are the same."""
BAD_ARGUMENTS = "bad_arguments"
BAD_AMOUNT = "bad_amount"
TOO_MUCH = "too_much"
"""More than is left to pay back."""
NOT_DECIDED = "not_decided"
"""It needs a colleague's consent, which nobody was asked for."""
TOO_MANY = "too_many"
"""The customer had as much of it as anybody gets in an hour."""
NOT_WANTED = "not_wanted"
"""The customer said that they want none of it."""
OVER_LIMIT = "over_limit"
"""It would need a colleague's consent by now."""


def as_json(value: Mapping[str, Any] | list[Any]) -> str:
    """Write a tool's answer without a wasted character."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def refusal(code: str, message: str) -> str:
    """Write the answer of a tool that did not do what was asked."""
    return as_json({"error": code, "message": message})


def sentence_of(refused: str) -> str:
    """Return the sentence of a refusal."""
    return str(json.loads(refused)["message"])


def as_text(answer: Any) -> str:
    """Return what a tool answered as text: the text of its parts, data as JSON, and all else as Python writes it."""
    parts = answer if isinstance(answer, list) else [answer]
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and part.get("type") in ("text", "input_text")]
    if texts and len(texts) == len(parts):
        return "\n".join(texts)
    try:
        return as_json(answer) if isinstance(answer, Mapping | list) else str(answer)
    except (TypeError, ValueError):
        return str(answer)


def clipped(text: str, limit: int) -> str:
    """Cut a text to ``limit`` characters; an ellipsis shows where."""
    text = text.strip()
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
