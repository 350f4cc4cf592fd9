"""Tickets that staff and partner systems open, look at and close. No HTTP."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from ..conversation.engine import TurnEngine
from ..conversation.ticket_history import RESPONSE_SECONDS, id_of_external, with_step
from ..entries import CalledBack, TicketClosed, TicketOpened
from ..errors import MalformedRequest, NotFound, NoWay, UnreadableRecord
from ..guardrails.pii import mask
from ..identity.phone import e164
from ..model import Route, SubjectId, Ticket, TicketStatus, TicketStep
from ..persistence.base import LaneStore
from ..persistence.values import Outcome
from ..shop.base import Shop
from ..telemetry.logs import subject_label
from .bodies import NewTicket
from .customer_directory import CustomerDirectory
from .subject_lookup import SubjectLookup

log = structlog.get_logger(__name__)

CallBack = Callable[[Ticket], Awaitable[None]]
"""Rings a colleague, then the customer of a ticket."""
LOOKS, LOOK_SECONDS = 100, 0.02
"""How often opening looks whether the ticket can be found by its id, and how long it waits in between."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket, and whether it was there before."""

    ticket: Ticket
    earlier: bool


class Tickets:
    """Finds tickets in the store and works on them in the lanes of their customers."""

    def __init__(
        self,
        store: LaneStore,
        engine: TurnEngine,
        people: CustomerDirectory,
        shop: Shop,
        whose: SubjectLookup,
        *,
        region: str,
        ours: str | None,
        call: CallBack,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``ours`` is the number that texts to new customers leave from; ``clock`` dates tickets."""
        self._store = store
        self._engine = engine
        self._people = people
        self._shop = shop
        self._whose = whose
        self._region = region
        self._ours = ours
        self._composer = engine.composer
        self._call = call
        self._clock = clock

    async def find(self, name: str) -> Ticket:
        """Return a ticket by its id or its external one. Raises NotFound."""
        found = None
        if name.isprintable() and 0 < len(name) <= 100:
            found = await self._stored(name) or await self._stored(id_of_external(name))
        if found is None:
            raise NotFound("(ticket)")
        return found

    async def open(self, wanted: NewTicket, *, actor: str, key: str | None) -> Opened:
        """Open a ticket, once per external id, or else per ``key``. Raises NotFound and NoWay."""
        subject, route = await self._reach(wanted)
        ticket_id = f"TKT_{uuid.uuid4().hex[:12].upper()}"
        if wanted.external_id or key:
            ticket_id = id_of_external(wanted.external_id or f"key:{actor}:{key}")
        if (earlier := await self._stored(ticket_id)) is not None:
            return Opened(earlier, earlier=True)
        ticket = self._ticket(ticket_id, subject, wanted, actor)
        act = TicketOpened(actor, ticket, route)
        receipt = await self._engine.act(subject, act, key=f"ticket:{ticket_id}")
        if receipt.outcome is Outcome.DUPLICATE:
            body = receipt.earlier.body if receipt.earlier else None
            return Opened(body.ticket if isinstance(body, TicketOpened) else ticket, earlier=True)
        log.info("ticket_opened", subject=subject_label(subject), priority=ticket.priority.value)
        await self._until_seen(ticket_id)
        return Opened(ticket, earlier=False)

    async def close(self, name: str, status: TicketStatus, note: str, *, actor: str, key: str) -> Ticket:
        """Close a ticket and return it as it will be. Raises NotFound."""
        ticket = await self.find(name)
        if ticket.status is status:
            return ticket
        note = mask(note).text
        await self._engine.act(ticket.subject, TicketClosed(actor, ticket.id, status, note), key=key)
        log.info("ticket_closed", subject=subject_label(ticket.subject), status=status.value)
        return with_step(replace(ticket, status=status), TicketStep(self._clock(), status.value, actor, note))

    async def call(self, name: str, *, actor: str, key: str) -> Ticket:
        """Ring a colleague, then the ticket's customer, once per ``key``. Raises NotFound, NoWay and DeliveryError."""
        ticket = await self.find(name)
        receipt = await self._engine.act(ticket.subject, CalledBack(actor, ticket.id), key=key)
        if receipt.outcome is not Outcome.DUPLICATE:
            await self._call(ticket)
        return ticket

    # --- who it is for ----------------------------------------------------------------------------------

    async def _reach(self, wanted: NewTicket) -> tuple[SubjectId, Route]:
        """Return the customer, and the way to text them, also for the first time."""
        subject, number = await self._customer(wanted)
        found = await self._store.found_by_turns(subject)
        if found is None or not found.routes:
            number = number or await self._people.number(subject, found)
            known = found is not None and found.version > 0  # not for an opt-out alone
            if number is None or (not known and await self._people.account(subject, number) is None):
                raise NotFound("(customer)")
        route = self._composer.first_route(found, number, self._ours)
        if route is None:
            raise NoWay
        return subject, route

    async def _customer(self, wanted: NewTicket) -> tuple[SubjectId, str | None]:
        """Return whose ticket it is, and the number that named them."""
        account = None if wanted.subject_id else await self._shop.customer_by_id(wanted.customer_id)
        number = e164(account.phone, self._region) if account else None
        spelling = number or wanted.subject_id or wanted.customer_id
        return await self._whose.one(spelling), self._whose.number(spelling)

    # --- the store --------------------------------------------------------------------------------------

    def _ticket(self, ticket_id: str, subject: SubjectId, wanted: NewTicket, actor: str) -> Ticket:
        now = self._clock()
        return Ticket(
            id=ticket_id,
            subject=subject,
            title=mask(wanted.subject).text,
            description=mask(wanted.description).text,
            priority=wanted.priority,
            created_at=now,
            respond_by=now + RESPONSE_SECONDS[wanted.priority],
            external_id=wanted.external_id,
            history=(TicketStep(now, "opened", actor),),
        )

    async def _stored(self, ticket_id: str) -> Ticket | None:
        try:
            return await self._store.ticket(ticket_id)
        except UnreadableRecord as error:
            raise MalformedRequest("The ticket cannot be read.") from error

    async def _until_seen(self, ticket_id: str) -> None:
        """Wait a moment for the lane to store a ticket, so that whoever opened it finds it by its id."""
        for _ in range(LOOKS):
            if await self._stored(ticket_id) is not None:
                return
            await asyncio.sleep(LOOK_SECONDS)
        log.info("ticket_waits_for_its_lane")
