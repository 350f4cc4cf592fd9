"""Stores that the version before wrote are carried over at the first start.

``former/`` holds what that version wrote, from the same calls on each store.
"""

from __future__ import annotations

import base64
import itertools
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tandem.errors import ConfigurationError, TandemError
from tandem.model import ApprovalStatus, Channel, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.postgres import open_postgres_store
from tandem.persistence.redis import open_redis_store, upgrade
from tandem.persistence.redis.link import RedisLink
from tandem.persistence.redis.storage import RedisStorage
from tandem.persistence.values import EffectState, Outcome

from ...contracts.records import DAY, JANE, JOHN, LEASE, fresh, names, reply, take, text, texts
from ...kit.postgres_server import shared_postgres
from ...kit.redis_server import shared_redis
from ...kit.tables import each

pytestmark = pytest.mark.promise("P5", "O6", "L3")

FORMER = Path(__file__).with_name("former")
LONG = SubjectId("long_" + "x" * 300)
Opened = Callable[..., AbstractAsyncContextManager[LaneStore]]
_numbers = itertools.count(1)


async def former_file(folder: Path) -> Opened:
    with closing(sqlite3.connect(folder / "tandem.db")) as connection:
        connection.executescript((FORMER / "file.sql").read_text(encoding="utf-8"))
    return lambda **options: open_file_store(folder, **options)


async def former_redis(folder: Path) -> Opened:
    prefix, url = f"former-{next(_numbers)}:", shared_redis().url
    async with Redis.from_url(url, protocol=2) as redis:
        for line in (FORMER / "redis.jsonl").read_text().splitlines():
            command, key, *values = json.loads(line)
            name = base64.b64decode(key).replace(b"former:", prefix.encode())
            await redis.execute_command(command, name, *map(base64.b64decode, values))
    return lambda **options: open_redis_store(url, prefix=prefix, **options)


async def former_postgres(folder: Path) -> Opened:
    table, url = f"former_{next(_numbers)}", shared_postgres().url
    connection = await asyncpg.connect(url)
    await connection.execute(
        (FORMER / "postgres.sql").read_text(encoding="utf-8").replace("conversation_states", table)
    )
    await connection.close()
    return lambda **options: open_postgres_store(url, table=table, **options)


@pytest.fixture(params=[former_file, former_postgres, former_redis], ids=["file", "postgres", "redis"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    made: Opened = await request.param(tmp_path)
    return made


@pytest.fixture
async def store(opened: Opened) -> AsyncIterator[LaneStore]:
    async with opened() as store:
        yield store


async def test_the_log_tells_that_lanes_were_carried_over_once(opened: Opened) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            async with opened():
                pass
    assert [line["done"] for line in logs if line["event"] == "lanes_carried_over"] == [4]


async def test_the_conversation_is_there_with_its_snapshot(store: LaneStore) -> None:
    found = await store.conversation(JANE)
    assert found is not None
    assert (found.version, found.summary, found.context) == (1, "Asked.", {"name": "Jane"})
    assert [one.snapshot for one in found.approvals] == ['{"$schemaVersion": "1.0"}', ""]
    assert (await store.approval("apr_1")) == replace(found.approvals[0], snapshot="")
    heads = {head.subject: head.version for head in (await store.recent(limit=10)).items}
    assert heads == {JANE: 1, JOHN: 1}


async def test_what_waits_is_due_and_what_was_answered_is_a_duplicate(store: LaneStore) -> None:
    assert set((await store.due(limit=10)).lanes) == {JANE, LONG}
    claim = await take(store)
    assert [(one.entry.key, one.tries) for one in claim.waiting] == [("SM2", 2)]
    receipts = await store.accept(JANE, texts("SM1", "poison", "new"), token=fresh())
    assert [one.outcome for one in receipts] == [Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.ACCEPTED]
    assert [one.outcome for one in await store.accept(LONG, [text("k" * 300)], token=fresh())] == [Outcome.DUPLICATE]


async def test_what_was_to_be_sent_is_sent_in_its_order(store: LaneStore) -> None:
    assert set((await store.due(limit=10)).lines) == {(JANE, Channel.SMS), (JANE, Channel.WHATSAPP)}
    stored = {one.reply.id: (one.status, one.provider_id) for one in await store.replies(JANE)}
    assert stored["r1"] == (ReplyStatus.SENT, "SM9")
    outgoing = await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE)
    assert outgoing is not None
    assert (outgoing.reply, outgoing.tries > 1) == (reply("r2"), True)


async def test_everything_else_is_there(store: LaneStore) -> None:
    assert names(await store.timeline(JANE)) == ["turn", "more", "sent"]
    assert [one.id for one in await store.tickets(JANE)] == ["T2", "T1"]
    assert (await store.effect_begin(JANE, "refund", token=fresh())).result == "REF_1"
    assert (await store.effect_begin(JANE, "begun", token=fresh())).state is EffectState.UNKNOWN
    assert await store.effect_known(SubjectId("message_sids"), "SM1")
    page = await store.approvals(status=ApprovalStatus.PENDING, limit=10)
    assert [one.id for one in page.items] == ["apr_1"]
    counts = await store.counts()
    assert (counts.conversations, counts.pending_approvals, counts.set_aside) == (2, 1, 1)
    (row,) = await store.erasures(SubjectId("gone"))
    assert row.actor == "alice"


async def test_opt_outs_outlive_their_conversation(store: LaneStore) -> None:
    store.clock_offset += 60 * DAY
    await store.purge(older_than=DAY)
    assert await store.conversation(JOHN) is None
    claim = await take(store, JOHN)
    assert claim.conversation is not None
    assert claim.conversation.opted_out == (Channel.SMS,)


async def test_fences_go_on_growing(opened: Opened) -> None:
    async with opened() as store:
        assert (await take(store, JOHN)).fence > 2e15 / 2


async def test_it_is_done_once(opened: Opened) -> None:
    async with opened() as store:
        await store.accept(JOHN, texts("later"), token=fresh())
    async with opened(create=False) as store:
        assert [one.entry.key for one in await store.waiting(JOHN)] == ["later"]
        assert [one.entry.key for one in await store.waiting(JANE)] == ["SM2"]


async def test_a_command_that_only_looks_upgrades_nothing(opened: Opened, request: pytest.FixtureRequest) -> None:
    options = {"repair": False} if "file" in request.node.name else {"create": False}
    with pytest.raises(ConfigurationError, match="older version"):
        async with opened(**options):
            pass
    async with opened() as store:
        assert await store.conversation(JANE) is not None


async def test_a_copy_of_the_file_is_kept_until_the_next_cleanup(tmp_path: Path) -> None:
    async with (await former_file(tmp_path))() as store:
        copy = tmp_path / "tandem.db.before-upgrade"
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT count(*) FROM conversation").fetchone() == (2,)
        await store.purge(older_than=DAY, dry_run=True)
        assert copy.exists()
        await store.purge(older_than=DAY)
        assert not copy.exists()


async def test_an_erasure_leaves_no_copy_of_the_file(tmp_path: Path) -> None:
    copies = [tmp_path / f"tandem.db.before-upgrade{ending}" for ending in ("", "-1")]
    copies[1].write_text("a start that was killed")
    async with (await former_file(tmp_path))() as store:
        assert [copy.exists() for copy in copies] == [True, True]
        await store.erase(JANE, actor="anna")
        assert [copy.exists() for copy in copies] == [False, False]


async def test_an_upgrade_of_a_file_that_fails_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    opened = await former_file(tmp_path)
    with closing(sqlite3.connect(tmp_path / "tandem.db")) as connection, connection:
        before = list(connection.iterdump())
        connection.execute("INSERT INTO opt_out (subject, channel) VALUES (x'ff', 'sms')")
    with pytest.raises(ConfigurationError, match="no text"):
        async with opened():
            pass
    with closing(sqlite3.connect(tmp_path / "tandem.db")) as connection, connection:
        connection.execute("DELETE FROM opt_out WHERE subject = x'ff'")
        assert list(connection.iterdump()) == before
    async with opened() as store:
        assert await store.conversation(JANE) is not None


async def test_an_upgrade_of_tables_that_fails_in_the_middle_changes_nothing() -> None:
    opened = await former_postgres(Path())
    table = f"former_{next(_numbers) - 1}"
    connection = await asyncpg.connect(shared_postgres().url)
    await connection.execute(f"CREATE VIEW {table}_report AS SELECT count(*) FROM {table}_ticket")
    with pytest.raises(TandemError, match="depend"):
        async with opened():
            pass
    assert await connection.fetchval(f"SELECT to_regclass('{table}_head')") is None
    assert await connection.fetchval(f"SELECT count(*) FROM {table}_ticket") == 2
    await connection.execute(f"DROP VIEW {table}_report")
    await connection.close()
    async with opened() as store:
        assert await store.conversation(JANE) is not None


async def test_nothing_is_left_of_the_former_keys() -> None:
    opened = await former_redis(Path())
    async with opened() as store:
        prefix = store.storage.link.prefix  # type: ignore[attr-defined]
    async with Redis.from_url(shared_redis().url, protocol=2) as redis:
        assert await redis.keys(f"{prefix}{{*") == []


async def test_functions_of_another_store_of_the_same_database_stay() -> None:
    opened = await former_postgres(Path())
    mine = f"former_{next(_numbers) - 1}"
    async with open_postgres_store(shared_postgres().url, table=f"{mine}_eu") as other, opened():
        connection = await asyncpg.connect(shared_postgres().url)
        found = await connection.fetch("SELECT proname FROM pg_proc WHERE starts_with(proname, $1)", f"{mine}_")
        await connection.close()
        assert {row["proname"] for row in found} == {f"{mine}_apply", f"{mine}_eu_apply"}
        await other.accept(JANE, texts("SM1"), token=fresh())


@each("lanes", range(1, 4))
async def test_an_upgrade_that_was_broken_off_is_gone_on_with(lanes: int) -> None:
    opened = await former_redis(Path())
    url = shared_redis().url
    async with opened(allow_volatile=True) as whole:
        expected = [await whole.timeline(JANE), await whole.waiting(LONG), (await whole.counts()).conversations]
        prefix = whole.storage.link.prefix  # type: ignore[attr-defined]
    again = await former_redis(Path())
    link = RedisLink(url, prefix=f"former-{int(prefix.split('-')[1][:-1]) + 1}:")
    await break_off(link, lanes)
    await link.close()
    async with again() as store:
        assert [await store.timeline(JANE), await store.waiting(LONG), (await store.counts()).conversations] == expected


async def break_off(link: RedisLink, lanes: int) -> None:
    """Carry some lanes over; one of them is written and its former keys are left, as when the process was killed."""
    await link.load_scripts()
    storage = RedisStorage(link)
    keys = sorted(await link.ask("KEYS", f"{link.prefix}*lanes"))
    for number, key in enumerate(keys[:lanes], start=1):
        partition = key.decode().removesuffix("lanes")
        for id in await link.ask("ZRANGE", key, 0, -1):
            await upgrade.carry_lane(link, storage, partition, id.decode())
            if number < lanes:
                await upgrade.forget_lane(link, partition, id.decode())
