"""Every write may be repeated when its answer is lost, and answers as it did at first."""

from __future__ import annotations

import pytest

from tandem.model import Channel, ReplyStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, EffectState, Outcome, Settlement

from .kits import StoreKit
from .records import JANE, LEASE, conversation, event, fresh, names, reply, take, talked, texts, write

pytestmark = pytest.mark.promise("S8", "P7")

SENT = Settlement(ReplyStatus.SENT, provider_id="SM9", timeline=(event("sent"),))
RETRY = Settlement(ReplyStatus.WAITING, retry_in=0.0)


async def test_accept(kit: StoreKit) -> None:
    receipts = await kit.repeat(lambda: kit.store.accept(JANE, texts("a", "b"), token="t"))
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert len(await kit.store.waiting(JANE)) == 2


async def test_accept_of_a_duplicate(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token="other")
    (receipt,) = await kit.repeat(lambda: kit.store.accept(JANE, texts("a"), token="t"))
    assert receipt.outcome is Outcome.DUPLICATE


async def test_accept_of_a_key_twice_in_one_call(kit: StoreKit) -> None:
    receipts = await kit.repeat(lambda: kit.store.accept(JANE, texts("a", "a"), token="t"))
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.DUPLICATE]


async def test_accept_repeated_after_its_deadline(kit: StoreKit) -> None:
    now = (await take(kit.store)).now
    await kit.store.accept(JANE, texts("decision"), token="t", not_after=now + 60)
    kit.advance(61)
    (receipt,) = await kit.store.accept(JANE, texts("decision"), token="t", not_after=now + 60)
    assert receipt.outcome is Outcome.ACCEPTED


async def test_accept_repeated_after_its_entry_was_consumed(store: LaneStore) -> None:
    await store.accept(JANE, texts("a"), token="t")
    await write(store, consumed=("a",))
    (receipt,) = await store.accept(JANE, texts("a"), token="t")
    assert receipt.outcome is Outcome.ACCEPTED
    assert await store.waiting(JANE) == ()


async def test_claim(kit: StoreKit) -> None:
    claim = await kit.repeat(lambda: kit.store.claim(JANE, holder="me", seconds=LEASE, accept=texts("a")))
    assert claim is not None
    assert [(waiting.entry.key, waiting.tries) for waiting in claim.waiting] == [("a", 1)]


async def test_claim_of_an_unreadable_conversation(kit: StoreKit) -> None:
    await write(kit.store)
    await kit.corrupt(JANE)
    claim = await kit.repeat(lambda: kit.store.claim(JANE, holder="me", seconds=LEASE))
    assert claim is not None
    assert (claim.conversation, claim.unreadable) == (None, True)


async def test_renew(kit: StoreKit) -> None:
    claim = await take(kit.store)
    await kit.repeat(lambda: kit.store.renew(claim, seconds=LEASE))
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None


async def test_release(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await take(kit.store)
    kit.advance(LEASE + 0.1)
    claim = await take(kit.store)
    await kit.repeat(lambda: kit.store.release(claim, forgive=True))
    assert [waiting.tries for waiting in await kit.store.waiting(JANE)] == [1]


async def test_commit(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a", "b"))
    change = Change(talked(), consumed=("a",), replies=(reply("r1"),), timeline=(event("turn"),))
    committed = await kit.repeat(lambda: kit.store.commit(claim, change, token="t", deliver=LEASE))
    assert committed.version == 1
    assert [(waiting.entry.key, waiting.tries) for waiting in committed.waiting] == [("b", 1)]
    assert [(one.reply.id, one.tries) for one in committed.outgoing] == [("r1", 1)]
    assert len(await kit.store.replies(JANE)) == 1
    assert names(await kit.store.timeline(JANE)) == ["turn"]


async def test_commit_repeated_after_another_holder_committed(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a"))
    change = Change(conversation(), consumed=("a",))
    first = await kit.store.commit(claim, change, token="t")
    await write(kit.store)
    await write(kit.store)
    assert await kit.store.commit(claim, change, token="t") == first


async def test_effect_begin(kit: StoreKit) -> None:
    effect = await kit.repeat(lambda: kit.store.effect_begin(JANE, "refund", token="t"))
    assert effect.state is EffectState.NEW


async def test_effect_finish(kit: StoreKit) -> None:
    await kit.store.effect_begin(JANE, "refund", token="t")
    await kit.repeat(lambda: kit.store.effect_finish(JANE, "refund", result="REF_1"))
    effect = await kit.store.effect_begin(JANE, "refund", token="u")
    assert (effect.state, effect.result) == (EffectState.DONE, "REF_1")


async def test_next_reply(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"), reply("r2")))
    outgoing = await kit.repeat(lambda: kit.store.next_reply(JANE, Channel.SMS, holder="me", seconds=LEASE))
    assert outgoing is not None
    assert (outgoing.reply.id, outgoing.tries) == ("r1", 1)


async def test_settle_with_a_reply_to_follow(kit: StoreKit) -> None:
    (first,) = (await write(kit.store, deliver=LEASE, replies=(reply("r1"), reply("r2")))).outgoing
    following = await kit.repeat(lambda: kit.store.settle(JANE, first, SENT, seconds=LEASE))
    assert following is not None
    assert (following.reply.id, following.tries) == ("r2", 1)
    assert names(await kit.store.timeline(JANE)) == ["sent"]


async def test_settle_of_the_last_reply_repeated_after_another_was_queued(store: LaneStore) -> None:
    (first,) = (await write(store, deliver=LEASE, replies=(reply("r1"),))).outgoing
    await store.settle(JANE, first, SENT, seconds=LEASE)
    await write(store, replies=(reply("r2"),))
    assert await store.settle(JANE, first, SENT, seconds=LEASE) is None


async def test_settle_with_a_retry(kit: StoreKit) -> None:
    (first,) = (await write(kit.store, deliver=LEASE, replies=(reply("r1"),))).outgoing
    assert await kit.repeat(lambda: kit.store.settle(JANE, first, RETRY, seconds=LEASE)) is None
    again = await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert again is not None
    assert again.tries == 2


async def test_delivery_status_writes_its_timeline_once(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    await kit.repeat(
        lambda: kit.store.delivery_status(
            JANE, "r1", ReplyStatus.DELIVERED, provider_id="SM9", timeline=(event("delivered"),)
        )
    )
    assert names(await kit.store.timeline(JANE)) == ["delivered"]
