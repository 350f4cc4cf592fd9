"""Entries: accepted once per key, in order, durable, refused when late."""

from __future__ import annotations

import pytest

from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Outcome

from .kits import StoreKit
from .records import JANE, JOHN, LEASE, conversation, fresh, take, text, texts, write

pytestmark = pytest.mark.promise("S8", "P3", "P13")


async def test_a_new_key_is_accepted(store: LaneStore) -> None:
    (receipt,) = await store.accept(JANE, texts("SM1"), token=fresh())
    assert (receipt.key, receipt.outcome, receipt.earlier) == ("SM1", Outcome.ACCEPTED, None)


async def test_an_accepted_entry_is_waiting_as_it_was_given(store: LaneStore) -> None:
    entry = text("SM1", "Grüße 👋\n\t\"quoted\" 'text'")
    await store.accept(JANE, (entry,), token=fresh())
    assert [waiting.entry for waiting in await store.waiting(JANE)] == [entry]


async def test_an_accepted_entry_is_seen_by_another_process(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("SM1"), token=fresh())
    other = await kit.second()
    assert [waiting.entry.key for waiting in await other.waiting(JANE)] == ["SM1"]


async def test_entries_wait_in_the_order_of_acceptance(store: LaneStore) -> None:
    await store.accept(JANE, texts("b", "a"), token=fresh())
    await store.accept(JANE, texts("c", "0"), token=fresh())
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["b", "a", "c", "0"]


async def test_a_waiting_key_is_a_duplicate_and_shows_the_earlier_entry(store: LaneStore) -> None:
    first = text("SM1", "first words")
    await store.accept(JANE, (first,), token=fresh())
    (receipt,) = await store.accept(JANE, (text("SM1", "other words"),), token=fresh())
    assert (receipt.outcome, receipt.earlier) == (Outcome.DUPLICATE, first)


async def test_a_consumed_key_is_a_duplicate_and_shows_the_earlier_entry(store: LaneStore) -> None:
    first = text("SM1", "first words")
    claim = await take(store, accept=(first,))
    await store.commit(claim, Change(conversation(), consumed=("SM1",)), token=fresh())
    (receipt,) = await store.accept(JANE, texts("SM1"), token=fresh())
    assert (receipt.outcome, receipt.earlier) == (Outcome.DUPLICATE, first)


async def test_a_duplicate_is_not_stored_again(store: LaneStore) -> None:
    await store.accept(JANE, texts("SM1"), token=fresh())
    await store.accept(JANE, texts("SM1"), token=fresh())
    assert len(await store.waiting(JANE)) == 1


async def test_the_same_key_in_another_lane_is_new(store: LaneStore) -> None:
    await store.accept(JANE, texts("SM1"), token=fresh())
    (receipt,) = await store.accept(JOHN, texts("SM1"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_receipts_are_in_the_order_of_the_entries(store: LaneStore) -> None:
    await store.accept(JANE, texts("old"), token=fresh())
    receipts = await store.accept(JANE, texts("new", "old", "newer"), token=fresh())
    assert [(receipt.key, receipt.outcome) for receipt in receipts] == [
        ("new", Outcome.ACCEPTED),
        ("old", Outcome.DUPLICATE),
        ("newer", Outcome.ACCEPTED),
    ]


async def test_a_key_twice_in_one_call_is_a_duplicate_of_itself(store: LaneStore) -> None:
    first = text("SM1", "first words")
    receipts = await store.accept(JANE, (first, text("SM1", "other words")), token=fresh())
    assert [(receipt.outcome, receipt.earlier) for receipt in receipts] == [
        (Outcome.ACCEPTED, None),
        (Outcome.DUPLICATE, first),
    ]


async def test_a_new_key_before_the_deadline_is_accepted(store: LaneStore) -> None:
    now = (await take(store)).now
    (receipt,) = await store.accept(JANE, texts("decision"), token=fresh(), not_after=now + 60)
    assert receipt.outcome is Outcome.ACCEPTED


async def test_a_new_key_after_the_deadline_is_late(kit: StoreKit) -> None:
    now = (await take(kit.store)).now
    kit.advance(61)
    (receipt,) = await kit.store.accept(JANE, texts("decision"), token=fresh(), not_after=now + 60)
    assert (receipt.outcome, receipt.earlier) == (Outcome.LATE, None)


async def test_a_late_entry_is_not_stored(store: LaneStore) -> None:
    await store.accept(JANE, texts("decision"), token=fresh(), not_after=1.0)
    assert await store.waiting(JANE) == ()


async def test_a_late_key_may_still_be_accepted_without_a_deadline(store: LaneStore) -> None:
    await store.accept(JANE, texts("decision"), token=fresh(), not_after=1.0)
    (receipt,) = await store.accept(JANE, texts("decision"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_a_known_key_after_the_deadline_is_a_duplicate(store: LaneStore) -> None:
    await store.accept(JANE, texts("decision"), token=fresh())
    (receipt,) = await store.accept(JANE, texts("decision"), token=fresh(), not_after=1.0)
    assert receipt.outcome is Outcome.DUPLICATE


async def test_entries_are_accepted_while_the_lane_is_held(store: LaneStore) -> None:
    await take(store)
    (receipt,) = await store.accept(JANE, texts("SM1"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_a_claim_accepts_entries_in_the_same_step(store: LaneStore) -> None:
    claim = await take(store, accept=texts("heard", "prompt"))
    assert [waiting.entry.key for waiting in claim.waiting] == ["heard", "prompt"]


async def test_a_refused_claim_accepts_its_entries_all_the_same(store: LaneStore) -> None:
    await take(store)
    await store.claim(JANE, holder=fresh(), seconds=LEASE, accept=texts("SM1"))
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["SM1"]


async def test_consumed_entries_wait_no_longer(store: LaneStore) -> None:
    await store.accept(JANE, texts("a", "b", "c"), token=fresh())
    await write(store, consumed=("a", "c"))
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["b"]


async def test_an_entry_set_aside_waits_no_longer_and_is_counted(store: LaneStore) -> None:
    await store.accept(JANE, texts("poison", "b"), token=fresh())
    await write(store, set_aside=("poison",))
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["b"]
    assert (await store.counts()).set_aside == 1


async def test_an_entry_set_aside_stays_a_duplicate(store: LaneStore) -> None:
    await store.accept(JANE, texts("poison"), token=fresh())
    await write(store, set_aside=("poison",))
    (receipt,) = await store.accept(JANE, texts("poison"), token=fresh())
    assert receipt.outcome is Outcome.DUPLICATE


async def test_waiting_says_when_an_entry_was_accepted(kit: StoreKit) -> None:
    now = (await take(kit.store)).now
    kit.advance(100)
    await kit.store.accept(JANE, texts("SM1"), token=fresh())
    (waiting,) = await kit.store.waiting(JANE)
    assert waiting.accepted_at == pytest.approx(now + 100, abs=5)
