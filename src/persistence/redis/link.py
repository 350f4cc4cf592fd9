"""The way to the server: scripts and commands with a deadline, repeated by the driver, errors translated once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import NoScriptError, RedisError

from ...errors import StoreUnavailable
from .address import place_of

ANSWER_SECONDS: Final = 4.0
"""After this a call fails, so that a webhook can be answered in time; one attempt of the driver takes half of it."""
QUIET_SECONDS: Final = 5.0
"""After so much silence a listener asks for a sign of life."""
CONNECTIONS: Final = 32
"""Of one store; more callers wait for one of them."""

SCRIPTS: Final = ("load", "apply", "scan", "whole")


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text, and the name by which a server knows it."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Return a script of this package."""
    text = resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class RedisLink:
    """One store's connections and its key prefix.

    ``place`` says where the server is, in words for an operator and without a password.
    """

    def __init__(self, url: str, *, prefix: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.prefix = prefix
        self.place = place_of(url, prefix)
        self.answer_seconds = answer_seconds
        self._pool = _pool(url, answer_seconds)
        self._redis: Any = Redis(connection_pool=self._pool)  # the driver types only some of its calls

    async def run(self, name: str, *arguments: Any) -> Any:
        """Run a script and return its answer."""
        command = ("EVALSHA", script(name).sha, 1, self.prefix, *arguments)
        async with self.answered_within():
            try:
                return await self._redis.execute_command(*command)
            except NoScriptError:  # the server was restarted, or told to forget its scripts
                await self._load()
                return await self._redis.execute_command(*command)

    async def ask(self, *command: Any) -> Any:
        """Send one command. Raises StoreUnavailable."""
        async with self.answered_within():
            return await self._redis.execute_command(*command)

    async def ask_many(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Send commands together, each of them safe to repeat; return the answers in their order."""
        async with self.answered_within(), self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute())

    async def load_scripts(self) -> None:
        """Give the server every script beforehand, so that no customer waits for it."""
        async with self.answered_within():
            await self._load()

    async def messages(self, channel: str, quiet_seconds: float = QUIET_SECONDS) -> AsyncGenerator[bytes | None, None]:
        """Yield None as soon as messages of a channel are heard, then each of them, on a connection of its own.

        Raises StoreUnavailable when the connection turns out to be dead: after so much silence the server is asked,
        because a connection may die without a word.
        """
        async with self._redis.pubsub() as subscription:
            async with self.answered_within():
                await subscription.subscribe(channel)
            yield None
            while True:
                async with self.answered_within(quiet_seconds):
                    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=quiet_seconds)
                if message is None:
                    async with self.answered_within():
                        await subscription.ping()
                        while message is None:
                            message = await subscription.get_message(timeout=self.answer_seconds)
                if message["type"] == "message":
                    yield bytes(message["data"])

    @asynccontextmanager
    async def answered_within(self, more: float = 0.0) -> AsyncIterator[None]:
        """Give up in time (``more`` seconds later), translate what the driver raises, and keep a cancellation."""
        task = asyncio.current_task()
        cancelled_before = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(self.answer_seconds + more):
                yield
        except (RedisError, OSError) as error:  # OSError: also the deadline's TimeoutError
            raise StoreUnavailable(f"({type(error).__name__}: {error})") from error
        finally:
            # The driver sends through asyncio.wait_for, which loses a cancellation before Python 3.12 when the write
            # ends in the same moment (github.com/python/cpython/issues/81839). A worker would then never end.
            if task and task.cancelling() > cancelled_before:
                raise asyncio.CancelledError

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()
        await self._pool.aclose()

    async def _load(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in SCRIPTS:
                pipeline.execute_command("SCRIPT LOAD", script(name).text)
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
        # Every command may be repeated: what it applies has a version.
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=3),
    )
