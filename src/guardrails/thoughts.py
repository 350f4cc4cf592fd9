"""Takes a model's thoughts, their tags and broken characters out of words for customers. Pure.

Local servers send what their template should have read within the answer (:mod:`.model_marks`). Half of a surrogate
pair can be neither stored nor sent, and a control character is no word. :func:`said` does to a whole text what
:class:`WordFilter` does to a stream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from .model_marks import BEGINS, SIGN, MarkKind, read_marks

HoldThoughts = Literal["auto", "always", "never"]
"""When a spoken answer waits for the end of a thought that it did not begin."""
_LIKELY: Final = re.compile(r"deepseek[-_ ./:]?r1|r1[-_]distill|\bqwq\b|thinking|reasoning|glm-z1", re.IGNORECASE)
"""Names of models whose template opens the thought for them."""


def _goes_on(within: MarkKind, mark: MarkKind) -> bool:
    """Tell whether what a mark began goes on behind another one."""
    return mark is not MarkKind.CLOSE and not (mark is MarkKind.ANSWER and within is MarkKind.OTHER)


_NAME: Final = "analysis"
_GLUED: Final = re.compile(rf"{_NAME}(?=[^\s.,:;!?)/'’-])")
_CHANNEL: Final = re.compile(rf"\A\s*(?:{_GLUED.pattern}|{_NAME}(?=.*assistant(?:final|commentary)))", re.DOTALL)
"""Name of the channel of a thought, where a server dropped the tokens around it: ``analysisThe user wants``."""
_HALF = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\u202d\u202e\ufeff]")
"""No words: control characters, blanks without a width, and what turns the order of others round."""


class WordFilter:
    """The filter of one streamed answer: what could be the beginning of a mark is held back until it shows.

    ``inside``: the model's template opens the thought, so that the stream holds its end alone. Then nothing goes out
    before that end, or before the end of an answer without one.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self.inside = inside
        self._held = ""
        self._unsure: list[str] | None = None
        """What may be a thought whose beginning is not told; None once that is known."""
        self._began = False
        self._opening = True
        """All that came so far may be the beginning of a channel's name."""
        self._within: MarkKind | None = None
        """What began that is no answer."""
        self._struck = False
        self._blank = True
        """Nothing was said since the beginning, or since a thought: blanks there belong to it."""

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        if piece and not self._began:
            self._began, self._unsure = True, [] if self.inside else None
        text = self._held + piece
        half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""  # the other half may come with the next piece
        text = whole(text[: len(text) - len(half)] if half else text)
        if self._opening and not _NAME.startswith(begun := text.lstrip()):
            self._opening = False
            if _GLUED.match(begun):
                self._within = MarkKind.OPEN
        if self._opening:
            self._held, out = text, ""
        elif SIGN.search(text):
            out = self._take(text, final=False)
        else:
            self._held, out = "", self._pass(text)
        self._held += half
        return out

    def end(self) -> str:
        """Return what is held back; what follows is another answer."""
        rest = self._surely(self._unsure) + self._take(whole(self._held), final=True)
        self._began, self._opening, self._within, self._struck, self._blank = False, True, None, False, True
        return rest

    def _take(self, text: str, *, final: bool) -> str:
        marks, end, self._struck = read_marks(text, final=final, struck=self._struck)
        out, at = "", 0
        for begin, behind, kind in marks:
            out += self._pass(text[at:begin]) + self._settle(kind)
            at = behind
        self._held = text[end:]
        return out + self._pass(text[at:end])

    def _settle(self, mark: MarkKind) -> str:
        """Go on behind a mark; return what turned out to be no thought."""
        if self._within is not None:
            if not _goes_on(self._within, mark):
                self._within, self._blank = None, True
        elif mark is MarkKind.CLOSE:
            self._unsure, self._blank = None, True
        elif mark in BEGINS:
            kept = self._surely(self._unsure)  # a model that begins its thought itself had begun none before
            self._within = mark
            return kept
        return ""

    def _surely(self, unsure: list[str] | None) -> str:
        self._unsure = None
        return self._pass("".join(unsure or ()))

    def _pass(self, text: str) -> str:
        """Return words that go out now: none of a thought, and no blanks in front of the first."""
        if self._within is not None or not text:
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
    ``inside``. Of thoughts within a thought one end is left, which nothing seems to have begun.
    """
    text = _CHANNEL.sub("<think>", whole(text))
    marks, end, _ = read_marks(text, final=True)
    if not marks:
        return text
    out, before, at = "", "", 0
    within: MarkKind | None = None
    for begin, behind, kind in (*marks, (end, end, MarkKind.TOKEN)):
        if within is None:
            out += text[at:begin]
        at = behind
        if within is not None:
            within = within if _goes_on(within, kind) else None
            at += len(text[at:]) - len(text[at:].lstrip()) if within is None else 0
        elif kind is MarkKind.CLOSE:
            out, before = "", out if out.strip() else before
        elif kind in BEGINS:
            within = kind
    return (out if inside or out.strip() else before).strip()


def begins_inside(text: str) -> bool | None:
    """Tell whether a whole answer began in a thought that it only ends; None where it does not show."""
    marks = () if _CHANNEL.match(text) else read_marks(text, final=True)[0]
    first = next((mark for mark in marks if mark[2] is MarkKind.CLOSE or mark[2] in BEGINS), None)
    if first is None or first[2] is not MarkKind.CLOSE:
        return False if text.strip() else None
    return True if text[first[1] :].strip() else None


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
    r"""Return a call's arguments without halves of characters, which JSON can spell (``\ud83d``) where UTF-8 cannot.

    What some models put around them goes too: a fence of code, or a second JSON text.
    """
    text = _unwrapped(text)
    if "\\u" not in text and whole(text) == text:
        return text
    try:
        value = json.loads(text)
        cleaned = whole_value(value)
    except (ValueError, RecursionError):
        return whole(text)
    return text if cleaned == value else json.dumps(cleaned, ensure_ascii=False)


_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*(\{.*\})\s*```\s*\Z", re.DOTALL)


def _unwrapped(arguments: str) -> str:
    if found := _FENCE.match(arguments):
        return found[1]
    if arguments.lstrip()[:1] == '"':
        with suppress(ValueError, RecursionError):
            inner = json.loads(arguments)
            return inner if inner.lstrip()[:1] == "{" else arguments
    return arguments


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
