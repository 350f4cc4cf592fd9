"""The primitives of a storage in SQL, each a function of an SQLite connection. Names and texts are only ever bound."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, TypeVar

from ...model import SubjectId
from ..kinds import CODES
from ..mending import mend
from ..rows import NO_VERSION, Figure, Indexed, Loaded, Missing, Name, Put, Row, Want, Whole, Writes
from ..state import run_rule
from ..storage import Rule
from ..values import Announced

T = TypeVar("T")

_ROWS: Final = "SELECT kind, key, sequence, record FROM lane_row WHERE subject = ?1"
_NEWEST: Final = f"{_ROWS} AND kind = ?2 ORDER BY sequence DESC LIMIT ?3"
_PUT: Final = (
    "INSERT INTO lane_row (subject, kind, key, sequence, record) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (subject, kind, key)"
)
_REPLACE: Final = f"{_PUT} DO UPDATE SET record = excluded.record"
_KEEP: Final = f"{_PUT} DO NOTHING"
_INDEX: Final = (
    "INSERT INTO lane_index (subject, name, key, sort) VALUES (?, ?, ?, ?) ON CONFLICT (subject, name, key)"
    " DO UPDATE SET sort = excluded.sort WHERE sort <> excluded.sort"
)
_SCAN: Final = (
    "SELECT one.subject, one.key, one.sort, (SELECT row.record FROM lane_row AS row WHERE row.subject = one.subject"
    " AND row.kind = :kind AND row.key = one.key) AS record FROM lane_index AS one WHERE one.name = :name"
)
_UP: Final = (
    f"{_SCAN} AND one.sort <= :upto AND (one.sort, one.subject, one.key) > (:sort, :subject, :key)"
    " ORDER BY one.sort, one.subject, one.key LIMIT :limit"
)
_DOWN: Final = (
    f"{_SCAN} AND (one.sort, one.subject, one.key) < (:sort, :subject, :key)"
    " ORDER BY one.sort DESC, one.subject DESC, one.key DESC LIMIT"
)
_CODED: Final = (
    f"SELECT * FROM ({_DOWN} :limit) WHERE record IS NULL OR record GLOB :codes"  # noqa: S608 (our own constants)
    f" OR record NOT GLOB '*{CODES}[^\"]*' ORDER BY sort DESC, subject DESC, key DESC"
)
_SUBJECTS: Final = (
    "SELECT subject FROM (SELECT * FROM (SELECT subject FROM lane_head WHERE subject > ?1 ORDER BY subject LIMIT ?2)"
    " UNION SELECT * FROM (SELECT DISTINCT subject FROM lane_row WHERE subject > ?1 ORDER BY subject LIMIT ?2)"
    " UNION SELECT * FROM (SELECT DISTINCT subject FROM lane_index WHERE subject > ?1 ORDER BY subject LIMIT ?2))"
    " ORDER BY subject LIMIT ?2"
)
_SEQUENCE: Final = attrgetter("sequence")
_BETWEEN: Final = "\0"
"""No id holds it, so subject and key can be told apart again."""


def load(db: sqlite3.Connection, subject: SubjectId, wanted: Want, offset: float = 0.0) -> Loaded:
    """Return head and rows of a lane, and the machine's clock with an ``offset``."""
    head = db.execute("SELECT version, head FROM lane_head WHERE subject = ?", (subject,)).fetchone()
    of: dict[str, list[Row]] = {kind: [] for kind in wanted.kinds}
    if of:
        query = f"{_ROWS} AND kind IN ({', '.join('?' * len(of))})"
        for kind, key, sequence, record in db.execute(query, (subject, *map(str, of))):
            of[kind].append(Row(kind, key, sequence, _text(record)))
    newest = {
        kind: tuple(
            Row(kind, key, sequence, _text(record))
            for _, key, sequence, record in db.execute(_NEWEST, (subject, str(kind), max(limit, 0)))
        )[::-1]
        for kind, limit in wanted.newest.items()
    }
    return Loaded(
        subject,
        time.time() + offset,
        version=head[0] if head else NO_VERSION,
        head=_text(head[1]) if head else None,
        rows={name: _row(db, subject, name) for name in wanted.rows},
        kinds={kind: tuple(sorted(found, key=_SEQUENCE)) for kind, found in of.items()},
        newest=newest,
        counts={kind: _count(db, subject, kind, upto) for kind, upto in wanted.counts.items()},
    )


def _row(db: sqlite3.Connection, subject: SubjectId, name: Name) -> Row | None:
    found = db.execute(
        "SELECT sequence, record FROM lane_row WHERE subject = ? AND kind = ? AND key = ?",
        (subject, str(name[0]), name[1]),
    ).fetchone()
    return Row(*name, found[0], _text(found[1])) if found else None


def _count(db: sqlite3.Connection, subject: SubjectId, kind: str, upto: int | None) -> int:
    (count,) = db.execute(
        "SELECT count(*) FROM lane_row"
        " WHERE subject = ?1 AND kind = ?2 AND sequence <= coalesce(?3, 9223372036854775807)",
        (subject, kind, upto),
    ).fetchone()
    return int(count)


def _text(stored: str | bytes) -> str:
    """Return a record as text, also what a damaged file made of it."""
    return stored if isinstance(stored, str) else stored.decode(errors="surrogateescape")


def _bound(record: str) -> str | bytes:
    try:
        record.encode()
    except UnicodeEncodeError:
        return record.encode(errors="surrogateescape")
    return record


def apply(db: sqlite3.Connection, changes: Sequence[Writes]) -> bool:
    """Write all of it, or say that another process was faster."""
    if not all(_fits(db, one) for one in changes):
        return False
    for one in changes:
        _apply(db, one)
    return True


def step(
    db: sqlite3.Connection,
    wants: Mapping[SubjectId, Want],
    rule: Rule[T],
    offset: float = 0.0,
    announced: Announced | None = None,
) -> T:
    """Load, decide and apply, in the transaction that is open: no other process can be faster."""
    wants = dict(wants)
    while True:
        loaded = [load(db, subject, wanted, offset) for subject, wanted in wants.items()]
        try:
            answer, _, changes = run_rule(loaded, rule, mend, announced)
        except Missing as missing:
            wants = {subject: wanted | missing.wanted for subject, wanted in wants.items()}
            continue
        there = {one.subject: Want(rows=one.absent) for one in changes if not _are_absent(db, one)}
        if not there:
            for one in changes:
                _apply(db, one)
            return answer
        wants = {subject: wanted | there.get(subject, Want()) for subject, wanted in wants.items()}


def _fits(db: sqlite3.Connection, writes: Writes) -> bool:
    if writes.head is not None:
        found = db.execute("SELECT version FROM lane_head WHERE subject = ?", (writes.subject,)).fetchone()
        if (found[0] if found else NO_VERSION) != writes.head.expected:
            return False
    return _are_absent(db, writes)


def _are_absent(db: sqlite3.Connection, writes: Writes) -> bool:
    return all(_row(db, writes.subject, name) is None for name in writes.absent)


def _apply(db: sqlite3.Connection, writes: Writes) -> None:
    subject = writes.subject
    if writes.head is not None and writes.head.text is None:
        db.execute("DELETE FROM lane_head WHERE subject = ?", (subject,))
    elif writes.head is not None:
        db.execute(
            "INSERT INTO lane_head (subject, version, head) VALUES (?, ?, ?) ON CONFLICT (subject)"
            " DO UPDATE SET version = excluded.version, head = excluded.head",
            (subject, writes.head.version, writes.head.text),
        )
    if writes.erase:
        db.execute("DELETE FROM lane_row WHERE subject = ?", (subject,))
        db.execute("DELETE FROM lane_index WHERE subject = ?", (subject,))
    for kind, upto in writes.drops.items():
        db.execute(
            "DELETE FROM lane_row WHERE subject = ?1 AND kind = ?2 AND sequence <= coalesce(?3, 9223372036854775807)",
            (subject, str(kind), upto),
        )
    for name in writes.deletes:
        db.execute("DELETE FROM lane_row WHERE subject = ? AND kind = ? AND key = ?", (subject, str(name[0]), name[1]))
    for put in writes.puts:
        _put(db, subject, put)
    for (index, key), sort in writes.index.items():
        if sort is None:
            db.execute("DELETE FROM lane_index WHERE subject = ? AND name = ? AND key = ?", (subject, index, key))
        else:
            db.execute(_INDEX, (subject, index, key, sort))


def _put(db: sqlite3.Connection, subject: SubjectId, put: Put) -> None:
    row = put.row
    values = (subject, str(row.kind), row.key, row.sequence, _bound(row.record))
    db.execute(_KEEP if put.keep else _REPLACE, values)


def scan(
    db: sqlite3.Connection,
    index: str,
    limit: int,
    after: tuple[float, str] | None,
    upto: float | None,
    kind: str,
    *,
    descending: bool,
    codes: Sequence[str] = (),
) -> tuple[Indexed, ...]:
    """Return entries of an index in their order."""
    sort, position = after or ((9e99 if descending else -9e99), "")
    subject, _, key = position.partition(_BETWEEN)
    asked: dict[str, Any] = {
        "name": index,
        "kind": kind,
        "limit": limit,
        "upto": 9e99 if upto is None else upto,
        "sort": sort,
        "subject": subject,
        "key": key,
        "codes": "*".join(("", *codes, "")),
    }
    if codes and descending:
        found = {row[:3]: row for row in db.execute(_CODED, asked)}
        for last in db.execute(f"{_DOWN} 1 OFFSET :limit - 1", asked):
            found.setdefault(last[:3], last)
        rows: Iterable[Any] = found.values()
    else:
        rows = db.execute(f"{_DOWN} :limit" if descending else _UP, asked)
    return tuple(
        Indexed(SubjectId(one), key, at, None if record is None else _text(record), f"{one}{_BETWEEN}{key}")
        for one, key, at, record in rows
    )


def find(db: sqlite3.Connection, kind: str, key: str) -> Indexed | None:
    """Return the oldest row of a kind with this key."""
    found = db.execute(
        "SELECT subject, sequence, record FROM lane_row WHERE kind = ? AND kind IN ('approval', 'ticket') AND key = ?"
        " ORDER BY sequence LIMIT 1",
        (kind, key),
    ).fetchone()
    return Indexed(SubjectId(found[0]), key, found[1], _text(found[2])) if found else None


def figures(db: sqlite3.Connection, indexes: Sequence[str]) -> Mapping[str, Figure]:
    """Return how many entries indexes have, and where they begin."""
    query = "SELECT count(*), coalesce(min(sort), 0) FROM lane_index WHERE name = ?"
    return {name: Figure(*db.execute(query, (name,)).fetchone()) for name in indexes}


def subjects(db: sqlite3.Connection, after: str, limit: int) -> tuple[SubjectId, ...]:
    """Return subjects behind one, in their order."""
    return tuple(SubjectId(one) for (one,) in db.execute(_SUBJECTS, (after, limit)))


def whole(db: sqlite3.Connection, subject: SubjectId) -> Whole:
    """Return everything of a lane."""
    head = db.execute("SELECT version, head FROM lane_head WHERE subject = ?", (subject,)).fetchone()
    index = db.execute("SELECT name, key, sort FROM lane_index WHERE subject = ?", (subject,))
    return Whole(
        subject,
        version=head[0] if head else NO_VERSION,
        head=_text(head[1]) if head else None,
        rows=frozenset(
            Row(kind, key, sequence, _text(record)) for kind, key, sequence, record in db.execute(_ROWS, (subject,))
        ),
        index={(name, key): sort for name, key, sort in index},
    )


def ping(db: sqlite3.Connection) -> None:
    """Write something."""
    db.execute("UPDATE lane_head SET version = version WHERE id = 0")
