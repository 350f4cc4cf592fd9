"""Tracks what a call was given to speak and how much was heard. Pure; the memory of :mod:`.relay_session`.

Speech lags: Twilio plays a text long after it was sent, and an ``interrupt`` names no turn. So everything that is sent
is kept, in order, with the turn that it belongs to, and the turn is found by what was heard:

1. ``utteranceUntilInterrupt`` is looked for in what was sent, letters and digits alone, so that blanks, case and
   markup do not matter. It may begin with any piece or within one, and run over fillers that were played in part.
2. Where it fits at several places, the one nearest to what ``tokensPlayed`` named last counts, else the latest.
3. Where it fits nowhere, or is empty, it belongs to what ``tokensPlayed`` says is playing, else to the latest speech.

Speech that was interrupted once is settled: an interrupt that fits nothing else is a repetition, and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_NOISE = re.compile(r"[\W_]+")
_MARKS = re.compile(r"(?:[^\w\s]|_)*")
_KEPT = 64
"""Pieces that are remembered: some thirty turns, or an answer with as many fillers in it."""
_RECENT = 16
"""The latest pieces, within which an utterance with gaps is looked for: the search must not hold up other calls."""
_ALIKE = 4
"""Letters that the beginnings of two texts must share to be taken for the same one."""


def fold(text: str) -> str:
    """Give the letters and digits of a text, case folded: what survives any normalisation."""
    return _NOISE.sub("", text.casefold())


@dataclass(slots=True)
class _Piece:
    """A notice, the greeting, or successive words of a turn (``said``). ``turn`` is None for what no turn asked for."""

    turn: int | None
    said: bool
    start: int
    text: str = ""
    folded: str = ""
    settled: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.folded)


@dataclass(frozen=True, slots=True)
class HeardSpeech:
    """Interrupted speech: a turn and what was heard of it; turn None for speech of no turn.

    ``notice``: it was a notice that was stopped, not the turn's own words.
    """

    turn: int | None
    heard: str = ""
    notice: bool = False


class PlaybackTracker:
    """The speech of one call. Positions count folded characters since its start."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._played: int | None = None
        self._astray = False
        self._forgotten = 0
        self._answered = 0

    @property
    def end(self) -> int:
        """Return the position behind everything that was sent."""
        return self._pieces[-1].end if self._pieces else 0

    @property
    def silent(self) -> bool:
        """Tell whether Twilio said that everything was played, or it was purged."""
        position = self.position
        return position is not None and all(piece.settled or piece.end <= position for piece in self._pieces)

    @property
    def position(self) -> int | None:
        """Return how far Twilio played; None when it does not tell, or told something that was never sent."""
        return None if self._astray else self._played

    def answer(self) -> None:
        """Note that the caller answers what was sent so far: it was played, unless an interrupt says otherwise."""
        self._answered = self.end

    def left(self) -> dict[int, str]:
        """Return of each turn that no interrupt has stopped what was surely played, should nothing more be.

        What nobody told about was not heard.
        """
        reached = max(self._played or 0, self._answered) if self.position is None else self.position
        turns = {piece.turn or 0 for piece in self._pieces if not piece.settled}
        return {turn: self.said(turn, reached) for turn in sorted(turns) if turn > self._forgotten}

    @property
    def outstanding(self) -> frozenset[int]:
        """Return the turns of which Twilio tells how far they were played, and that no interrupt has stopped."""
        known = () if self.position is None else self._pieces
        return frozenset(turn for piece in known if (turn := piece.turn or 0) > self._forgotten and not piece.settled)

    def add(self, text: str, *, turn: int | None, said: bool) -> None:
        """Remember what was sent: ``said`` by the agent as part of a turn, or a notice."""
        last = self._pieces[-1] if self._pieces else None
        if last is None or not said or (last.turn, last.said) != (turn, True):
            last = _Piece(turn, said, self.end)
            self._pieces.append(last)
            if len(self._pieces) > _KEPT:
                self._forgotten = self._pieces.pop(0).turn or self._forgotten
        last.text += text
        last.folded += fold(text)

    def said(self, turn: int, until: int | None = None) -> str:
        """Return the agent's words in a turn, up to a position or all of them."""
        return "".join(
            piece.text if until is None or until >= piece.end else _beginning(piece.text, until - piece.start)
            for piece in self._pieces
            if piece.turn == turn and piece.said and (until is None or until > piece.start or until >= piece.end)
        )

    def heard(self, turn: int) -> str:
        """Return what was heard of a turn so far: what Twilio played or, when it does not tell, all that was said."""
        return self.said(turn, self.position)

    def played(self, chunk: str) -> None:
        """Take note of a ``tokensPlayed`` text. What lies between it and the one before was replaced or purged."""
        folded, start = fold(chunk), self._played or 0
        ahead = [piece for piece in self._pieces if piece.end > start]
        if ahead and ahead[0].start < start:
            ahead[0] = replace(ahead[0], start=start, folded=ahead[0].folded[start - ahead[0].start :])
        # What was purged may be said again, so it counts only when nothing newer fits.
        live = [piece for piece in ahead if not piece.settled]
        ends = _first_ends(folded, live) or _first_ends(folded, ahead)
        if folded:
            self._astray = not ends
            self._played = min(ends, default=self._played)

    def cut(self, utterance: str, *, open_turn: int | None, before: int | None = None) -> HeardSpeech | None:
        """Find what an interrupt stopped and settle it; None when nothing is known that could have been playing.

        ``before`` is the position at which a key was pressed: its interrupt is first looked for in what was sent
        until then, and when it fits nowhere it belongs there.
        """
        folded = fold(utterance)
        live = [piece for piece in self._pieces if not piece.settled]
        older = [piece for piece in live if before is None or piece.start < before]
        # Settled speech last: it is a repetition, or a notice that was sent just before the interrupt and yet played.
        for pieces in (older, live, self._pieces):
            if folded and (place := self._place(folded, pieces)):
                return HeardSpeech(None) if place[0].settled else self._settle(*place)
        piece = self._likely(folded, older, open_turn)
        if piece is None:
            return None
        known = self._settle(piece, piece.start if self.position is None else self.position)
        if not folded or known.turn is None or not self.said(known.turn):
            return known
        heard = _less_notices(utterance, [piece for piece in live if piece.turn == known.turn])
        return replace(known, heard=heard)

    def _place(self, folded: str, pieces: Sequence[_Piece]) -> tuple[_Piece, int] | None:
        """Find the piece and the position at which something heard ended, when it fits whole."""
        stream, starts = _stream(pieces), {piece.start for piece in pieces}
        found = [pieces[0].start + at for at in _occurrences(folded, stream)]
        ends = [at + len(folded) for at in found if at in starts] if self.position is None else []
        ends = ends or [at + len(folded) for at in found]
        ends = ends or [at for length, _, at in _walks(folded, pieces) if length == len(folded)]
        near = max(ends, default=0) if self.position is None else self.position
        at = min(ends, key=lambda end: abs(end - near), default=None)
        return None if at is None else next((piece, at) for piece in pieces if piece.start < at <= piece.end)

    def _likely(self, folded: str, pieces: Sequence[_Piece], open_turn: int | None) -> _Piece | None:
        """Choose the piece that was probably playing when what was heard does not tell."""
        if self.position is not None:
            waiting = [piece for piece in pieces if piece.end > self.position]
            return waiting[0] if waiting else pieces[-1] if pieces and folded else None
        if not folded:  # without a word and without a position, only what is being answered can be meant
            pieces = [piece for piece in pieces if open_turn in (None, piece.turn)]
            return pieces[-1] if pieces else None
        alike = max(reversed(list(_walks(folded, pieces))), key=lambda walk: walk[0], default=None)
        return alike[1] if alike and alike[0] >= _ALIKE else pieces[-1] if pieces else None

    def _settle(self, stopped: _Piece, position: int) -> HeardSpeech:
        last = max(
            number
            for number, piece in enumerate(self._pieces)
            if piece is stopped or (stopped.turn is not None and piece.turn == stopped.turn)
        )
        for piece in self._pieces[: last + 1]:
            piece.settled = True
        heard = "" if stopped.turn is None else self.said(stopped.turn, position)
        if self._played is not None:
            self._played = max(self._played, position)
        return HeardSpeech(stopped.turn, heard, notice=not stopped.said)


def _stream(pieces: Sequence[_Piece]) -> str:
    return "".join(piece.folded for piece in pieces)


def _first_ends(folded: str, pieces: Sequence[_Piece]) -> list[int]:
    """Give the positions at which a text that begins with one of the pieces, or within one, may first end."""
    found = _stream(pieces).find(folded)
    if pieces and found >= 0:
        return [pieces[0].start + found + len(folded)]
    return [at for length, _, at in _walks(folded, pieces) if length == len(folded)]


def _occurrences(folded: str, stream: str) -> Iterator[int]:
    at = stream.find(folded)
    while at >= 0:
        yield at
        at = stream.find(folded, at + 1)


def _walks(folded: str, pieces: Sequence[_Piece]) -> Iterator[tuple[int, _Piece, int]]:
    """From each piece on, yield how many characters fit, and the piece and position at which they end.

    A notice may have been played in part or not at all: the words that replace a preemptible one follow at once.
    """
    pieces = pieces[-_RECENT:]
    for first in range(len(pieces)):
        if first and not pieces[first - 1].said:
            continue  # beginning with the notice covers beginning behind it
        reached = {0}
        for piece in pieces[first:]:
            shared = {length: _shared(folded, length, piece.folded) for length in reached}
            yield from ((length + more, piece, piece.start + more) for length, more in shared.items() if more)
            if piece.said:
                reached = {length + more for length, more in shared.items() if more == len(piece.folded)}
            else:
                reached = {length + part for length, more in shared.items() for part in range(more + 1)}
            reached.discard(len(folded))
            if not reached:
                break


def _shared(folded: str, start: int, text: str) -> int:
    """Count the characters that a text has in common with another one from ``start`` on."""
    if folded.startswith(text, start):
        return len(text)
    return next(number for number, letter in enumerate(text) if folded[start + number : start + number + 1] != letter)


def _beginning(text: str, length: int) -> str:
    """Cut a text after so many folded characters and the marks that follow them."""
    count = 0
    for number, letter in enumerate(text if length > 0 else ""):
        count += len(fold(letter))
        if count >= length:
            marks = _MARKS.match(text, number + 1)
            return text[: marks.end() if marks else number + 1]
    return text if length > 0 else ""


def _less_notices(utterance: str, pieces: Sequence[_Piece]) -> str:
    """Take the notices off the beginning of an utterance that does not fit what was sent letter for letter."""
    text = utterance.strip()
    for piece in pieces:
        if not piece.said and piece.folded and fold(text).startswith(piece.folded):
            text = text[len(_beginning(text, len(piece.folded))) :].lstrip()
    return text
