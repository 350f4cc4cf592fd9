"""Takes the markup out of an answer that is spoken, while it is being made. Pure.

Links are said by their text, and bare addresses by their host; list items, headings and rows of a table become
sentences; emoji go. Amounts, ids and what merely looks like markup (``2*3*4``, ``ORD_12345``, ``+ $8.25 tax``) stay
letter for letter. Held back is only what may still turn out to be markup; each such wait is bounded, so the time grows
with the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .markup import BLANKS, BULLETS, EMOJI, LETTER_ONLY
from .spoken_marks import Place, read_mark

_AT_ONCE = 256
_STROKES: Final = "\u0335\u0336"
_SPECIAL: Final = re.compile(
    rf"[\n\\`*_=~\[<|!&:^$【\ue200{EMOJI}{_STROKES}]|[{BLANKS}]+(?:\||\Z)|[^\W_](?=[{_STROKES}])|(?<!\w)[^\W_]\Z|[€£¥₹]\Z"
    r"|(?<![^\W_])(?i:https?://|www\.|(?:h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|ww?w?)\Z)"
)
"""Where a mark may begin; at the end of a piece, what a mark may still come to."""
_ENDS_SENTENCE: Final = frozenset(".,:;!?…-–—。！？")
_NUMBERED: Final = re.compile(r"[ \t]*\d{1,3}[.)][ \t]")


_LONGEST_START, _LONGEST_RULE = 80, 400
_MARKS: Final = re.compile(rf"[ \t|:\-*_~`#>+=–—{BULLETS}]*")
_FENCE: Final = re.compile(r"[ \t]*(?:```|~~~)[^\n]*(?:\n|\Z)")
_SECOND_ROW: Final = r"\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t:-]*)+"
_RULE: Final = re.compile(rf"[ \t]*(?:([-*_=])[ \t]*(?:\1[ \t]*){{2,}}|{_SECOND_ROW})(?:\n|\Z)")
_TABLE: Final = re.compile(rf"\|[^\n]{{0,300}}\n[ \t]*{_SECOND_ROW}(?:\n|\Z)")
_MAY_BE_TABLE: Final = re.compile(r"\|[^\n]{0,300}(?:\n[ \t|:\-]{0,300})?\Z")
_START: Final = re.compile(
    rf"[ \t]*(?:(?P<quote>>[ \t]?)|(?P<heading>#{{1,6}}[ \t]+)"
    rf"|(?P<item>(?:[{BULLETS}]|[-+–—](?=[ \t]+[^\s\d$€£¥+\-.,]))[ \t]+)|(?P<row>\|[ \t]*))"
)


@dataclass(frozen=True, slots=True)
class LineStart:
    """The beginning of a line: how long its marks are, and what they make of it. ``removed``: no line is left yet."""

    length: int = 0
    removed: bool = False
    item: bool = False
    row: bool = False


def line_start(text: str, *, final: bool) -> LineStart | None:
    """Return what the marks at the beginning of a line mean; None when it takes more text to tell."""
    if found := _RULE.match(text):
        whole = final or found[0].endswith("\n") or len(text) >= _LONGEST_RULE
        return LineStart(found.end(), removed=True) if whole else None
    if found := _FENCE.match(text):
        whole = final or found[0].endswith("\n") or len(text) >= _LONGEST_START
        return LineStart(found.end(), removed=True) if whole else None
    marks = _MARKS.match(text)
    if marks and marks.end() == len(text) and not final and len(text) < _LONGEST_START:
        return None
    found = _START.match(text)
    if found is None:
        return LineStart()
    kind = found.lastgroup
    return LineStart(found.end(), removed=kind == "quote", item=kind in ("heading", "item"), row=kind == "row")


def begins_table(text: str, *, final: bool) -> bool | None:
    """Return whether a bar stands in a table's first row, above dashes; None when it takes more text to tell."""
    return None if not final and _MAY_BE_TABLE.match(text) else _TABLE.match(text) is not None


class PlainSpeech:
    """The plain words of one answer."""

    def __init__(self) -> None:
        self._held = ""
        self._fresh = True
        """Nothing of the line was read yet."""
        self._item = self._row = False
        """The line is an item of a list or a heading; or a row of a table."""
        self._table = False
        """The line before was a row."""
        self._head = ""
        """The beginning of the line, as it went out."""
        self._breaks = ""
        """Ends of lines that have not gone out yet."""
        self._read = ""
        """The last character that was read, and the last one that went out."""
        self._out = ""
        self._gap = False
        """Something was left out behind a blank: the next blank is one too many."""
        self._open: set[str] = set()
        """Marks of emphasis whose end is still to come."""

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        parts: list[str] = []
        for begin in range(0, len(piece), _AT_ONCE):
            self._held += piece[begin : begin + _AT_ONCE]
            parts.append(self._take(final=False))
        return "".join(parts)

    def end(self) -> str:
        """Return all that is held back: nothing more comes, or not for a while."""
        said = self._take(final=True)
        breaks, self._breaks = self._breaks, ""
        return said + self._pass(breaks)

    # --- reading ------------------------------------------------------------------------------------------

    def _take(self, *, final: bool) -> str:
        parts: list[str] = []
        while self._held:
            if self._fresh:
                start = line_start(self._held, final=final)
                if start is None:
                    break
                parts.append(self._begin_line(start))
                continue
            found = _SPECIAL.search(self._held)
            if found is None or found.start():
                parts.append(self._pass(self._cut(found.start() if found else len(self._held))))
                continue
            said = self._special(found[0], final=final)
            if said is None:
                break
            parts.append(said)
        return "".join(parts)

    def _cut(self, length: int) -> str:
        """Take so many characters from what is held."""
        taken, self._held = self._held[:length], self._held[length:]
        if taken:
            self._read = taken[-1]
        return taken

    def _pass(self, text: str) -> str:
        """Let words go out as they are."""
        if not text:
            return ""
        if self._gap and text[0] in BLANKS and (not self._out or self._out.isspace()):
            text = text[1:]
        self._gap = False
        if text:
            self._out = text[-1]
            self._head = (self._head + text)[:8]
        return text

    # --- lines --------------------------------------------------------------------------------------------

    def _begin_line(self, start: LineStart) -> str:
        """Leave out the marks that begin a line, and end the one before it."""
        self._cut(start.length)
        if start.removed:
            return ""
        listed = self._item or self._row or bool(_NUMBERED.match(self._head)) or start.item or start.row
        between, self._breaks = self._breaks, ""
        if between and listed and self._out:
            between = " " if self._out in _ENDS_SENTENCE or self._out.isspace() else ". "
        said = self._pass(between)
        self._fresh, self._item, self._row, self._head = False, start.item, start.row, ""
        return said

    def _end_line(self) -> str:
        self._breaks += self._cut(1)
        self._fresh, self._table = True, self._row
        self._open.clear()
        return ""

    # --- within a line ------------------------------------------------------------------------------------

    def _special(self, mark: str, *, final: bool) -> str | None:
        """Read what begins with a mark; None when it takes more text to tell."""
        if mark == "\n":
            return self._end_line()
        if mark in "*_=":
            return self._emphasis(mark, final=final)
        if mark[0] in BLANKS or mark == "|":
            return self._bar(final=final)
        read = read_mark(self._held, Place(self._read, self._head, final))
        if read is None:
            return None
        if read.again is None:
            self._cut(read.length)
        else:
            self._held = read.again + self._held[read.length :]
        self._gap = self._gap or read.gap
        return self._pass(read.said)

    def _emphasis(self, mark: str, *, final: bool) -> str | None:
        run = len(self._held) - len(self._held.lstrip(mark))
        if run == len(self._held) and not final:
            return None
        before, after = self._read or " ", self._held[run : run + 1] or " "
        marks = self._cut(run)
        closes = marks in self._open and not before.isspace() and not (mark == "_" and after.isalnum())
        opens = marks not in self._open and not LETTER_ONLY.match(before) and not after.isspace()
        if not ((run == 2 if mark == "=" else run <= 3) and (closes or opens)):
            return self._pass(marks)
        self._read = before  # the mark is not there for the one beside it
        self._open.symmetric_difference_update({marks})
        return ""

    def _bar(self, *, final: bool) -> str | None:
        """Say a comma between two cells of a row; a bar elsewhere is one."""
        rest = self._held.lstrip(BLANKS)
        blanks = len(self._held) - len(rest)
        if blanks and (self._read in _ENDS_SENTENCE or self._read in BLANKS):
            return self._pass(self._cut(blanks))  # no cell ends so, and nothing is waited for behind a sentence
        if not rest and not final:
            return None
        if rest[:1] != "|":
            return self._pass(self._cut(blanks))
        if not (self._row or self._table):
            begins = begins_table(rest, final=final)
            if not begins:
                return None if begins is None else self._pass(self._cut(blanks + 1))
        self._row = True
        after = rest[1:].lstrip(BLANKS)
        if not after and not final:
            return None
        self._cut(len(self._held) - len(after))
        return self._pass(", ") if after and after[0] != "\n" else ""


def plain_speech(text: str) -> str:
    """Return the words of an answer as they are spoken."""
    whole = PlainSpeech()
    return whole.feed(text) + whole.end()


_SPELLED: Final = re.compile(r"(?<!\w)(?:[A-Z0-9],? ){3,}[A-Z0-9](?!\w)")
"""An id as it is said: ``R E F 0 B 7``."""


def as_written(text: str) -> str:
    """Return an answer with ids in one piece again, for a customer who reads it: ``R E F 0 B 7`` becomes ``REF0B7``."""
    return _SPELLED.sub(lambda found: re.sub("[ ,]", "", found[0]), text)
