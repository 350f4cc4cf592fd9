"""What the shared stores cost a turn: before the model, after it, and with many conversations in the store.

``python -m bench stores``; some two minutes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

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
from tests.kit.postgres_server import PostgresServer, postgres_server
from tests.kit.redis_server import RedisServer, redis_server

from .figures import Row, median, ms, table
from .voice import Say

TURNS = 400
FEW, MANY = 1_000, 200_000
SEARCHED, SEARCH_SECONDS = 100_000, 0.5
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


@contextmanager
def servers() -> Iterator[tuple[RedisServer, PostgresServer]]:
    """Run both servers, which keep on disk what they acknowledge."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-bench-redis-")))
        durable = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
        redis = stack.enter_context(redis_server(place, *durable))
        postgres = stack.enter_context(postgres_server())
        postgres.stop()
        postgres.settings = ("shared_buffers=128MB", "max_connections=200")
        postgres.start()
        yield redis, postgres


async def measure(folder: Path, say: Say) -> str:
    """Measure Redis and Postgres."""
    with servers() as (redis, postgres):
        say("store time on Redis")
        async with redis_store(redis.url) as store:
            on_redis = await _measure(store, fill_redis, redis.url, (0.001, 0.001))
        say("store time on Postgres")
        async with postgres_store(postgres.url) as store:
            on_postgres = await _measure(store, fill_postgres, postgres.url, (0.002, 0.003))
    on_disk = "Store time of a turn on Postgres (medians; every commit flushed)"
    return "\n\n".join((table("Store time of a turn on Redis (medians)", on_redis), table(on_disk, on_postgres)))


async def _measure(store: LaneStore, fill: Fill, url: str, targets: Sequence[float]) -> list[Row]:
    """Take turns without a model, with few and with many conversations. ``targets``: seconds before and after."""
    await _turns(store, 50)
    accept, claim, commit = await _turns(store, TURNS)
    await fill(url, 0, FEW)
    few = await _turns(store, TURNS)
    await fill(url, FEW, MANY)
    many = await _turns(store, TURNS)
    growth = sum(many[1:]) / sum(few[1:])
    sought = await _search(store)
    return [
        Row("accept (a text is acknowledged)", ms(accept)),
        Row("before the model: claim", ms(claim), f"< {targets[0] * 1000:g} ms", claim < targets[0]),
        Row("after the model: commit", ms(commit), f"< {targets[1] * 1000:g} ms", commit < targets[1]),
        Row(f"claim + commit, {FEW:,} conversations", ms(sum(few[1:]))),
        Row(f"claim + commit, {MANY:,} conversations", ms(sum(many[1:]))),
        Row("the latter : the former", f"{growth:.2f}", f"<= {FLAT}", growth <= FLAT),
        Row(
            f"search of {SEARCHED:,} conversations for a word that none has",
            ms(sought),
            f"< {SEARCH_SECONDS * 1000:g} ms",
            sought < SEARCH_SECONDS,
        ),
    ]


async def _search(store: LaneStore) -> float:
    """Return the median of what a search takes that looks at so many rows."""
    store.search_lists = SEARCHED // store.search_rows
    times: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        page = await store.search("umbrella", limit=50)
        times.append(time.perf_counter() - started)
        if page.items or page.next is None:
            raise RuntimeError("the search did not look at all that it was to")
    return median(times)


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
    """Copy a stored lane, its conversation and what a list shows of it, until there are many."""
    async with Redis.from_url(url) as redis:
        model = next(key for key in await redis.keys(f"{PREFIX}head:phone_1415*")).decode().rpartition(":")[2]
        parts = (
            "head:{}",
            *(f"{part}:{{}}:{kind}" for part in ("rows", "order") for kind in ("conversation", "glance")),
        )
        for start in range(first, last, 2_000):
            pipe = redis.pipeline(transaction=False)
            for number in range(start, min(start + 2_000, last)):
                name = f"phone_1999{number:07}"
                for part in parts:
                    pipe.copy(PREFIX + part.format(model), PREFIX + part.format(name), replace=True)
                pipe.zadd(f"{PREFIX}index:recent", {f"{name} ": number})
                pipe.zadd(f"{PREFIX}index:age", {f"{name} ": number})
            await pipe.execute()
        # So much new data makes the server write its log anew in the background, on the processors measured here.
        while True:
            state = await redis.info("persistence")
            if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
                break
            await asyncio.sleep(0.2)


async def fill_postgres(url: str, first: int, last: int) -> None:
    """Copy a stored lane, its conversation and its index entries until there are many."""
    numbers = f"generate_series({first}, {last - 1}) AS number"
    name = "'phone_1999' || lpad(number::text, 7, '0')"
    connection = await asyncpg.connect(url)
    try:
        for table, columns, where in (
            ("head", "version, head", "subject LIKE 'phone_1415%' LIMIT 1"),
            ("row", "kind, key, sequence, record", "kind = 'conversation' LIMIT 1"),
            ("row", "kind, key, sequence, record", "kind = 'glance' LIMIT 1"),
        ):
            await connection.execute(
                f"INSERT INTO {TABLE}_{table} (subject, {columns}) SELECT {name}, {columns}"  # noqa: S608
                f" FROM (SELECT * FROM {TABLE}_{table} WHERE {where}) AS one, {numbers}"
            )
        await connection.execute(
            f"INSERT INTO {TABLE}_index (subject, name, key, sort)"  # noqa: S608
            f" SELECT {name}, index, '', number FROM unnest(ARRAY['recent', 'age']) AS index, {numbers}"
        )
        await connection.execute(f"ANALYZE {TABLE}_head, {TABLE}_row, {TABLE}_index")
    finally:
        await connection.close()
