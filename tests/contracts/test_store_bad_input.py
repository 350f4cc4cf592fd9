"""Records that lost their sense, entries that lead nowhere, clocks that jump, lost answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from tandem.errors import LeaseLost, UnreadableRecord
from tandem.model import ApprovalStatus, Channel, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, EffectState, Outcome, Settlement

from .kits import StoreKit
from .records import JANE, JOHN, LEASE, approval, conversation, event, fresh, names, reply, take, texts, ticket, write

pytestmark = pytest.mark.promise("P5", "P7", "P13")

SENT = Settlement(ReplyStatus.SENT, provider_id="SM9")
HOUR = 3600.0


# --- records that cannot be read -----------------------------------------------------------------------------


async def test_an_unreadable_opt_out_counts_as_stop_on_every_channel_for_texts(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(opted_out=(Channel.WHATSAPP,)))
    await kit.corrupt(JANE)
    await kit.corrupt(JANE, "opt_out")
    claim = await take(kit.store, accept=texts("a"))
    assert claim.conversation is not None
    assert set(claim.conversation.opted_out) == {Channel.SMS, Channel.WHATSAPP, Channel.RCS}
    assert [one.entry.key for one in claim.waiting] == ["a"]
    assert (await kit.store.counts()).set_aside == 2


async def test_an_effect_whose_record_is_unreadable_may_have_happened(kit: StoreKit) -> None:
    await kit.store.effect_begin(JANE, "refund", token="t")
    await kit.corrupt(JANE, "effect", "refund")
    assert (await kit.store.effect_begin(JANE, "refund", token="t")).state is EffectState.UNKNOWN


async def test_a_commit_whose_answer_is_unreadable_is_not_made_again(kit: StoreKit) -> None:
    claim = await take(kit.store)
    change = Change(conversation(), timeline=(event("turn"),))
    await kit.store.commit(claim, change, token="t")
    await kit.corrupt(JANE, "answer", "t")
    with pytest.raises(LeaseLost):
        await kit.store.commit(claim, change, token="t")
    assert names(await kit.store.timeline(JANE)) == ["turn"]


async def test_a_snapshot_that_is_lost_leaves_its_approval(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(approvals=(approval("apr_1"),)))
    await kit.corrupt(JANE, "approval", "apr_1")
    with pytest.raises(UnreadableRecord):
        await kit.store.approval("apr_1")
    assert (await kit.store.approvals(status=None, limit=10)).items == ()
    claim = await take(kit.store)
    assert claim.conversation is not None
    (carried,) = claim.conversation.approvals
    decided = replace(carried, status=ApprovalStatus.REJECTED)
    await kit.store.commit(claim, Change(conversation(approvals=(decided,))), token=fresh())
    stored = await kit.store.approval("apr_1")
    assert stored is not None
    assert stored.status is ApprovalStatus.REJECTED


async def test_an_approval_that_is_unreadable_and_carried_no_longer_is_listed_no_longer(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(approvals=(approval("apr_1"),)))
    await kit.corrupt(JANE, "approval", "apr_1")
    await write(kit.store, conversation=conversation())
    assert (await kit.store.counts()).pending_approvals == 0


async def test_lists_leave_out_what_is_unreadable(kit: StoreKit) -> None:
    await write(kit.store, tickets=(ticket("T1"), ticket("T2")), replies=(reply("r1"), reply("r2")))
    await kit.corrupt(JANE, "ticket", "T1")
    await kit.corrupt(JANE, "unsettled", "r1")
    await kit.corrupt(JANE, "glance")
    assert [one.id for one in await kit.store.tickets(JANE)] == ["T2"]
    assert [one.reply.id for one in await kit.store.replies(JANE)] == ["r2"]
    assert [(one.subject, one.preview) for one in (await kit.store.recent(limit=9)).items] == [(JANE, "")]


async def test_a_settled_reply_that_is_unreadable_moves_no_more(kit: StoreKit) -> None:
    (outgoing,) = (await write(kit.store, replies=(reply("r1"),), deliver=LEASE)).outgoing
    await kit.store.settle(JANE, outgoing, SENT, seconds=LEASE)
    await kit.corrupt(JANE, "reply", "r1")
    assert not await kit.store.delivery_status(JANE, "r1", ReplyStatus.DELIVERED, provider_id="SM9")


@pytest.mark.parametrize("kind", ["conversation", "waiting", "unsettled", "ticket", "approval"])
async def test_a_lane_with_an_unreadable_record_and_head_goes_on(kit: StoreKit, kind: str) -> None:
    carried = conversation(approvals=(approval("apr_1"),))
    await write(kit.store, conversation=carried, replies=(reply("r1"), reply("r2")), tickets=(ticket("T1"),))
    await kit.store.accept(JANE, texts("a", "b"), token=fresh())
    keys = {"waiting": "a", "unsettled": "r1", "ticket": "T1", "approval": "apr_1"}
    await kit.corrupt(JANE, kind, keys.get(kind, ""))
    await kit.corrupt_head(JANE)
    claim = await take(kit.store, accept=texts("c"))
    assert [one.entry.key for one in claim.waiting] == [key for key in "abc" if (kind, key) != ("waiting", "a")]
    committed = await kit.store.commit(claim, Change(conversation(), consumed=("a", "b", "c")), token=fresh())
    assert committed.waiting == ()


# --- entries of an index that lead nowhere -------------------------------------------------------------------


async def test_an_entry_that_leads_to_no_lane_is_gone_after_a_look(kit: StoreKit) -> None:
    await kit.stray("due", JOHN, "", 1.0)
    await kit.store.accept(JANE, texts("a"), token=fresh())
    assert (await kit.store.due(limit=10)).lanes == (JOHN, JANE)
    await kit.store.release(await take(kit.store, JOHN))
    assert (await kit.store.due(limit=10)).lanes == (JANE,)


async def test_a_line_of_an_unknown_channel_is_left_out(kit: StoreKit) -> None:
    await kit.stray("lines", JOHN, "fax", 1.0)
    await write(kit.store, replies=(reply("r1"),))
    assert (await kit.store.due(limit=10)).lines == ((JANE, Channel.SMS),)


async def test_lists_pass_over_entries_that_lead_nowhere(kit: StoreKit) -> None:
    await kit.stray("approvals", JOHN, "apr_gone", 1.0)
    await write(kit.store, conversation=conversation(approvals=(approval("apr_1"),)))
    assert [one.id for one in (await kit.store.approvals(status=None, limit=10)).items] == ["apr_1"]


async def test_a_purge_passes_over_entries_that_lead_nowhere(kit: StoreKit) -> None:
    await kit.stray("age", JOHN, "", 1.0)
    await kit.stray("sweep", JOHN, "0", 0.0)
    await write(kit.store)
    kit.advance(10 * 86400)
    report = await kit.store.purge(older_than=86400.0)
    assert (report.deleted["conversations"], report.failed) == (1, 0)


# --- clocks that jump ------------------------------------------------------------------------------------------


async def test_a_lane_held_under_a_clock_that_ran_ahead_is_free_when_its_lease_would_be_over(kit: StoreKit) -> None:
    kit.advance(HOUR)
    await take(kit.store, accept=texts("a"))
    kit.advance(-HOUR)
    await kit.store.accept(JANE, texts("b"), token=fresh())
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is None
    kit.advance(LEASE + 0.1)
    assert (await kit.store.due(limit=10)).lanes == (JANE,)
    assert [one.entry.key for one in (await take(kit.store)).waiting] == ["a", "b"]


async def test_a_reply_in_hand_under_a_clock_that_ran_ahead_is_sent_by_another(kit: StoreKit) -> None:
    kit.advance(HOUR)
    await write(kit.store, replies=(reply("r1"),), deliver=LEASE)
    kit.advance(-HOUR)
    await kit.store.accept(JANE, texts("b"), token=fresh())
    assert await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE) is None
    kit.advance(LEASE + 0.1)
    outgoing = await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert outgoing.tries == 2


async def test_a_clock_that_jumps_ahead_loses_nothing(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a"))
    kit.advance(400 * 86400)
    await kit.store.commit(claim, Change(conversation(), replies=(reply("r1"),)), token=fresh())
    assert [one.entry.key for one in await kit.store.waiting(JANE)] == ["a"]
    assert (await kit.store.due(limit=10)).lines == ((JANE, Channel.SMS),)


async def test_fences_grow_over_any_jump_of_the_clock(kit: StoreKit) -> None:
    fences = []
    for jump in (0.0, 300 * 365 * 86400, -300 * 365 * 86400, HOUR, -HOUR):
        kit.advance(jump)
        kit.advance(2 * LEASE)
        await kit.store.accept(JANE, texts(fresh("k")), token=fresh())
        kit.advance(2 * LEASE)
        fences.append((await take(kit.store)).fence)
    assert fences == sorted(set(fences))


# --- answers that are lost ---------------------------------------------------------------------------------------

READS: dict[str, Callable[[LaneStore], Awaitable[object]]] = {
    "conversation": lambda store: store.conversation(JANE),
    "waiting": lambda store: store.waiting(JANE),
    "conversation_and_waiting": lambda store: store.conversation_and_waiting(JANE),
    "timeline": lambda store: store.timeline(JANE),
    "replies": lambda store: store.replies(JANE),
    "tickets": lambda store: store.tickets(JANE),
    "newest": lambda store: store.newest(JANE, rows=10, tickets=10),
    "present": lambda store: store.present(JANE),
    "due": lambda store: store.due(limit=10),
    "recent": lambda store: store.recent(limit=10),
    "approvals": lambda store: store.approvals(status=None, limit=10),
    "approval": lambda store: store.approval("apr_1"),
    "ticket": lambda store: store.ticket("T1"),
    "effect_known": lambda store: store.effect_known(JANE, "refund"),
    "ping": lambda store: store.ping(),
}


async def test_reads_whose_answers_were_lost_are_answered(kit: StoreKit) -> None:
    carried = conversation(approvals=(approval("apr_1"),))
    await write(kit.store, conversation=carried, replies=(reply("r1"),), tickets=(ticket("T1"),), timeline=(event(),))
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.store.effect_begin(JANE, "refund", token="t")
    await kit.store.presence(JANE, call="CA1", replica="one", seconds=LEASE)
    before = {name: await read(kit.store) for name, read in READS.items()}
    assert {name: await kit.reread(partial(read, kit.store)) for name, read in READS.items()} == before


async def test_a_hint_whose_answer_was_lost_does_no_harm(kit: StoreKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.reread(lambda: kit.store.notify(JANE))
    assert (await kit.store.due(limit=10)).lanes == (JANE,)


async def test_a_purge_whose_answer_was_lost_goes_on(kit: StoreKit) -> None:
    await write(kit.store)
    kit.advance(10 * 86400)
    report = await kit.reread(lambda: kit.store.purge(older_than=86400.0))
    assert report.failed == 0
    assert await kit.store.conversation(JANE) is None


async def test_a_new_lane_whose_first_answer_was_lost_has_its_entry_once(kit: StoreKit) -> None:
    receipts = await kit.reread(lambda: kit.store.accept(SubjectId("new"), texts("a"), token="t"))
    assert [one.outcome for one in receipts] == [Outcome.ACCEPTED]
    assert len(await kit.store.waiting(SubjectId("new"))) == 1
