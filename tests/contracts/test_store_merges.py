"""One person, two lanes: everything of the one moves into the other, at once or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.errors import LeaseLost
from tandem.model import ApprovalStatus, Channel, Conversation, Outgoing, Priority, Reply, ReplyStatus, SubjectId, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.merging import erase_person
from tandem.persistence.values import OWN_LANES, EffectState, Outcome, Settlement

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
    text,
    ticket,
    write,
    write_approvals,
)

pytestmark = pytest.mark.promise("I6", "P1")

OLD, NEW = JANE, SubjectId("segment_user_42")


def said(number: int, at: float, words: str) -> Turn:
    return Turn(number, Channel.SMS, at, ({"role": "user", "content": words},))


def words_of(found: Conversation | None) -> list[str]:
    assert found is not None
    return [turn.items[0]["content"] for turn in found.history]


async def settle_all(store: LaneStore, subject: SubjectId, first: Outgoing | None) -> None:
    outgoing = first
    while outgoing is not None:
        outgoing = await store.settle(subject, outgoing, Settlement(ReplyStatus.SENT, "SM1"), seconds=LEASE)


async def write_delivered(store: LaneStore, subject: SubjectId, *replies: Reply, **fields: object) -> None:
    committed = await write(store, subject, replies=replies, deliver=LEASE, **fields)
    for outgoing in committed.outgoing:
        await settle_all(store, subject, outgoing)


async def test_the_conversation_moves_whole_into_an_empty_lane(kit: StoreKit) -> None:
    store = kit.store
    await write(store, OLD, conversation=talked(OLD))
    before = await store.conversation(OLD)
    assert before is not None
    assert await store.merge(OLD, NEW, token=fresh())
    after = await store.conversation(NEW)
    assert after is not None
    assert after.history == before.history
    assert after.approvals == tuple(replace(one, subject=NEW) for one in before.approvals)
    assert (after.summary, after.context, after.routes) == (before.summary, before.context, before.routes)
    assert (after.subject, after.turns_taken, after.formerly) == (NEW, before.turns_taken, (OLD,))
    for handle in (store, await kit.second()):
        assert (await handle.conversation(NEW), await handle.conversation(OLD)) == (after, None)
        assert [head.subject for head in (await handle.recent(limit=10)).items] == [NEW]


async def test_two_conversations_become_one_in_the_order_of_time(store: LaneStore) -> None:
    mine = conversation(OLD, turns_taken=2, history=(said(1, 10.0, "a"), said(2, 30.0, "c")), summary="old")
    theirs = conversation(NEW, turns_taken=2, history=(said(1, 20.0, "b"), said(2, 40.0, "d")), summary="new")
    await write(store, OLD, conversation=mine)
    await write(store, NEW, conversation=theirs)
    assert await store.merge(OLD, NEW, token=fresh())
    found = await store.conversation(NEW)
    assert words_of(found) == ["a", "b", "c", "d"]
    assert found is not None
    assert [turn.number for turn in found.history] == [1, 2, 3, 4]
    assert (found.turns_taken, found.summary, found.version) == (4, "old\nnew", 2)


async def test_what_can_only_be_stricter_is(store: LaneStore) -> None:
    await write(store, OLD, conversation=conversation(OLD, escalation=Priority.HIGH, opted_out=(Channel.SMS,)))
    await write(store, NEW, conversation=conversation(NEW, escalation=Priority.LOW, paused=True))
    await store.merge(OLD, NEW, token=fresh())
    found = await store.conversation(NEW)
    assert found is not None
    assert (found.escalation, found.opted_out, found.paused) == (Priority.HIGH, (Channel.SMS,), True)
    await store.purge(older_than=0)
    claim = await take(store, NEW)
    assert claim.conversation is not None
    assert claim.conversation.opted_out == (Channel.SMS,)


async def test_what_is_kept_for_the_agent_is_kept_of_both(store: LaneStore) -> None:
    await write(store, OLD, conversation=conversation(OLD, context={"hold": {"tickets": ["T1"], "told": True}, "a": 1}))
    await write(store, NEW, conversation=conversation(NEW, context={"hold": {"tickets": ["T2"]}, "a": 2}))
    await store.merge(OLD, NEW, token=fresh())
    found = await store.conversation(NEW)
    assert found is not None
    assert found.context == {"hold": {"tickets": ["T1", "T2"], "told": True}, "a": 2}


async def test_the_gateways_own_lanes_are_not_erased(store: LaneStore) -> None:
    for own in OWN_LANES:
        await store.effect_begin(own, "ws:1", token=fresh())
        assert await erase_person(store, own, actor="alice") == 0
        assert await store.effect_known(own, "ws:1")


async def consume(store: LaneStore, subject: SubjectId, *keys: str) -> None:
    await store.accept(subject, [text(key) for key in keys], token=fresh())
    await write(store, subject, consumed=keys)


async def test_a_message_that_was_answered_is_still_a_duplicate(store: LaneStore) -> None:
    await consume(store, OLD, "SM1", "SM2")
    await consume(store, NEW, "SM2", "SM3")
    await store.merge(OLD, NEW, token=fresh())
    receipts = await store.accept(NEW, [text(key) for key in ("SM1", "SM2", "SM3", "SM4")], token=fresh())
    assert [one.outcome for one in receipts] == [Outcome.DUPLICATE] * 3 + [Outcome.ACCEPTED]
    assert [one.entry.key for one in await store.waiting(NEW)] == ["SM4"]


async def test_effects_are_known_and_those_of_the_lane_that_stays_win(store: LaneStore) -> None:
    for subject, result in ((OLD, "REF_OLD"), (NEW, "REF_NEW")):
        await write(store, subject)
        await store.effect_begin(subject, "both", token=fresh())
        await store.effect_finish(subject, "both", result=result)
    await store.effect_begin(OLD, "paid", token=fresh())
    await store.effect_finish(OLD, "paid", result="REF_1")
    await store.effect_begin(OLD, "begun", token=fresh())
    await store.merge(OLD, NEW, token=fresh())
    found = [await store.effect_begin(NEW, key, token=fresh()) for key in ("both", "paid", "begun")]
    assert [one.result for one in found] == ["REF_NEW", "REF_1", None]
    assert [one.state for one in found] == [EffectState.DONE, EffectState.DONE, EffectState.UNKNOWN]
    assert not await store.effect_known(OLD, "paid")


async def test_settled_replies_move_and_their_news_still_arrive(store: LaneStore) -> None:
    await write_delivered(store, OLD, reply("rpl_1"), reply("rpl_2"))
    await write_delivered(store, NEW, reply("rpl_3"))
    await store.merge(OLD, NEW, token=fresh())
    assert {one.reply.id for one in await store.replies(NEW)} == {"rpl_1", "rpl_2", "rpl_3"}
    assert await store.replies(OLD) == ()
    assert await store.delivery_status(NEW, "rpl_1", ReplyStatus.DELIVERED, provider_id="SM1")


async def test_both_timelines_say_so_and_one_has_all_rows_in_order(kit: StoreKit) -> None:
    store = kit.store
    await write(store, OLD, timeline=(event("first"),))
    kit.advance(1)
    await write(store, NEW, timeline=(event("second"),))
    kit.advance(1)
    await write(store, OLD, timeline=(event("third"),))
    kit.advance(1)
    await store.merge(OLD, NEW, token="the-token")
    assert names(await store.timeline(NEW)) == ["first", "second", "third", "joined"]
    (row,) = await store.timeline(OLD)
    assert (row.name, row.data["token"]) == ("moved", "the-token")


async def test_a_pending_approval_is_the_other_lanes_now(store: LaneStore) -> None:
    await write_approvals(store, approval("apr_1", OLD, expires_at=5e9), subject=OLD)
    await write_approvals(store, approval("apr_2", NEW, expires_at=4e9), subject=NEW)
    await store.merge(OLD, NEW, token=fresh())
    page = await store.approvals(status=ApprovalStatus.PENDING, limit=10)
    assert [(one.id, one.subject) for one in page.items] == [("apr_2", NEW), ("apr_1", NEW)]
    found = await store.approval("apr_1")
    assert found is not None
    assert (found.subject, found.status) == (NEW, ApprovalStatus.PENDING)
    conversation_now = await store.conversation(NEW)
    assert conversation_now is not None
    assert {one.id for one in conversation_now.approvals} == {"apr_1", "apr_2"}


async def test_the_lane_that_stays_wakes_when_the_approval_expires(kit: StoreKit) -> None:
    store = kit.store
    now = (await take(store, JOHN)).now
    await write_approvals(store, approval("apr_1", OLD, expires_at=now + 100), subject=OLD)
    await store.merge(OLD, NEW, token=fresh())
    assert NEW not in (await store.due(limit=10)).lanes
    kit.advance(101)
    due = await store.due(limit=10)
    assert NEW in due.lanes
    assert OLD not in due.lanes


async def test_an_approval_that_the_conversation_dropped_moves_too(store: LaneStore) -> None:
    await write_approvals(store, approval("apr_1", OLD), subject=OLD)
    await write(store, OLD, conversation=conversation(OLD))
    await store.merge(OLD, NEW, token=fresh())
    found = await store.approval("apr_1")
    assert found is not None
    assert (found.subject, found.status) == (NEW, ApprovalStatus.VOID)


async def test_tickets_move(store: LaneStore) -> None:
    await write(store, OLD, tickets=(ticket("TKT_1", OLD), ticket("TKT_2", OLD)))
    await write(store, NEW, tickets=(ticket("TKT_3", NEW),))
    await store.merge(OLD, NEW, token=fresh())
    assert {one.id for one in await store.tickets(NEW)} == {"TKT_1", "TKT_2", "TKT_3"}
    found = await store.ticket("TKT_1")
    assert found is not None
    assert found.subject == NEW
    assert await store.tickets(OLD) == ()
    assert {one.id for one in (await store.all_tickets(status=None, limit=10)).items} == {"TKT_1", "TKT_2", "TKT_3"}


async def test_nothing_to_move_is_false_and_changes_nothing(store: LaneStore) -> None:
    await write(store, NEW, conversation=talked(NEW))
    before = await store.conversation(NEW)
    assert not await store.merge(OLD, NEW, token=fresh())
    assert await store.conversation(NEW) == before
    assert await store.timeline(OLD) == ()


async def test_repeating_a_move_answers_the_same_and_moves_nothing_again(store: LaneStore) -> None:
    await write(store, OLD, conversation=talked(OLD))
    assert await store.merge(OLD, NEW, token="one")
    before = await store.conversation(NEW)
    assert await store.merge(OLD, NEW, token="one")
    assert not await store.merge(OLD, NEW, token="two")
    assert await store.conversation(NEW) == before


async def test_an_answer_that_was_lost_is_given_again(kit: StoreKit) -> None:
    await write(kit.store, OLD, conversation=talked(OLD))
    token = fresh()
    assert await kit.repeat(lambda: kit.store.merge(OLD, NEW, token=token))
    found = await kit.store.conversation(NEW)
    assert found is not None
    assert len(found.history) == 2


async def test_a_customer_who_comes_back_by_the_old_way_is_moved_again(store: LaneStore) -> None:
    await write(store, OLD, conversation=conversation(OLD, turns_taken=1, history=(said(1, 10.0, "a"),)))
    await store.merge(OLD, NEW, token=fresh())
    claim = await take(store, OLD)
    assert claim.conversation is None
    await store.release(claim)
    await write(store, OLD, conversation=conversation(OLD, turns_taken=1, history=(said(1, 20.0, "b"),)))
    assert await store.merge(OLD, NEW, token=fresh())
    found = await store.conversation(NEW)
    assert words_of(found) == ["a", "b"]
    assert found is not None
    assert found.formerly == (OLD,)


async def test_what_came_between_two_moves_of_one_token_is_moved(store: LaneStore) -> None:
    await write(store, OLD, conversation=conversation(OLD, turns_taken=1, history=(said(1, 10.0, "a"),)))
    assert await store.merge(OLD, NEW, token="one")
    await write(store, OLD, conversation=conversation(OLD, turns_taken=1, history=(said(1, 20.0, "b"),)))
    assert await store.merge(OLD, NEW, token="one")
    assert words_of(await store.conversation(NEW)) == ["a", "b"]


async def test_nothing_moves_before_what_is_under_way_is_over(store: LaneStore) -> None:
    await write(store, OLD, conversation=talked(OLD))
    await write(store, NEW)

    async def refused() -> None:
        with pytest.raises(LeaseLost):
            await store.merge(OLD, NEW, token=fresh())
        assert await store.conversation(OLD) is not None

    for held in (OLD, NEW):
        claim = await take(store, held)
        await refused()
        await store.release(claim)
    await store.accept(OLD, [text("SM1")], token=fresh())
    await refused()
    assert [waiting.tries for waiting in await store.waiting(OLD)] == [0]
    committed = await write(store, OLD, consumed=("SM1",), replies=(reply("rpl_1"),), deliver=LEASE)
    await refused()
    await settle_all(store, OLD, committed.outgoing[0])
    for status in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING):
        await write_approvals(store, approval("apr_1", OLD, status=status), subject=OLD)
        await refused()
    await write(store, OLD, conversation=talked(OLD))
    await store.presence(OLD, call="CA1", replica="a", seconds=60)
    await refused()
    await store.presence(OLD, call="CA1", replica="a", seconds=0)
    assert await store.merge(OLD, NEW, token=fresh())
    for free in (OLD, NEW):
        await take(store, free)


async def test_what_waits_in_the_lane_that_stays_is_as_free_as_before(store: LaneStore) -> None:
    await write(store, OLD, conversation=talked(OLD))
    await store.accept(NEW, [text("SM1")], token=fresh())
    assert await store.merge(OLD, NEW, token=fresh())
    claim = await take(store, NEW)
    assert [(one.entry.key, one.tries) for one in claim.waiting] == [("SM1", 1)]


async def test_a_conversation_that_cannot_be_read_is_set_aside_and_nothing_moves(kit: StoreKit) -> None:
    store = kit.store
    await write(store, OLD, conversation=talked(OLD), timeline=(event("turn"),))
    await kit.corrupt(OLD)
    assert not await store.merge(OLD, NEW, token=fresh())
    assert ((await store.counts()).set_aside, await store.conversation(OLD)) == (1, None)
    assert (await store.timeline(NEW), names(await store.timeline(OLD))) == ((), ["turn"])
    await take(store, OLD)


async def test_an_entry_that_cannot_be_read_holds_nothing_up_and_is_set_aside_once(kit: StoreKit) -> None:
    store = kit.store
    await write(store, OLD, conversation=talked(OLD))
    await store.accept(OLD, [text("SM1")], token=fresh())
    await kit.corrupt(OLD, "waiting", "SM1")
    assert await store.merge(OLD, NEW, token=fresh())
    left, stays = [await store.storage.whole(subject) for subject in (OLD, NEW)]
    assert {row.kind for row in left.rows} == {"timeline"}
    assert [row.kind for row in stays.rows].count("aside") == (await store.counts()).set_aside == 1
    (receipt,) = await store.accept(NEW, [text("SM1")], token=fresh())
    assert receipt.outcome is Outcome.DUPLICATE


async def test_whoever_held_the_lane_before_cannot_write(kit: StoreKit) -> None:
    store = kit.store
    await write(store, OLD, conversation=talked(OLD))
    slept = await take(store, OLD)
    kit.advance(LEASE + 1)
    assert await store.merge(OLD, NEW, token=fresh())
    with pytest.raises(LeaseLost):
        await store.renew(slept, seconds=LEASE)


async def test_erasing_both_leaves_nothing(store: LaneStore) -> None:
    await write(store, OLD, conversation=talked(OLD), tickets=(ticket("TKT_1", OLD),), timeline=(event("turn"),))
    await store.merge(OLD, NEW, token=fresh())
    await erase_person(store, NEW, actor="alice")
    assert await store.ticket("TKT_1") is None
    assert await store.approval("apr_talked") is None
    assert await store.timeline(NEW) == await store.timeline(OLD) == ()
    assert [row.actor for row in await store.erasures(OLD)] == ["alice"]


async def test_what_is_left_is_purged_in_time(kit: StoreKit) -> None:
    await write(kit.store, OLD, conversation=conversation(OLD))
    await kit.store.merge(OLD, NEW, token=fresh())
    kit.advance(30 * DAY)
    await kit.store.purge(older_than=7 * DAY)
    assert await kit.store.timeline(OLD) == ()


async def test_a_lane_is_not_merged_with_itself(store: LaneStore) -> None:
    with pytest.raises(ValueError, match="itself"):
        await store.merge(OLD, OLD, token=fresh())
