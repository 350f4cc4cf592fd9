"""Takes the markup out of an answer that is spoken, while it is being made. Pure.

Links are said by their text, and bare addresses by their host; list items, headings and rows of a table become
sentences; emoji go. Amounts, ids and what merely looks like markup (``2*3*4``, ``ORD_12345``, ``+ $8.25 tax``) stay
letter for letter. Held back is only what may still turn out to be markup; each such wait is bounded, so the time grows
with the length of the text.
"""

from __future__ import annotations

import html
import re
from typing import Final

from .markup import (
    ADDRESS,
    BLANKS,
    BLOCK,
    COMMAND,
    DEFINED,
    EMOJI,
    ENTITY,
    ESCAPED,
    FOOTNOTE,
    FRACTION,
    LINK,
    MATH,
    MAY_BE_COMMAND,
    MAY_BE_DEFINED,
    MAY_BE_ENTITY,
    MAY_BE_STRUCK,
    STRUCK,
    TAG,
    LineStart,
    line_start,
    may_be_link,
    struck_spoken,
    undecided,
)

_AT_ONCE = 256
_LONGEST_TAG, _LONGEST_ADDRESS = 300, 500
_HTTPS: Final = "https://"
_SPECIAL: Final = re.compile(
    rf"[\n\\`*_~\[<|!&{EMOJI}]|(?<![^\W_])(?:https?://|h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?\Z)", re.IGNORECASE
)
_ROW_SPECIAL: Final = re.compile(rf"[{BLANKS}]|{_SPECIAL.pattern}", re.IGNORECASE)
EMOJI_ONLY: Final = re.compile(f"[{EMOJI}]")
_ENDS_SENTENCE: Final = frozenset(".,:;!?…-–—。！？")
_NUMBERED: Final = re.compile(r"[ \t]*\d{1,3}[.)][ \t]")


class PlainSpeech:
    """The plain words of one answer."""

    def __init__(self) -> None:
        self._held = ""
        self._fresh = True
        """Nothing of the line was read yet."""
        self._item = self._row = False
        """The line is an item of a list or a heading; or a row of a table."""
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
            found = _SPECIAL.search(self._held) if not self._row else _ROW_SPECIAL.search(self._held)
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
        self._fresh = True
        self._open.clear()
        return ""

    # --- within a line ------------------------------------------------------------------------------------

    def _special(self, mark: str, *, final: bool) -> str | None:
        """Read what begins with a mark; None when it takes more text to tell."""
        if mark == "\n":
            return self._end_line()
        if mark == "~":
            return self._strike(final=final)
        if mark in "*_":
            return self._emphasis(mark, final=final)
        if mark == "&":
            return self._entity(final=final)
        if mark == "`" or EMOJI_ONLY.match(mark):
            self._cut(1)
            self._gap = True
            return ""
        if mark in "[!":
            return self._link(final=final)
        if mark == "<":
            return self._tag(final=final)
        if mark == "\\":
            return self._escape(final=final)
        if self._row and (mark == "|" or mark in BLANKS):
            return self._cell(final=final)
        return self._pass(self._cut(1)) if mark == "|" else self._address(final=final)

    def _emphasis(self, mark: str, *, final: bool) -> str | None:
        run = len(self._held) - len(self._held.lstrip(mark))
        if run == len(self._held) and not final:
            return None
        before, after = self._read or " ", self._held[run : run + 1] or " "
        marks = self._cut(run)
        closes = marks in self._open and not before.isspace() and not (mark == "_" and after.isalnum())
        opens = marks not in self._open and not before.isalnum() and not after.isspace()
        if not (run <= 3 and (closes or opens)):
            return self._pass(marks)
        self._read = before  # the mark is not there for the one beside it
        self._open.symmetric_difference_update({marks})
        return ""

    def _strike(self, *, final: bool) -> str | None:
        """Say of struck-out words that they were: their look is not heard."""
        found = STRUCK.match(self._held)
        if found is None or (found[2] and self._read.isalnum()):
            waits = MAY_BE_STRUCK.match(self._held) and not final
            run = len(self._held) - len(self._held.lstrip("~"))
            return None if waits else self._pass(self._cut(run)) if run != 2 else self._drop(2)
        behind = self._held[found.end() :]
        if undecided(behind) and not final:
            return None
        words, length = struck_spoken(found[1] or found[2], behind)
        self._held = words + behind[length:]
        return ""

    def _drop(self, length: int) -> str:
        self._cut(length)
        return ""

    def _entity(self, *, final: bool) -> str | None:
        if found := ENTITY.match(self._held):
            self._cut(found.end())
            return self._pass(html.unescape(found[0]).replace("\u00a0", " "))
        return None if MAY_BE_ENTITY.match(self._held) and not final else self._pass(self._cut(1))

    def _link(self, *, final: bool) -> str | None:
        if not self._head.strip():
            if MAY_BE_DEFINED.match(self._held) and not final:
                return None
            if defined := DEFINED.match(self._held):
                return self._drop(defined.end())
        note = FOOTNOTE.match(self._held)
        if note and note.end() == len(self._held) and not final:
            return None
        if note:
            self._held = (f"Note {note[1]}:" if note[2] and not self._head.strip() else "") + self._held[note.end() :]
            self._gap = self._gap or not note[2]
            return ""
        if found := LINK.match(self._held):
            self._held = found[1] + self._held[found.end() :]
            self._gap = self._gap or not found[1]
            return ""
        return None if may_be_link(self._held) and not final else self._pass(self._cut(1))

    def _tag(self, *, final: bool) -> str | None:
        inside, closed, _ = self._held[1:].partition(">")
        begun = not inside or inside[0].isalpha() or inside[0] == "/"
        if begun and not closed and not final and len(inside) < _LONGEST_TAG and "\n" not in inside:
            return None
        if closed and inside.lower() in ("s", "del", "strike"):
            struck, ended, rest = self._held[len(inside) + 2 :].partition(f"</{inside}>")
            if not ended and not final and len(struck) < _LONGEST_TAG:
                return None
            self._held = f"~~{struck}~~{rest}" if ended else struck
        elif closed and BLOCK.fullmatch(inside):
            self._held = "\n" + self._held[len(inside) + 2 :]
        elif closed and ADDRESS.match(inside):
            self._held = inside + self._held[len(inside) + 2 :]
        elif closed and inside.startswith("mailto:"):
            self._held = inside.removeprefix("mailto:") + self._held[len(inside) + 2 :]
        elif closed and TAG.fullmatch(inside):
            self._cut(len(inside) + 2)
            self._gap = True
        else:
            return self._pass(self._cut(1))
        return ""

    def _escape(self, *, final: bool) -> str | None:
        if len(self._held) == 1 and not final:
            return None
        if not (self._read.isalnum() or self._read == ":"):  # C:\times is a folder
            if MAY_BE_COMMAND.match(self._held) and not final:
                return None
            if found := FRACTION.match(self._held):
                self._held = f"{found[1]} over {found[2]}{self._held[found.end() :]}"
                return ""
            if (found := COMMAND.match(self._held)) and found[1] in MATH:
                self._cut(found.end())
                return self._pass(MATH[found[1]][1])
        escaped = self._held[1:2]
        if escaped == "\n":
            return self._drop(1)
        if escaped and escaped in ESCAPED:
            self._held = self._held[1:]
        return self._pass(self._cut(1))

    def _address(self, *, final: bool) -> str | None:
        """Say the host of a web address."""
        if self._read.isalnum():
            return self._pass(self._cut(1))
        found = ADDRESS.match(self._held)
        length = found.end() if found else len(_HTTPS)
        if not final and len(self._held) <= length < _LONGEST_ADDRESS:
            return None
        if found is None:
            return self._pass(self._cut(1))
        whole = found[0].rstrip(".,;:!?*_~")
        self._cut(len(whole))
        return self._pass(found[1].rstrip(".,;:!?*_~"))

    def _cell(self, *, final: bool) -> str | None:
        """Say a comma between two cells of a row."""
        rest = self._held.lstrip(BLANKS)
        if not rest or (rest[0] == "|" and not rest[1:].lstrip(BLANKS)):
            if not final:
                return None
            self._cut(len(self._held))
            return ""
        if rest[0] != "|":
            return self._pass(self._cut(len(self._held) - len(rest)))
        after = rest[1:].lstrip(BLANKS)
        self._cut(len(self._held) - len(after))
        return "" if after[0] == "\n" else self._pass(", ")


def plain_speech(text: str) -> str:
    """Return the words of an answer as they are spoken."""
    whole = PlainSpeech()
    return whole.feed(text) + whole.end()


_SPELLED: Final = re.compile(r"(?<!\w)(?:[A-Z0-9],? ){3,}[A-Z0-9](?!\w)")
"""An id as it is said: ``R E F 0 B 7``."""


def as_written(text: str) -> str:
    """Return an answer with ids in one piece again, for a customer who reads it: ``R E F 0 B 7`` becomes ``REF0B7``."""
    return _SPELLED.sub(lambda found: re.sub("[ ,]", "", found[0]), text)
