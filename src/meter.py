"""Counts of one customer, by which people are told from machines and floods.

Part of the vocabulary: frozen values that a conversation carries; conversation/bounds.py and text_screening.py count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """Text that came lately, as digests: of it, and of it without its numbers (``shape``).

    ``same`` and ``alike`` count how often it was said again after an answer, to the letter and but for the numbers.
    """

    text: str
    shape: str
    at: float
    same: int = 0
    alike: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Part of a bound that was used up since its window began."""

    since: float = 0.0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Meter:
    """Meter that tells people from machines and floods: times of recent texts and files, what was said and done."""

    arrivals: tuple[float, ...] = ()
    noticed_at: float = 0.0
    lately: tuple[SaidBefore, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    files_at: float = 0.0
