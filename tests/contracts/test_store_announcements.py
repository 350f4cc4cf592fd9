"""Events that another system is told of wait in the store, written with the event itself, until it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tandem.model import Channel, ReplyStatus, SubjectId, TimelineEvent
from tandem.persistence.announcements import Announcement, Announcements
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Settlement

from .kits import StoreKit
from .records import DAY, JANE, JOHN, LEASE, event, fresh, names, reply, ticket, write

pytestmark = pytest.mark.promise("X5")

SECONDS = 30.0


def announced(event: TimelineEvent) -> TimelineEvent | None:
    return None if event.name == "quiet" else event


def announces(store: LaneStore) -> Announcements:
    store.storage.announced = announced
    return Announcements(store.storage)


def told(found: Sequence[Announcement]) -> list[tuple[SubjectId, str]]:
    return [(one.subject, one.event.name) for one in found]


async def test_an_event_is_to_be_told_as_soon_as_it_is_there_and_only_where_it_is_wanted(store: LaneStore) -> None:
    await write(store, timeline=(event("before"),))
    queue = announces(store)
    await write(store, timeline=(event("turn", covers=["SM1"]), event("quiet"), event("tool")))
    due = await queue.due(limit=10)
    assert told(due) == [(JANE, "turn"), (JANE, "tool")]
    assert (due[0].event.data, due[0].event.at > 0, due[0].tries) == ({"covers": ["SM1"]}, True, 0)
    assert len({one.id for one in due}) == 2
    counts = await store.counts()
    assert (counts.announced, counts.untold) == (2, 0)


async def test_an_attempt_is_nobody_elses_until_its_time_is_over(kit: StoreKit) -> None:
    queue = announces(kit.store)
    other = announces(await kit.second())
    await write(kit.store, timeline=(event("turn"),))
    (one,) = await queue.due(limit=10)
    (same,) = await other.due(limit=10)
    taken = await asyncio.gather(queue.take(one, seconds=SECONDS), other.take(same, seconds=SECONDS))
    assert sorted(taken, key=bool) == [None, Announcement(JANE, one.id, one.event, 1)]
    assert await queue.due(limit=10) == []
    kit.advance(SECONDS + 1)
    assert [one.tries for one in await other.due(limit=10)] == [1]


async def test_what_was_told_is_gone(store: LaneStore) -> None:
    queue = announces(store)
    await write(store, timeline=(event("turn"),))
    (one,) = await queue.due(limit=10)
    taken = await queue.take(one, seconds=SECONDS)
    assert taken is not None
    await queue.done(taken)
    assert (await store.counts()).announced == 0
    assert await queue.take(one, seconds=SECONDS) is None


async def test_an_attempt_that_failed_is_made_again_later_under_the_same_id(kit: StoreKit) -> None:
    queue = announces(kit.store)
    await write(kit.store, timeline=(event("turn"),))
    (one,) = await queue.due(limit=10)
    taken = await queue.take(one, seconds=SECONDS)
    assert taken is not None
    await queue.put_off(taken, seconds=300)
    kit.advance(290)
    assert await queue.due(limit=10) == []
    kit.advance(20)
    (again,) = await queue.due(limit=10)
    assert (again.id, again.tries) == (one.id, 1)


async def test_an_attempt_that_took_too_long_takes_nothing_from_the_one_after_it(kit: StoreKit) -> None:
    queue = announces(kit.store)
    await write(kit.store, timeline=(event("turn"),))
    late = await queue.take((await queue.due(limit=1))[0], seconds=SECONDS)
    assert late is not None
    kit.advance(SECONDS + 1)
    second = await queue.take((await queue.due(limit=1))[0], seconds=SECONDS)
    assert second is not None
    await queue.give_up(late)
    await queue.done(late)
    counts = await kit.store.counts()
    assert (counts.announced, counts.untold) == (1, 0)


async def test_what_is_given_up_waits_for_a_person_who_has_it_told_again(kit: StoreKit) -> None:
    queue = announces(kit.store)
    await write(kit.store, timeline=(event("turn"),))
    taken = await queue.take((await queue.due(limit=1))[0], seconds=SECONDS)
    assert taken is not None
    await queue.give_up(taken)
    kit.advance(3 * DAY)
    assert await queue.due(limit=10) == []
    assert (await kit.store.counts()).untold == 1
    (untold,) = await queue.given_up(limit=10)
    await queue.revive(untold)
    (one,) = await queue.due(limit=10)
    assert (one.id, one.tries, await queue.given_up(limit=10)) == (taken.id, 0, [])


async def test_what_became_of_a_reply_is_told_though_it_is_no_row_of_the_timeline(store: LaneStore) -> None:
    queue = announces(store)
    await write(store, replies=(reply("r1"),))
    outgoing = await store.next_reply(JANE, Channel.SMS, holder="h", seconds=LEASE)
    assert outgoing is not None
    await store.settle(JANE, outgoing, Settlement(ReplyStatus.SENT, provider_id="SM9"), seconds=LEASE)
    await store.delivery_status(JANE, "r1", ReplyStatus.DELIVERED, provider_id="SM9")
    await store.delivery_status(JANE, "r1", ReplyStatus.SENT, provider_id="SM9")  # late: it moves nothing
    statuses = [one.event.data["status"] for one in await queue.due(limit=10)]
    assert statuses == ["sent", "delivered"]
    assert names(await store.timeline(JANE)) == []


async def test_an_erased_customer_is_told_of_no_more(store: LaneStore) -> None:
    queue = announces(store)
    await write(store, timeline=(event("turn"),))
    await write(store, JOHN, timeline=(event("turn"),))
    await store.erase(JANE)
    assert told(await queue.due(limit=10)) == [(JOHN, "turn")]


async def test_they_go_along_when_two_lanes_are_merged(store: LaneStore) -> None:
    queue = announces(store)
    await write(store, JOHN, timeline=(event("turn"),))
    await write(store, JANE)
    assert await store.merge(JOHN, JANE, token=fresh())
    assert sorted(told(await queue.due(limit=10))) == [(JANE, "joined"), (JANE, "turn"), (JOHN, "moved")]


async def test_a_purge_takes_what_was_given_up_with_its_lane(kit: StoreKit) -> None:
    queue = announces(kit.store)
    await write(kit.store, timeline=(event("turn"),))
    taken = await queue.take((await queue.due(limit=1))[0], seconds=SECONDS)
    assert taken is not None
    await queue.give_up(taken)
    kit.advance(40 * DAY)
    await kit.store.purge(older_than=30 * DAY)
    assert (await kit.store.counts()).untold == 0


async def test_one_that_cannot_be_read_is_in_nobodys_way(kit: StoreKit) -> None:
    queue = announces(kit.store)
    await write(kit.store, timeline=(event("turn"),))
    await write(kit.store, JOHN, timeline=(event("turn"),))
    (first, _) = await queue.due(limit=10)
    await kit.corrupt(JANE, "announcement", first.key)
    assert told(await queue.due(limit=10)) == [(JOHN, "turn")]
    assert (await kit.store.counts()).announced == 1


async def test_a_number_that_is_taken_out_is_taken_out_here_too(store: LaneStore) -> None:
    queue = announces(store)
    await write(store, timeline=(event("tool", text="call +14155550177"),), tickets=(ticket("T1"),))
    await store.redact(JANE, "+14155550177")
    (one,) = await queue.due(limit=10)
    assert one.event.data == {"text": "call [erased]"}
