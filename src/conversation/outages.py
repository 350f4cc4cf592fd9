"""Outages: a store that is away, and customers whom the agent could not answer.

Of a store, the log is told once that it went and once that it is back, however many requests meet it. Of the model,
each such customer has one ticket per outage. Their next answered turn closes it; for those who do not write again, the
first turn that is answered in this process has the agent propose an answer to each ticket, and staff decide about it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import structlog

from ..entries import StaffAct, TicketOpened
from ..errors import StoreUnavailable
from ..events import EventName, Happened
from ..model import Channel, Priority, Source, SubjectId, TicketStatus, TicketStep
from ..persistence.values import Receipt
from .change_draft import Draft, FindTicket
from .text_screening import is_goodbye
from .ticket_history import with_step

log = structlog.get_logger(__name__)


class StoreOutage:
    """Tracks whether the store is away. Only a write shows that it is back: a full disk can be read."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """True if the store was away when last tried."""
        return self._since is not None

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Draw conclusions from a write: its StoreUnavailable goes on to the caller."""
        with self.met():
            yield
        self.end()

    @contextmanager
    def met(self) -> Iterator[None]:
        """Draw conclusions from a read, which shows that the store is away and never that it is back."""
        try:
            yield
        except StoreUnavailable as error:
            self.begin(error)
            raise

    def begin(self, error: StoreUnavailable) -> None:
        """Note that the store does not answer."""
        if self._since is None:
            self._since = time.monotonic()
            log.error("store_unavailable", reason=error.detail or error.code)

    def end(self) -> None:
        """Note that the store has written something."""
        if self._since is not None:
            log.warning("store_back", seconds=round(time.monotonic() - self._since, 1))
            self._since = None


# --- the model ----------------------------------------------------------------------------------------------

TICKET: Final = "outage_ticket"
"""Key in the conversation's context; and, as a cause, in the row of the ticket."""
TITLE: Final = "The agent could not answer"
LONGEST: Final = 2000
"""Characters of a ticket's description."""


async def unanswered(draft: Draft, channel: Channel, texts: Sequence[str]) -> None:
    """Open a ticket for what a customer asked and the agent could not answer, or add to the one of this outage."""
    if asked := [text for text in texts if text.strip() and not is_goodbye(text)]:
        await passed_on(draft, channel, asked, key=TICKET, title=TITLE)


async def passed_on(draft: Draft, channel: Channel, asked: Sequence[str], *, key: str, title: str) -> None:
    """Open a ticket for what a customer asked, or add to the open one whose id the context has under ``key``."""
    ticket = await draft.own_ticket(str(draft.conversation.context.get(key, "")))
    if ticket is not None and ticket.status is TicketStatus.OPEN:
        description = "\n".join((ticket.description, *asked))[:LONGEST]
        draft.put_ticket(replace(ticket, description=description))
        return
    ticket = draft.open_ticket(channel, title, "\n".join(asked)[:LONGEST], Priority.MEDIUM, cause=key)
    draft.conversation = replace(draft.conversation, context={**draft.conversation.context, key: ticket.id})


async def answered(draft: Draft, channel: Channel) -> None:
    """Close the ticket of an outage: the agent has answered the customer, who had asked again."""
    ticket_id = draft.conversation.context.get(TICKET)
    if ticket_id is None:
        return
    context = {name: value for name, value in draft.conversation.context.items() if name != TICKET}
    draft.conversation = replace(draft.conversation, context=context)
    ticket = await draft.own_ticket(str(ticket_id))
    if ticket is None or ticket.status is not TicketStatus.OPEN:
        return
    status = TicketStatus.SOLVED
    draft.put_ticket(with_step(replace(ticket, status=status), TicketStep(draft.now, status.value, "agent")))
    told: dict[str, Any] = {"ticket": ticket.id, "actor": "agent", "status": status.value, "note": ""}
    draft.note(EventName.TICKET_CLOSED, channel, source=Source.AGENT, **told)


Act = Callable[[SubjectId, StaffAct, str], Awaitable[Receipt]]
"""Carries out an act of staff, once for its key; see :meth:`.TurnEngine.act`."""


class OutageTickets:
    """The tickets of this process's outage. A listener of the event bus; a restart leaves them to staff."""

    def __init__(self, find_ticket: FindTicket, act: Act) -> None:
        self._find_ticket = find_ticket
        self._act = act
        self._open: dict[SubjectId, str] = {}

    async def hear(self, happened: Happened) -> None:
        """Take note of a ticket that an outage opened; have all of them worked when a turn is answered again."""
        row, subject = happened.event, happened.subject
        if row.name == EventName.TICKET_CREATED and row.data.get("cause") == TICKET:
            self._open[subject] = str(row.data["ticket"])
        elif row.name == EventName.TURN and not row.data.get("error") and self._open:
            self._open.pop(subject, None)  # answered themselves
            await self._work()

    async def _work(self) -> None:
        while self._open:
            subject, ticket_id = self._open.popitem()
            try:
                ticket = await self._find_ticket(ticket_id)
                if ticket is not None and ticket.status is TicketStatus.OPEN:
                    await self._act(subject, TicketOpened("gateway", ticket), f"outage:{ticket_id}")
            except StoreUnavailable:
                self._open[subject] = ticket_id
                return
