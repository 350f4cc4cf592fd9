"""Deleting from the file store: what nothing touched for long, and everything about one subject."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..errors import LeaseLost, StoreUnavailable
from ..model import SubjectId
from . import file_audit
from .values import PurgeReport

KEY_SECONDS: Final = 7 * 86400.0
"""A provider may deliver the same message again for days."""
STEP: Final = 2000
"""Rows looked at in one transaction, so that a purge never makes a customer wait."""

_QUIET: Final = """
  NOT EXISTS (SELECT 1 FROM lane WHERE lane.subject = it.subject AND (due_at IS NOT NULL OR lease_until > :now))
  AND NOT EXISTS (SELECT 1 FROM reply WHERE reply.subject = it.subject AND status = 'waiting')
  AND NOT EXISTS (SELECT 1 FROM approval WHERE approval.subject = it.subject AND status = 'pending')
  AND NOT EXISTS (SELECT 1 FROM ticket WHERE ticket.subject = it.subject AND status = 'open')
  AND NOT EXISTS (SELECT 1 FROM presence WHERE presence.subject = it.subject AND until > :now)
"""
_UNTOUCHED: Final = f"EXISTS (SELECT 1 FROM lane WHERE subject = it.subject AND touched_at <= :before) AND {_QUIET}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of record that a purge deletes. ``kind`` is its name in the report, "" for what is not counted."""

    kind: str
    table: str
    condition: str


PARTS: Final = (
    Part("timeline", "timeline", _UNTOUCHED),
    Part("replies", "reply", _UNTOUCHED),
    Part("keys", "entry", f"it.waiting = 0 AND it.accepted_at <= :keys_before AND {_QUIET}"),
    Part("effects", "effect", f"it.at <= :before AND {_QUIET}"),
    Part("tickets", "ticket", _UNTOUCHED),
    Part("set_aside", "set_aside", f"it.at <= :before AND {_QUIET}"),
    Part("", "answer", _UNTOUCHED),
    Part("", "line", _UNTOUCHED),
    Part("", "approval", _UNTOUCHED),
    Part("", "presence", "it.until <= :now"),
    Part("conversations", "conversation", _UNTOUCHED),
    Part("", "lane", f"it.touched_at <= :before AND {_QUIET}"),
)
"""In the order of deletion: the lane says what is untouched, so it goes last. All SQL here is constant."""

ERASED: Final = (*(part.table for part in PARTS), "opt_out")


Run = Callable[[Callable[[sqlite3.Connection], int]], Awaitable[int]]
"""Runs an operation in one of the store's threads."""


async def purge(read: Run, write: Run, clock: Callable[[], float], older_than: float, *, dry_run: bool) -> PurgeReport:
    """See :meth:`LaneStore.purge`."""
    deleted = {part.kind: 0 for part in PARTS}
    failed = 0
    run, step = (read, count_step) if dry_run else (write, purge_step)
    try:
        for part in PARTS:
            for after in range(0, await read(partial(last_id, part=part)), STEP):
                doing = partial(step, now=clock(), part=part, older_than=older_than, after=after)
                deleted[part.kind] += await run(doing)
    except StoreUnavailable:
        # No later part may go first: without its lane, nobody would find what was left of it.
        failed = 1
    return PurgeReport({kind: number for kind, number in deleted.items() if kind}, failed)


def last_id(db: sqlite3.Connection, part: Part) -> int:
    """Return the id of a table's last row, 0 when it is empty."""
    (last,) = db.execute(f"SELECT coalesce(max(id), 0) FROM {part.table}").fetchone()  # noqa: S608
    return int(last)


def purge_step(db: sqlite3.Connection, now: float, part: Part, older_than: float, after: int) -> int:
    """Delete the purgeable ones among the rows with ids from ``after`` on, one step far; return their number."""
    return db.execute(
        f"DELETE FROM {part.table} AS it WHERE it.id > :after AND it.id <= :upto AND {part.condition}",  # noqa: S608
        _parameters(now, older_than, after),
    ).rowcount


def count_step(db: sqlite3.Connection, now: float, part: Part, older_than: float, after: int) -> int:
    """Return how many rows :func:`purge_step` would delete."""
    (number,) = db.execute(
        f"SELECT count(*) FROM {part.table} AS it WHERE it.id > :after AND it.id <= :upto AND {part.condition}",  # noqa: S608
        _parameters(now, older_than, after),
    ).fetchone()
    return int(number)


def _parameters(now: float, older_than: float, after: int) -> dict[str, float]:
    keys_before = now - max(older_than, KEY_SECONDS)
    return {
        "now": now,
        "before": now - older_than,
        "keys_before": keys_before,
        "after": after,
        "upto": after + STEP,
    }


def erase(db: sqlite3.Connection, now: float, subject: SubjectId, actor: str) -> int:
    """See :meth:`LaneStore.erase`."""
    held = db.execute("SELECT 1 FROM lane WHERE subject = ? AND lease_until > ?", (subject, now)).fetchone()
    if held:
        raise LeaseLost
    deleted = sum(db.execute(f"DELETE FROM {table} WHERE subject = ?", (subject,)).rowcount for table in ERASED)  # noqa: S608
    if deleted:
        file_audit.note(db, now, subject, actor, deleted)
    return deleted
