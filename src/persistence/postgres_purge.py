"""Deleting from the Postgres store: what nothing touched for long, and everything about one subject."""

from __future__ import annotations

import secrets
from typing import Any, Final

from ..errors import LeaseLost, StoreUnavailable
from ..model import SubjectId
from .postgres_database import Database, Row
from .postgres_names import short
from .values import PurgeReport

KEY_SECONDS: Final = 7 * 86400.0
"""A provider may deliver the same message again for days."""
STEP: Final = 200
"""Lanes, or rows, that one transaction deletes, so that a purge never makes a customer wait."""
COUNT_SECONDS: Final = 120.0
"""A dry run counts everything in one statement, which makes nobody wait."""
STEP_SECONDS: Final = 20.0
KINDS: Final = ("conversations", "timeline", "replies", "keys", "effects", "tickets", "set_aside")


async def purge(db: Database, older_than: float, dry_run: bool = False) -> PurgeReport:
    """See :meth:`LaneStore.purge`; in many small transactions, so it may be broken off and run again."""
    deleted = dict.fromkeys(KINDS, 0)
    ages = {"older_than": older_than, "keys_older_than": max(older_than, KEY_SECONDS)}
    try:
        if dry_run:
            (row,) = await db.call("purge_count", ages, seconds=COUNT_SECONDS)
            _add(deleted, row)
        else:
            await _all_steps(db, "purge_rows", ages, deleted)
            await _all_steps(db, "purge_lanes", {"older_than": older_than}, deleted)
    except StoreUnavailable:
        return PurgeReport(deleted, failed=1)
    return PurgeReport(deleted)


async def _all_steps(db: Database, function: str, ages: dict[str, Any], deleted: dict[str, int]) -> None:
    more = True
    while more:
        (row,) = await db.call(function, {**ages, "limit": STEP}, once=True, seconds=STEP_SECONDS)
        _add(deleted, row)
        more = row["more"]


def _add(deleted: dict[str, int], row: Row) -> None:
    for kind in KINDS:
        deleted[kind] += row.get(kind, 0)


async def erase(db: Database, subject: SubjectId, actor: str = "") -> int:
    """See :meth:`LaneStore.erase`."""
    values = {"subject": short(subject), "actor": actor, "key": secrets.token_bytes(32)}
    (row,) = await db.call("erase", values, once=True)
    if row[0] is None:
        raise LeaseLost
    return int(row[0])
