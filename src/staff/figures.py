"""Figures of the gateway: counted where events are heard, kept in the store by the hour, and summed over all processes.

A turn costs some additions in memory. What was counted is written every few seconds, one row per process and hour, so a
killed process loses seconds of figures and nothing else.
"""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any, Final

import structlog

from ..errors import StoreUnavailable
from ..events import EventName, Happened
from ..persistence.base import LaneStore
from ..persistence.values import Hour

log = structlog.get_logger(__name__)

HOUR: Final = 3600.0
WRITE_SECONDS: Final = 10.0
"""How often what was counted is written."""
_FIRST, _STEP = 0.01, 1.1
"""Upper bounds of the buckets of durations: 10 ms, and each a tenth more; so a percentile is right within a tenth."""
_REGISTERS = 1024
"""Of a sketch (HyperLogLog): how many different customers there were, within 3 %, and nothing about one of them."""

CUSTOMERS, WITH_PERSON = "customers", "with_person"
TICKETS: Final = frozenset({EventName.TICKET_CREATED, EventName.TICKET_OPENED, EventName.ESCALATION})
PEOPLE: Final = TICKETS | {EventName.APPROVAL_REQUESTED, EventName.STAFF_MESSAGE, EventName.KEPT_WHILE_PAUSED}
"""Events after which a customer was not served by the agent alone."""
_OUTCOMES: Final = {
    EventName.APPROVAL_REQUESTED: "requested",
    EventName.APPROVAL_EXPIRED: "expired",
    EventName.APPROVAL_EXECUTED: "executed",
    EventName.APPROVAL_FAILED: "failed",
    EventName.APPROVAL_UNKNOWN: "unknown",
    EventName.APPROVAL_VOID: "void",
}
_VERDICTS: Final = {"approve": "approved", "reject": "rejected", "withdraw": "withdrawn"}


class FigureBook:
    """Counts the events of this process: a listener of the event bus."""

    def __init__(self, store: LaneStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._process = uuid.uuid4().hex[:12]
        self._counts: dict[float, Counter[str]] = {}
        self._seen: dict[float, dict[str, dict[str, int]]] = {}
        self._changed: set[float] = set()

    async def hear(self, happened: Happened) -> None:
        """Count an event."""
        counted = counts_of(happened)
        if not counted:
            return
        hour = math.floor(self._clock() / HOUR) * HOUR
        self._counts.setdefault(hour, Counter()).update(counted)
        self._changed.add(hour)
        name, seen = happened.event.name, self._seen.setdefault(hour, {CUSTOMERS: {}, WITH_PERSON: {}})
        if name == EventName.TURN or name in PEOPLE:
            note(seen[CUSTOMERS], happened.subject)
        if name in PEOPLE:
            note(seen[WITH_PERSON], happened.subject)

    async def write(self) -> None:
        """Write what was counted since the last time; of hours that are over nothing is kept here."""
        for hour in sorted(self._changed):
            self._changed.discard(hour)
            kept = Hour(hour, dict(self._counts[hour]), {name: dict(one) for name, one in self._seen[hour].items()})
            try:
                await self._store.note_hour(kept, process=self._process)
            except StoreUnavailable:
                self._changed.add(hour)
                return
        for hour in [hour for hour in self._counts if hour + 2 * HOUR < self._clock()]:
            del self._counts[hour], self._seen[hour]

    @property
    def hours_held(self) -> int:
        """Number of hours that may still be added to."""
        return len(self._counts)

    async def work(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()


@asynccontextmanager
async def open_figure_book(store: LaneStore) -> AsyncIterator[FigureBook]:
    """Count until the body is left."""
    book = FigureBook(store)
    work = asyncio.create_task(book.work(), name="figure-book")
    try:
        yield book
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await book.write()


# --- what is counted ------------------------------------------------------------------------------------------


def counts_of(happened: Happened) -> dict[str, int]:
    """Return what an event adds to the sums of its hour."""
    event, data = happened.event, happened.event.data
    channel = event.channel.value if event.channel else ""
    if event.name == EventName.TURN:
        counted = {f"turns.{channel}": 1}
        counted |= {f"tokens.{way}": int(data.get(f"{way}_tokens") or 0) for way in ("input", "output")}
        counted[bucket(f"answer.{channel}", happened.seconds or float(data.get("seconds") or 0.0))] = 1
        if data.get("error"):
            counted[f"failed.{channel}"] = 1
        if (first := data.get("first_words_seconds")) is not None:
            counted[bucket(f"first.{channel}", float(first))] = 1
        return counted
    if event.name == EventName.APPROVAL_DECIDED:
        outcome = _VERDICTS.get(str(data.get("verdict")))
        counted = _outcome(outcome, data) if outcome else {}
        if outcome in ("approved", "rejected"):
            counted[bucket("wait", float(data.get("waited_seconds") or 0.0))] = 1
        return counted
    if event.name in _OUTCOMES:
        return _outcome(_OUTCOMES[EventName(event.name)], data)
    if event.name in TICKETS:
        return {"tickets.opened": 1}
    if event.name == EventName.TICKET_CLOSED:
        return {"tickets.closed": 1}
    if event.name == EventName.RATED:
        return {f"ratings.{data.get('score')}": 1}
    return {"people": 1} if event.name in PEOPLE else {}


def _outcome(outcome: str, data: Mapping[str, Any]) -> dict[str, int]:
    call = data.get("edited_arguments") or data.get("arguments")
    amount = call.get("amount") if isinstance(call, Mapping) else None
    known = isinstance(amount, int | float) and not isinstance(amount, bool) and abs(amount) < 1e12
    return {f"approvals.{outcome}": 1} | ({f"cents.{outcome}": round(amount * 100)} if known and amount else {})


def bucket(name: str, seconds: float) -> str:
    """Return under which name a duration is counted."""
    number = math.ceil(math.log(seconds / _FIRST) / math.log(_STEP)) if seconds > _FIRST else 0
    return f"{name}:{number}"


def percentile(counts: Mapping[str, int], name: str, share: float) -> float | None:
    """Return a percentile of durations that were counted under a name, in seconds; None without any."""
    buckets = sorted((int(key.rpartition(":")[2]), count) for key, count in counts.items() if _is_of(key, name))
    rank = math.ceil(share * sum(count for _, count in buckets))
    for number, count in buckets:
        rank -= count
        if rank <= 0:
            return round(_FIRST * _STEP**number, 3)
    return None


def durations(counts: Mapping[str, int], name: str) -> int:
    """Return how many durations were counted under a name."""
    return sum(count for key, count in counts.items() if _is_of(key, name))


def _is_of(key: str, name: str) -> bool:
    return key.rpartition(":")[0] == name


# --- how many different ones ----------------------------------------------------------------------------------


def note(sketch: dict[str, int], subject: str) -> None:
    """Note one of them in a sketch, once or often."""
    number = int.from_bytes(sha256(subject.encode()).digest()[:8])
    register, rest = str(number % _REGISTERS), number // _REGISTERS
    sketch[register] = max(sketch.get(register, 0), 55 - rest.bit_length())


def how_many(sketches: Iterable[Mapping[str, int]]) -> int:
    """Return about how many different ones were noted in any of these sketches."""
    ranks: dict[str, int] = {}
    for sketch in sketches:
        for register, rank in sketch.items():
            ranks[register] = max(ranks.get(register, 0), rank)
    empty = _REGISTERS - len(ranks)
    raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / (empty + sum(2.0**-rank for rank in ranks.values()))
    if empty and raw <= 2.5 * _REGISTERS:
        raw = _REGISTERS * math.log(_REGISTERS / empty)
    return round(raw)
