"""Takes a model's thoughts, their tags and broken characters out of words for customers. Pure.

Local servers send a model's thoughts within its answer, between tags; half of a surrogate pair can be neither stored
nor sent, and a control character is no word. :func:`said` does to a whole text what :class:`WordFilter` does to a
stream. Tags are told by what their name holds, not by a list: each maker spells them differently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

HoldThoughts = Literal["auto", "always", "never"]
"""When a spoken answer waits for the end of a thought that it did not begin."""
_LIKELY: Final = re.compile(r"deepseek[-_ ./:]?r1|r1[-_]distill|\bqwq\b|thinking|reasoning|glm-z1", re.IGNORECASE)
"""Names of models whose template opens the thought for them."""
_NAMED = (
    r"(?:think|thought|reasoning|reflection|scratchpad|monologue|analysis|rationale"
    r"|tool_?(?:call|code|response|result)|function(?![a-z]))"
)
"""What a tag's name holds around what is no answer; calls as text come from servers that cannot read them."""
_NAME = r"[\w:.\u2581-]{0,30}"
_BAR = r"[|\uff5c]"
_WORD = r"(?:think(?:ing)?|thoughts?|reasoning)"
_OPEN = (
    rf"<(?!tool_\w+\|>){_BAR}?(?!end|/){_NAME}?{_NAMED}{_NAME}(?:[\s=][^<>]{{0,80}})?{_BAR}?>"
    r"|<(?:script|style)(?:\s[^<>]{0,80})?>"
    rf"|\[{_WORD}\]|\u25c1{_WORD}\u25b7|<unused94>|<\|channel\|>\s*(?:analysis|commentary)\b"
    r"|<\|channel>\s*(?:thought|thinking|analysis)\b"
)
_CLOSE = (
    rf"<(?:/{_BAR}?|{_BAR}/|{_BAR}?end[_\u2581]?){_NAME}?{_NAMED}{_NAME}\s?{_BAR}?>|</(?:script|style)>"
    rf"|\[/{_WORD}\]|\u25c1/{_WORD}\u25b7|<unused95>|<\|channel\|>\s*final\b"
    r"|<\|start_response\|>|<\|begin_of_solution\|>|<(?:channel|tool_\w+)\|>"
)
_START = rf"<{_BAR}(?:im_)?start(?:_header_id)?{_BAR}>"
_TOKEN = (
    rf"{_START}\s*+(?:assistant\b|(?!assistant)(?=\w{{9}}|\w*+\W))|<\|channel\|>\s*\w+(?=\W)"
    rf"|(?!{_START}|<\|channel\|>)<{_BAR}[\w\u2581]{{1,40}}{_BAR}>"
)
"""A special token of a template, such as ``<|im_end|>``: no word, and no thought follows it."""
_TAG = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})|{_TOKEN}", re.IGNORECASE)
_END = re.compile(_CLOSE, re.IGNORECASE)
_THOUGHT = re.compile(rf"(?:{_OPEN}).*?(?:(?:{_CLOSE})\s*|\Z)", re.IGNORECASE | re.DOTALL)
_TOKENS = re.compile(
    rf"{_START}\s*(?:assistant\b)?|<\|channel\|>\s*\w*|<{_BAR}[\w\u2581]{{1,40}}{_BAR}>", re.IGNORECASE
)
_MAY_BECOME_TAG = re.compile(
    rf"(?:<[/|\uff5c]{{0,2}}{_NAME}{_NAME}{_BAR}?|<{_BAR}?{_NAME}?{_NAMED}{_NAME}[\s=][^<>]{{0,80}}|<(?:script|style)\s[^<>]{{0,80}}"
    rf"|\[/?[a-z]{{0,9}}|\u25c1/?[a-z]{{0,9}}|<\|channel\|?>\s*\w{{0,10}}|{_START}\s*\w{{0,9}})\Z",
    re.IGNORECASE,
)
_LONGEST_TAG = 200
_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\u202d\u202e\ufeff]")
"""No words: control characters, blanks without a width, and what turns the order of others round."""


class WordFilter:
    """The filter of one streamed answer: what could be the beginning of a tag is held back until it shows.

    ``inside``: the model's template opens the thought, so that the stream holds its end alone. Then nothing goes out
    before that end, or before the end of an answer without one.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self.inside = inside
        self._held = ""
        self._unsure: list[str] | None = None
        """What may be a thought whose beginning is not told; None once that is known."""
        self._began = False
        self._thinking = False
        self._blank = True
        """Nothing was said since the beginning, or since a thought: blanks there belong to it."""

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        if piece and not self._began:
            self._began, self._unsure = True, [] if self.inside else None
        text, out = self._held + piece, ""
        half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""  # the other half may come with the next piece
        text = whole(text[: len(text) - len(half)])
        while found := (_END if self._thinking else _TAG).search(text):
            out += self._pass(text[: found.start()])
            out += self._settle(found)
            text = text[found.end() :]
        tail = _MAY_BECOME_TAG.search(text, max(0, len(text) - _LONGEST_TAG))
        held = len(text) - tail.start() if tail else 0
        self._held = text[len(text) - held :] + half
        return out + self._pass(text[: len(text) - held])

    def end(self) -> str:
        """Return what is held back; what follows is another answer."""
        kept = self._surely(self._unsure)
        rest = kept + self._pass(_TOKENS.sub("", whole(self._held)))
        self._held, self._began, self._thinking, self._blank = "", False, False, True
        return rest

    def _settle(self, tag: re.Match[str]) -> str:
        """Go on behind a tag; return what turned out to be no thought."""
        if self._thinking or tag.lastgroup == "close":
            self._unsure, self._thinking, self._blank = None, False, True
            return ""
        if tag.lastgroup != "open":
            return ""
        kept = self._surely(self._unsure)  # a model that begins its thought itself had begun none before
        self._thinking = True
        return kept

    def _surely(self, unsure: list[str] | None) -> str:
        self._unsure = None
        return self._pass("".join(unsure or ()))

    def _pass(self, text: str) -> str:
        """Return words that go out now: none of a thought, and no blanks in front of the first."""
        if self._thinking or not text:
            return ""
        if self._unsure is not None:
            self._unsure.append(text)
            return ""
        text = text.lstrip() if self._blank else text
        self._blank = self._blank and not text
        return text


def said(text: str, *, inside: bool = False) -> str:
    """Return a whole answer as it may be told. One that begins in the middle of a thought loses that, too.

    When nothing follows a thought's end, it is not known what it ended, unless the model is known to begin
    ``inside``.
    """
    text = whole(text)
    if _TAG.search(text) is None:
        return text
    text = _THOUGHT.sub("", text)
    # Servers whose template opens the thought send its end alone; of thoughts within a thought one end is left, too.
    while (end := _END.search(text)) is not None:
        behind = text[end.end() :]
        text = behind if inside or behind.strip() else text[: end.start()]
    return _TOKENS.sub("", text).strip()


def begins_inside(text: str) -> bool | None:
    """Tell whether a whole answer began in a thought that it only ends; None where it does not show."""
    first = next((tag for tag in _TAG.finditer(text) if tag.lastgroup), None)
    if first is None or first.lastgroup == "open":
        return False if text.strip() else None
    return True if text[first.end() :].strip() else None


def whole(text: str) -> str:
    """Return a text without control characters, nor halves of others; pairs become what they spell."""
    text = _CONTROL.sub("", text)
    if _HALF.search(text) is None:
        return text
    return _HALF.sub("", text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))


def whole_value(value: Any, clean: Callable[[str], str] = whole) -> Any:
    """Return a JSON value whose texts are :func:`whole`, or otherwise cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {whole(name): whole_value(inner, clean) for name, inner in value.items()}
    return [whole_value(inner, clean) for inner in value] if isinstance(value, list) else value


def whole_arguments(text: str) -> str:
    r"""Return a call's arguments without halves of characters, which JSON can spell (``\ud83d``) where UTF-8 cannot."""
    if "\\u" not in text and whole(text) == text:
        return text
    try:
        value = json.loads(text)
        cleaned = whole_value(value)
    except (ValueError, RecursionError):
        return whole(text)
    return text if cleaned == value else json.dumps(cleaned, ensure_ascii=False)


@dataclass(slots=True)
class Beginning:
    """Beginning of a model's answers: ``inside`` a thought, or not; where it ``learns``, what it answers decides."""

    inside: bool = False
    learns: bool = True

    @classmethod
    def of(cls, name: str, hold: HoldThoughts) -> Beginning:
        """Return what is known of a model by its name and the setting."""
        return cls(_LIKELY.search(name) is not None) if hold == "auto" else cls(hold == "always", learns=False)

    def note(self, text: str) -> bool:
        """Learn from a whole answer; tell whether it was the first that began inside a thought: it is not the last."""
        found = begins_inside(text) if self.learns else None
        if found:
            self.inside, self.learns = True, False
        elif found is False:
            self.inside = False
        return bool(found)
