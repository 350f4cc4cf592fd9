"""Lanes in three tables: one query loads, one function applies."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from ...errors import StoreUnavailable
from ...model import SubjectId
from ..kinds import CODES
from ..rows import NO_VERSION, Figure, Indexed, Loaded, Put, Row, Want, Whole, Writes
from ..storage import LISTED, Storage
from .database import FAILED, WAIT_SECONDS, Database, Record, unavailable
from .names import script, short, spelled

FASTER: Final = "TD001"
"""The error by which a function undoes what it wrote before it saw that somebody was faster."""
_BETWEEN: Final = "\0"
QUIET_SECONDS: Final = 5.0
"""After so much silence a listener makes sure that it still hears."""
LONGEST_HINT: Final = 7000
"""Bytes of a subject that a notification carries; PostgreSQL's limit is 8,000 for all of it."""
_SUBJECTS: Final = (
    "SELECT DISTINCT ON (subject) subject, spelled FROM ("
    "(SELECT subject, spelled FROM conversation_states_head WHERE subject > $1 ORDER BY subject LIMIT $2) UNION ALL"
    " (SELECT DISTINCT ON (subject) subject, spelled FROM conversation_states_index WHERE subject > $1"
    " ORDER BY subject LIMIT $2)) AS one ORDER BY subject LIMIT $2"
)
"""A lane without a head has ledger rows, which an index entry leads to until they are swept."""
_SCAN: Final = (
    "SELECT one.subject, one.spelled, one.key, one.sort, row.record FROM conversation_states_index AS one"
    " LEFT JOIN conversation_states_row AS row"
    " ON row.subject = one.subject AND row.kind = $2 AND row.key = one.key WHERE one.name = $1"
)
_UP: Final = (
    f"{_SCAN} AND one.sort <= $3 AND (one.sort, one.subject, one.key) > ($4, $5, $6)"
    " ORDER BY one.sort, one.subject, one.key LIMIT $7"
)
_DOWN: Final = (
    f"{_SCAN} AND one.sort <= $3 AND (one.sort, one.subject, one.key) < ($4, $5, $6)"
    " ORDER BY one.sort DESC, one.subject DESC, one.key DESC LIMIT $7"
)
_CODED: Final = (
    f"SELECT * FROM (SELECT *, row_number() OVER () AS place FROM ({_DOWN}) AS listed) AS numbered"  # noqa: S608
    " WHERE place = $7 OR record IS NULL OR record LIKE $8"
    f" OR strpos(record, '{CODES}') = 0 OR strpos(record, '{CODES}\"') > 0 ORDER BY place"
)


class PostgresStorage(Storage):
    """The primitives in one database; hints go over LISTEN and NOTIFY, and a listener listens for itself too."""

    def __init__(self, database: Database, *, clock_offset: float = 0.0) -> None:
        self.clock_offset = clock_offset
        self.database = database
        self._channel = database.names.table
        self._sender = secrets.token_hex(4)
        self._load = script("load.sql")
        self._whole = script("whole.sql")

    async def now(self) -> float:
        """See :meth:`Storage.now`."""
        ((now,),) = await self.database.fetch("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(now) + self.clock_offset

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """See :meth:`Storage.load`."""
        names = list(wanted.rows)
        found = await self.database.fetch(
            self._load,
            short(subject),
            [kind for kind, _ in names],
            [short(key) for _, key in names],
            list(wanted.kinds),
            list(wanted.newest),
            [max(limit, 0) for limit in wanted.newest.values()],
            list(wanted.counts),
            list(wanted.counts.values()),
        )
        parts: dict[str, list[Record]] = {"row": [], "kind": [], "newest": [], "count": [], "head": []}
        for one in found:
            parts[one["part"]].append(one)
        (head,) = parts["head"]
        rows: dict[tuple[str, str], Row | None] = dict.fromkeys(names)
        rows |= {(one["kind"], one["key"]): _row(one) for one in parts["row"]}
        return Loaded(
            subject,
            head["at"] + self.clock_offset,
            version=NO_VERSION if head["sequence"] is None else head["sequence"],
            head=head["record"],
            rows=rows,
            kinds=_by_kind(wanted.kinds, parts["kind"]),
            newest=_by_kind(wanted.newest, parts["newest"]),
            counts={one["kind"]: one["sequence"] for one in parts["count"]},
        )

    async def apply(self, changes: Sequence[Writes]) -> bool:
        """See :meth:`Storage.apply`."""
        told = json.dumps([as_json(one) for one in changes])
        try:
            ((applied,),) = await self.database.fetch("SELECT conversation_states_apply($1)", told)
        except StoreUnavailable as error:
            if getattr(error.__cause__, "sqlstate", "") == FASTER:
                return False
            raise
        return bool(applied)

    async def scan(
        self,
        index: str,
        *,
        limit: int,
        after: tuple[float, str] | None = None,
        upto: float | None = None,
        descending: bool = False,
        kind: str = "",
        codes: Sequence[str] = (),
    ) -> Sequence[Indexed]:
        """See :meth:`Storage.scan`."""
        sort, position = after or ((9e99 if descending else -9e99), "")
        subject, _, key = position.partition(_BETWEEN)
        asked = [index, kind, 9e99 if upto is None else upto, sort, subject, key, limit]
        if codes and descending:
            rows = await self.database.fetch(_CODED, *asked, "%".join(("", *codes, "")))
        else:
            rows = await self.database.fetch(_DOWN if descending else _UP, *asked)
        return [
            Indexed(
                SubjectId(row["spelled"] or row["subject"]),
                row["key"],
                row["sort"],
                row["record"],
                f"{row['subject']}{_BETWEEN}{row['key']}",
            )
            for row in rows
        ]

    async def find(self, kind: str, key: str) -> Indexed | None:
        """See :meth:`Storage.find`."""
        rows = await self.database.fetch(
            "SELECT coalesce(head.spelled, one.subject) AS subject, one.record FROM conversation_states_row AS one"
            " LEFT JOIN conversation_states_head AS head USING (subject)"
            " WHERE one.kind = $1 AND one.kind IN ('approval', 'ticket') AND one.key = $2 ORDER BY sequence LIMIT 1",
            kind,
            short(key),
        )
        return Indexed(SubjectId(rows[0]["subject"]), key, 0.0, rows[0]["record"]) if rows else None

    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """See :meth:`Storage.figures`."""
        rows = await self.database.fetch(
            "SELECT name, count(*), min(sort) FROM conversation_states_index WHERE name = ANY ($1) GROUP BY name",
            list(indexes),
        )
        found = {name: Figure(count, first) for name, count, first in rows}
        return {name: found.get(name, Figure(0, 0.0)) for name in indexes}

    async def subjects(self) -> AsyncIterator[SubjectId]:
        """See :meth:`Storage.subjects`."""
        last = ""
        while found := await self.database.fetch(_SUBJECTS, last, LISTED):
            for row in found:
                yield SubjectId(row["spelled"] or row["subject"])
            last = found[-1]["subject"]

    async def whole(self, subject: SubjectId) -> Whole:
        """See :meth:`Storage.whole`; one query sees one moment."""
        found = await self.database.fetch(self._whole, short(subject))
        rows = frozenset(_row(one) for one in found if one["part"] == "row")
        full = {short(row.key): row.key for row in rows}
        index = [one for one in found if one["part"] == "index"]
        head = next((one for one in found if one["part"] == "head"), None)
        return Whole(
            subject,
            version=head["sequence"] if head else NO_VERSION,
            head=head["record"] if head else None,
            rows=rows,
            index={(one["kind"], full.get(one["key"], one["key"])): one["sort"] for one in index},
        )

    async def ping(self) -> None:
        """See :meth:`Storage.ping`: something is written, which a read-only server refuses."""
        await self.database.fetch("UPDATE conversation_states_schema SET version = version")

    # --- hints ------------------------------------------------------------------------------------------

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`Storage.notify`; a subject that is too long is left out, and all who hear of it look."""
        told = subject if len(subject.encode()) <= LONGEST_HINT else ""
        with suppress(StoreUnavailable):  # the message is stored; whoever looks for due work finds it
            said = f"hint:{self._sender}:{told}"
            await self.database.fetch("SELECT pg_notify($1, $2)", self._channel, said, once=True)

    def hints(self) -> AsyncGenerator[SubjectId | None, None] | None:
        """See :meth:`Storage.hints`; behind a pooler a listener hears nothing."""
        return None if self.database.pooler else self._listen()

    async def _listen(self) -> AsyncGenerator[SubjectId | None, None]:
        """Yield subjects of hints, None where one names none. Raises StoreUnavailable when none can be heard."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        connection = None
        try:
            connection = await asyncpg.connect(**self.database.address.options(), timeout=WAIT_SECONDS)
            connection.add_termination_listener(lambda _: heard.put_nowait(None))
            async with asyncio.timeout(WAIT_SECONDS):
                await connection.add_listener(self._channel, lambda *said: heard.put_nowait(str(said[-1])))
            yield None  # from now on they are heard
            while (payload := await self._next(connection, heard)) is not None:
                kind, sender, subject = payload.split(":", 2)
                if kind == "hint" and sender != self._sender:
                    yield SubjectId(subject) if subject else None
            raise StoreUnavailable("(the connection for hints has ended)")
        except FAILED as error:
            raise unavailable(self.database.address, error) from error
        finally:
            if connection is not None:
                connection.terminate()  # a polite close would wait for a server that may be frozen

    async def _next(self, connection: asyncpg.Connection[Any], heard: asyncio.Queue[str | None]) -> str | None:
        """Return the next notification, after a long silence perhaps its own; None when the connection has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                return await heard.get()
        async with asyncio.timeout(WAIT_SECONDS):
            await connection.execute("SELECT pg_notify($1, $2)", self._channel, f"beat:{self._sender}:")
            return await heard.get()


def _row(found: Record) -> Row:
    return Row(found["kind"], found["key"], found["sequence"], found["record"])


def _by_kind(kinds: Iterable[str], found: Sequence[Record]) -> dict[str, tuple[Row, ...]]:
    rows = sorted((_row(one) for one in found), key=lambda row: row.sequence)
    return {kind: tuple(row for row in rows if row.kind == kind) for kind in kinds}


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
