"""Tables of the former format (schemas 1 and 2, one for each kind of record) become those of today."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog
from asyncpg.pool import PoolConnectionProxy

from ...model import SubjectId
from ..former_format import COLUMNS, PROOFS, carried_audit, carried_over
from .database import Record
from .names import HASHED, Names, short
from .storage import as_json

log = structlog.get_logger(__name__)

TABLES: Final = (
    "lane", "entry", "conversation", "opt_out", "answer", "approval", "timeline", "effect", "reply", "line", "ticket",
    "set_aside", "presence", "audit_key", "audit",
)  # fmt: skip
_ORDERED: Final = ("opt_out", "entry", "reply", "ticket", "timeline", "set_aside")
"""Tables whose rows have numbers, in the order of their writing."""
FUNCTIONS: Final = (
    "accept", "append", "block", "claim", "commit", "commit_turn", "deliver", "deliver_at", "delivery_status", "due",
    "due_at", "effect_begin", "effect_finish", "elsewhere", "erase", "find_due", "go_on", "hash", "hasten",
    "keep_aside", "lock", "next_reply", "now", "presence", "present", "purge_count", "purge_lanes", "purge_rows",
    "queue", "quiet", "rank", "release", "renew", "settle", "settle_reply", "skip", "skip_reply", "take_first",
    "take_reply", "touch", "try", "waiting", "write_approvals",
)  # fmt: skip
BATCH: Final = 500


async def carry_over(connection: PoolConnectionProxy[Any], names: Names) -> None:
    """Write everything that the former tables hold into today's and drop them, in the transaction that is open."""

    async def fetch(query: str, *values: Any) -> list[Record]:
        return await connection.fetch(names.fill(query), *values)

    subjects = " UNION ".join(f"SELECT subject FROM {_name(table)}" for table in TABLES[:12])  # noqa: S608
    found = [row[0] for row in await fetch(f"{subjects} ORDER BY subject")]
    for start in range(0, len(found), BATCH):
        changes = await _carried(fetch, found[start : start + BATCH])
        await fetch("SELECT conversation_states_apply($1)", json.dumps(changes))
        log.info("lanes_carried_over", done=min(start + BATCH, len(found)), of=len(found))
    for row in await fetch("SELECT key FROM conversation_states_audit_key"):
        audit = carried_audit(row[0], await fetch(PROOFS.format("conversation_states_audit")))
        await fetch("SELECT conversation_states_apply($1)", json.dumps([as_json(audit)]))
    await _drop_functions(connection, names)  # before the tables: one returned a row of the lanes' table
    for table in TABLES:
        await connection.execute(names.fill(f"DROP TABLE IF EXISTS {_name(table)}"))
    await connection.execute(names.fill("DROP SEQUENCE IF EXISTS conversation_states_fence"))


async def _carried(fetch: Callable[..., Awaitable[list[Record]]], subjects: Sequence[str]) -> list[dict[str, Any]]:
    """Return the changes that carry some lanes over."""
    rows: dict[tuple[str, str], list[list[Any]]] = {}
    for table, columns in COLUMNS.items():
        order = " ORDER BY id" if table in _ORDERED else ""
        query = f"SELECT subject, {columns} FROM {_name(table)} WHERE subject = ANY ($1){order}"  # noqa: S608
        for subject, *values in await fetch(query, subjects):
            rows.setdefault((subject, table), []).append(values)
    spelled = await fetch("SELECT subject, spelled FROM conversation_states_lane WHERE subject = ANY ($1)", subjects)
    full = {subject: text for subject, text in spelled if text}
    now, changes = time.time(), []
    for subject in subjects:
        of = {table: rows.get((subject, table), []) for table in COLUMNS}
        carried = carried_over(SubjectId(full.get(subject, subject)), of.__getitem__, now)
        changes += [as_json(writes, _again_short) for writes in carried]
    return changes


def _again_short(key: str) -> str:
    """Return a key as an index can hold it; some of the former ones are short already, and only so."""
    return key if key.startswith(HASHED) else short(key)


def _name(table: str) -> str:
    """Return a table's name; the conversations' own has nothing behind it."""
    return "conversation_states" if table == "conversation" else f"conversation_states_{table}"


async def _drop_functions(connection: PoolConnectionProxy[Any], names: Names) -> None:
    """Drop the former versions' functions, by name: other tables' names may begin with this one's."""
    for row in await connection.fetch(
        "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = ANY ($1)"
        " AND pronamespace = current_schema()::regnamespace",
        [f"{names.table}_{function}" for function in FUNCTIONS],
    ):
        await connection.execute(f"DROP FUNCTION IF EXISTS {row['name']}")
