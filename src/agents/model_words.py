"""Words of a model that may leave: without its thoughts, its tags for them, and broken characters.

Local servers send a model's thoughts within its answer, between tags; half of a surrogate pair can be neither stored
nor sent, and a control character is no word. :class:`WordFilter` does to a stream what :func:`said` does to a whole
text.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ..conversation.phrases import REFUSED

_NAMES = (
    *("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad"),
    *("analysis", "inner_monologue", "seed:think"),
)
_OPENING: Final = (
    *(f"<{name}>" for name in _NAMES),
    *("[think]", "\u25c1think\u25b7", "<|start_thinking|>", "<|begin_of_thought|>", "<unused94>"),
    *("<|channel|>analysis", "<|channel|>commentary"),
)
_CLOSING: Final = (
    *(f"</{name}>" for name in _NAMES),
    *("[/think]", "\u25c1/think\u25b7", "<|end_thinking|>", "<|end_of_thought|>", "<unused95>"),
    *("<|channel|>final<|message|>", "<|start_response|>", "<|end_response|>"),
    *("<|begin_of_solution|>", "<|end_of_solution|>"),
)
_TAG = re.compile("|".join(map(re.escape, (*_OPENING, *_CLOSING))), re.IGNORECASE)
_END = re.compile("|".join(map(re.escape, _CLOSING)), re.IGNORECASE)
_THOUGHT = re.compile(
    rf"(?:{'|'.join(map(re.escape, _OPENING))}).*?(?:(?:{_END.pattern})\s*|\Z)", re.IGNORECASE | re.DOTALL
)
_BEGINNINGS = frozenset(tag[:size] for tag in (*_OPENING, *_CLOSING) for size in range(1, len(tag)))
_LONGEST = max(map(len, _BEGINNINGS))
_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FILTERED = re.compile("content filter", re.IGNORECASE)
"""How the SDK words it that a provider withheld an answer: nothing for a customer."""


class WordFilter:
    """The filter of one streamed answer: what could be the beginning of a tag is held back until it shows."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._blank = True
        """Nothing was said since the beginning, or since a thought: blanks there belong to it."""

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        text, out = self._held + piece, ""
        half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""  # the other half may come with the next piece
        text = whole(text[: len(text) - len(half)])
        while found := (_END if self._thinking else _TAG).search(text):
            out += "" if self._thinking else self._spaced(text[: found.start()])
            self._thinking = found[0].lower() in _OPENING
            self._blank = self._blank or not self._thinking
            text = text[found.end() :]
        held = next((size for size in range(min(_LONGEST, len(text)), 0, -1) if text[-size:].lower() in _BEGINNINGS), 0)
        self._held = text[len(text) - held :] + half
        return out if self._thinking else out + self._spaced(text[: len(text) - held])

    def end(self) -> str:
        """Return what is held back; what follows is another answer."""
        rest = "" if self._thinking else self._spaced(whole(self._held))
        self._held, self._thinking, self._blank = "", False, True
        return rest

    def _spaced(self, text: str) -> str:
        text = text.lstrip() if self._blank else text
        self._blank = self._blank and not text
        return text


def said(text: str) -> str:
    """Return a whole answer as it may be told. One that begins in the middle of a thought loses that, too."""
    text = whole(text)
    if _TAG.search(text) is None:
        return text
    text = _THOUGHT.sub("", text)
    # Servers whose template opens the thought send its end alone; of thoughts within a thought one end is left, too.
    while (end := _END.search(text)) is not None:
        text = text[end.end() :] if text[end.end() :].strip() else text[: end.start()]
    return text.strip()


def refused(text: str) -> str:
    """Return what a customer is told whom the model refuses: its own words, where it has any for them."""
    words = said(text).strip()
    return REFUSED if not words or _FILTERED.search(words) else words


def whole(text: str) -> str:
    """Return a text without control characters, nor halves of others; pairs become what they spell."""
    text = _CONTROL.sub("", text)
    if _HALF.search(text) is None:
        return text
    return _HALF.sub("", text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))


def whole_value(value: Any) -> Any:
    """Return a JSON value whose texts are :func:`whole`."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(name): whole_value(inner) for name, inner in value.items()}
    return [whole_value(inner) for inner in value] if isinstance(value, list) else value


def whole_arguments(text: str) -> str:
    r"""Return a call's arguments without halves of characters, which JSON can spell (``\ud83d``) where UTF-8 cannot."""
    if "\\u" not in text and _HALF.search(text) is None:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return whole(text)
    cleaned = whole_value(value)
    return text if cleaned == value else json.dumps(cleaned, ensure_ascii=False)


def cleaned(item: Any) -> Any:
    """Return an item of an answer with its words, or its arguments, as they may leave."""
    if item.type == "function_call":
        arguments = whole_arguments(item.arguments)
        return item if arguments == item.arguments else item.model_copy(update={"arguments": arguments})
    if item.type != "message":
        return item
    content = [
        part.model_copy(update={"text": said(part.text)}) if part.type == "output_text" else part
        for part in item.content
    ]
    return item.model_copy(update={"content": content})
