"""Filters an answer while it is being made: no card or social security number and no listed word gets out. Pure.

What a :class:`StreamFilter` returns, put together, is ``mask(professional(text).text).text`` of the whole text, however
it is cut into pieces, with these exceptions:

* What was let go cannot be taken back. The beginning of a number may be out when the agent pauses in it
  (:meth:`StreamFilter.pause`), when it goes on for more than ``MOST_HELD`` characters, or when nine digits in unusual
  groups (5-4) are called a social security number only behind them. Then the mark takes the place of its rest.
* Words count for a number as far as :mod:`.pii` looks, but not across a number that is out and masked.
"""

from __future__ import annotations

from .language import WordFilter
from .pii import MARK, Kind, Masked, mask
from .surroundings import NEAR
from .unfinished import has_number, runs_across, settled

_CONTEXT = 3 * NEAR
"""Characters of what is out that are kept, because they may name a number or be its beginning."""


class StreamFilter:
    """The filter of one answer. Held back is only what could still become a listed word or a number."""

    def __init__(self) -> None:
        self._words = WordFilter()
        self._numbers = NumberFilter()

    def feed(self, piece: str) -> str:
        """Take in the next piece, and return what may go out now."""
        return self._numbers.feed(self._words.feed(piece))

    def pause(self) -> str:
        """Return the number that is held back, because no more comes for a while; the beginning of a word stays."""
        return self._numbers.end()

    def end(self) -> str:
        """Return all that is held back."""
        return self._numbers.feed(self._words.end()) + self._numbers.end()

    @property
    def found(self) -> tuple[Kind, ...]:
        """The kinds of the numbers that were masked so far, in their order."""
        return self._numbers.found

    @property
    def replaced(self) -> tuple[str, ...]:
        """The words that were replaced so far, in lower case and in their order."""
        return self._words.replaced


class NumberFilter:
    """Masks card and social security numbers in a text that comes in pieces."""

    def __init__(self) -> None:
        self._text = ""
        """The latest that is out, as it went out, and what is held back."""
        self._out = 0
        self.found: tuple[Kind, ...] = ()

    def feed(self, piece: str) -> str:
        """Take in a piece, and return what may go out now."""
        self._text += piece
        return self._let_go(settled(self._text, self._out))

    def end(self) -> str:
        """Return what is held back. More may follow, and is read as what it follows on."""
        return self._let_go(len(self._text))

    def _let_go(self, until: int) -> str:
        text, start = self._text, self._out
        if until == start:
            return ""
        before = text[:start]
        if has_number(text, start, until):
            masked = _masked(before, text[start:until])
            self.found += masked.found
            out = masked.text
            # A number is read alone behind the mark of another one.
            before = MARK.split(before + out)[-1][-_CONTEXT:]
        else:
            out = text[start:until]
            before = text[max(0, until - _CONTEXT) : until]
        self._text, self._out = before + text[until:], len(before)
        return out


def _masked(before: str, text: str) -> Masked:
    """Mask a text behind another one, which is out already and stays as it is."""
    whole = mask(before + text)
    if whole.text.startswith(before):
        return Masked(whole.text.removeprefix(before), whole.found)
    end = runs_across(before + text, len(before))
    if end is None:
        # The number is out as a whole: nobody knew then what it was.
        return mask(text)
    # Where the two part, the mark begins: nothing else replaces a digit or a letter by a bracket.
    parted = next(at for at, (one, other) in enumerate(zip(whole.text, before, strict=False)) if one != other)
    rest = mask((before + text)[end:])
    return Masked(whole.text[parted : whole.text.index("]", parted) + 1] + rest.text, (whole.found[0], *rest.found))
