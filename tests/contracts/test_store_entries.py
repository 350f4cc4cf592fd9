"""Entries: accepted once per key, in order, durable, refused when late."""

from __future__ import annotations

import pytest

from tandem.persistence.base import LaneStore
from tandem.persistence.values import Outcome

from .kits import StoreKit
from .records import JANE, JOHN, LEASE, fresh, take, text, texts, write

pytestmark = pytest.mark.promise("S8", "P3", "P13")


async def test_a_new_key_is_accepted_and_waits_as_it_was_given(kit: StoreKit) -> None:
    entry = text("SM1", "Grüße 👋\n\t\"quoted\" 'text'")
    (receipt,) = await kit.store.accept(JANE, (entry,), token=fresh())
    assert (receipt.key, receipt.outcome, receipt.earlier) == ("SM1", Outcome.ACCEPTED, None)
    for store in (kit.store, await kit.second()):
        assert [waiting.entry for waiting in await store.waiting(JANE)] == [entry]


async def test_entries_wait_in_the_order_of_acceptance_until_they_are_consumed(store: LaneStore) -> None:
    await store.accept(JANE, texts("b", "a"), token=fresh())
    await store.accept(JANE, texts("c", "0"), token=fresh())
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["b", "a", "c", "0"]
    await write(store, consumed=("b", "c"))
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["a", "0"]


async def test_a_known_key_is_a_duplicate_and_shows_the_earlier_entry(store: LaneStore) -> None:
    first, again = text("SM1", "first words"), text("SM1", "other words")
    await store.accept(JANE, (first,), token=fresh())
    (waiting,) = await store.accept(JANE, (again,), token=fresh())
    assert len(await store.waiting(JANE)) == 1
    await write(store, consumed=("SM1",))
    (consumed,) = await store.accept(JANE, (again,), token=fresh())
    (late,) = await store.accept(JANE, (again,), token=fresh(), not_after=1.0)
    for receipt in (waiting, consumed, late):
        assert (receipt.outcome, receipt.earlier) == (Outcome.DUPLICATE, first)
    (other,) = await store.accept(JOHN, (again,), token=fresh())
    assert other.outcome is Outcome.ACCEPTED


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


async def test_a_new_key_after_its_deadline_is_late_and_not_stored(kit: StoreKit) -> None:
    now = (await take(kit.store)).now
    (receipt,) = await kit.store.accept(JANE, texts("in time"), token=fresh(), not_after=now + 60)
    assert receipt.outcome is Outcome.ACCEPTED
    kit.advance(61)
    (receipt,) = await kit.store.accept(JANE, texts("decision"), token=fresh(), not_after=now + 60)
    assert (receipt.outcome, receipt.earlier) == (Outcome.LATE, None)
    assert [waiting.entry.key for waiting in await kit.store.waiting(JANE)] == ["in time"]
    (receipt,) = await kit.store.accept(JANE, texts("decision"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_entries_are_accepted_while_the_lane_is_held_and_by_a_claim(store: LaneStore) -> None:
    claim = await take(store, accept=texts("heard", "prompt"))
    assert [waiting.entry.key for waiting in claim.waiting] == ["heard", "prompt"]
    (receipt,) = await store.accept(JANE, texts("SM1"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED
    assert await store.claim(JANE, holder=fresh(), seconds=LEASE, accept=texts("SM2")) is None
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["heard", "prompt", "SM1", "SM2"]


async def test_an_entry_set_aside_waits_no_longer_and_stays_a_duplicate(store: LaneStore) -> None:
    await store.accept(JANE, texts("poison", "b"), token=fresh())
    await write(store, set_aside=("poison",))
    assert [waiting.entry.key for waiting in await store.waiting(JANE)] == ["b"]
    assert (await store.counts()).set_aside == 1
    (receipt,) = await store.accept(JANE, texts("poison"), token=fresh())
    assert receipt.outcome is Outcome.DUPLICATE


async def test_waiting_says_when_an_entry_was_accepted(kit: StoreKit) -> None:
    now = (await take(kit.store)).now
    kit.advance(100)
    await kit.store.accept(JANE, texts("SM1"), token=fresh())
    (waiting,) = await kit.store.waiting(JANE)
    assert waiting.accepted_at == pytest.approx(now + 100, abs=5)
