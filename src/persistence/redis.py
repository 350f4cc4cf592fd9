"""The Redis store: lanes on a server that many replicas share.

Each operation is one Lua script, so it happens as a whole, and each is safe to repeat: the driver repeats by itself
what a cut connection left open. Keys carry their partition's number as hash tag; see docs/persistence.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ..entries import Entry, Waiting
from ..model import (
    Approval,
    ApprovalStatus,
    Channel,
    Conversation,
    Outgoing,
    ReplyStatus,
    StoredReply,
    SubjectId,
    Ticket,
    TimelineEvent,
)
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
from .base import (
    Change,
    Claim,
    Committed,
    ConversationHead,
    Counts,
    Due,
    Effect,
    Erasure,
    Page,
    Presence,
    PurgeReport,
    Receipt,
    Settlement,
)
from .joining import Joining, merge
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
        self._link = link

    @property
    def clock_offset(self) -> float:
        """What tests add to the server's clock."""
        return self._link.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._link.clock_offset = seconds

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """See :meth:`LaneStore.accept`."""
        return await redis_entries.accept(self._link, subject, entries, token, not_after)

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """See :meth:`LaneStore.claim`."""
        return await redis_lanes.claim(self._link, subject, holder, seconds, accept)

    async def renew(self, claim: Claim, *, seconds: float) -> None:
        """See :meth:`LaneStore.renew`."""
        await redis_lanes.renew(self._link, claim, seconds)

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """See :meth:`LaneStore.release`."""
        await redis_lanes.release(self._link, claim, forgive)

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """See :meth:`LaneStore.commit`."""
        return await redis_lanes.commit(self._link, claim, change, token, deliver, replica)

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """See :meth:`LaneStore.effect_begin`."""
        return await redis_effects.begin(self._link, subject, key, token)

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """See :meth:`LaneStore.effect_finish`."""
        await redis_effects.finish(self._link, subject, key, result)

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """See :meth:`LaneStore.effect_known`."""
        return await redis_effects.known(self._link, subject, key)

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.next_reply`."""
        return await redis_outbox.next_reply(self._link, subject, channel, holder, seconds, replica)

    async def settle(
        self, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, *, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.settle`."""
        return await redis_outbox.settle(self._link, subject, outgoing, settlement, seconds, replica)

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
        timeline: Sequence[TimelineEvent] = (),
    ) -> bool:
        """See :meth:`LaneStore.delivery_status`."""
        return await redis_outbox.delivery_status(
            self._link, subject, reply_id, status, provider_id, error_code, timeline
        )

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """See :meth:`LaneStore.presence`."""
        await redis_presence.note(self._link, subject, call, replica, seconds, renew)

    async def present(self, subject: SubjectId) -> Presence | None:
        """See :meth:`LaneStore.present`."""
        return await redis_presence.present(self._link, subject)

    # --- finding work -----------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "") -> Due:
        """See :meth:`LaneStore.due`."""
        return await redis_read.due(self._link, limit, replica)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`."""
        await redis_hints.notify(self._link, subject)

    def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`."""
        return redis_hints.listen(self._link)

    # --- reading ----------------------------------------------------------------------------------------

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """See :meth:`LaneStore.conversation`."""
        return await redis_read.conversation(self._link, subject)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.waiting`."""
        return await redis_entries.waiting(self._link, subject)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """See :meth:`LaneStore.timeline`."""
        return await redis_read.timeline(self._link, subject, limit)

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """See :meth:`LaneStore.replies`."""
        return await redis_outbox.replies(self._link, subject, limit)

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """See :meth:`LaneStore.recent`."""
        return await redis_read.recent(self._link, limit, cursor)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """See :meth:`LaneStore.approvals`."""
        return await redis_read.approvals(self._link, status, limit, cursor)

    async def approval(self, approval_id: str) -> Approval | None:
        """See :meth:`LaneStore.approval`."""
        return await redis_read.find_approval(self._link, approval_id)

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
        return await redis_read.counts(self._link)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """See :meth:`LaneStore.ticket`."""
        return await redis_read.find_ticket(self._link, ticket_id)

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """See :meth:`LaneStore.tickets`."""
        return await redis_read.tickets(self._link, subject, limit)

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await redis_joining.absorb(self._link, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """See :meth:`LaneStore.purge`."""
        return await redis_purge.purge(self._link, older_than, dry_run=dry_run)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """See :meth:`LaneStore.erase`."""
        return await redis_purge.erase(self._link, subject, actor)

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """See :meth:`LaneStore.erasures`."""
        return await redis_purge.erasures(self._link, subject)

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`."""
        await redis_server.ping(self._link)
