"""Checks the Redis server at start: version, persistence on disk, eviction."""

from __future__ import annotations

import re
from typing import Any, Final

import structlog
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ResponseError

from ...errors import ConfigurationError, StoreMissing, StoreUnavailable
from .link import RedisLink
from .upgrade import carry_over

log = structlog.get_logger(__name__)

LAYOUT: Final = 2
"""Version of the keys. Layout 1 had 256 partitions and packed values."""
OLDEST: Final = (6, 2)
HASH_TAG: Final = re.compile(r"^[^{]*\{[^}]+\}")
"""The part of a key that decides on its slot in a cluster (redis.io/docs, cluster specification)."""


async def prepare(link: RedisLink, *, create: bool, production: bool, allow_volatile: bool) -> None:
    """Make sure that the server can carry a store, warn of what it does not keep, and load the scripts.

    Raises StoreUnavailable when it does not answer, StoreMissing when there is no store and none shall be made, and
    ConfigurationError when it refuses us, is too old, or forgets everything in production.
    """
    try:
        information = await _information(link)
        append_only = await _configured(link, "appendonly") or _yes(information.get("aof_enabled"))
        snapshots = await _configured(link, "save")
        eviction = await _configured(link, "maxmemory-policy") or information.get("maxmemory_policy")
        await _layout(link, create=create)
        await link.load_scripts()
    except StoreUnavailable as error:
        _refused(link, error)
        if isinstance(error, StoreMissing):
            raise
        raise StoreUnavailable(f"({link.place}: {error.detail.strip('()')})") from error
    if append_only is None:
        log.warning("redis_durability_unknown", place=link.place)
    volatile = append_only == "no" and snapshots is not None and not snapshots.strip()
    if volatile:
        log.error("redis_keeps_nothing", place=link.place, lost="everything, when the server restarts")
    elif append_only == "no":
        log.error("redis_keeps_snapshots_only", place=link.place, lost="what came after the last snapshot")
    # Nothing of ours ever expires, so policies that evict only what does are as good as none.
    if str(eviction).startswith("allkeys"):
        log.error("redis_may_evict", place=link.place, policy=eviction, wanted="noeviction")
    if volatile and production and not allow_volatile:
        raise ConfigurationError(
            [
                f"{link.place}: the server keeps nothing on disk, so a restart of it loses every conversation. "
                "Turn on its append-only file (appendonly yes), or set REDIS_ALLOW_VOLATILE=true to accept that."
            ]
        )


def _refused(link: RedisLink, error: StoreUnavailable) -> None:
    """Raise ConfigurationError when the server answered, but will not have us."""
    cause = error.__cause__
    if isinstance(cause, AuthenticationError | AuthorizationError):
        said = "the server refuses the password or user (REDIS_URL, REDIS_PASSWORD)"
    elif isinstance(cause, NoPermissionError):
        said = "the server does not allow this user all that a store needs (scripts, keys, publish and subscribe)"
    elif isinstance(cause, ResponseError) and "out of range" in str(cause):
        said = "the server has no such database (REDIS_DB)"
    else:
        return
    raise ConfigurationError([f"{link.place}: {said}."]) from error


async def _told(link: RedisLink, *command: str) -> Any:
    """Return what the server says of itself, None where it does not: hosted ones often forbid it."""
    try:
        return await link.ask(*command)
    except StoreUnavailable as error:
        if isinstance(error.__cause__, ResponseError):
            return None
        raise


async def _information(link: RedisLink) -> dict[str, Any]:
    """Return the server's figures; raises ConfigurationError when it is too old, or a cluster that does not fit."""
    information = dict(await _told(link, "INFO") or {})
    version = str(information.get("redis_version", ""))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if parts and parts < OLDEST:
        raise ConfigurationError([f"{link.place}: the server is version {version}; 6.2 is the oldest that will do."])
    if information.get("redis_mode") == "cluster" and not HASH_TAG.search(link.prefix):
        raise ConfigurationError(
            [
                f"{link.place}: the server is part of a cluster, where a store is kept on one node. Give"
                " REDIS_KEY_PREFIX a hash tag that says which, such as {tandem}:, and REDIS_URL that node's address."
            ]
        )
    return information


def _yes(told: object) -> str | None:
    """Return what a figure that is 0 or 1 says; None where it was not told."""
    return None if told is None else ("yes" if told else "no")


async def _configured(link: RedisLink, name: str) -> str | None:
    values = dict(await _told(link, "CONFIG GET", name) or {})
    found = values.get(name, values.get(name.encode()))
    return found.decode() if isinstance(found, bytes) else found


async def _layout(link: RedisLink, *, create: bool) -> None:
    """Find the mark of a store, or make it."""
    name = f"{link.prefix}layout"
    if create:
        await link.ask("SET", name, LAYOUT, "NX")
    found = await link.ask("GET", name)
    if found is None:
        raise StoreMissing(f"(there is none: {link.place})")
    if int(found) > LAYOUT:
        raise ConfigurationError([f"{link.place} was written by a newer version (layout {int(found)})."])
    if int(found) < LAYOUT:
        if not create:
            raise ConfigurationError([f"{link.place} was written by an older version; the server upgrades it."])
        await link.load_scripts()
        await carry_over(link)
        await link.ask("SET", name, LAYOUT)
