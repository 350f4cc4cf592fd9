"""A store on one node of a Redis Cluster, here one that has every slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tandem.errors import ConfigurationError
from tandem.model import Channel, ReplyStatus
from tandem.persistence.redis import open_redis_store
from tandem.persistence.values import Settlement

from ...contracts.records import JANE, JOHN, LEASE, conversation, fresh, names, reply, take, texts, write
from ...kit.redis_server import redis_server
from ...kit.serving import free_port
from ...kit.tables import each
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("L2")

SLOTS = 16384
LAST_PORT = 55535
"""The nodes speak with each other on a port that is 10,000 higher."""


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    port = next(port for port in iter(free_port, None) if port <= LAST_PORT)
    options = ("--cluster-enabled", "yes", "--save", "", "--appendonly", "yes")
    with redis_server(tmp_path, *options, port=port) as server:
        async with Redis.from_url(server.url, protocol=2) as redis:
            await redis.execute_command("CLUSTER ADDSLOTS", *range(SLOTS))
            async with asyncio.timeout(PATIENCE):
                while (await redis.execute_command("CLUSTER INFO"))["cluster_state"] != "ok":
                    await asyncio.sleep(0.01)
        yield server.url


async def test_a_store_whose_prefix_has_a_hash_tag_works_on_a_cluster(url: str) -> None:
    async with open_redis_store(url, prefix="{tandem}:", production=True) as store:
        await store.accept(JANE, texts("a"), token=fresh())
        committed = await write(store, consumed=("a",), replies=(reply("r1"),), deliver=LEASE)
        sent = Settlement(ReplyStatus.SENT, provider_id="SM9")
        assert await store.settle(JANE, committed.outgoing[0], sent, seconds=LEASE) is None
        await store.effect_begin(JANE, "refund", token="t")
        assert await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE) is None
        assert (await store.counts()).conversations == 1
    async with open_redis_store(url, prefix="{tandem}:", create=False) as store:
        assert (await take(store)).conversation is not None


async def test_two_lanes_are_joined_on_a_cluster(url: str) -> None:
    async with open_redis_store(url, prefix="{tandem}:") as store:
        await write(store, JANE)
        await write(store, JOHN, conversation=conversation(JOHN))
        assert await store.merge(JANE, JOHN, token=fresh())
        assert names(await store.timeline(JOHN)) == ["joined"]
        assert await store.erase(JOHN) > 0


@each("prefix", ["runstate:", "run{}state:", "run}{state:"])
async def test_a_prefix_without_a_hash_tag_is_refused_on_a_cluster(url: str, prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="hash tag"):
        async with open_redis_store(url, prefix=prefix):
            pass
