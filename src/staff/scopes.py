"""Scopes of a staff token: what whoever holds it may do. ``STAFF_TOKENS=name:token:scope+scope``; without any, all."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """Things that a token lets one do."""

    READ = "read"
    """See conversations, customers, tickets and requests."""
    REPLY = "reply"
    """Write to customers and colleagues, assign, hold the agent, see a full number."""
    APPROVE = "approve"
    """Decide about requests that wait."""
    ADMINISTER = "administer"
    """Erase a customer's data."""
    TICKETS = "tickets"
    """Open, read and close tickets: all that a partner system needs."""


Scopes = frozenset[Scope]
EVERY_SCOPE: Final[Scopes] = frozenset(Scope)


def read_scopes(text: str) -> Scopes:
    """Read ``read+reply``. Raises ValueError for a name that is no scope."""
    return frozenset(Scope(name.strip().lower()) for name in text.split("+"))
