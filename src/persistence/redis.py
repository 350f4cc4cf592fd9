"""The Redis store: lanes on a server that many replicas share.

Each operation is one Lua script, so it happens as a whole, and each is safe to repeat: the driver repeats by itself
what a cut connection left open. Keys carry their partition's number as hash tag; see docs/persistence.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..model import SubjectId
from . import (
    redis_effects,
    redis_entries,
    redis_hints,
    redis_joining,
    redis_lanes,
    redis_outbox,
    redis_presence,
    redis_purge,
    redis_read,
    redis_server,
)
from .joining import Joining, merge
from .operation import operation
from .redis_link import ANSWER_SECONDS, RedisLink


@asynccontextmanager
async def open_redis_store(
    url: str,
    *,
    prefix: str = "runstate:",
    create: bool = True,
    production: bool = False,
    allow_volatile: bool = False,
    clock_offset: float = 0.0,
    answer_seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[RedisStore]:
    """Open, or create, the store under ``prefix`` on the server at ``url``. Without ``create`` it must be there.

    ``clock_offset`` is for tests; after ``answer_seconds`` without answer a call fails. A server that keeps nothing on
    disk is refused in production unless ``allow_volatile``. Raises StoreUnavailable, StoreMissing and
    ConfigurationError, which name the server, never a password.
    """
    link = RedisLink(url, prefix=prefix, clock_offset=clock_offset, answer_seconds=answer_seconds)
    try:
        await redis_server.prepare(link, create=create, production=production, allow_volatile=allow_volatile)
        yield RedisStore(link)
    finally:
        await link.close()


class RedisStore:
    """A :class:`LaneStore`; get one from :func:`open_redis_store`."""

    def __init__(self, link: RedisLink) -> None:
        self.handle = link

    @property
    def clock_offset(self) -> float:
        """What tests add to the server's clock."""
        return self.handle.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.handle.clock_offset = seconds

    # --- entries and turns ------------------------------------------------------------------------------

    accept = operation(redis_entries.accept)
    claim = operation(redis_lanes.claim)
    renew = operation(redis_lanes.renew)
    release = operation(redis_lanes.release)
    commit = operation(redis_lanes.commit)

    # --- side effects -----------------------------------------------------------------------------------

    effect_begin = operation(redis_effects.begin)
    effect_finish = operation(redis_effects.finish)
    effect_known = operation(redis_effects.known)

    # --- outbox -----------------------------------------------------------------------------------------

    next_reply = operation(redis_outbox.next_reply)
    settle = operation(redis_outbox.settle)
    delivery_status = operation(redis_outbox.delivery_status)

    # --- who holds a call -------------------------------------------------------------------------------

    presence = operation(redis_presence.note)
    present = operation(redis_presence.present)

    # --- finding work -----------------------------------------------------------------------------------

    due = operation(redis_read.due)
    notify = operation(redis_hints.notify)

    def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`."""
        return redis_hints.listen(self.handle)

    # --- reading ----------------------------------------------------------------------------------------

    conversation = operation(redis_read.conversation)
    waiting = operation(redis_entries.waiting)
    timeline = operation(redis_read.timeline)
    replies = operation(redis_outbox.replies)
    recent = operation(redis_read.recent)
    approvals = operation(redis_read.approvals)
    approval = operation(redis_read.find_approval)
    counts = operation(redis_read.counts)
    ticket = operation(redis_read.find_ticket)
    tickets = operation(redis_read.tickets)

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await redis_joining.absorb(self.handle, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    purge = operation(redis_purge.purge)
    erase = operation(redis_purge.erase)
    erasures = operation(redis_purge.erasures)
    ping = operation(redis_server.ping)
