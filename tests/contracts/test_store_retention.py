"""Purging what is old and erasing a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tandem.errors import LeaseLost
from tandem.model import ApprovalStatus, Channel, Conversation, ReplyStatus, SubjectId, TicketStatus, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, EffectState, Outcome, PurgeReport, Settlement

from .kits import StoreKit
from .records import (
    DAY,
    JANE,
    JOHN,
    LEASE,
    approval,
    conversation,
    event,
    fresh,
    names,
    reply,
    take,
    talked,
    texts,
    ticket,
    write,
    write_approvals,
)

pytestmark = pytest.mark.promise("P4", "O4")

NOTHING = {"conversations": 0, "timeline": 0, "replies": 0, "keys": 0, "effects": 0, "tickets": 0, "set_aside": 0}
LIVE = {"conversations": 1, "timeline": 2, "replies": 1, "keys": 2, "effects": 1, "tickets": 1, "set_aside": 1}


async def live(store: LaneStore, subject: SubjectId = JANE) -> None:
    """Leave one record of every kind in a lane, with nothing left to do."""
    await store.accept(subject, texts("a", "poison"), token=fresh())
    await store.effect_begin(subject, "refund", token=fresh())
    await store.effect_finish(subject, "refund", result="REF_1")
    executed = approval("apr_1", subject, status=ApprovalStatus.EXECUTED)
    committed = await write(
        store,
        subject,
        deliver=LEASE,
        conversation=conversation(subject, approvals=(executed,)),
        consumed=("a",),
        set_aside=("poison",),
        replies=(reply("r1"),),
        timeline=(event("turn"), event("more")),
        tickets=(ticket("T1", subject, status=TicketStatus.CLOSED),),
    )
    sent = Settlement(ReplyStatus.SENT, provider_id="SM9")
    assert await store.settle(subject, committed.outgoing[0], sent, seconds=LEASE) is None


async def purge(kit: StoreKit, *, dry_run: bool = False) -> PurgeReport:
    """Purge 30 days and a bit later, with 30 days as the limit."""
    kit.advance(30 * DAY + 60)
    return await kit.store.purge(older_than=30 * DAY, dry_run=dry_run)


async def test_what_nothing_touched_is_counted_and_then_deleted(kit: StoreKit) -> None:
    await live(kit.store)
    kit.advance(29 * DAY)
    assert (await kit.store.purge(older_than=30 * DAY)).deleted == NOTHING
    kit.advance(DAY + 60)
    assert await kit.store.purge(older_than=30 * DAY, dry_run=True) == PurgeReport(LIVE)
    assert await kit.store.conversation(JANE) is not None
    assert names(await kit.store.timeline(JANE)) == ["turn", "more"]
    assert await kit.store.purge(older_than=30 * DAY) == PurgeReport(LIVE)
    assert (await kit.store.purge(older_than=30 * DAY)).deleted == NOTHING


async def test_nothing_is_left_of_what_was_purged(kit: StoreKit) -> None:
    await live(kit.store)
    await purge(kit)
    assert await kit.store.conversation(JANE) is None
    assert (await kit.store.timeline(JANE), await kit.store.replies(JANE)) == ((), ())
    assert await kit.store.approval("apr_1") is None
    assert await kit.store.tickets(JANE) == ()
    assert (await kit.store.all_tickets(status=None, limit=10)).items == ()
    assert (await kit.store.effect_begin(JANE, "refund", token=fresh())).state is EffectState.NEW
    assert (await kit.store.recent(limit=1)).items == ()
    (receipt,) = await kit.store.accept(JANE, texts("a"), token=fresh())
    assert receipt.outcome is Outcome.ACCEPTED


async def test_keys_live_seven_days_and_not_longer(kit: StoreKit) -> None:
    await live(kit.store)
    kit.advance(6 * DAY)
    await kit.store.purge(older_than=3600.0)
    (receipt,) = await kit.store.accept(JANE, texts("a"), token=fresh())
    assert receipt.outcome is Outcome.DUPLICATE
    kit.advance(DAY + 60)
    assert (await kit.store.purge(older_than=3600.0)).deleted["keys"] == 2


async def test_old_keys_and_effects_of_a_busy_lane_go(kit: StoreKit) -> None:
    await live(kit.store)
    kit.advance(30 * DAY + 60)
    await write(kit.store, timeline=(event("today"),))
    report = await kit.store.purge(older_than=30 * DAY)
    assert report.deleted == {**NOTHING, "keys": 2, "effects": 1, "set_aside": 1}


async def test_a_lane_with_something_to_do_stays(kit: StoreKit) -> None:
    store = kit.store
    busy: dict[str, Callable[[SubjectId], Awaitable[object]]] = {
        "pending approval": lambda one: write_approvals(store, approval(f"apr_{one}", one), subject=one),
        "open ticket": lambda one: write(store, one, tickets=(ticket("T2", one),)),
        "time to wake": lambda one: write(store, one, wake_at=9e9),
        "waiting entry": lambda one: store.accept(one, texts("new"), token=fresh()),
        "unsettled reply": lambda one: write(store, one, replies=(reply("r2"),)),
        "running lease": lambda one: store.claim(one, holder=fresh(), seconds=60 * DAY),
    }
    for name, begin in busy.items():
        await live(store, SubjectId(name))
        await begin(SubjectId(name))
    await live(store)
    assert (await purge(kit)).deleted == LIVE
    assert {head.subject for head in (await store.recent(limit=10)).items} == set(busy)


async def test_a_fence_survives_purging(kit: StoreKit) -> None:
    outlived = await take(kit.store)
    await purge(kit)
    claim = await take(kit.store)
    assert claim.fence > outlived.fence
    with pytest.raises(LeaseLost):
        await kit.store.commit(outlived, Change(conversation()), token=fresh())


@pytest.mark.promise("P12")
async def test_erasing_leaves_nothing(store: LaneStore) -> None:
    await live(store)
    await write(store, JOHN, timeline=(event("turn"),))
    assert await store.erase(JANE) >= 10
    assert await store.conversation(JANE) is None
    assert (await store.timeline(JANE), await store.replies(JANE), await store.waiting(JANE)) == ((), (), ())
    assert await store.approval("apr_1") is None
    assert await store.ticket("T1") is None
    assert (await store.effect_begin(JANE, "refund", token=fresh())).state is EffectState.NEW
    assert (await store.counts()).set_aside == 0
    assert await store.conversation(JOHN) is not None
    assert names(await store.timeline(JOHN)) == ["turn"]


async def test_erasing_takes_waiting_work_too(store: LaneStore) -> None:
    await write(store, conversation=conversation(approvals=(approval("apr_1"),)), replies=(reply("r1"),))
    await store.accept(JANE, texts("new"), token=fresh())
    await store.erase(JANE)
    due = await store.due(limit=10)
    assert (due.lanes, due.lines) == ((), ())
    assert (await store.counts()).pending_approvals == 0


async def test_a_held_lane_is_not_erased(store: LaneStore) -> None:
    await live(store)
    await take(store)
    with pytest.raises(LeaseLost):
        await store.erase(JANE)
    assert await store.conversation(JANE) is not None


async def test_a_worker_that_outlived_its_lease_cannot_write_after_an_erasure(kit: StoreKit) -> None:
    outlived = await take(kit.store)
    kit.advance(LEASE + 0.1)
    await kit.store.erase(JANE)
    with pytest.raises(LeaseLost):
        await kit.store.commit(outlived, Change(conversation()), token=fresh())


async def test_a_commit_from_before_the_erasure_is_not_answered_again(store: LaneStore) -> None:
    claim = await take(store)
    change = Change(conversation())
    await store.commit(claim, change, token="t")
    await store.erase(JANE)
    with pytest.raises(LeaseLost):
        await store.commit(claim, change, token="t")


async def test_a_fence_survives_an_erasure(kit: StoreKit) -> None:
    before = await take(kit.store)
    await kit.store.release(before)
    await kit.store.erase(JANE)
    assert (await take(kit.store)).fence > before.fence


async def test_an_opt_out_outlives_its_conversation(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(opted_out=(Channel.SMS,), summary="what was said"))
    await purge(kit)
    assert await kit.store.conversation(JANE) is None
    found = await kit.store.found_by_turns(JANE)
    claim = await take(kit.store, JANE)
    assert found is not None
    assert claim.conversation is not None
    assert found.opted_out == claim.conversation.opted_out
    assert (claim.conversation.opted_out, claim.conversation.summary) == ((Channel.SMS,), "")


async def test_a_lifted_opt_out_is_gone(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(opted_out=(Channel.SMS,)))
    await write(kit.store, conversation=conversation())
    await purge(kit)
    assert await kit.store.found_by_turns(JANE) is None
    assert (await take(kit.store, JANE)).conversation is None


@pytest.mark.promise("S11")
async def test_opt_outs_move_that_are_all_that_is_left_of_a_lane(kit: StoreKit) -> None:
    await write(kit.store, JANE, conversation=conversation(JANE, opted_out=(Channel.SMS,)))
    kit.advance(DAY)
    await kit.store.purge(older_than=0)
    await write(kit.store, JOHN, conversation=replace(talked(JOHN), handling="resolved"))
    before = await kit.store.conversation(JOHN)
    token = fresh()
    assert [await kit.store.merge(JANE, JOHN, token=one) for one in (token, token, fresh())] == [True, True, False]
    found = await kit.store.conversation(JOHN)
    assert (await kit.store.found_by_turns(JANE), before is not None, found is not None) == (None, True, True)
    assert before is not None
    assert found is not None
    kept = replace(found, opted_out=before.opted_out, formerly=before.formerly, version=before.version)
    assert replace(kept, updated_at=before.updated_at) == before
    assert (found.opted_out, found.formerly) == ((Channel.SMS,), (JANE,))


# --- folding ------------------------------------------------------------------------------------------------------


def shorter(one: Conversation, now: float) -> Conversation:
    """Forget the history, and remember when."""
    return replace(one, history=(), unfolded=(), summary=f"as of {now:.0f}") if one.history else one


async def test_what_nothing_changed_is_folded_under_the_times_that_it_has(kit: StoreKit) -> None:
    turn = Turn(1, Channel.SMS, 1.0, ({"role": "user", "content": "Hello"},))
    written = conversation(history=(turn,), summary="", approvals=(approval("apr_1"),))
    await write(kit.store, conversation=written)
    before = await kit.store.conversation(JANE)
    assert await kit.store.fold(shorter, older_than=DAY) == 0
    kit.advance(2 * DAY)
    assert await kit.store.fold(shorter, older_than=DAY, dry_run=True) == 1
    assert await kit.store.conversation(JANE) == before
    assert await kit.store.fold(shorter, older_than=DAY) == 1
    assert await kit.store.fold(shorter, older_than=DAY) == 0
    after = await kit.store.conversation(JANE)
    assert before is not None
    assert after is not None
    assert after == replace(before, history=(), unfolded=(), summary=after.summary, version=before.version + 1)
    (head,) = (await kit.store.recent(limit=9)).items
    assert (head.version, head.updated_at) == (after.version, before.updated_at)
    assert (await take(kit.store)).conversation == after


@pytest.mark.parametrize("busy", ["held", "waiting"])
async def test_a_lane_that_is_at_work_is_not_folded(kit: StoreKit, busy: str) -> None:
    turn = Turn(1, Channel.SMS, 1.0, ({"role": "user", "content": "Hello"},))
    await write(kit.store, conversation=conversation(history=(turn,)))
    kit.advance(2 * DAY)
    if busy == "held":
        await take(kit.store)
    else:
        await kit.store.accept(JANE, texts("a"), token=fresh())
    assert await kit.store.fold(shorter, older_than=DAY) == 0
