"""The way to the server: scripts and commands with a deadline, repeated by the driver, errors translated once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import NoScriptError, RedisError

from ..errors import ConfigurationError, StoreUnavailable
from ..model import SubjectId
from .redis_address import place_of
from .redis_keys import PARTITIONS, LaneKey, lane_key, partition_key
from .redis_scripts import all_scripts, script

ANSWER_SECONDS: Final = 4.0
"""After this a call fails, so that a webhook can be answered in time; one attempt of the driver takes half of it."""
CONNECTIONS: Final = 32
"""Of one store; more callers wait for one of them."""
PIPELINE: Final = 32
"""Commands sent at once: with more, callers in this process and on the server would wait behind a listing."""

Argument = str | bytes | float | None


class Subscription:
    """What a channel carries."""

    def __init__(self, link: RedisLink, subscription: Any) -> None:
        self._link = link
        self._subscription = subscription

    async def next(self, quiet_seconds: float) -> bytes | None:
        """Wait for a message and return it, None when there was none and the connection lives.

        Raises StoreUnavailable when it turns out to be dead: after so much silence the server is asked, because a
        connection may die without a word.
        """
        async with self._link.answered_within(quiet_seconds):
            message = await self._subscription.get_message(ignore_subscribe_messages=True, timeout=quiet_seconds)
        if message is None:
            async with self._link.answered_within():
                await self._subscription.ping()
                while message is None:
                    message = await self._subscription.get_message(timeout=self._link.answer_seconds)
        return bytes(message["data"]) if message["type"] == "message" else None


class RedisLink:
    """One store's connections and its key prefix. ``clock_offset`` is added to the server's clock by tests.

    ``place`` says where the server is, in words for an operator and without a password.
    """

    def __init__(
        self, url: str, *, prefix: str, clock_offset: float = 0.0, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        if "{" in prefix or "}" in prefix:
            raise ConfigurationError(["REDIS_KEY_PREFIX must not contain braces: they hold the partition's number."])
        self.prefix = prefix
        self.clock_offset = clock_offset
        self.place = place_of(url, prefix)
        self.answer_seconds = answer_seconds
        self._pool = _pool(url, answer_seconds)
        self._redis: Any = Redis(connection_pool=self._pool)  # the driver types only some of its calls

    def lane(self, subject: SubjectId) -> LaneKey:
        """Return where a subject's lane is."""
        return lane_key(self.prefix, subject)

    def partitions(self) -> list[str]:
        """Return what the keys of each partition begin with."""
        return [partition_key(self.prefix, number) for number in range(PARTITIONS)]

    async def run(self, operation: str, lane: LaneKey, *arguments: Argument) -> Any:
        """Run an operation's script on a lane and return its answer."""
        return await self.ask(*self._call(operation, (lane.partition, lane.lane), lane.id, arguments))

    async def run_pair(self, operation: str, lane: LaneKey, other: LaneKey, *arguments: Argument) -> Any:
        """Run an operation's script on two lanes, which a server does only when it has both."""
        keys = (lane.partition, lane.lane, other.partition, other.lane)
        return await self.ask(*self._call(operation, keys, lane.id, arguments))

    async def run_lanes(self, operation: str, lanes: Iterable[LaneKey], *arguments: Argument) -> list[Any]:
        """Run a script on many lanes and return the answers in their order."""
        calls = [self._call(operation, (one.partition, one.lane), one.id, arguments) for one in lanes]
        return await self.ask_many(calls)

    async def run_partitions(self, operation: str, *arguments: Argument) -> list[Any]:
        """Run a script on every partition and return the answers in their order."""
        return await self.ask_many([self._call(operation, (one,), "", arguments) for one in self.partitions()])

    async def ask(self, *command: Any) -> Any:
        """Send one command. Raises StoreUnavailable."""
        async with self.answered_within():
            try:
                return await self._redis.execute_command(*command)
            except NoScriptError:  # the server was restarted, or told to forget its scripts
                await self._load()
                return await self._redis.execute_command(*command)

    async def ask_many(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together, each of them safe to repeat; return the answers in their order."""
        answers: list[Any] = []
        for start in range(0, len(commands), PIPELINE):
            async with self.answered_within():
                answers += await self._ask_together(commands[start : start + PIPELINE])
        return answers

    async def load_scripts(self) -> None:
        """Give the server every script beforehand, so that no customer waits for it."""
        async with self.answered_within():
            await self._load()

    @asynccontextmanager
    async def subscription(self, channel: str) -> AsyncIterator[Subscription]:
        """Subscribe to a channel, on a connection of its own."""
        async with self._redis.pubsub() as subscription:
            async with self.answered_within():
                await subscription.subscribe(channel)
            yield Subscription(self, subscription)

    @asynccontextmanager
    async def answered_within(self, more: float = 0.0) -> AsyncIterator[None]:
        """Give up in time (``more`` seconds later), and translate what the driver raises."""
        try:
            async with asyncio.timeout(self.answer_seconds + more):
                yield
        except (RedisError, OSError) as error:  # OSError: also the deadline's TimeoutError
            raise StoreUnavailable(f"({type(error).__name__}: {error})") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._pool.aclose()

    def _call(self, operation: str, keys: Sequence[str], id: str, arguments: Sequence[Argument]) -> list[Any]:
        sha = script(operation).sha
        return ["EVALSHA", sha, len(keys), *keys, repr(self.clock_offset), id, *map(_argument, arguments)]

    async def _ask_together(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        try:
            return await self._pipeline(commands)
        except NoScriptError:
            await self._load()
            return await self._pipeline(commands)

    async def _pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = await pipeline.execute()
            return answers

    async def _load(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for one in all_scripts():
                pipeline.execute_command("SCRIPT LOAD", one.text)
            await pipeline.execute()


def _pool(url: str, answer_seconds: float) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=answer_seconds,
        socket_timeout=answer_seconds / 2,
        socket_connect_timeout=answer_seconds / 2,
        socket_keepalive=True,
        protocol=2,
        # Every command may be repeated: its script knows its token.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=3),
    )


def _argument(value: Argument) -> str | bytes:
    """Spell a value as the scripts read it: nothing is "", numbers keep every digit."""
    if value is None:
        return ""
    return value if isinstance(value, str | bytes) else repr(value)
