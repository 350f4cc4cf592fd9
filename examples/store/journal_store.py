"""A store of your own: everything in memory, and every change in a file that only grows. For one gateway.

It writes only the primitives of :class:`tandem.persistence.storage.Storage`; what a lane is stays tandem's. Start it
from this folder with ``PERSISTENCE_ADAPTER=journal_store:open_journal_store tandem serve``.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.factory import StoreSettings
from tandem.persistence.rows import NO_VERSION, Figure, HeadWrite, Indexed, Loaded, Name, Put, Row, Want, Whole, Writes
from tandem.persistence.storage import Storage

JOURNAL = "journal.jsonl"


@dataclass(slots=True)
class Kept:
    """What is kept of one lane."""

    version: int = NO_VERSION
    head: str | None = None
    rows: dict[Name, Row] = field(default_factory=dict)
    index: dict[Name, float] = field(default_factory=dict)

    def of_kind(self, kind: str) -> tuple[Row, ...]:
        """Return the rows of a kind in their order."""
        return tuple(sorted((row for row in self.rows.values() if row.kind == kind), key=lambda row: row.sequence))

    def load(self, subject: SubjectId, now: float, wanted: Want) -> Loaded:
        """Return what is wanted."""
        counts = {
            kind: sum(upto is None or row.sequence <= upto for row in self.of_kind(kind))
            for kind, upto in wanted.counts.items()
        }
        return Loaded(
            subject,
            now,
            self.version,
            self.head,
            rows={name: self.rows.get(name) for name in wanted.rows},
            kinds={kind: self.of_kind(kind) for kind in wanted.kinds},
            newest={kind: self.of_kind(kind)[-limit:] if limit > 0 else () for kind, limit in wanted.newest.items()},
            counts=counts,
        )

    def apply(self, change: Writes) -> None:
        """Change it; nobody was faster."""
        if change.head is not None:
            self.version = change.head.version if change.head.text is not None else NO_VERSION
            self.head = change.head.text
        if change.erase:
            self.rows, self.index = {}, {}
        for kind, upto in change.drops.items():
            for row in self.of_kind(kind):
                if upto is None or row.sequence <= upto:
                    del self.rows[kind, row.key]
        for name in change.deletes:
            self.rows.pop(name, None)
        for put in change.puts:
            self._put(put)
        for name, sort in change.index.items():
            if sort is None:
                self.index.pop(name, None)
            else:
                self.index[name] = sort

    def _put(self, put: Put) -> None:
        name = put.row.kind, put.row.key
        before = self.rows.get(name)
        if before is None:
            self.rows[name] = put.row
        elif not put.keep:
            self.rows[name] = replace(put.row, sequence=before.sequence)


class Lanes:
    """All lanes, and the journal that they can be made from again."""

    def __init__(self, journal: Path) -> None:
        self.kept: dict[SubjectId, Kept] = {}
        self.alone = asyncio.Lock()
        self._file = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError([f"{journal} is another gateway's; this store is for one"]) from None
        with journal.open(encoding="utf-8") as lines:
            whole = [line for line in lines if line.endswith("\n")]  # a crash may have cut the last one
        os.truncate(self._file, sum(len(line.encode()) for line in whole))
        for line in whole:
            self.change(as_writes(json.loads(line)))

    def close(self) -> None:
        """Leave the journal to others."""
        os.close(self._file)

    def lane(self, subject: SubjectId) -> Kept:
        """Return a lane, an empty one where there is none."""
        return self.kept.get(subject, Kept())

    def fits(self, changes: Sequence[Writes]) -> bool:
        """Say whether nobody was faster."""
        for change in changes:
            lane = self.lane(change.subject)
            if change.head is not None and lane.version != change.head.expected:
                return False
            if any(name in lane.rows for name in change.absent):
                return False
        return True

    def append(self, changes: Sequence[Writes]) -> None:
        """Write changes down, durably, in one line: they happened all or not at all."""
        os.write(self._file, (json.dumps([as_json(one) for one in changes]) + "\n").encode())
        os.fsync(self._file)

    def change(self, changes: Sequence[Writes]) -> None:
        """Make changes in memory."""
        for change in changes:
            self.kept.setdefault(change.subject, Kept()).apply(change)


class JournalStorage(Storage):
    """The primitives. Several may share the lanes of one process, as the contract suite's handles do."""

    def __init__(self, lanes: Lanes, *, clock_offset: float = 0.0) -> None:
        self.clock_offset = clock_offset
        self.lanes = lanes

    async def now(self) -> float:
        """Return the machine's clock."""
        return time.time() + self.clock_offset

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """Return what is wanted of a lane."""
        return self.lanes.lane(subject).load(subject, await self.now(), wanted)

    async def apply(self, changes: Sequence[Writes]) -> bool:
        """Write changes down, then make them; nobody sees them before they are durable."""
        async with self.lanes.alone:
            if not self.lanes.fits(changes):
                return False
            try:
                await asyncio.shield(asyncio.to_thread(self.lanes.append, changes))
            except OSError as error:
                raise StoreUnavailable(f"({error.strerror})") from error
            self.lanes.change(changes)
        return True

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
        """Return entries of an index in their order; a search itself passes over those without its codes."""
        found = []
        for subject, lane in self.lanes.kept.items():
            for (name, key), sort in lane.index.items():
                position = f"{subject}\0{key}"
                behind = after is None or ((sort, position) < after if descending else (sort, position) > after)
                if name == index and behind and (upto is None or sort <= upto):
                    row = lane.rows.get((kind, key))
                    found.append(Indexed(subject, key, sort, row.record if row else None, position))
        return sorted(found, key=lambda one: (one.sort, one.position), reverse=descending)[:limit]

    async def find(self, kind: str, key: str) -> Indexed | None:
        """Return the oldest row of a kind with this key."""
        found = [
            (lane.rows[kind, key], subject) for subject, lane in self.lanes.kept.items() if (kind, key) in lane.rows
        ]
        if not found:
            return None
        row, subject = min(found, key=lambda one: one[0].sequence)
        return Indexed(subject, key, 0.0, row.record)

    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """Return how many entries indexes have, and where they begin."""
        sorts: dict[str, list[float]] = {name: [] for name in indexes}
        for lane in self.lanes.kept.values():
            for (name, _), sort in lane.index.items():
                if name in sorts:
                    sorts[name].append(sort)
        return {name: Figure(len(found), min(found, default=0.0)) for name, found in sorts.items()}

    async def subjects(self) -> AsyncIterator[SubjectId]:
        """Yield every customer's lane."""
        for subject in tuple(self.lanes.kept):
            if subject:
                yield subject

    async def whole(self, subject: SubjectId) -> Whole:
        """Return everything of a lane."""
        lane = self.lanes.lane(subject)
        rows = frozenset(lane.rows.values())
        return Whole(subject, version=lane.version, head=lane.head, rows=rows, index=dict(lane.index))

    async def ping(self) -> None:
        """Write an empty line."""
        await asyncio.to_thread(self.lanes.append, ())


def as_json(change: Writes) -> dict[str, Any]:
    """Return a change as a line of the journal holds it."""
    head = change.head
    return {
        "subject": change.subject,
        "head": [head.version, head.text] if head else None,
        "erase": change.erase,
        "drops": list(change.drops.items()),
        "deletes": change.deletes,
        "puts": [[one.row.kind, one.row.key, one.row.sequence, one.row.record, one.keep] for one in change.puts],
        "index": [[*name, sort] for name, sort in change.index.items()],
    }


def as_writes(line: list[dict[str, Any]]) -> list[Writes]:
    """Return the changes in a line of the journal; what they expected was checked when it was written."""
    return [
        Writes(
            SubjectId(one["subject"]),
            head=HeadWrite(NO_VERSION, *one["head"]) if one["head"] else None,
            erase=one["erase"],
            drops=dict(one["drops"]),
            deletes=tuple((kind, key) for kind, key in one["deletes"]),
            puts=tuple(Put(Row(*row), keep) for *row, keep in one["puts"]),
            index={(index, key): sort for index, key, sort in one["index"]},
        )
        for one in line
    ]


def _open(folder: Path) -> Lanes:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Lanes(folder / JOURNAL)


@asynccontextmanager
async def open_lanes(folder: Path) -> AsyncIterator[Lanes]:
    """Open the journal in a folder."""
    lanes = await asyncio.to_thread(_open, folder)
    try:
        yield lanes
    finally:
        lanes.close()


@asynccontextmanager
async def open_journal_store(settings: StoreSettings) -> AsyncIterator[LaneStore]:
    """Open the store; this is what ``PERSISTENCE_ADAPTER`` names."""
    async with open_lanes(settings.state_persistence_dir) as lanes:
        yield LaneStore(JournalStorage(lanes))
