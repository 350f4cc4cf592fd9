"""Changes of lanes as the function that applies them reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..rows import Put, Writes
from .names import short, spelled


def as_json(writes: Writes, name: Callable[[str], str] = short) -> dict[str, Any]:
    """Return a change as the function takes it; ``name`` makes keys fit for an index."""
    subject = writes.subject
    told: dict[str, Any] = {"subject": short(subject), "spelled": spelled(subject)}
    if writes.head is not None:
        told |= {"expected": writes.head.expected, "version": writes.head.version, "head": writes.head.text}
    if writes.erase:
        told["erase"] = True
    new = [put for put in writes.puts if (put.row.kind, put.row.key) in writes.absent]
    lists = {
        "absent": [{"kind": kind, "key": name(key)} for kind, key in writes.absent],
        "drops": [{"kind": kind, "upto": upto} for kind, upto in writes.drops.items()],
        "deletes": [{"kind": kind, "key": name(key)} for kind, key in writes.deletes],
        "news": [_put(put, name) for put in new],
        "keeps": [_put(put, name) for put in writes.puts if put.keep and put not in new],
        "puts": [_put(put, name) for put in writes.puts if not put.keep and put not in new],
        "unindexed": [{"name": i, "key": name(key)} for (i, key), sort in writes.index.items() if sort is None],
        "indexed": [{"name": i, "key": name(key), "sort": s} for (i, key), s in writes.index.items() if s is not None],
    }
    return told | {field: rows for field, rows in lists.items() if rows}


def _put(put: Put, name: Callable[[str], str]) -> dict[str, Any]:
    row = put.row
    key = name(row.key)
    full = row.key if key != row.key else None
    return {"kind": row.kind, "key": key, "spelled": full, "sequence": row.sequence, "record": row.record}
