"""The Postgres store: lanes in the tables of one database, for any number of gateways.

Whatever changes a lane is one call of a PL/pgSQL function (``postgres_*.sql``): one round trip, one short transaction.
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
    postgres_effects,
    postgres_entries,
    postgres_joining,
    postgres_lanes,
    postgres_outbox,
    postgres_presence,
    postgres_purge,
    postgres_read,
    postgres_schema,
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
from .postgres_address import PostgresAddress
from .postgres_database import CONNECTIONS, Database, open_database
from .postgres_hints import Hints
from .postgres_names import DEFAULT_TABLE, Names


@asynccontextmanager
async def open_postgres_store(
    address: PostgresAddress | str,
    *,
    table: str = DEFAULT_TABLE,
    pooler: bool = False,
    create: bool = True,
    clock_offset: float = 0.0,
    poll_seconds: float = 1.0,
    connections: int = CONNECTIONS,
) -> AsyncIterator[PostgresStore]:
    """Open the store at an address or URL, and make its tables, whose names begin with ``table``.

    * Without ``create`` the tables must be there (StoreMissing).
    * ``pooler``: connections are shared per transaction on the way; then hints are polled for, every ``poll_seconds``.
    * ``connections`` is the most that are opened, besides the one that listens. ``clock_offset`` is for tests.
    * Raises StoreUnavailable when the server does not answer, ConfigurationError when it refuses us or the tables are
      of a newer version.
    """
    where = PostgresAddress.of_url(address) if isinstance(address, str) else address
    names = Names(table)
    async with open_database(
        where, names, pooler=pooler, clock_offset=clock_offset, connections=connections
    ) as database:
        await postgres_schema.put_in_place(database, names, create=create)
        yield PostgresStore(database, table=table, poll_seconds=poll_seconds)


class PostgresStore:
    """A :class:`LaneStore`; get one from :func:`open_postgres_store`."""

    def __init__(self, database: Database, *, table: str, poll_seconds: float) -> None:
        self._db = database
        self._hints = Hints(database, table, lambda limit: self.due(limit=limit), poll_seconds)

    @property
    def clock_offset(self) -> float:
        """Seconds that are added to the server's clock."""
        return self._db.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self._db.clock_offset = seconds

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """See :meth:`LaneStore.accept`."""
        return await postgres_entries.accept(self._db, subject, entries, token, not_after)

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """See :meth:`LaneStore.claim`."""
        return await postgres_lanes.claim(self._db, subject, holder, seconds, accept)

    async def renew(self, claim: Claim, *, seconds: float) -> None:
        """See :meth:`LaneStore.renew`."""
        await postgres_lanes.renew(self._db, claim, seconds)

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """See :meth:`LaneStore.release`."""
        await postgres_lanes.release(self._db, claim, forgive)

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """See :meth:`LaneStore.commit`."""
        return await postgres_lanes.commit(self._db, claim, change, token, deliver, replica)

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """See :meth:`LaneStore.effect_begin`."""
        return await postgres_effects.begin(self._db, subject, key, token)

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """See :meth:`LaneStore.effect_finish`."""
        await postgres_effects.finish(self._db, subject, key, result)

    async def effect_known(self, subject: SubjectId, key: str) -> bool:
        """See :meth:`LaneStore.effect_known`."""
        return await postgres_effects.known(self._db, subject, key)

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.next_reply`."""
        return await postgres_outbox.next_reply(self._db, subject, channel, holder, seconds, replica)

    async def settle(
        self, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, *, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.settle`."""
        return await postgres_outbox.settle(self._db, subject, outgoing, settlement, seconds, replica)

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
        return await postgres_outbox.delivery_status(
            self._db, subject, reply_id, status, provider_id, error_code, timeline
        )

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """See :meth:`LaneStore.presence`."""
        await postgres_presence.note(self._db, subject, call, replica, seconds, renew)

    async def present(self, subject: SubjectId) -> Presence | None:
        """See :meth:`LaneStore.present`."""
        return await postgres_presence.present(self._db, subject)

    # --- finding work -----------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "") -> Due:
        """See :meth:`LaneStore.due`."""
        return await postgres_read.due(self._db, limit, replica)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`."""
        await self._hints.notify(subject)

    def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`."""
        return self._hints.listen()

    # --- reading ----------------------------------------------------------------------------------------

    async def conversation(self, subject: SubjectId) -> Conversation | None:
        """See :meth:`LaneStore.conversation`."""
        return await postgres_read.conversation(self._db, subject)

    async def waiting(self, subject: SubjectId) -> tuple[Waiting, ...]:
        """See :meth:`LaneStore.waiting`."""
        return await postgres_entries.waiting(self._db, subject)

    async def timeline(self, subject: SubjectId, *, limit: int = 200) -> tuple[TimelineEvent, ...]:
        """See :meth:`LaneStore.timeline`."""
        return await postgres_read.timeline(self._db, subject, limit)

    async def replies(self, subject: SubjectId, *, limit: int = 200) -> tuple[StoredReply, ...]:
        """See :meth:`LaneStore.replies`."""
        return await postgres_read.replies(self._db, subject, limit)

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """See :meth:`LaneStore.recent`."""
        return await postgres_read.recent(self._db, limit, cursor)

    async def approvals(
        self, *, status: ApprovalStatus | None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """See :meth:`LaneStore.approvals`."""
        return await postgres_read.approvals(self._db, status, limit, cursor)

    async def approval(self, approval_id: str) -> Approval | None:
        """See :meth:`LaneStore.approval`."""
        return await postgres_read.approval(self._db, approval_id)

    async def counts(self) -> Counts:
        """See :meth:`LaneStore.counts`."""
        return await postgres_read.counts(self._db)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """See :meth:`LaneStore.ticket`."""
        return await postgres_read.ticket(self._db, ticket_id)

    async def tickets(self, subject: SubjectId, *, limit: int = 50) -> tuple[Ticket, ...]:
        """See :meth:`LaneStore.tickets`."""
        return await postgres_read.tickets(self._db, subject, limit)

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await postgres_joining.absorb(self._db, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """See :meth:`LaneStore.purge`."""
        return await postgres_purge.purge(self._db, older_than, dry_run)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """See :meth:`LaneStore.erase`."""
        return await postgres_purge.erase(self._db, subject, actor)

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """See :meth:`LaneStore.erasures`."""
        return await postgres_read.erasures(self._db, subject)

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`; a fence is drawn, which a server that cannot write refuses."""
        await self._db.fetch("SELECT nextval('conversation_states_fence'), version FROM conversation_states_schema")
