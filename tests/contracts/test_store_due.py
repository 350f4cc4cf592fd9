"""Due work: what a replica takes over when nobody holds it."""

from __future__ import annotations

import pytest

from tandem.model import Channel, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Due, Settlement

from .kits import StoreKit
from .records import JANE, JOHN, LEASE, conversation, fresh, reply, take, texts, write

pytestmark = pytest.mark.promise("P3", "P7")


async def lanes(store: LaneStore, limit: int = 10) -> tuple[SubjectId, ...]:
    return (await store.due(limit=limit)).lanes


async def lines(store: LaneStore, limit: int = 10) -> tuple[tuple[SubjectId, Channel], ...]:
    return (await store.due(limit=limit)).lines


async def test_a_lane_with_a_waiting_entry_is_due_while_nobody_holds_it(kit: StoreKit) -> None:
    store = kit.store
    assert await store.due(limit=10) == Due((), ())
    await store.accept(JANE, texts("a"), token=fresh())
    assert await lanes(store) == (JANE,)
    claim = await take(store)
    assert await lanes(store) == ()
    kit.advance(LEASE + 0.1)  # its holder died
    assert await lanes(store) == (JANE,)
    await store.release(claim)
    assert await lanes(store) == (JANE,)
    await store.commit(await take(store), Change(conversation(), consumed=("a",)), token=fresh())
    assert await lanes(store) == ()


async def test_a_lane_is_left_to_who_accepted_its_entry_for_a_while(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    kit.advance(5)
    assert (await kit.store.due(limit=10, grace=10)).lanes == ()
    kit.advance(6)
    assert (await kit.store.due(limit=10, grace=10)).lanes == (JANE,)


async def test_a_claim_without_work_leaves_nothing_due(kit: StoreKit) -> None:
    await take(kit.store)
    kit.advance(LEASE + 0.1)
    assert await lanes(kit.store) == ()


async def test_a_lane_with_entries_left_over_is_due_again(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a", "b"))
    await kit.store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    kit.advance(LEASE + 0.1)
    assert await lanes(kit.store) == (JANE,)


async def test_a_lane_sleeps_until_it_is_to_wake(kit: StoreKit) -> None:
    await write(kit.store, wake_at=(await take(kit.store, JOHN)).now + 60)
    kit.advance(50)
    assert await lanes(kit.store) == ()
    kit.advance(11)
    assert await lanes(kit.store) == (JANE,)


async def test_a_later_commit_clears_the_time_to_wake(store: LaneStore) -> None:
    await write(store, wake_at=1.0)
    await write(store)
    assert await lanes(store) == ()


async def test_a_sleeping_lane_is_due_for_a_new_entry(store: LaneStore) -> None:
    await write(store, wake_at=9e9)
    await store.accept(JANE, texts("a"), token=fresh())
    assert await lanes(store) == (JANE,)


async def test_consuming_an_entry_keeps_the_time_to_wake(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a"))
    await kit.store.commit(claim, Change(conversation(), consumed=("a",), wake_at=claim.now + 60), token=fresh())
    kit.advance(61)
    assert await lanes(kit.store) == (JANE,)


async def test_lanes_are_listed_oldest_first_up_to_the_limit(kit: StoreKit) -> None:
    for number in (3, 1, 2):
        await kit.store.accept(SubjectId(f"s{number}"), texts("a"), token=fresh())
        kit.advance(1)
    assert await lanes(kit.store, limit=2) == ("s3", "s1")


async def test_a_line_with_a_reply_to_send_is_due_while_nobody_sends_it(kit: StoreKit) -> None:
    store = kit.store
    await write(store, replies=(reply("r1"),))
    assert await lines(store) == ((JANE, Channel.SMS),)
    outgoing = await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert await lines(store) == ()
    kit.advance(LEASE + 0.1)  # its sender died
    assert await lines(store) == ((JANE, Channel.SMS),)
    await store.settle(JANE, outgoing, Settlement(ReplyStatus.SENT, provider_id="SM9"), seconds=LEASE)
    assert await lines(store) == ()


async def test_a_line_is_not_due_while_it_rests(kit: StoreKit) -> None:
    (first,) = (await write(kit.store, deliver=LEASE, replies=(reply("r1"),))).outgoing
    assert await lines(kit.store) == ()
    await kit.store.settle(JANE, first, Settlement(ReplyStatus.WAITING, retry_in=30.0), seconds=LEASE)
    assert await lines(kit.store) == ()
    kit.advance(30.1)
    assert await lines(kit.store) == ((JANE, Channel.SMS),)


async def test_a_listener_hears_of_another_processs_work(kit: StoreKit) -> None:
    other = await kit.second()
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.store.notify(JANE)
    hints = other.listen()
    assert await anext(hints) == JANE
    await hints.aclose()  # type: ignore[attr-defined]
