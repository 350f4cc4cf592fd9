"""Who the agent is talking to: the run context that every tool receives and the model never sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..knowledge.index import Found
from ..model import Approval, Channel, Priority, Route, SubjectId, Ticket
from ..shop.base import Shop

Withdraw = Callable[[str], Awaitable[bool]]
"""Withdraws a waiting request by its id; False when it is not waiting any more."""

FindTicket = Callable[[str], Awaitable[Ticket | None]]
"""Finds a ticket by its id, whoever it belongs to: what a customer may see of it is decided by its subject."""


class Library(Protocol):
    """What the company knows; see :class:`~tandem.knowledge.library.Knowledge`."""

    async def search(self, question: str, *, category: str = "", limit: int = 5) -> Found:
        """Find passages of articles, the best first. Raises StoreUnavailable."""
        ...


class EmptyLibrary:
    """A library without an article, for agents that have none."""

    async def search(self, question: str, *, category: str = "", limit: int = 5) -> Found:
        """Find nothing."""
        return Found((), ())


@dataclass(slots=True)
class PendingWrites:
    """What tools ask for that is written with the turn's commit: nothing of it happens when the turn is lost."""

    tickets: list[Ticket] = field(default_factory=list)
    messages: list[tuple[Route, str]] = field(default_factory=list)
    escalation: Priority | None = None


@dataclass(frozen=True, slots=True)
class CallerContext:
    """The customer of this turn, as the channel proved it: tools take identity from here, never from the model.

    ``phone`` is the caller's own number in E.164, None when it is withheld; then no account is reachable.
    ``now`` is the store's clock, seconds since the epoch. ``region`` completes numbers without a country.
    """

    subject: SubjectId
    phone: str | None
    route: Route
    region: str
    shop: Shop
    now: float
    deeds: PendingWrites
    approvals: tuple[Approval, ...]
    withdraw: Withdraw
    ticket: FindTicket
    knowledge: Library = field(default_factory=EmptyLibrary)

    @property
    def channel(self) -> Channel:
        """Return the channel that the customer is on."""
        return self.route.channel
