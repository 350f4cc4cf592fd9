"""Opening hours: when people answer the telephone, and when customers may be written to first. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from ..identity.phone import zones_of

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SPAN = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+(?P<begin>\d{1,2}:\d\d)-(?P<end>\d{1,2}:\d\d)", re.ASCII
)
_DAY_MINUTES = 24 * 60
_DAYS_AHEAD: Final = 16
"""Steps after which hours that never meet are looked for no more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of one weekday, Monday is 0; the end is not part of it."""

    day: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Hours of a week in a time zone; none at all means always."""

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str) -> OpeningHours:
        """Read ``Mon-Fri 09:00-17:30, Sat 10:00-14:00``. Raises ValueError."""
        return cls(tuple(span for part in text.split(",") if part.strip() for span in _spans(part)), zone)

    @property
    def _place(self) -> tzinfo:
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)  # a machine without zones knows UTC all the same

    def open_at(self, now: float) -> bool:
        """Tell whether people are there; ``now`` is seconds since the epoch."""
        if not self.spans:
            return True
        there = datetime.fromtimestamp(now, self._place)
        minute = there.hour * 60 + there.minute
        return any(span.day == there.weekday() and span.begin <= minute < span.end for span in self.spans)

    def opens_after(self, now: float) -> float:
        """Return when people are there again: now, while they are."""
        if self.open_at(now):
            return now
        today = datetime.fromtimestamp(now, self._place).replace(hour=0, minute=0, second=0, microsecond=0)
        return min(moment for moment in self._beginnings(today) if moment > now)

    def _beginnings(self, today: datetime) -> Iterator[float]:
        for ahead in range(8):
            day = today + timedelta(days=ahead)
            for span in self.spans:
                if span.day == day.weekday():
                    yield day.replace(hour=span.begin // 60, minute=span.begin % 60).timestamp()

    def in_words(self, moment: float) -> str:
        """Return a moment as people there say it: Monday at 09:30."""
        there = datetime.fromtimestamp(moment, self._place)
        return f"{_NAMES[there.weekday()]} at {there:%H:%M}"


ALWAYS: Final = OpeningHours()

Hours = Callable[[], OpeningHours]
"""Returns the hours of people now: those of a file may change while the gateway runs."""


def always() -> OpeningHours:
    """Return hours without an end."""
    return ALWAYS


@dataclass(frozen=True, slots=True)
class ContactHours:
    """Hours of a week in which we begin, by the clock of the customer; ``zone`` where their number tells none."""

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    def opens_after(self, number: str | None, now: float) -> float:
        """Return when a number may be written to: now, while it may.

        A number that may be at home in several zones is written to when it may be in all of them.
        """
        zones = [zone for zone in zones_of(number) if _is_known(zone)] or [self.zone]
        for _ in range(_DAYS_AHEAD):
            later = max(OpeningHours(self.spans, zone).opens_after(now) for zone in zones)
            if later == now:
                break
            now = later
        return now


ANY_TIME: Final = ContactHours()


def _is_known(zone: str) -> bool:
    """Tell whether this machine knows a zone: its list may be older than that of numbers, or missing."""
    try:
        return bool(ZoneInfo(zone))
    except (ValueError, LookupError, OSError):
        return False


def _spans(part: str) -> Iterator[Span]:
    found = _SPAN.fullmatch(part.strip().lower())
    first, last = (found["first"], found["last"] or found["first"]) if found else ("", "")
    if found is None or first not in _DAYS or last not in _DAYS:
        raise ValueError(part)
    begin, end = _minutes(found["begin"]), _minutes(found["end"])
    if begin >= end:
        raise ValueError(part)
    day = _DAYS.index(first)
    while True:  # a span of days may go over the end of the week
        yield Span(day, begin, end)
        if day == _DAYS.index(last):
            return
        day = (day + 1) % len(_DAYS)


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > _DAY_MINUTES:
        raise ValueError(clock)
    return found
