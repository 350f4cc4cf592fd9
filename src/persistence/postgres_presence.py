"""Who holds a call, in the Postgres store."""

from __future__ import annotations

from ..model import SubjectId
from .postgres_database import Database
from .postgres_names import short
from .values import Presence


async def note(db: Database, subject: SubjectId, call: str, replica: str, seconds: float, renew: bool = False) -> None:
    """See :meth:`LaneStore.presence`."""
    values = {"subject": short(subject), "call": call, "replica": replica, "seconds": seconds, "renew": renew}
    await db.call("presence", values)


async def present(db: Database, subject: SubjectId) -> Presence | None:
    """See :meth:`LaneStore.present`."""
    rows = await db.call("present", {"subject": short(subject)})
    return Presence(*rows[0]) if rows else None
