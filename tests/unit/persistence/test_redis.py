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

from ...contracts.records import (
    DAY,
    JANE,
    JOHN,
    approval,
    conversation,
    event,
    fresh,
    reply,
    texts,
    ticket,
    write,
    write_approvals,
)
from ...contracts.redis_kit import RedisKit, redis_kit
from ...kit.full_store import everything, fill
from ...kit.redis_server import shared_redis
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P5", "P6", "P7", "P12")


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


async def test_an_answer_of_a_move_that_was_lost_is_found_out(kit: RedisKit) -> None:
    await write(kit.store, JOHN, conversation=conversation(JOHN))
    kit.cut_after(script("apply").sha.encode())
    assert await kit.store.merge(JOHN, JANE, token=fresh())
    assert len(await kit.store.timeline(JANE)) == 1


async def test_every_key_begins_with_the_prefix(kit: RedisKit) -> None:
    """So a prefix with a hash tag keeps a whole store in one slot of a cluster."""
    seen: list[tuple[str, str]] = []
    async with Redis.from_url(shared_redis().url, protocol=2) as redis, redis.monitor() as monitor:
        await fill(kit.store)
        assert JANE in await everything(kit.store)
        kit.advance(30 * DAY)
        await kit.store.purge(older_than=DAY)
        await write(kit.store, SubjectId("phone_new"))
        await kit.store.merge(SubjectId("phone_new"), SubjectId("crm_42"), token=fresh())
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
    await fill(kit.store)
    await kit.store.presence(JANE, call="CA1", replica="a", seconds=60)
    keys = await ask("KEYS", f"{kit.prefix}*")
    assert len(keys) > 10
    assert {await ask("TTL", key) for key in keys} == {-1}


async def test_purging_leaves_nothing_but_opt_outs_and_the_audit(kit: RedisKit) -> None:
    await kit.store.accept(JANE, texts("a"), token=fresh())
    await kit.store.effect_begin(JANE, "refund", token=fresh())
    stopped = conversation(approvals=(approval("apr_1", status=ApprovalStatus.EXECUTED),), opted_out=(Channel.SMS,))
    solved = ticket("T1", status=TicketStatus.CLOSED)
    change = {"consumed": ("a",), "replies": (reply("r1"),), "timeline": (event("turn"),), "tickets": (solved,)}
    await write(kit.store, conversation=stopped, **change)
    await kit.store.delivery_status(JANE, "r1", ReplyStatus.DELIVERED, provider_id="SM8")
    await write(kit.store, JOHN)
    await kit.store.erase(JOHN)
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


async def test_a_page_finds_everything_in_one_crowded_lane(kit: RedisKit) -> None:
    carried = tuple(approval(f"apr_{number:03}", expires_at=10.0) for number in range(200))
    await write_approvals(kit.store, *carried)
    page = await kit.store.approvals(status=None, limit=150)
    assert [one.id for one in page.items] == [one.id for one in carried[:150]]


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
