"""The outbox: replies in order per line, one sender at a time, states that only move forward."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.model import Channel, Outgoing, ReplyStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Settlement

from .kits import StoreKit
from .records import JANE, LEASE, WHATSAPP, conversation, event, fresh, names, reply, take, text, texts, write

pytestmark = pytest.mark.promise("S15", "S16")

SENT = Settlement(ReplyStatus.SENT, provider_id="SM9")


async def take_next(store: LaneStore, channel: Channel = Channel.SMS, *, holder: str = "") -> Outgoing | None:
    return await store.next_reply(JANE, channel, holder=holder or fresh("sender"), seconds=LEASE)


async def take_reply(store: LaneStore, channel: Channel = Channel.SMS, *, holder: str = "") -> Outgoing:
    outgoing = await take_next(store, channel, holder=holder)
    assert outgoing is not None
    return outgoing


async def status(store: LaneStore, reply_id: str) -> ReplyStatus:
    return next(stored.status for stored in await store.replies(JANE) if stored.reply.id == reply_id)


async def deliver(store: LaneStore, status: ReplyStatus, *, id: str = "r1", code: int | None = None) -> bool:
    return await store.delivery_status(
        JANE, id, status, provider_id="SM9", error_code=code, timeline=(event(status.value),)
    )


async def test_the_oldest_reply_comes_first_and_holds_its_line(store: LaneStore) -> None:
    assert await take_next(store) is None
    await write(store, replies=(reply("r2"), reply("w1", WHATSAPP), reply("r1")))
    first = await take_reply(store, holder="me")
    assert first == Outgoing(reply("r2"), 1, "me")
    assert await take_next(store) is None
    assert (await take_reply(store, Channel.WHATSAPP)).reply.id == "w1"
    assert await store.settle(JANE, first, SENT, seconds=LEASE) == Outgoing(reply("r1"), 1, "me")


async def test_the_same_sender_keeps_its_line_by_asking_again(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    await take_next(kit.store, holder="me")
    kit.advance(LEASE - 1)
    await take_next(kit.store, holder="me")
    kit.advance(LEASE - 1)
    assert await take_next(kit.store) is None


async def test_a_line_whose_sender_died_is_taken_over_with_a_raised_try(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    await take_next(kit.store)
    kit.advance(LEASE + 0.1)
    assert (await take_reply(kit.store)).tries == 2


async def test_a_line_is_free_after_its_last_reply(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    assert await store.settle(JANE, await take_reply(store), SENT, seconds=LEASE) is None
    await write(store, replies=(reply("r2"),))
    assert (await take_reply(store)).reply.id == "r2"
    stored = (await store.replies(JANE))[0]
    assert (stored.status, stored.provider_id, stored.tries) == (ReplyStatus.SENT, "SM9", 1)


async def test_a_failed_reply_keeps_its_error_code_and_lets_the_line_go_on(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), reply("r2")))
    failed = Settlement(ReplyStatus.FAILED, error_code=21211)
    following = await store.settle(JANE, await take_reply(store), failed, seconds=LEASE)
    assert following is not None
    assert following.reply.id == "r2"
    stored = (await store.replies(JANE))[0]
    assert (stored.status, stored.error_code) == (ReplyStatus.FAILED, 21211)


async def test_a_line_rests_until_its_retry(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"), reply("r2")))
    retry = Settlement(ReplyStatus.WAITING, retry_in=30.0)
    assert await kit.store.settle(JANE, await take_reply(kit.store), retry, seconds=LEASE) is None
    kit.advance(25)
    assert await take_next(kit.store) is None
    kit.advance(5.1)
    outgoing = await take_reply(kit.store)
    assert (outgoing.reply.id, outgoing.tries) == ("r1", 2)


async def test_new_replies_do_not_end_a_rest(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await store.settle(JANE, await take_reply(store), Settlement(ReplyStatus.WAITING, retry_in=30.0), seconds=LEASE)
    assert (await write(store, deliver=LEASE, replies=(reply("r2"),))).outgoing == ()


async def test_settling_writes_the_timeline(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    settlement = Settlement(ReplyStatus.SENT, provider_id="SM9", timeline=(event("sent"),))
    await store.settle(JANE, await take_reply(store), settlement, seconds=LEASE)
    assert names(await store.timeline(JANE)) == ["sent"]


async def test_a_sender_that_outlived_its_lease_changes_nothing(kit: StoreKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    outlived = await take_reply(kit.store)
    kit.advance(LEASE + 0.1)
    await take_reply(kit.store)
    failed = Settlement(ReplyStatus.FAILED, timeline=(event("failed"),))
    assert await kit.store.settle(JANE, outlived, failed, seconds=LEASE) is None
    assert await status(kit.store, "r1") is ReplyStatus.WAITING
    assert await kit.store.timeline(JANE) == ()


async def test_an_attempt_that_its_own_holder_repeated_changes_nothing(kit: StoreKit) -> None:
    claim = await take(kit.store, accept=texts("a", "b"))
    first = Change(conversation(), consumed=("a",), replies=(reply("r1"),))
    (outlived,) = (await kit.store.commit(claim, first, token=fresh(), deliver=LEASE)).outgoing
    kit.advance(LEASE + 0.1)
    second = Change(conversation(), consumed=("b",), replies=(reply("r2"),))
    (again,) = (await kit.store.commit(claim, second, token=fresh(), deliver=LEASE)).outgoing
    assert (again.reply.id, again.tries) == ("r1", 2)
    assert await kit.store.settle(JANE, outlived, Settlement(ReplyStatus.FAILED), seconds=LEASE) is None
    assert await status(kit.store, "r1") is ReplyStatus.WAITING


async def test_a_callback_that_was_faster_than_the_sender_stays_and_the_line_goes_on(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), reply("r2")))
    first = await take_reply(store)
    await deliver(store, ReplyStatus.DELIVERED)
    following = await store.settle(JANE, first, SENT, seconds=LEASE)
    assert following is not None
    assert (following.reply.id, following.tries) == ("r2", 1)
    assert await status(store, "r1") is ReplyStatus.DELIVERED


async def test_a_reply_that_a_callback_settled_is_not_sent(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), reply("r2")))
    await deliver(store, ReplyStatus.SENT)
    assert (await take_reply(store)).reply.id == "r2"


async def test_a_callback_for_a_resting_reply_ends_the_rest(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), reply("r2")))
    await store.settle(JANE, await take_reply(store), Settlement(ReplyStatus.WAITING, retry_in=30.0), seconds=LEASE)
    await deliver(store, ReplyStatus.SENT)
    assert (await take_reply(store)).reply.id == "r2"


async def test_a_callback_for_the_only_reply_empties_the_line(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await deliver(store, ReplyStatus.SENT)
    assert (await store.due(limit=10)).lines == ()


FORWARD = [
    (ReplyStatus.FAILED, ReplyStatus.UNDELIVERED),
    (ReplyStatus.BLOCKED, ReplyStatus.DELIVERED),
    (ReplyStatus.SENT, ReplyStatus.UNDELIVERED),
    (ReplyStatus.UNDELIVERED, ReplyStatus.DELIVERED),
    (ReplyStatus.DELIVERED, ReplyStatus.READ),
]
NOT_FORWARD = [
    (ReplyStatus.READ, ReplyStatus.DELIVERED),
    (ReplyStatus.DELIVERED, ReplyStatus.UNDELIVERED),
    (ReplyStatus.DELIVERED, ReplyStatus.SENT),
    (ReplyStatus.UNDELIVERED, ReplyStatus.SENT),
    (ReplyStatus.SENT, ReplyStatus.FAILED),
    (ReplyStatus.SENT, ReplyStatus.SENT),
    (ReplyStatus.SENT, ReplyStatus.WAITING),
]


async def test_a_reply_moves_forward_and_never_backwards(store: LaneStore) -> None:
    moves = [*((*pair, True) for pair in FORWARD), *((*pair, False) for pair in NOT_FORWARD)]
    found = []
    for number, (before, after, _) in enumerate(moves):
        await write(store, replies=(reply(f"r{number}"),))
        await deliver(store, before, id=f"r{number}")
        moved = await deliver(store, after, id=f"r{number}")
        assert await status(store, f"r{number}") is (after if moved else before)
        found.append((before, after, moved))
    assert found == moves


async def test_a_callback_that_moves_nothing_writes_no_timeline(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await deliver(store, ReplyStatus.DELIVERED)
    await deliver(store, ReplyStatus.SENT)
    assert names(await store.timeline(JANE)) == ["delivered"]


async def test_a_callback_brings_provider_id_and_error_code(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await deliver(store, ReplyStatus.UNDELIVERED, code=30003)
    (stored,) = await store.replies(JANE)
    assert (stored.provider_id, stored.error_code) == ("SM9", 30003)


async def test_a_callback_for_an_unknown_reply_moves_nothing(store: LaneStore) -> None:
    assert await deliver(store, ReplyStatus.SENT) is False
    assert await store.timeline(JANE) == ()


async def test_a_reply_id_is_queued_once(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await write(store, replies=(reply("r1"),))
    assert len(await store.replies(JANE)) == 1


@pytest.mark.promise("S11")
async def test_a_commit_can_block_what_waits_in_a_line(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), reply("r2")))
    await write(store, blocked=(Channel.SMS,), replies=(reply("r3"),))
    outgoing = await store.next_reply(JANE, Channel.SMS, holder="h", seconds=5)
    assert outgoing is not None
    assert outgoing.reply.id == "r3"
    assert [row.status for row in await store.replies(JANE)] == [
        ReplyStatus.BLOCKED,
        ReplyStatus.BLOCKED,
        ReplyStatus.WAITING,
    ]


@pytest.mark.promise("S11")
async def test_what_waits_for_somebody_else_is_not_blocked(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"), replace(reply("r2"), to_another=True), reply("r3")))
    await write(store, blocked=(Channel.SMS,))
    assert (await take_reply(store)).reply.id == "r2"
    assert [await status(store, one) is ReplyStatus.BLOCKED for one in ("r1", "r2", "r3")] == [True, False, True]


STOP = replace(text("stop", "stop texting me"), silences=(Channel.SMS,))


@pytest.mark.promise("S11")
@pytest.mark.parametrize("there", ["in the line", "being sent", "being made"])
async def test_while_an_entry_waits_that_silences_a_channel_nothing_leaves_there(store: LaneStore, there: str) -> None:
    sent = reply("r0")
    await write(store, replies=(sent, *((reply("r1"),) if there != "being made" else ()), reply("w1", WHATSAPP)))
    if there != "in the line":
        sending = await take_reply(store)
    claim = await take(store, accept=texts("question"))
    await store.accept(JANE, [STOP], token=fresh())
    if there != "in the line":
        assert await store.settle(JANE, sending, SENT, seconds=LEASE) is None
    change = Change(conversation(), consumed=("question",), replies=(reply("r2"),))
    committed = await store.commit(claim, change, token=fresh(), deliver=LEASE)
    assert (committed.outgoing, [one.entry for one in committed.waiting]) == ((), [STOP])
    assert await take_next(store) is None
    assert (JANE, Channel.SMS) not in (await store.due(limit=10)).lines
    assert (await take_reply(store, Channel.WHATSAPP)).reply.id == "w1"
    stopped = Change(conversation(), consumed=("stop",), blocked=(Channel.SMS,), replies=(reply("told"),))
    committed = await store.commit(claim, stopped, token=fresh(), deliver=LEASE)
    assert [one.reply.id for one in committed.outgoing] == ["told"]
    assert await status(store, "r2") is ReplyStatus.BLOCKED


async def test_a_line_that_was_silenced_for_nothing_goes_on(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await store.accept(JANE, [STOP], token=fresh())
    assert await take_next(store) is None
    await write(store, consumed=("stop",))
    assert (JANE, Channel.SMS) in (await store.due(limit=10)).lines
    assert (await take_reply(store)).reply.id == "r1"


async def test_a_line_whose_replies_were_all_blocked_is_not_due(store: LaneStore) -> None:
    await write(store, replies=(reply("r1"),))
    await write(store, blocked=(Channel.SMS,))
    assert (await store.due(limit=10)).lines == ()
