"""``GET /figures``: what the gateway did in the last day, week or month, summed from the hours that the store keeps."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..model import Channel, TicketStatus
from ..persistence.base import LaneStore
from ..persistence.values import Hour
from ..shop.base import dollars
from .answers import written
from .auth import StaffTokens
from .figures import CUSTOMERS, HOUR, WITH_PERSON, durations, how_many, percentile
from .http import LONGEST_PAGE, answer, answer_csv, choice_of
from .scopes import Scope

SPANS: Final = {"1": (1, HOUR), "7": (7, 6 * HOUR), "30": (30, 24 * HOUR)}
"""Days, and the seconds of a bar."""
MOST_TICKETS: Final = 1000
"""Open tickets that are looked at, the earliest due first."""
OUTCOMES: Final = (
    "requested", "approved", "rejected", "expired", "withdrawn", "executed", "failed", "unknown", "void",
)  # fmt: skip
SCORES: Final = ("1", "2", "3", "4", "5")
WITH_MONEY: Final = ("requested", "approved", "rejected", "executed")


class Figures:
    """Sums hours, and looks at what is open now."""

    def __init__(self, store: LaneStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def of(self, days: int, bar: float) -> dict[str, Any]:
        """Return the figures of the last days, turns in bars of so many seconds."""
        hours, now = await self.hours(days), self._clock()
        counts = total(hours)
        customers = how_many(one.seen.get(CUSTOMERS, {}) for one in hours)
        helped = min(customers, how_many(one.seen.get(WITH_PERSON, {}) for one in hours))
        return {
            "days": days,
            "from": written(now - days * 24 * HOUR),
            "to": written(now),
            "barSeconds": bar,
            "turns": _bars(hours, days, bar, now),
            "latency": {channel: latency(counts, channel) for channel in Channel if counts[f"turns.{channel}"]},
            "approvals": _approvals(counts),
            "tickets": {
                "opened": counts["tickets.opened"],
                "closed": counts["tickets.closed"],
                "open": await self._open_tickets(now),
            },
            "customers": customers,
            "withPerson": helped,
            "withoutPerson": round(1 - helped / customers, 3) if customers else None,
            "ratings": _ratings(counts),
            "tokens": {"input": counts["tokens.input"], "output": counts["tokens.output"]},
        }

    async def hours(self, days: int) -> tuple[Hour, ...]:
        """Return the hours of the last days, of every process."""
        return await self._store.hours(since=self._clock() - days * 24 * HOUR)

    async def _open_tickets(self, now: float) -> dict[str, int | bool]:
        due: Counter[str] = Counter()
        cursor = None
        for _ in range(0, MOST_TICKETS, LONGEST_PAGE):
            page = await self._store.all_tickets(status=TicketStatus.OPEN, limit=LONGEST_PAGE, cursor=cursor)
            due.update(_due(one.respond_by - now) for one in page.items)
            if (cursor := page.next) is None:
                break
        named = {name: due[name] for name in ("overdue", "withinHour", "withinDay", "later")}
        return {**named, "more": cursor is not None}


class FiguresApi:
    """Serves figures to colleagues who may read them."""

    def __init__(self, figures: Figures, tokens: StaffTokens) -> None:
        self._figures = figures
        self._tokens = tokens

    def routes(self) -> Sequence[BaseRoute]:
        """Name the route that the app shall serve."""
        return [Route("/figures", self._show, methods=["GET"])]

    async def _show(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ)
        days, bar = choice_of(request, "days", SPANS, "7")
        if choice_of(request, "format", {"json": False, "csv": True}, "json"):
            return answer_csv("figures", _table(await self._figures.hours(days)))
        return answer(await self._figures.of(days, bar))


def total(hours: Sequence[Hour]) -> Counter[str]:
    """Return the sums of hours."""
    counts: Counter[str] = Counter()
    for one in hours:
        counts.update(one.counts)
    return counts


def latency(counts: Mapping[str, int], channel: str) -> dict[str, Any]:
    """Return how long answers of a channel took, and until the first word."""
    found = {}
    for name, key in (("answer", f"answer.{channel}"), ("firstWord", f"first.{channel}")):
        if number := durations(counts, key):
            found[name] = {"count": number, "p50": percentile(counts, key, 0.5), "p95": percentile(counts, key, 0.95)}
    return found


def _approvals(counts: Counter[str]) -> dict[str, Any]:
    return {
        **{outcome: counts[f"approvals.{outcome}"] for outcome in OUTCOMES},
        "dollars": {outcome: dollars(counts[f"cents.{outcome}"]) for outcome in WITH_MONEY},
        "wait": {"p50": percentile(counts, "wait", 0.5), "p95": percentile(counts, "wait", 0.95)},
    }


def _ratings(counts: Counter[str]) -> dict[str, Any]:
    scores = {score: counts[f"ratings.{score}"] for score in SCORES}
    number = sum(scores.values())
    mean = sum(int(score) * count for score, count in scores.items()) / number if number else None
    return {"count": number, "average": mean and round(mean, 2), "scores": scores}


def _bars(hours: Sequence[Hour], days: int, bar: float, now: float) -> list[dict[str, Any]]:
    """Return turns by channel in equal parts of time, the last one under way; parts without any are there too."""
    parts: dict[float, Counter[str]] = {}
    last = math.floor(now / bar) * bar
    for number in range(round(days * 24 * HOUR / bar)):
        parts[last - number * bar] = Counter()
    for one in hours:
        part = parts.get(math.floor(one.start / bar) * bar)
        if part is not None:
            part.update({channel: one.counts.get(f"turns.{channel}", 0) for channel in Channel})
    return [{"at": written(at), **{one: part[one] for one in Channel}} for at, part in sorted(parts.items())]


def _due(seconds: float) -> str:
    if seconds < 0:
        return "overdue"
    return "withinHour" if seconds < HOUR else "withinDay" if seconds < 24 * HOUR else "later"


def _table(hours: Sequence[Hour]) -> list[tuple[object, ...]]:
    """Return a row for each hour in which anything was counted, oldest first."""
    names = [*(f"turns.{channel}" for channel in Channel), *(f"failed.{channel}" for channel in Channel)]
    names += [f"approvals.{outcome}" for outcome in OUTCOMES]
    names += [f"cents.{outcome}" for outcome in WITH_MONEY]
    names += ["tickets.opened", "tickets.closed", "tokens.input", "tokens.output"]
    names += [f"ratings.{score}" for score in SCORES]
    rows: list[tuple[object, ...]] = [("hour", *names, "customers", "with_person", "answer_p50", "answer_p95")]
    for start in sorted({one.start for one in hours}):
        same = [one for one in hours if one.start == start]
        counts = total(same)
        every = _every_channel(counts)
        seen = [how_many(one.seen.get(kind, {}) for one in same) for kind in (CUSTOMERS, WITH_PERSON)]
        spans = [percentile(every, "answer", share) for share in (0.5, 0.95)]
        rows.append((written(start), *(counts[name] for name in names), *seen, *spans))
    return rows


def _every_channel(counts: Mapping[str, int]) -> Counter[str]:
    """Return the durations of answers, whatever their channel."""
    found: Counter[str] = Counter()
    for key, count in counts.items():
        if key.startswith("answer."):
            found[f"answer:{key.rpartition(':')[2]}"] += count
    return found
