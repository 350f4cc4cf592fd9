"""Many at once: nothing is lost, order is kept, no two hold a lane."""

from __future__ import annotations

import asyncio

import pytest

from tandem.model import Channel, Conversation, Outgoing, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Outcome, Settlement

from ..kit.waiting import PATIENCE
from .kits import StoreKit
from .records import JANE, LEASE, conversation, fresh, reply, text, texts, write

pytestmark = pytest.mark.promise("S8", "S10", "P7")

CROWD = 64


async def work(store: LaneStore, subject: SubjectId, holders: list[str], done: list[str]) -> None:
    """Do what a replica's lane worker does: claim when free, one entry per commit, until nothing waits."""
    holder = fresh("holder")
    claim = await store.claim(subject, holder=holder, seconds=60.0)
    if claim is None:
        return
    waiting, stored = claim.waiting, claim.conversation or conversation(subject)
    while waiting:
        holders.append(holder)
        await store.effect_known(subject, "anything")  # a turn takes its time
        assert holders == [holder]
        done.append(waiting[0].entry.key)
        holders.remove(holder)  # with the last commit the lane is free, before its answer is here
        change = Change(stored, consumed=(waiting[0].entry.key,))
        waiting = (await store.commit(claim, change, token=fresh())).waiting
    await store.release(claim)


async def test_many_writers_on_one_lane_lose_nothing_and_keep_their_order(store: LaneStore) -> None:
    async def writer(number: int) -> None:
        for count in range(5):
            await store.accept(JANE, (text(f"{number}:{count}"),), token=fresh())

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(writer(number) for number in range(CROWD)))
    keys = [waiting.entry.key for waiting in await store.waiting(JANE)]
    assert len(keys) == CROWD * 5
    for number in range(CROWD):
        assert [key for key in keys if key.startswith(f"{number}:")] == [f"{number}:{count}" for count in range(5)]


async def test_many_deliveries_of_one_message_are_accepted_once(kit: StoreKit) -> None:
    stores = (kit.store, await kit.second())
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(
            *(stores[number % 2].accept(JANE, texts("SM1"), token=fresh()) for number in range(CROWD))
        )
    assert [answer[0].outcome for answer in answers].count(Outcome.ACCEPTED) == 1


async def test_one_of_many_claims_is_granted(kit: StoreKit) -> None:
    stores = (kit.store, await kit.second())
    async with asyncio.timeout(PATIENCE):
        claims = await asyncio.gather(
            *(stores[number % 2].claim(JANE, holder=fresh(), seconds=LEASE) for number in range(CROWD))
        )
    assert len([claim for claim in claims if claim is not None]) == 1


async def test_many_workers_on_one_lane_take_turns(kit: StoreKit) -> None:
    stores = (kit.store, await kit.second())
    holders: list[str] = []
    done: list[str] = []

    async def customer(number: int) -> None:
        await kit.store.accept(JANE, texts(f"k{number}"), token=fresh())
        await work(stores[number % 2], JANE, holders, done)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(customer(number) for number in range(CROWD)))
        while await kit.store.waiting(JANE):
            await work(kit.store, JANE, holders, done)
    assert sorted(done) == sorted(f"k{number}" for number in range(CROWD))


async def test_many_lanes_are_worked_side_by_side(store: LaneStore) -> None:
    async def customer(number: int) -> Conversation | None:
        subject = SubjectId(f"phone_{number}")
        done: list[str] = []
        await store.accept(subject, texts("a", "b", "c"), token=fresh())
        await work(store, subject, [], done)
        assert done == ["a", "b", "c"]
        return await store.conversation(subject)

    async with asyncio.timeout(PATIENCE):
        stored = await asyncio.gather(*(customer(number) for number in range(CROWD)))
    assert [one.version for one in stored if one is not None] == [3] * CROWD


async def test_many_senders_send_each_reply_once_and_in_order(kit: StoreKit) -> None:
    stores = (kit.store, await kit.second())
    await write(kit.store, replies=tuple(reply(f"r{number:02}") for number in range(CROWD)))
    sent: list[str] = []

    async def sender(number: int) -> None:
        store = stores[number % 2]
        outgoing: Outgoing | None = await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=60.0)
        while outgoing is not None:
            sent.append(outgoing.reply.id)
            settlement = Settlement(ReplyStatus.SENT, provider_id=f"SM{outgoing.reply.id}")
            outgoing = await store.settle(JANE, outgoing, settlement, seconds=60.0)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(sender(number) for number in range(CROWD)))
    assert sent == [f"r{number:02}" for number in range(CROWD)]
