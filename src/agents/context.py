"""Who the agent is talking to: the run context that every tool receives and the model never sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..model import Approval, Channel, Priority, Route, SubjectId, Ticket
from .shop import Shop

Withdraw = Callable[[str], Awaitable[bool]]
"""Withdraws a waiting request by its id; False when it is not waiting any more."""

FindTicket = Callable[[str], Awaitable[Ticket | None]]
"""Finds a ticket by its id, whoever it belongs to: what a customer may see of it is decided by its subject."""


@dataclass(slots=True)
class Deeds:
    """What tools ask for that is written with the turn's commit: nothing of it happens when the turn is lost."""

    tickets: list[Ticket] = field(default_factory=list)
    messages: list[tuple[Route, str]] = field(default_factory=list)
    escalation: Priority | None = None


@dataclass(frozen=True, slots=True)
class Caller:
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
    deeds: Deeds
    approvals: tuple[Approval, ...]
    withdraw: Withdraw
    ticket: FindTicket

    @property
    def channel(self) -> Channel:
        """Return the channel that the customer is on."""
        return self.route.channel
