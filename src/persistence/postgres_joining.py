"""Moving one lane into another in the Postgres store: one transaction over both lanes."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ..errors import LeaseLost, UnreadableRecord
from ..model import SubjectId
from . import postgres_lanes
from .codec import APPROVAL, TIMELINE
from .joining import Joining, moved
from .postgres_database import Database
from .postgres_names import short
from .values import Claim

KEYED: Final = (("entry", "key"), ("effect", "key"), ("reply", "reply_id"))
"""Tables whose rows both lanes may have: what the lane that stays has is kept."""
PLAIN: Final = ("timeline", "approval", "ticket", "set_aside")
LEFT_OVER: Final = ("", "_opt_out", "_answer", "_line", "_entry", "_effect", "_reply")
"""What the joined conversation says instead, and keys that both lanes had."""


async def absorb(db: Database, joining: Joining) -> None:
    """See :data:`~.joining.Absorb`."""
    left, stays = joining.left, joining.stays
    async with db.together() as statements:
        await _require(statements, left, stays)
        await _move(statements, left.subject, stays.subject)
        await statements.fetch(
            "UPDATE conversation_states_lane SET holder = NULL, lease_until = 0, tried = NULL, wake_at = NULL,"
            " due_at = NULL WHERE subject = $1",
            short(left.subject),
        )
        await statements.fetch(
            "INSERT INTO conversation_states_timeline (subject, at, record)"
            " VALUES ($1, conversation_states_now($2), $3)",
            *(short(left.subject), db.clock_offset, TIMELINE.encode(joining.departure)),
        )
        await postgres_lanes.commit(statements, stays, joining.change, joining.token, None)


async def _require(statements: Database, left: Claim, stays: Claim) -> None:
    """Take both rows, in an order that cannot lock two moves against each other."""
    held = {short(one.subject): (one.fence, one.holder) for one in (left, stays)}
    rows = await statements.fetch(
        "SELECT subject, fence, holder FROM conversation_states_lane WHERE subject = ANY ($1)"
        " ORDER BY subject FOR UPDATE",
        list(held),
    )
    if {row[0]: (row[1], row[2]) for row in rows} != held:
        raise LeaseLost
    (row,) = await statements.fetch(
        "SELECT EXISTS (SELECT FROM conversation_states_entry WHERE subject = $1 AND waiting)"
        " OR EXISTS (SELECT FROM conversation_states_reply WHERE subject = $1 AND status = 'waiting')",
        short(left.subject),
    )
    if row[0]:
        raise LeaseLost


async def _move(statements: Database, old: SubjectId, new: SubjectId) -> None:
    subjects = (short(old), short(new))
    rows = await statements.fetch(
        "SELECT approval_id, record FROM conversation_states_approval WHERE subject = $1", subjects[0]
    )
    for approval_id, record in rows:
        with suppress(UnreadableRecord):
            await statements.fetch(
                "UPDATE conversation_states_approval SET record = $2 WHERE approval_id = $1",
                approval_id,
                APPROVAL.encode(moved(APPROVAL.decode(record), new)),
            )
    for table, key in KEYED:
        name = f"conversation_states_{table}"
        await statements.fetch(
            f"UPDATE {name} AS it SET subject = $2 WHERE subject = $1"  # noqa: S608 (only names of ours)
            f" AND NOT EXISTS (SELECT FROM {name} AS have WHERE have.subject = $2 AND have.{key} = it.{key})",
            *subjects,
        )
    for table in PLAIN:
        statement = f"UPDATE conversation_states_{table} SET subject = $2 WHERE subject = $1"  # noqa: S608
        await statements.fetch(statement, *subjects)
    for table in LEFT_OVER:
        await statements.fetch(f"DELETE FROM conversation_states{table} WHERE subject = $1", subjects[0])  # noqa: S608
