"""Callers as tools get them, without a run around them."""

from __future__ import annotations

from tandem.agents.caller_context import CallerContext, FindTicket, Withdraw
from tandem.conversation.base import PendingWrites
from tandem.conversation.bounds import UNLIMITED, Allowance
from tandem.model import Address, Approval, Channel, Route, SubjectId, Ticket
from tandem.shop.base import Shop

JOHN, JANE, FREE, STRANGER = "+15551234567", "+15559876543", "+15552223333", "+15550001111"
OURS = "+15550009999"
NOW = 1_795_000_000.0


async def nothing_waits(approval_id: str) -> bool:
    """Answer a withdrawal as if a colleague had been first."""
    return False


async def no_ticket(ticket_id: str) -> Ticket | None:
    """Find nothing, as in an empty store."""
    return None


def route_of(phone: str | None, channel: Channel = Channel.SMS, *, ours: str = OURS) -> Route:
    """Return the route of a number, or of a withheld one."""
    return Route(channel, Address("tel", phone or "anonymous"), Address.parse(ours))


def caller_of(
    shop: Shop,
    phone: str | None = JOHN,
    *,
    channel: Channel = Channel.SMS,
    ours: str = OURS,
    approvals: tuple[Approval, ...] = (),
    withdraw: Withdraw = nothing_waits,
    ticket: FindTicket = no_ticket,
    allowance: Allowance = UNLIMITED,
) -> CallerContext:
    """Make a caller of one turn."""
    return CallerContext(
        subject=SubjectId(f"phone_{phone.removeprefix('+')}" if phone else "withheld_CA1"),
        phone=phone,
        route=route_of(phone, channel, ours=ours),
        shop=shop,
        now=NOW,
        deeds=PendingWrites(),
        approvals=approvals,
        withdraw=withdraw,
        ticket=ticket,
        allowance=allowance,
    )
