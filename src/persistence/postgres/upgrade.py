"""Tables of the former format (schemas 1 and 2, one for each kind of record) become those of today."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import structlog
from asyncpg.pool import PoolConnectionProxy

from ...model import SubjectId
from ..former import Former, carried_audit, carried_over
from .names import HASHED, Names, short
from .storage import as_json

log = structlog.get_logger(__name__)

TABLES: Final = (
    "lane", "entry", "", "opt_out", "answer", "approval", "timeline", "effect", "reply", "line", "ticket", "set_aside",
    "presence", "audit_key", "audit",
)  # fmt: skip
"""What stands behind the table's name; the conversations' own has nothing there."""
FUNCTIONS: Final = (
    "accept", "append", "block", "claim", "commit", "commit_turn", "deliver", "deliver_at", "delivery_status", "due",
    "due_at", "effect_begin", "effect_finish", "elsewhere", "erase", "find_due", "go_on", "hash", "hasten",
    "keep_aside", "lock", "next_reply", "now", "presence", "present", "purge_count", "purge_lanes", "purge_rows",
    "queue", "quiet", "rank", "release", "renew", "settle", "settle_reply", "skip", "skip_reply", "take_first",
    "take_reply", "touch", "try", "waiting", "write_approvals",
)  # fmt: skip
BATCH: Final = 500
_WITH_SUBJECTS: Final = TABLES[:12]
_COLUMNS: Final = {
    "lane": "touched_at, wake_at, spelled",
    "": "version, updated_at, record",
    "opt_out": "channel",
    "entry": "key, token, accepted_at, tries, waiting, record",
    "reply": "reply_id, queued_at, status, tries, provider_id, error_code, record",
    "approval": "approval_id, status, record",
    "ticket": "ticket_id, record",
    "timeline": "at, record",
    "effect": "key, token, at, result",
    "set_aside": "kind, key, reason, at, record",
}
_ORDERED: Final = ("opt_out", "entry", "reply", "ticket", "timeline", "set_aside")


async def carry_over(connection: PoolConnectionProxy[Any], names: Names) -> None:
    """Write everything that the former tables hold into today's and drop them, in the transaction that is open."""
    subjects = " UNION ".join(f"SELECT subject FROM {_name(table)}" for table in _WITH_SUBJECTS)  # noqa: S608
    found = [row[0] for row in await connection.fetch(names.fill(f"{subjects} ORDER BY subject"))]
    for start in range(0, len(found), BATCH):
        await _carry_some(connection, names, found[start : start + BATCH])
        log.info("lanes_carried_over", done=min(start + BATCH, len(found)), of=len(found))
    await _carry_audit(connection, names)
    await _drop_functions(connection, names)  # before the tables: one returned a row of the lanes' table
    for table in TABLES:
        await connection.execute(names.fill(f"DROP TABLE IF EXISTS {_name(table)}"))
    await connection.execute(names.fill("DROP SEQUENCE IF EXISTS conversation_states_fence"))


async def _drop_functions(connection: PoolConnectionProxy[Any], names: Names) -> None:
    """Drop the former versions' functions, by name: other tables' names may begin with this one's."""
    for row in await connection.fetch(
        "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = ANY ($1)"
        " AND pronamespace = current_schema()::regnamespace",
        [f"{names.table}_{function}" for function in FUNCTIONS],
    ):
        await connection.execute(f"DROP FUNCTION IF EXISTS {row['name']}")


def _name(table: str) -> str:
    return f"conversation_states_{table}" if table else "conversation_states"


async def _carry_some(connection: PoolConnectionProxy[Any], names: Names, subjects: Sequence[str]) -> None:
    rows: dict[str, dict[str, list[Any]]] = {}
    for table, columns in _COLUMNS.items():
        order = " ORDER BY id" if table in _ORDERED else ""
        query = f"SELECT subject, {columns} FROM {_name(table)} WHERE subject = ANY ($1){order}"  # noqa: S608
        rows[table] = defaultdict(list)
        for subject, *values in await connection.fetch(names.fill(query), subjects):
            rows[table][subject].append(values)
    now = time.time()
    changes = [
        as_json(writes, _again_short) for subject in subjects for writes in carried_over(_former(subject, rows), now)
    ]
    await connection.fetch(names.fill("SELECT conversation_states_apply($1)"), json.dumps(changes))


def _again_short(key: str) -> str:
    """Return a key as an index can hold it; some of the former ones are short already, and only so."""
    return key if key.startswith(HASHED) else short(key)


def _former(subject: str, rows: dict[str, dict[str, list[Any]]]) -> Former:
    touched_at, wake_at, full = next(iter(rows["lane"][subject]), (0.0, None, None))
    return Former(
        SubjectId(full or subject),
        touched_at=touched_at,
        wake_at=wake_at,
        conversation=next(iter(rows[""][subject]), None),
        opted_out=[channel for (channel,) in rows["opt_out"][subject]],
        entries=rows["entry"][subject],
        replies=rows["reply"][subject],
        approvals=rows["approval"][subject],
        tickets=rows["ticket"][subject],
        timeline=rows["timeline"][subject],
        effects=rows["effect"][subject],
        aside=rows["set_aside"][subject],
    )


async def _carry_audit(connection: PoolConnectionProxy[Any], names: Names) -> None:
    key = await connection.fetchval(names.fill("SELECT key FROM conversation_states_audit_key"))
    if key is None:
        return
    query = "SELECT subject_hash, id, at, actor, deleted FROM conversation_states_audit"
    proofs = [tuple(row) for row in await connection.fetch(names.fill(query))]
    changes = json.dumps([as_json(carried_audit(key, proofs))])
    await connection.fetch(names.fill("SELECT conversation_states_apply($1)"), changes)
