"""Records that cannot be read are set aside, and the customer is answered all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.errors import LeaseLost, UnreadableRecord
from tandem.model import Channel, ReplyStatus
from tandem.persistence.values import Change, Outcome, Settlement

from .kits import StoreKit
from .records import (
    JANE,
    JOHN,
    LEASE,
    approval,
    conversation,
    event,
    fresh,
    names,
    reply,
    same_but_stamped,
    take,
    talked,
    texts,
    write,
)

pytestmark = pytest.mark.promise("P5", "P13")


async def test_an_unreadable_conversation_is_set_aside_and_its_lane_goes_on(kit: StoreKit) -> None:
    await write(kit.store, timeline=(event("before"),))
    await write(kit.store, JOHN)
    await kit.corrupt(JANE)
    with pytest.raises(UnreadableRecord):
        await kit.store.conversation(JANE)
    claim = await take(kit.store, accept=texts("a"))
    assert (claim.conversation, claim.unreadable) == (None, True)
    assert [waiting.entry.key for waiting in claim.waiting] == ["a"]
    assert (await kit.store.counts()).set_aside == 1
    change = Change(talked(), consumed=("a",), timeline=(event("after"),))
    await kit.store.commit(claim, change, token=fresh())
    assert same_but_stamped(await kit.store.conversation(JANE), talked())
    assert names(await kit.store.timeline(JANE)) == ["before", "after"]
    assert (await take(kit.store)).unreadable is False
    other = await take(kit.store, JOHN)
    assert (other.unreadable, other.conversation is None) == (False, False)


async def test_what_waits_is_read_beside_a_conversation_that_cannot_be(kit: StoreKit) -> None:
    await write(kit.store)
    await kit.store.accept(JANE, texts("a"), token=fresh())
    known, waiting = await kit.store.conversation_and_waiting(JANE)
    assert (known, waiting) == (await kit.store.conversation(JANE), await kit.store.waiting(JANE))
    assert (known is not None, [one.entry.key for one in waiting]) == (True, ["a"])
    await kit.corrupt(JANE)
    assert await kit.store.conversation_and_waiting(JANE) == (None, waiting)


async def test_an_unreadable_entry_is_set_aside_and_stays_a_duplicate(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a", "b"), token=fresh())
    await kit.corrupt(JANE, "waiting", "a")
    (receipt,) = await kit.store.accept(JANE, texts("a"), token=fresh())
    assert (receipt.outcome, receipt.earlier) == (Outcome.DUPLICATE, None)
    claim = await take(kit.store)
    assert [(waiting.entry.key, waiting.tries) for waiting in claim.waiting] == [("b", 1)]
    assert (await kit.store.counts()).set_aside == 1


async def test_an_unreadable_entry_does_not_keep_its_lane_due(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.corrupt(JANE, "waiting", "a")
    await kit.store.release(await take(kit.store))
    assert (await kit.store.due(limit=10)).lanes == ()


async def test_an_unreadable_reply_does_not_stop_its_line(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"), reply("r2")))
    await kit.corrupt(JANE, "unsettled", "r1")
    outgoing = await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert outgoing.reply.id == "r2"


async def test_an_unreadable_reply_behind_another_is_set_aside_in_its_turn(kit: StoreKit) -> None:
    (first,) = (await write(kit.store, deliver=LEASE, replies=(reply("r1"), reply("r2")))).outgoing
    await kit.corrupt(JANE, "unsettled", "r2")
    sent = Settlement(ReplyStatus.SENT, provider_id="SM9")
    assert await kit.store.settle(JANE, first, sent, seconds=LEASE) is None
    assert (await kit.store.counts()).set_aside == 1


async def test_a_commit_passes_over_an_unreadable_entry(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a", "b", "c"))
    await kit.corrupt(JANE, "waiting", "b")
    committed = await kit.repeat(lambda: kit.store.commit(claim, Change(talked(), consumed=("a",)), token="t"))
    assert [(waiting.entry.key, waiting.tries) for waiting in committed.waiting] == [("c", 1)]


async def test_a_commit_with_only_unreadable_entries_left_gives_the_lane_back(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a", "b"))
    await kit.corrupt(JANE, "waiting", "b")
    committed = await kit.store.commit(claim, Change(talked(), consumed=("a",)), token="t")
    assert committed.waiting == ()
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is not None


async def test_a_commit_passes_over_an_unreadable_reply(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    await kit.corrupt(JANE, "unsettled", "r1")
    claim = await take(kit.store)
    change = Change(talked(), replies=(reply("r2"),))
    first = await kit.store.commit(claim, change, token="t", deliver=LEASE)
    assert [one.reply.id for one in first.outgoing] == ["r2"]
    assert await kit.store.commit(claim, change, token="t", deliver=LEASE) == first


async def test_an_opt_out_outlives_an_unreadable_conversation(kit: StoreKit) -> None:
    await write(kit.store, conversation=replace(talked(), opted_out=(Channel.SMS,)))
    await kit.corrupt(JANE)
    claim = await take(kit.store)
    assert claim.unreadable
    assert claim.conversation is not None
    assert (claim.conversation.opted_out, claim.conversation.summary) == ((Channel.SMS,), "")


async def test_a_lane_whose_head_is_unreadable_goes_on(kit: StoreKit) -> None:
    carried = conversation(opted_out=(Channel.WHATSAPP,), approvals=(approval("apr_1"),))
    await write(kit.store, conversation=carried, replies=(reply("r1"), reply("r2")), wake_at=5e9)
    await kit.store.accept(JANE, texts("a", "b"), token=fresh())
    before = await take(kit.store)
    await kit.corrupt_head(JANE)
    claim = await take(kit.store)
    assert claim.fence > before.fence
    assert [one.entry.key for one in claim.waiting] == ["a", "b"]
    assert claim.conversation is not None
    assert claim.conversation.opted_out == (Channel.WHATSAPP,)
    outgoing = await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert (outgoing.reply.id, outgoing.tries > 1) == ("r1", True)  # nobody knows whether it was tried
    assert (await kit.store.counts()).set_aside == 1


async def test_whoever_held_a_lane_whose_head_is_unreadable_cannot_write(kit: StoreKit) -> None:
    await write(kit.store)
    claim = await take(kit.store)
    await kit.corrupt_head(JANE)
    with pytest.raises(LeaseLost):
        await kit.store.commit(claim, Change(conversation()), token=fresh())


async def test_a_lane_whose_head_is_unreadable_can_be_read_and_erased(kit: StoreKit) -> None:
    await write(kit.store, conversation=talked(), replies=(reply("r1"),))
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.corrupt_head(JANE)
    assert [one.entry.key for one in await kit.store.waiting(JANE)] == ["a"]
    assert [one.reply.id for one in await kit.store.replies(JANE)] == ["r1"]
    assert await kit.store.present(JANE) is None
    await kit.store.erase(JANE)
    due = await kit.store.due(limit=10)
    assert (await kit.store.conversation(JANE), due.lanes, due.lines) == (None, (), ())
