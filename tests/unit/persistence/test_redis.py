"""What only the Redis store promises: one slot for all, nothing that expires, exact repetition."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from tandem.model import ApprovalStatus, Channel, ReplyStatus, SubjectId, TicketStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.redis import open_redis_store
from tandem.persistence.redis.link import SCRIPTS, RedisLink, script
from tandem.persistence.redis.storage import encode_subject
from tandem.persistence.values import Change, Settlement

from ...contracts.records import (
    DAY,
    JANE,
    JOHN,
    LEASE,
    approval,
    conversation,
    event,
    fresh,
    reply,
    take,
    text,
    texts,
    ticket,
    write,
    write_approvals,
)
from ...contracts.redis_kit import RedisKit, redis_kit
from ...kit.full_store import everything
from ...kit.redis_server import shared_redis
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P5", "P6", "P7", "P12")

SENT = Settlement(ReplyStatus.SENT, provider_id="SM9", timeline=(event("sent"),))


@pytest.fixture
async def kit(tmp_path: Any) -> AsyncIterator[RedisKit]:
    async with redis_kit(tmp_path) as kit:
        yield kit


@pytest.fixture
def store(kit: RedisKit) -> LaneStore:
    return kit.store


async def ask(*command: Any) -> Any:
    async with Redis.from_url(shared_redis().url, protocol=2) as redis:
        return await redis.execute_command(*command)


async def live(kit: RedisKit) -> None:
    """Run every script at least once."""
    store = kit.store
    await store.accept(JANE, texts("a", "b", "bad"), token=fresh())
    await kit.corrupt(JANE, "waiting", "bad")
    claim = await take(store, accept=(text("c"),))
    await store.renew(claim, seconds=LEASE)
    await store.waiting(JANE)
    change = Change(
        conversation(approvals=(approval("apr_1"), approval("apr_2", status=ApprovalStatus.EXECUTED))),
        consumed=("a", "b", "c"),
        replies=(reply("r1"), reply("r2"), reply("r3")),
        timeline=(event("turn"),),
        tickets=(ticket("T1", status=TicketStatus.CLOSED),),
    )
    committed = await store.commit(claim, change, token=fresh(), deliver=LEASE)
    await kit.corrupt(JANE, "unsettled", "r2")
    await store.settle(JANE, committed.outgoing[0], SENT, seconds=LEASE)
    await store.delivery_status(JANE, "r3", ReplyStatus.DELIVERED, provider_id="SM8", timeline=(event("delivered"),))
    await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    await store.replies(JANE)
    await store.effect_begin(JANE, "refund", token=fresh())
    await store.effect_finish(JANE, "refund", result="REF_1")
    await store.release(await take(store))
    await write(store, blocked=(Channel.SMS,), conversation=conversation(opted_out=(Channel.SMS,)))
    await store.due(limit=10)
    await store.counts()
    await store.presence(JANE, call="CA1", replica="a", seconds=0.001)
    await store.present(JANE)
    assert list(await everything(store)) == [JANE]
    kit.advance(30 * DAY)
    await store.purge(older_than=DAY)
    await write(store, JOHN)
    await store.merge(JOHN, SubjectId("crm_42"), token=fresh())
    await store.erase(SubjectId("crm_42"))
    await store.erase(JOHN)


async def test_an_answer_of_a_move_that_was_lost_is_found_out(kit: RedisKit) -> None:
    await write(kit.store, JOHN, conversation=conversation(JOHN))
    kit.cut_after(script("apply").sha.encode())
    assert await kit.store.merge(JOHN, JANE, token=fresh())
    assert len(await kit.store.timeline(JANE)) == 1


async def test_every_key_begins_with_the_prefix(kit: RedisKit) -> None:
    """So a prefix with a hash tag keeps a whole store in one slot of a cluster."""
    seen: list[tuple[str, str]] = []
    async with Redis.from_url(shared_redis().url, protocol=2) as redis, redis.monitor() as monitor:
        await live(kit)
        await redis.execute_command("ECHO", "the end")
        async for one in monitor.listen():
            if one["command"] == "ECHO the end":
                break
            seen.append((one["client_type"], one["command"]))
    ran = {command.split(" ")[1] for _, command in seen if command.startswith("EVALSHA")}
    by_scripts = [command.split(" ") for client, command in seen if client == "lua" and command != "TIME"]
    assert ran == {script(name).sha for name in SCRIPTS}
    assert [words for words in by_scripts if not words[1].startswith(kit.prefix)] == []


async def test_no_key_ever_expires(kit: RedisKit) -> None:
    await live(kit)
    await kit.store.presence(JANE, call="CA1", replica="a", seconds=60)
    await write_approvals(kit.store, approval("apr_1"))
    keys = await ask("KEYS", f"{kit.prefix}*")
    assert len(keys) > 10
    assert {await ask("TTL", key) for key in keys} == {-1}


async def test_purging_leaves_nothing_but_opt_outs_and_the_audit(kit: RedisKit) -> None:
    await live(kit)
    kit.advance(30 * DAY)
    await kit.store.purge(older_than=DAY)
    left = {re.sub(r"audit:\w+", "audit", key.decode()) for key in await ask("KEYS", f"{kit.prefix}*")}
    rows = {f"{part}:{JANE}:opt_out" for part in ("rows", "order")}
    audit = {f"{part}::{kind}" for part in ("rows", "order") for kind in ("audit", "secret")}
    assert {key.removeprefix(kit.prefix) for key in left} == {*rows, *audit, f"of:{JANE}", "of:", "layout"}


async def test_erasing_leaves_no_key_that_names_the_subject(kit: RedisKit) -> None:
    subject = SubjectId("erased-one")
    await write(
        kit.store,
        subject,
        replies=(reply("r1"),),
        conversation=conversation(subject, approvals=(approval("p", subject),)),
    )
    await kit.store.accept(subject, texts("a"), token=fresh())
    await kit.store.erase(subject)
    assert [key for key in await ask("KEYS", f"{kit.prefix}*") if b"erased-one" in key] == []


async def test_a_script_that_the_server_forgot_is_sent_again(store: LaneStore) -> None:
    await ask("SCRIPT", "FLUSH")
    await store.accept(JANE, texts("a"), token=fresh())
    await ask("SCRIPT", "FLUSH")
    assert (await store.due(limit=10)).lanes == (JANE,)


async def test_a_lost_answer_to_an_erasure_is_given_again(kit: RedisKit) -> None:
    await write(kit.store, timeline=(event("turn"),))
    deleted = await kit.repeat(lambda: kit.store.erase(JANE, actor="alice"))
    (row,) = await kit.store.erasures(JANE)
    assert deleted == row.deleted > 0


async def test_a_lost_answer_to_a_status_is_given_again(kit: RedisKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    moved = await kit.repeat(lambda: kit.store.delivery_status(JANE, "r1", ReplyStatus.SENT, provider_id="SM9"))
    assert moved is True


async def test_an_unreadable_entry_that_arrived_meanwhile_is_set_aside_by_the_commit(kit: RedisKit) -> None:
    claim = await take(kit.store, accept=texts("a"))
    await kit.store.accept(JANE, texts("bad", "b"), token=fresh())
    await kit.corrupt(JANE, "waiting", "bad")
    change = Change(conversation(), consumed=("a",))
    committed = await kit.store.commit(claim, change, token="t")
    assert [(one.entry.key, one.tries) for one in committed.waiting] == [("b", 1)]
    assert await kit.store.commit(claim, change, token="t") == committed
    assert (await kit.store.counts()).set_aside == 1


async def test_a_commit_that_leaves_only_an_unreadable_entry_gives_the_lane_back(kit: RedisKit) -> None:
    claim = await take(kit.store, accept=texts("a"))
    await kit.store.accept(JANE, texts("bad"), token=fresh())
    await kit.corrupt(JANE, "waiting", "bad")
    committed = await kit.store.commit(claim, Change(conversation(), consumed=("a",)), token="t")
    assert committed.waiting == ()
    assert await kit.store.claim(JANE, holder=fresh(), seconds=LEASE) is not None
    assert (await kit.store.due(limit=10)).lanes == ()


async def test_an_unreadable_reply_of_a_commit_is_set_aside(kit: RedisKit) -> None:
    await write(kit.store, replies=(reply("r1"),))
    await kit.corrupt(JANE, "unsettled", "r1")
    committed = await write(kit.store, deliver=LEASE, replies=(reply("r2"),))
    assert [one.reply.id for one in committed.outgoing] == ["r2"]


@pytest.mark.parametrize("value", [b"", b"\xff", b"no JSON", b"[1,2]"])
async def test_a_damaged_lane_goes_on(kit: RedisKit, value: bytes) -> None:
    """Not only records: a head may be damaged too."""
    await write(kit.store, replies=(reply("r1"), reply("r2")))
    await kit.store.accept(JANE, texts("a", "b"), token=fresh())
    await ask("HSET", f"{kit.prefix}head:{JANE}", "head", value)
    await ask("HSET", f"{kit.prefix}rows:{JANE}:waiting", "a", value)
    await kit.corrupt(JANE, "unsettled", "r1")
    claim = await take(kit.store)
    assert [one.entry.key for one in claim.waiting] == ["b"]
    outgoing = await kit.store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert outgoing.reply.id == "r2"
    assert (await kit.store.counts()).set_aside == 3


async def test_listings_of_many_lanes_come_in_order(kit: RedisKit) -> None:
    subjects = [SubjectId(f"s{number:03}") for number in range(300)]
    for subject in subjects:
        await write_approvals(kit.store, approval(f"apr_{subject}", subject, expires_at=10.0), subject=subject)
    listed, cursor = [], None
    while True:
        page = await kit.store.approvals(status=ApprovalStatus.PENDING, limit=70, cursor=cursor)
        listed += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert listed == [f"apr_{subject}" for subject in subjects]


async def test_a_page_finds_everything_in_one_crowded_lane(kit: RedisKit) -> None:
    carried = tuple(approval(f"apr_{number:03}", expires_at=10.0) for number in range(200))
    await write_approvals(kit.store, *carried)
    page = await kit.store.approvals(status=None, limit=150)
    assert [one.id for one in page.items] == [one.id for one in carried[:150]]


async def test_a_purge_takes_many_records(kit: RedisKit) -> None:
    keys = [f"k{number}" for number in range(1200)]
    await kit.store.accept(JANE, texts(*keys), token=fresh())
    await write(kit.store, consumed=tuple(keys))
    kit.advance(30 * DAY)
    report = await kit.store.purge(older_than=DAY)
    assert (report.deleted["keys"], report.deleted["conversations"]) == (1200, 1)


async def test_a_subscription_lives_through_silence(kit: RedisKit, store: LaneStore) -> None:
    name = f"{kit.prefix}hints"
    messages = RedisLink(shared_redis().url, prefix=kit.prefix).messages(name, quiet_seconds=0.01)
    assert await anext(messages) is None
    heard = asyncio.create_task(anext(messages))
    await asyncio.sleep(0.1)  # several silences, each with a question to the server
    await store.notify(JANE)
    assert await heard == encode_subject(JANE).encode()
    await messages.aclose()


async def test_two_prefixes_are_two_stores(kit: RedisKit) -> None:
    await write(kit.store)
    async with open_redis_store(shared_redis().url, prefix=f"{kit.prefix}other:") as other:
        assert (await other.conversation(JANE), (await other.recent(limit=5)).items) == (None, ())


async def test_more_callers_than_connections_are_all_served(store: LaneStore) -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(store.accept(JANE, texts(f"k{number}"), token=fresh()) for number in range(200)))
    assert len(await store.waiting(JANE)) == 200


async def test_a_damaged_lane_is_purged_no_sooner(kit: RedisKit) -> None:
    await write(kit.store)
    await ask("HSET", f"{kit.prefix}head:{JANE}", "head", b"\xff")
    for handle in kit._handles:
        handle.storage.forget()
    assert (await kit.store.purge(older_than=DAY)).deleted["conversations"] == 0
    kit.advance(2 * DAY)
    assert (await kit.store.purge(older_than=DAY)).deleted["conversations"] == 1


async def test_a_cancellation_that_the_driver_loses_is_kept() -> None:
    """``asyncio.wait_for``, through which the driver sends, loses one when what it waits for ends at that moment."""
    link = RedisLink(shared_redis().url, prefix="cancelled:")

    async def ask() -> None:
        async with link.answered_within():
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await link.close()
