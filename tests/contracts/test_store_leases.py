"""Leases: one holder at a time, fences that only grow, tries that are counted."""

from __future__ import annotations

import asyncio

import pytest

from tandem.errors import LeaseLost
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Claim

from .kits import StoreKit
from .records import JANE, JOHN, LEASE, conversation, fresh, take, talked, texts, write

pytestmark = pytest.mark.promise("P1", "P7", "P13", "L2")

PATIENCE = 10.0


async def test_a_free_lane_is_granted_to_one_holder_until_its_lease_runs_out(kit: StoreKit) -> None:
    claim = await kit.store.claim(JANE, holder="me", seconds=LEASE)
    assert claim is not None
    assert (claim.subject, claim.holder, claim.conversation, claim.waiting) == (JANE, "me", None, ())
    for store in (kit.store, await kit.second()):
        assert await store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    assert await kit.store.claim(JOHN, holder=fresh(), seconds=LEASE) is not None
    kit.advance(LEASE - 1)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    kit.advance(1.1)
    after = await kit.store.claim(JANE, holder=fresh(), seconds=LEASE)
    assert after is not None
    assert after.fence > claim.fence


async def test_a_released_lane_is_free_under_another_fence(store: LaneStore) -> None:
    first = await take(store)
    await store.release(first)
    with pytest.raises(LeaseLost):
        await store.renew(first, seconds=LEASE)
    assert (await take(store)).fence > first.fence


async def test_the_same_holder_gets_the_same_fence(store: LaneStore) -> None:
    first = await store.claim(JANE, holder="me", seconds=LEASE)
    again = await store.claim(JANE, holder="me", seconds=LEASE)
    assert first is not None
    assert again is not None
    assert again.fence == first.fence


async def test_the_same_holder_gets_no_lane_that_another_took(kit: StoreKit) -> None:
    await kit.store.claim(JANE, holder="me", seconds=LEASE)
    kit.advance(LEASE + 0.1)
    await take(kit.store)
    assert await kit.store.claim(JANE, holder="me", seconds=LEASE) is None


async def test_renewing_extends_the_lease_from_now(kit: StoreKit) -> None:
    claim = await take(kit.store)
    kit.advance(LEASE - 1)
    await kit.store.renew(claim, seconds=LEASE)
    kit.advance(LEASE - 1)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None


async def test_an_expired_lease_that_nobody_took_is_taken_back(kit: StoreKit) -> None:
    claim = await take(kit.store)
    kit.advance(LEASE + 10)
    await kit.store.renew(claim, seconds=LEASE)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None


async def test_a_lease_that_another_took_cannot_be_renewed(kit: StoreKit) -> None:
    claim = await take(kit.store)
    kit.advance(LEASE + 0.1)
    await take(kit.store)
    with pytest.raises(LeaseLost):
        await kit.store.renew(claim, seconds=LEASE)


async def test_releasing_a_lost_lease_leaves_the_new_holder_alone(kit: StoreKit) -> None:
    lost = await take(kit.store)
    kit.advance(LEASE + 0.1)
    await take(kit.store)
    await kit.store.release(lost)
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None


async def test_a_claim_gives_the_stored_conversation(store: LaneStore) -> None:
    await write(store, conversation=talked())
    assert (await take(store)).conversation == await store.conversation(JANE)


async def test_a_claim_tells_the_stores_time(kit: StoreKit) -> None:
    before = await take(kit.store)
    await kit.store.release(before)
    kit.advance(1000)
    assert (await take(kit.store)).now == pytest.approx(before.now + 1000, abs=5)


async def test_a_claim_raises_the_tries_of_the_first_entry_once(store: LaneStore) -> None:
    for _ in range(2):
        claim = await store.claim(JANE, holder="me", seconds=LEASE, accept=texts("a", "b"))
        assert claim is not None
        assert [waiting.tries for waiting in claim.waiting] == [1, 0]
    assert await store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    assert [waiting.tries for waiting in await store.waiting(JANE)] == [1, 0]


async def test_tries_are_counted_over_claims(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    for _ in range(2):
        await take(kit.store)
        kit.advance(LEASE + 0.1)
    assert [waiting.tries for waiting in (await take(kit.store)).waiting] == [3]


@pytest.mark.parametrize(("forgive", "tries"), [(False, 1), (True, 0)])
async def test_only_a_forgiving_release_undoes_the_try(store: LaneStore, forgive: bool, tries: int) -> None:
    await store.release(await take(store, accept=texts("a")), forgive=forgive)
    assert [waiting.tries for waiting in await store.waiting(JANE)] == [tries]


async def test_forgiving_undoes_only_ones_own_try(kit: StoreKit) -> None:
    await take(kit.store, accept=texts("a"))
    kit.advance(LEASE + 0.1)
    await kit.store.release(await take(kit.store), forgive=True)
    assert [waiting.tries for waiting in await kit.store.waiting(JANE)] == [1]


async def test_forgiving_a_lost_lease_undoes_nothing(kit: StoreKit) -> None:
    lost = await take(kit.store, accept=texts("a"))
    kit.advance(LEASE + 0.1)
    await take(kit.store)
    await kit.store.release(lost, forgive=True)
    assert [waiting.tries for waiting in await kit.store.waiting(JANE)] == [2]


async def test_forgiving_after_a_commit_undoes_the_commits_try(store: LaneStore) -> None:
    claim = await take(store, accept=texts("a", "b"))
    await store.commit(claim, Change(conversation(), consumed=("a",)), token=fresh())
    await store.release(claim, forgive=True)
    assert [waiting.tries for waiting in await store.waiting(JANE)] == [0]


async def test_a_claim_that_is_cancelled_on_its_way_gives_the_lane_back(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    for turns in range(1, 30):
        call = asyncio.create_task(kit.store.claim(JANE, holder=fresh(), seconds=600.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        (claimed,) = await asyncio.gather(call, return_exceptions=True)
        if isinstance(claimed, Claim):  # it was faster
            await kit.store.release(claimed, forgive=True)
    async with asyncio.timeout(PATIENCE):
        while (claim := await kit.store.claim(JANE, holder=fresh(), seconds=LEASE)) is None:
            await asyncio.sleep(0.01)
    assert [one.entry.key for one in claim.waiting] == ["a"]


async def test_a_clock_that_is_set_back_hands_out_no_fence_again(kit: StoreKit) -> None:
    first = await take(kit.store, accept=texts("a"))
    await kit.store.release(first)
    kit.advance(-3600)
    second = await take(kit.store)
    assert second.fence > first.fence
    with pytest.raises(LeaseLost):
        await kit.store.commit(first, Change(conversation()), token=fresh())
    await kit.store.commit(second, Change(conversation(), consumed=("a",)), token=fresh())
    await kit.store.accept(JANE, texts("b", "c"), token=fresh())
    assert [one.entry.key for one in await kit.store.waiting(JANE)] == ["b", "c"]
