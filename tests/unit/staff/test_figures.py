"""Percentiles from buckets, and how many different customers there were from a sketch that knows none of them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tandem.events import EventName, Happened
from tandem.model import Channel, Source, SubjectId, TimelineEvent
from tandem.persistence.values import Act, Hour, Page
from tandem.staff.figures import FigureBook, bucket, counts_of, how_many, note, percentile

from ...kit.tables import each

pytestmark = pytest.mark.promise("D7")


@each("share", [0.5, 0.95])
def test_a_percentile_is_right_within_a_tenth(share: float) -> None:
    seconds = sorted(random.Random(4).lognormvariate(0.3, 1.2) for _ in range(2000))
    counts = Counter(bucket("answer.sms", one) for one in seconds)
    true = seconds[round(share * len(seconds)) - 1]
    found = percentile(counts, "answer.sms", share)
    assert found is not None
    assert true * 0.99 <= found <= true * 1.11
    assert percentile(counts, "answer.rcs", share) is None


@each(("seconds", "told"), [(0.0, 0.01), (-1.0, 0.01), (86_400.0, 86_400.0)])
def test_the_shortest_and_the_longest_have_a_bucket(seconds: float, told: float) -> None:
    assert percentile({bucket("wait", seconds): 1}, "wait", 0.5) == pytest.approx(told, rel=0.1)


@each("number", [0, 1, 2, 10, 100, 1000, 5000, 50_000])
def test_different_customers_are_counted_over_hours_and_processes(number: int) -> None:
    sketches: list[dict[str, int]] = [{}, {}, {}]
    for one in range(number):
        note(sketches[one % 3], f"phone_1415{one:07}")
        note(sketches[one % 2], f"phone_1415{one:07}")
    assert how_many(sketches) == pytest.approx(number, rel=0.08)
    assert all(len(sketch) <= 1024 for sketch in sketches)


def happened(name: str, seconds: float = 0.0, **data: object) -> Happened:
    return Happened(SubjectId("phone_1"), TimelineEvent(name, Source.AGENT, channel=Channel.SMS, data=data), seconds)


def test_an_event_that_is_no_figure_counts_nothing() -> None:
    assert counts_of(happened("tool")) == {}


@each("amount", ["many", None, True, 1e300, float("nan")])
def test_an_amount_that_is_none_is_no_money(amount: object) -> None:
    assert counts_of(happened("approval_requested", arguments={"amount": amount})) == {"approvals.requested": 1}


class Shelf:
    """Stands where the store stands."""

    def __init__(self) -> None:
        self.written: list[Hour] = []

    async def acts(self, *, limit: int, cursor: str | None = None) -> Page[Act]:
        raise NotImplementedError

    async def note_hour(self, hour: Hour, *, process: str) -> None:
        self.written.append(hour)

    async def hours(self, *, since: float) -> tuple[Hour, ...]:
        raise NotImplementedError


async def test_an_hour_that_is_over_is_written_once_more_and_forgotten() -> None:
    shelf, now = Shelf(), [7200.0]
    book = FigureBook(shelf, clock=lambda: now[0])
    await book.hear(happened(EventName.TURN, seconds=1.0))
    await book.write()
    await book.write()
    assert [one.start for one in shelf.written] == [7200.0]
    await book.hear(happened(EventName.TURN, seconds=1.0))
    now[0] += 3600
    await book.hear(happened(EventName.TURN, seconds=1.0))
    await book.write()
    assert [(one.start, one.counts["turns.sms"]) for one in shelf.written[1:]] == [(7200.0, 2), (10800.0, 1)]
    now[0] += 3 * 3600
    await book.write()
    assert (len(shelf.written), book.hours_held) == (3, 0)
