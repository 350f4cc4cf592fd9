"""Entries of a lane in the Postgres store: offering them, and reading those that wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ..entries import Entry, Waiting
from ..errors import UnreadableRecord
from ..model import SubjectId
from .codec import ENTRY
from .postgres_database import Database
from .postgres_names import short, spelled
from .values import Outcome, Receipt


@dataclass(frozen=True, slots=True)
class Found:
    """The waiting entries of a lane that can be read, and the rows of those that cannot."""

    waiting: tuple[Waiting, ...]
    unreadable: tuple[int, ...]


async def accept(
    db: Database, subject: SubjectId, entries: Sequence[Entry], token: str, not_after: float | None = None
) -> tuple[Receipt, ...]:
    """See :meth:`LaneStore.accept`."""
    rows = await db.call(
        "accept",
        {
            "subject": short(subject),
            "spelled": spelled(subject),
            "keys": [short(entry.key) for entry in entries],
            "records": [ENTRY.encode(entry) for entry in entries],
            "token": token,
            "not_after": not_after,
        },
    )
    return tuple(_receipt(entry.key, *row) for entry, row in zip(entries, rows, strict=True))


def _receipt(key: str, outcome: str, earlier: str | None) -> Receipt:
    if outcome != Outcome.DUPLICATE or earlier is None:
        return Receipt(key, Outcome(outcome))
    try:
        return Receipt(key, Outcome.DUPLICATE, ENTRY.decode(earlier))
    except UnreadableRecord:
        return Receipt(key, Outcome.DUPLICATE)


async def waiting(db: Database, subject: SubjectId) -> tuple[Waiting, ...]:
    """See :meth:`LaneStore.waiting`; an entry that cannot be read is left out."""
    (row,) = await db.fetch("SELECT conversation_states_waiting($1)", short(subject))
    return read_waiting(from_json(row[0])).waiting


def read_waiting(rows: Sequence[dict[str, Any]]) -> Found:
    """Return what the function ``waiting`` found."""
    readable: list[Waiting] = []
    unreadable: list[int] = []
    for row in rows:
        try:
            readable.append(Waiting(ENTRY.decode(row["record"]), row["at"], row["tries"]))
        except UnreadableRecord:
            unreadable.append(row["id"])
    return Found(tuple(readable), tuple(unreadable))
