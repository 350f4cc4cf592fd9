"""The Postgres store: lanes in the tables of one database, for any number of gateways.

Whatever changes a lane is one call of a PL/pgSQL function (``postgres_*.sql``): one round trip, one short transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..model import SubjectId
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
from .joining import Joining, merge
from .operation import operation
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
        self.handle = database
        self._hints = Hints(database, table, lambda limit: self.due(limit=limit), poll_seconds)

    @property
    def clock_offset(self) -> float:
        """Seconds that are added to the server's clock."""
        return self.handle.clock_offset

    @clock_offset.setter
    def clock_offset(self, seconds: float) -> None:
        self.handle.clock_offset = seconds

    # --- entries and turns ------------------------------------------------------------------------------

    accept = operation(postgres_entries.accept)
    claim = operation(postgres_lanes.claim)
    renew = operation(postgres_lanes.renew)
    release = operation(postgres_lanes.release)
    commit = operation(postgres_lanes.commit)

    # --- side effects -----------------------------------------------------------------------------------

    effect_begin = operation(postgres_effects.begin)
    effect_finish = operation(postgres_effects.finish)
    effect_known = operation(postgres_effects.known)

    # --- outbox -----------------------------------------------------------------------------------------

    next_reply = operation(postgres_outbox.next_reply)
    settle = operation(postgres_outbox.settle)
    delivery_status = operation(postgres_outbox.delivery_status)

    # --- who holds a call -------------------------------------------------------------------------------

    presence = operation(postgres_presence.note)
    present = operation(postgres_presence.present)

    # --- finding work -----------------------------------------------------------------------------------

    due = operation(postgres_read.due)

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`."""
        await self._hints.notify(subject)

    def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`."""
        return self._hints.listen()

    # --- reading ----------------------------------------------------------------------------------------

    conversation = operation(postgres_read.conversation)
    waiting = operation(postgres_entries.waiting)
    timeline = operation(postgres_read.timeline)
    replies = operation(postgres_read.replies)
    recent = operation(postgres_read.recent)
    approvals = operation(postgres_read.approvals)
    approval = operation(postgres_read.approval)
    counts = operation(postgres_read.counts)
    ticket = operation(postgres_read.ticket)
    tickets = operation(postgres_read.tickets)

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""

        async def absorb(joining: Joining) -> None:
            await postgres_joining.absorb(self.handle, joining)

        return await merge(self, old, new, token, absorb)

    # --- keeping house ----------------------------------------------------------------------------------

    purge = operation(postgres_purge.purge)
    erase = operation(postgres_purge.erase)
    erasures = operation(postgres_read.erasures)

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`; a fence is drawn, which a server that cannot write refuses."""
        await self.handle.fetch("SELECT nextval('conversation_states_fence'), version FROM conversation_states_schema")
