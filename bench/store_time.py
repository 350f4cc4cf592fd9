"""What the shared stores cost a turn: before the model, after it, and with many conversations in the store."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import asyncpg
from redis.asyncio import Redis

from tandem.entries import Entry, TextReceived
from tandem.model import (
    Address,
    Channel,
    Conversation,
    Reply,
    ReplyStatus,
    Route,
    Source,
    SubjectId,
    TimelineEvent,
    Turn,
)
from tandem.persistence.base import LaneStore
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.postgres.address import PostgresAddress
from tandem.persistence.redis import open_redis_store
from tandem.persistence.values import Change, Settlement

from .figures import Row, median, ms

TURNS = 400
FEW, MANY = 1_000, 200_000
FLAT = 1.15
"""How much dearer a turn may be with many conversations; the rest is noise of the machine."""
PREFIX, TABLE = "bench:", "bench"
ROUTE = Route(Channel.SMS, Address.parse("+14155550100"), Address.parse("+15550001111"))
SENT = Settlement(ReplyStatus.SENT, provider_id="SM0")
Fill = Callable[[str, int, int], Awaitable[None]]


def redis_store(url: str) -> AbstractAsyncContextManager[LaneStore]:
    """Open the Redis store."""
    return open_redis_store(url, prefix=PREFIX)


def postgres_store(url: str) -> AbstractAsyncContextManager[LaneStore]:
    """Open the Postgres store."""
    return open_postgres_store(PostgresAddress.of_url(url), table=TABLE)


async def measure(store: LaneStore, fill: Fill, url: str, targets: Sequence[float]) -> list[Row]:
    """Take turns without a model, with few and with many conversations. ``targets``: seconds before and after."""
    await _turns(store, 50)
    accept, claim, commit = await _turns(store, TURNS)
    await fill(url, 0, FEW)
    few = await _turns(store, TURNS)
    await fill(url, FEW, MANY)
    many = await _turns(store, TURNS)
    growth = sum(many[1:]) / sum(few[1:])
    return [
        Row("accept (a text is acknowledged)", ms(accept)),
        Row("before the model: claim", ms(claim), f"< {targets[0] * 1000:g} ms", claim < targets[0]),
        Row("after the model: commit", ms(commit), f"< {targets[1] * 1000:g} ms", commit < targets[1]),
        Row(f"claim + commit, {FEW:,} conversations", ms(sum(few[1:]))),
        Row(f"claim + commit, {MANY:,} conversations", ms(sum(many[1:]))),
        Row("the latter : the former", f"{growth:.2f}", f"<= {FLAT}", growth <= FLAT),
    ]


async def _turns(store: LaneStore, count: int) -> tuple[float, float, float]:
    """Return the medians of accept, claim and commit of a conversation of about 1 KB."""
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for number in range(count):
        subject = SubjectId(f"phone_1415{number % 100:07}")
        entry = Entry(f"SM{uuid.uuid4().hex}", TextReceived(ROUTE, "Where is my order?"))
        started = time.perf_counter()
        await store.accept(subject, [entry], token=uuid.uuid4().hex)
        accepted = time.perf_counter()
        claim = await store.claim(subject, holder=uuid.uuid4().hex, seconds=5.0)
        claimed = time.perf_counter()
        if claim is None:
            raise RuntimeError("the lane is held")
        change = _change(subject, entry.key, claim.conversation, claim.now)
        ready = time.perf_counter()
        committed = await store.commit(claim, change, token=uuid.uuid4().hex, deliver=5.0)
        done = time.perf_counter()
        for values, value in zip(times, (accepted - started, claimed - accepted, done - ready), strict=True):
            values.append(value)
        for outgoing in committed.outgoing:
            await store.settle(subject, outgoing, SENT, seconds=5.0)
        await asyncio.sleep(0.001)
    return median(times[0]), median(times[1]), median(times[2])


def _change(subject: SubjectId, key: str, before: Conversation | None, now: float) -> Change:
    said, told = "Where is my order? " * 10, "It is on its way. " * 40
    items = ({"role": "user", "content": said}, {"role": "assistant", "content": told})
    number = before.turns_taken + 1 if before else 1
    base = before or Conversation(subject, created_at=now, updated_at=now)
    turn = Turn(number, Channel.SMS, now, items)
    conversation = replace(base, history=(turn,), turns_taken=number, routes={Channel.SMS: ROUTE})
    reply = Reply(uuid.uuid4().hex, ROUTE, "On its way.", turn=number, created_at=now)
    event = TimelineEvent(name="turn", source=Source.AGENT, turn=number, data={"covers": [key]})
    return Change(conversation, consumed=(key,), replies=(reply,), timeline=(event,))


async def fill_redis(url: str, first: int, last: int) -> None:
    """Copy a stored conversation until there are many, in all partitions."""
    async with Redis.from_url(url) as redis:
        model = next(key for key in await redis.keys(f"{PREFIX}*:conversation"))
        for start in range(first, last, 2_000):
            pipe = redis.pipeline(transaction=False)
            for number in range(start, min(start + 2_000, last)):
                part, name = f"{PREFIX}{{{number % 256}}}:", f"phone_1999{number:07}"
                pipe.copy(model, f"{part}lane:{name}:conversation", replace=True)
                pipe.zadd(f"{part}recent", {name: number})
                pipe.zadd(f"{part}lanes", {name: number})
            await pipe.execute()
        # So much new data makes the server write its log anew in the background, on the processors measured here.
        while True:
            state = await redis.info("persistence")
            if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
                break
            await asyncio.sleep(0.2)


async def fill_postgres(url: str, first: int, last: int) -> None:
    """Copy a stored conversation and its lane until there are many."""
    connection = await asyncpg.connect(url)
    try:
        for table in (TABLE, f"{TABLE}_lane"):
            columns = [row["column_name"] for row in await connection.fetch(
                "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'",
                table)]  # fmt: skip
            key = "subject"
            others = ", ".join(f'"{name}"' for name in columns if name != key)
            await connection.execute(
                f"INSERT INTO \"{table}\" (\"{key}\", {others}) SELECT 'phone_1999' || lpad(n::text, 7, '0'), {others} "  # noqa: S608
                f'FROM (SELECT * FROM "{table}" LIMIT 1) AS one, generate_series({first}, {last - 1}) AS n'
            )
        await connection.execute(f'ANALYZE "{TABLE}"')
    finally:
        await connection.close()
