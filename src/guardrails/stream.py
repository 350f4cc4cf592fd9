"""Filters an answer while it is being made: :class:`WordFilter` the thoughts, :class:`StreamFilter` the rest. Pure.

No card or social security number and no listed word gets out.

The pieces that a :class:`StreamFilter` returns, put together, are ``mask(professional(text).text).text`` of the whole
text, however it is cut, with these exceptions:

* Words that are out cannot be taken back. The beginning of a number may be out when the agent pauses in it
  (:meth:`StreamFilter.pause`), when it goes on for more than ``MOST_HELD`` characters, or when nine digits in unusual
  groups (5-4) are called a social security number only behind them. Then the mark takes the place of its rest.
* Words count for a number as far as :mod:`.pii` looks, but not across a number that is out and masked.
"""

from __future__ import annotations

import re

from .digits import FEWEST, FILLERS, SAID, TIMES, TOKEN, DigitRun, Group, RunReader, folded, is_long
from .language import LISTED, professional
from .pii import Kind, findings
from .surroundings import NEAR, NEAR_AFTER, Surroundings
from .thoughts import BEGINS, GLUED_CHANNEL, SIGN, THOUGHT_CHANNEL, MarkKind, goes_on, read_marks, whole
from .wrapped_answers import Unwrapping

MOST_HELD = 400
"""Characters after which a number that does not end is let go: a card number dictated with pauses takes 250."""
_MOST_KEPT = MOST_HELD + NEAR
"""Characters kept: of the text that is out, the latest may name a number or be its beginning."""


def _beginnings(words: set[str]) -> frozenset[str]:
    return frozenset(word[:size] for word in words for size in range(1, len(word) + 1))


_BEGINNINGS = _beginnings({*LISTED, *SAID, *TIMES})
_FILLER_BEGINNINGS = _beginnings({*FILLERS})
# Payment cards begin with 2 to 6 (ISO/IEC 7812); 1800 is JCB's of old, 81 UnionPay's.
_BEGINS_A_CARD = re.compile(r"[2-6]|1800|81")
_LONGEST_CARD_GROUP = 4
_HALF = re.compile("[\ud800-\udbff\r]")  # of a character, and of an end of line


class StreamFilter:
    """The filter of one answer. Held back is only what could still become a listed word or a number.

    Each character is read once; a second time when a number that may have to be masked is complete, or as a rest
    behind a masked one.
    """

    def __init__(self) -> None:
        self._text = ""
        """The latest that is out, and what is held back, but for a word that is not complete."""
        self._out = 0
        self._word = ""
        """The beginning of a word that may become a listed one or a number."""
        self._within = False
        """A word began in what is read already."""
        self._reader = RunReader()
        self._alone = 0
        """So many groups of the open run are no part of a number to mask."""
        self._long: list[tuple[int, int]] = []
        """The runs behind the open one that may be numbers, and wait for words that name them."""
        self.found: tuple[Kind, ...] = ()
        """The kinds of the numbers that were masked so far, in their order."""
        self.replaced: tuple[str, ...] = ()
        """The words that were replaced so far, in lower case and in their order."""

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may go out now."""
        for token in TOKEN.finditer(piece):
            if token.lastgroup != "word":
                self._end_word()
                self._take(token[0], word=False)
            elif self._within:
                self._text += token[0]
            else:
                self._word += token[0]
        begun = folded(self._word)
        listed = begun in _BEGINNINGS or (begun in _FILLER_BEGINNINGS and self._reader.start(self._alone) is not None)
        if self._word and not listed:
            self._end_word()
            self._within = True
        return self._let_go(self._settled())

    def pause(self) -> str:
        """Return the number that is held back, because no more comes for a while; the beginning of a word stays."""
        return self._let_go(len(self._text))

    def end(self) -> str:
        """Return all that is held back. More may follow; it begins with a new word."""
        self._end_word()
        return self._let_go(len(self._text))

    def _end_word(self) -> None:
        self._within = False
        if self._word:
            cleaned = professional(self._word)
            self.replaced += cleaned.replaced
            self._word = ""
            self._take(cleaned.text, word=True)

    def _take(self, token: str, *, word: bool) -> None:
        ended = self._reader.take(token, len(self._text), word=word)
        self._text += token
        if ended:
            self._alone = 0
            if is_long(ended):
                self._long.append((ended[0].start, ended[-1].end))

    def _settled(self) -> int:
        """Return up to where the text may go out.

        Behind a number that is long enough to matter, words that may name it ("… is my social") are waited for.
        """
        if len(self._text) + len(self._word) - self._out > MOST_HELD:
            return len(self._text)
        groups = self._reader.groups
        while self._alone < len(groups) and self._stays_alone(groups[self._alone]):
            self._alone += 1
        start = self._reader.start(self._alone)
        until = len(self._text) if start is None else start
        for start, end in reversed(self._long):
            if end + NEAR_AFTER > until:
                until = min(until, start)
        return until

    def _stays_alone(self, group: Group) -> bool:
        """Return whether a finished group at the beginning is no part of a number to mask, whatever follows.

        As order numbers are: longer than the groups of a card, and no card begins so.
        """
        complete = group.end < len(self._text) and not group.word
        if not complete or not _LONGEST_CARD_GROUP < len(group.digits) < FEWEST or _BEGINS_A_CARD.match(group.digits):
            return False
        return "social" not in Surroundings(DigitRun(self._text, [group])).names(0, 1)

    def _let_go(self, until: int) -> str:
        """Return the text up to a place, masked."""
        if until <= self._out:
            return ""
        starts = [start for start, _ in self._long if start < until]
        held = self._reader.start(self._alone)
        if held is not None and held < until:
            starts.append(self._reader.start(0) or 0)
        out, at = "", self._out
        for one in findings(self._text[:until], min(starts)) if starts else ():
            # A number that is out as a whole stays: it was not known then what it was.
            if one.end > self._out:
                out += self._text[at : one.start] + one.mark
                self.found += (one.kind,)
                at = one.end
        out += self._text[at:until]
        self._long = [run for run in self._long if run[1] > until]
        masked = at if at > self._out else 0
        self._out = until
        if masked or until > _MOST_KEPT:
            self._forget(masked or until - NEAR)
        return out

    def _forget(self, until: int) -> None:
        """Drop the text up to a place, and read the rest as if it were alone."""
        rest, self._text = self._text[until:], ""
        self._out -= until
        self._reader, self._alone, self._long = RunReader(), 0, []
        for token in TOKEN.finditer(rest):
            self._take(token[0], word=token.lastgroup == "word")


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
        self._unwrapping = Unwrapping()

    @property
    def holds_words(self) -> bool:
        """Tell whether words have come that wait for their end: they are data, or wrapped in it."""
        return bool((self._unwrapping.held or "").strip())

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may be said now."""
        return self._unwrapping.feed(self._outside(piece))

    def _outside(self, piece: str) -> str:
        """Take in the next piece, and return what is no thought."""
        if piece and not self._began:
            self._began, self._unsure = True, [] if self.inside else None
        text = self._held + piece
        half = text[-1:] if _HALF.match(text[-1:]) else ""  # the other half may come with the next piece
        text = whole(text[: len(text) - len(half)] if half else text)
        if self._opening and not THOUGHT_CHANNEL.startswith(begun := text.lstrip()):
            self._opening = False
            if GLUED_CHANNEL.match(begun):
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
        return self._unwrapping.feed(rest) + self._unwrapping.end()

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
            if not goes_on(self._within, mark):
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
