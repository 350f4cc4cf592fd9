"""Commits: all of a change or nothing, only by the holder, next version each time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.errors import LeaseLost, RecordTooLarge
from tandem.model import Channel, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change

from .kits import StoreKit
from .records import (
    JANE,
    JOHN,
    LEASE,
    WHATSAPP,
    approval,
    conversation,
    event,
    fresh,
    names,
    reply,
    same_but_stamped,
    take,
    talked,
    text,
    texts,
    write,
)

pytestmark = pytest.mark.promise("P1", "P2", "P3", "P7", "L2")


async def test_a_conversation_comes_back_as_it_was_written(kit: StoreKit) -> None:
    assert await kit.store.conversation(JANE) is None
    await write(kit.store, conversation=talked())
    for store in (kit.store, await kit.second()):
        assert same_but_stamped(await store.conversation(JANE), talked())


async def test_the_store_sets_version_and_time(kit: StoreKit) -> None:
    assert [(await write(kit.store)).version for _ in range(2)] == [1, 2]
    claim = await take(kit.store)
    kit.advance(2)
    committed = await kit.store.commit(claim, Change(conversation()), token=fresh())
    stored = await kit.store.conversation(JANE)
    assert stored is not None
    assert stored.version == committed.version == 3
    assert stored.updated_at == pytest.approx(claim.now + 2, abs=1)


async def test_a_refused_commit_writes_nothing(kit: StoreKit) -> None:
    outlived = await take(kit.store, accept=texts("a"))
    kit.advance(LEASE + 0.1)
    await take(kit.store)
    change = Change(
        conversation(approvals=(approval("apr_1"),)), consumed=("a",), replies=(reply("r1"),), timeline=(event(),)
    )
    with pytest.raises(LeaseLost):
        await kit.store.commit(outlived, change, token=fresh())
    assert await kit.store.conversation(JANE) is None
    assert [waiting.entry.key for waiting in await kit.store.waiting(JANE)] == ["a"]
    assert await kit.store.replies(JANE) == ()
    assert await kit.store.timeline(JANE) == ()
    assert await kit.store.approval("apr_1") is None


async def test_a_commit_after_another_holders_commit_is_refused(kit: StoreKit) -> None:
    outlived = await take(kit.store)
    kit.advance(LEASE + 0.1)
    await write(kit.store)
    with pytest.raises(LeaseLost):
        await kit.store.commit(outlived, Change(conversation()), token=fresh())


async def test_an_expired_lease_that_nobody_took_may_commit(kit: StoreKit) -> None:
    claim = await take(kit.store)
    kit.advance(LEASE + 60)
    committed = await kit.store.commit(claim, Change(conversation()), token=fresh())
    assert committed.version == 1


async def test_a_commit_gives_an_empty_lane_back(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a"))
    await store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    assert await store.claim(JANE, holder=fresh(), seconds=LEASE) is not None


async def test_entries_that_arrived_meanwhile_are_returned(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a"))
    await store.accept(JANE, (text("b"), text("c")), token=fresh())
    committed = await store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    assert [(waiting.entry.key, waiting.tries) for waiting in committed.waiting] == [("b", 1), ("c", 0)]


async def test_a_kept_lease_lasts_as_long_again(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a", "b"), token=fresh())
    claim = await kit.store.claim(JANE, holder=fresh(), seconds=60.0)
    assert claim is not None
    kit.advance(50)
    await kit.store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    kit.advance(50)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    kit.advance(10.1)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is not None


async def test_a_kept_lease_may_commit_again(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a", "b"))
    await store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    committed = await store.commit(claim, Change(conversation(), consumed=("b",)), token=fresh())
    assert (committed.version, committed.waiting) == (2, ())


async def test_a_commit_claims_the_first_reply_of_each_free_line(store: LaneStore) -> None:
    replies = (reply("r1"), reply("r2"), reply("w1", WHATSAPP))
    claim = await take(store)
    committed = await store.commit(claim, Change(conversation(), replies=replies), token=fresh(), deliver=LEASE)
    found = [(one.reply.id, one.tries, one.holder) for one in committed.outgoing]
    assert found == [("r1", 1, claim.holder), ("w1", 1, claim.holder)]


async def test_a_line_that_somebody_delivers_is_left_alone(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert (await write(store, deliver=LEASE, replies=(reply("r2"),))).outgoing == ()


async def test_a_second_commit_of_a_claim_does_not_hand_out_its_reply_again(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a", "b"))
    first = Change(conversation(), consumed=("a",), replies=(reply("r1"),))
    await store.commit(claim, first, token=fresh(), deliver=LEASE)
    second = Change(conversation(), consumed=("b",), replies=(reply("r2"),))
    assert (await store.commit(claim, second, token=fresh(), deliver=LEASE)).outgoing == ()


async def test_an_older_reply_of_the_line_goes_first(store: LaneStore) -> None:
    assert (await write(store, replies=(reply("r1"),))).outgoing == ()
    assert (await write(store, deliver=LEASE)).outgoing == ()  # no reply of its own
    committed = await write(store, deliver=LEASE, replies=(reply("r2"),))
    assert [one.reply.id for one in committed.outgoing] == ["r1"]


async def test_timeline_rows_get_the_stores_time(kit: StoreKit) -> None:
    claim = await take(kit.store)
    kit.advance(3)
    await kit.store.commit(claim, Change(conversation(), timeline=(event("turn", tokens=5),)), token=fresh())
    (row,) = await kit.store.timeline(JANE)
    assert row == replace(event("turn", tokens=5), at=row.at)
    assert row.at == pytest.approx(claim.now + 3, abs=1)


async def test_timeline_rows_keep_their_order(store: LaneStore) -> None:
    await write(store, timeline=(event("a"), event("b")))
    await write(store, timeline=(event("c"),))
    assert names(await store.timeline(JANE)) == ["a", "b", "c"]


# --- the size of a record --------------------------------------------------------------------------------------


def long(turns: int, characters: int) -> tuple[Turn, ...]:
    """Return turns of so many characters each."""
    items = ({"role": "user", "content": "x" * characters},)
    return tuple(Turn(number, Channel.SMS, 1.0, items) for number in range(1, turns + 1))


async def test_a_record_that_grows_too_large_loses_its_oldest_turns(store: LaneStore) -> None:
    await write(store, conversation=conversation(history=long(16, 100_000), unfolded=long(4, 100_000)))
    stored = await store.conversation(JANE)
    assert stored is not None
    assert stored.unfolded == ()
    assert [turn.number for turn in stored.history] == list(range(9, 17))


async def test_a_record_that_stays_too_large_is_refused_and_nothing_is_written(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a"))
    with pytest.raises(RecordTooLarge):
        await store.commit(claim, Change(conversation(context={"notes": "x" * 1_100_000}), consumed=("a",)), token="t")
    assert await store.conversation(JANE) is None
    assert [one.entry.key for one in await store.waiting(JANE)] == ["a"]
    await store.commit(claim, Change(conversation(), consumed=("a",)), token="t")


async def test_the_largest_record_is_told(store: LaneStore) -> None:
    await write(store, JOHN)
    assert (await store.counts()).largest_record == 0
    await write(store, JANE, conversation=conversation(history=long(1, 70_000)))
    await write(store, JOHN, conversation=conversation(JOHN, history=long(1, 90_000)))
    assert 90_000 < (await store.counts()).largest_record < 91_000
    await write(store, JOHN, conversation=conversation(JOHN))
    assert 70_000 < (await store.counts()).largest_record < 71_000
    await store.erase(JANE)
    assert (await store.counts()).largest_record == 0
