"""Masks payment card and social security numbers, in customers' words and in JSON values.

Pure: :func:`mask` for a text, :func:`mask_value` for arguments, outputs and timeline data. E-mail addresses and
telephone numbers pass. What is found in which spelling, how often it errs and what it cannot find: docs/privacy.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .cards import find_cards
from .digits import FEWEST, DigitRun, runs
from .social_security import find_social_security
from .surroundings import Surroundings

Kind = Literal["card", "ssn"]

CARD_MARK = "[card number removed, ends in {}]"
SSN_MARK = "[social security number removed]"
TOO_DEEP = "[removed: nested too deeply]"
MARK = re.compile(r"\[(?:card number removed, ends in [0-9]{4}|social security number removed)\]")
"""What stands where a number was. Readers of numbers should skip it: its four digits are no order number."""

_DEEPEST = 64
_MOST_PASSES = 8
_LONGEST_NUMBER = 10**19
_NAME_OF_KEY = re.compile(r"ssn|itin|tax_?id|social_?security|track|imei|serial|phone|card", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without the numbers, and the kind of each number that was in it, in their order."""

    text: str
    found: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a text, or the mark that stands for the number which was there."""

    text: str
    kind: Kind | None = None


def mask(text: str) -> Masked:
    """Replace every card number and social security number by a mark; a text without one is returned as it is.

    Of a card the last four digits stay. Masking twice changes nothing: each piece between two marks is read alone, and
    again until nothing more is found in it. Any string is legal; the time grows with its length.
    """
    marks = [*MARK.findall(text), ""]
    parts: list[_Part] = []
    for piece, mark in zip(MARK.split(text), marks, strict=True):
        parts += [*_parts(piece, _MOST_PASSES), _Part(mark)]
    found = tuple(part.kind for part in parts if part.kind)
    return Masked("".join(part.text for part in parts), found) if found else Masked(text)


def mask_value(value: Any) -> Any:
    """Mask the texts and the whole numbers of a JSON value, however nested; its keys stay, and name what they hold."""
    return _masked_value(value, "", _DEEPEST)


def _parts(text: str, passes: int) -> Iterator[_Part]:
    """Take a text without marks apart; after so many passes, whatever is left of long numbers goes as well."""
    if len(text) < FEWEST:
        yield _Part(text)
        return
    end = 0
    for start, after, mark in list(_findings(text) if passes > 0 else _everything(text)):
        # Without its neighbour, what stands in front may be read otherwise.
        yield from _parts(text[end:start], passes - 1)
        yield mark
        end = after
    yield from _parts(text[end:], passes - 1) if end else (_Part(text),)


def _findings(text: str) -> Iterator[tuple[int, int, _Part]]:
    """Yield where the numbers stand and their marks; of a run with cards, its social security numbers come later."""
    for run in runs(text):
        around = Surroundings(run)
        cards = find_cards(run, around)
        for first, last in cards:
            yield run.starts[first], run.ends[last - 1], _card(run, last)
        for first, last in [] if cards else find_social_security(run, around):
            yield run.starts[first], run.ends[last - 1], _Part(SSN_MARK, "ssn")


def _everything(text: str) -> Iterator[tuple[int, int, _Part]]:
    """Yield every run when a text holds a finding: it was made to keep us busy."""
    if next(_findings(text), None):
        for run in runs(text):
            yield run.starts[0], run.ends[-1], _card(run, len(run.gaps))


def _card(run: DigitRun, last: int) -> _Part:
    """Return the mark of a card that ends in front of group ``last``."""
    end = run.firsts[last]
    return _Part(CARD_MARK.format(run.digits[end - 4 : end]), "card")


def _masked_value(value: Any, name: str, depth: int) -> Any:
    """Mask a value whose key is ``name``."""
    if isinstance(value, str):
        return _masked_under(name, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = isinstance(value, int) or value.is_integer()
        digits = str(abs(int(value))) if whole and abs(value) < _LONGEST_NUMBER else ""
        masked = _masked_under(name, digits)
        return value if masked == digits else masked
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if not depth:
        return TOO_DEEP
    if isinstance(value, Mapping):
        return {key: _masked_value(inner, str(key), depth - 1) for key, inner in value.items()}
    return [_masked_value(inner, name, depth - 1) for inner in value]


def _masked_under(name: str, text: str) -> str:
    """Mask a text as if its key were written in front of it: ``{"ssn": "123456789"}``."""
    named = _NAME_OF_KEY.search(name)
    before = f"{named[0].replace('_', ' ')}: " if named else ""
    return mask(before + text).text.removeprefix(before)
