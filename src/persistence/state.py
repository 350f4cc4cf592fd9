"""State of a lane: its head and rows as they were loaded, then as a rule leaves them. Pure."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json

from ..errors import UnreadableRecord
from ..model import Channel
from .head import LARGE_RECORD, LaneHead
from .rows import DAY, MICRO, HeadWrite, LaneIndex, Loaded, Missing, Name, Put, Row, Want, Writes
from .values import Announced

T = TypeVar("T")
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a record's fields in one format and returns them in the next."""

AHEAD_SECONDS: Final = 60.0
"""A lane that was touched so much later than now was touched under a clock that ran ahead."""
_ANY: Final = -1.0
"""Whatever an index entry says: it is written anew."""
_POSSIBLE: Final = (*((index, "") for index in LaneIndex.OF_A_HEAD), *((LaneIndex.LINES, one) for one in Channel))
"""Every entry that may follow from a head, but for lines of calls."""


class Kind(str, Generic[T]):
    """A kind of rows: its name in the store, and the type of its records.

    A record reads ``{"format": 1, "record": {…}}``. ``upgrades[n]`` turns format n into n + 1: the last one
    makes what is written today. Opaque parts (history items, customer context, timeline data) are plain JSON values.
    ``swept``: a purge looks at such rows by the day when they were written.
    """

    def __new__(cls, name: str, *_: Any, **__: Any) -> Kind[T]:
        """Make the name."""
        return super().__new__(cls, name)

    def __init__(
        self, name: str, record: type[T], *, upgrades: Mapping[int, Upgrade] | None = None, swept: bool = False
    ) -> None:
        self._record, self._upgrades, self.swept = record, dict(upgrades or {}), swept
        self._format = max(self._upgrades, default=0) + 1

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._record)

    def write(self, value: T) -> str:
        """Return the JSON text of a record.

        Raises ValueError for what JSON text cannot carry: a lone surrogate, a field of another type than declared.
        """
        record = self._adapter.dump_json(value, warnings="error").decode()
        return f'{{"format":{self._format},"record":{record}}}'

    def read(self, text: str | bytes) -> T:
        """Return the record that a JSON text holds, lifted from an older format where needed.

        Raises UnreadableRecord when the text is damaged, of a newer format, or of a format without upgrade.
        """
        try:
            stored = from_json(text)
            found, record = stored["format"], stored["record"]
            while found != self._format:
                record = self._upgrades[found](record)
                found += 1
            return self._adapter.validate_python(record)
        # Of an upgrade function, which meets data of unknown shape: all that such data makes it stumble over.
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise UnreadableRecord(f"({self._record.__name__}: {type(error).__name__})") from error


HEAD: Final = Kind("head", LaneHead)


class Lane:
    """A lane as it was loaded, and what a rule changes of it. ``now`` is the store's clock.

    ``unreadable`` has the text of a head that cannot be read. A lane that ``ails`` is mended first (``mending.py``).
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.subject = loaded.subject
        self.now = loaded.now
        self.head = LaneHead()
        self.unreadable: str | None = None
        self.announced: Announced | None = None
        """Chooses the events that another system is told of; see announcements.py."""
        self._rows: dict[Name, Put | None] = {}
        self._values: dict[Name, Any] = {}
        self._index: dict[Name, float | None] = {}
        self._drops: dict[str, int | None] = {}
        self.absent: set[Name] = set()
        self._before: dict[Name, float] = {}
        self.written: HeadWrite | None = None
        self._gone = self.erased = False
        if loaded.head is not None:
            try:
                self.head = HEAD.read(loaded.head)
                self._before = indexed(self.head)
            except UnreadableRecord:
                self._before = dict.fromkeys(_POSSIBLE, _ANY)
                self.unreadable = loaded.head
        self.ails = self.unreadable is not None or self.head.touched_at > self.now + AHEAD_SECONDS

    # --- rows -----------------------------------------------------------------------------------------------

    def row(self, kind: str, key: str) -> Row | None:
        """Return a row as it is now, None when there is none. Raises Missing."""
        name, loaded = (kind, key), self.loaded
        if name in self._rows:
            return put.row if (put := self._rows[name]) else None
        if name not in loaded.rows and kind not in loaded.kinds:
            raise Missing(Want(rows=frozenset({name})))
        found: Iterable[Row | None] = [loaded.rows[name]] if name in loaded.rows else loaded.kinds[kind]
        return next((row for row in found if row and row.key == key and self._stays(row)), None)

    def _stays(self, row: Row) -> bool:
        """Say whether a row that was loaded is not dropped."""
        upto = self._drops.get(row.kind, -1)
        return upto is not None and row.sequence > upto

    def read(self, kind: Kind[T], key: str) -> T | None:
        """Return a row's record, None when there is no row. Raises Missing and UnreadableRecord."""
        if (kind, key) in self._values:
            found: T = self._values[kind, key]
            return found
        row = self.row(kind, key)
        return kind.read(row.record) if row else None

    def readable(self, kind: Kind[T], key: str) -> T | None:
        """Return a row's record, None when there is none that can be read. Raises Missing."""
        try:
            return self.read(kind, key)
        except UnreadableRecord:
            return None

    def is_new(self, key: str, *of: str) -> bool:
        """Say whether no row of these kinds has a key, or none is expected to: then that is checked when writing."""
        known = [kind for kind in of if self.is_known(kind, key)]
        if any(self.row(kind, key) for kind in known):
            return False
        self.absent |= {(kind, key) for kind in of if kind not in known}
        return True

    def is_known(self, kind: str, key: str) -> bool:
        """Say whether it is known whether there is a row."""
        return (kind, key) in self._rows or (kind, key) in self.loaded.rows or kind in self.loaded.kinds

    def all(self, kind: str) -> list[Row]:
        """Return all rows of a kind as they are now, in their order. Raises Missing."""
        if kind not in self.loaded.kinds:
            raise Missing(Want(kinds=frozenset({kind})))
        found = {row.key: row for row in self.loaded.kinds[kind] if self._stays(row)}
        for (changed, key), put in self._rows.items():
            if changed == kind:
                found.pop(key, None)
                if put is not None:
                    found[key] = put.row
        return sorted(found.values(), key=lambda row: row.sequence)

    def write(self, kind: Kind[T], key: str, value: T, *, sequence: int | None = None, keep: bool = False) -> str:
        """Write a row, the last of its kind unless a ``sequence`` is given; return its record."""
        self.put(kind, key, record := kind.write(value), sequence=sequence, keep=keep)
        self._values[kind, key] = value
        return record

    def put(self, kind: str, key: str, record: str, *, sequence: int | None = None, keep: bool = False) -> None:
        """Write a row whose record is at hand as text."""
        name = kind, key
        earlier = self._rows.get(name)
        if earlier is not None:
            number, keep = earlier.row.sequence, earlier.keep and keep
        else:
            number = self.next_sequence() if sequence is None else sequence
        self._values.pop(name, None)
        self._rows[name] = Put(Row(kind, key, number, record), keep)
        if isinstance(kind, Kind) and kind.swept:
            self.sweep()

    def move(self, key: str, kind: str, to: str) -> None:
        """Let a row be of another kind; it keeps its record and its place in the order."""
        row = self.row(kind, key)
        self.delete(kind, key)
        if row is not None:
            self.put(to, key, row.record, sequence=row.sequence)

    def delete(self, kind: str, key: str) -> None:
        """Delete a row."""
        self._values.pop((kind, key), None)
        self._rows[kind, key] = None

    def drop(self, kind: str, upto: int | None = None) -> None:
        """Delete all rows of a kind, also those that were just written; or the stored ones up to a sequence."""
        self._drops[kind] = upto
        if upto is None:
            self._rows = {name: put for name, put in self._rows.items() if name[0] != kind}
            self._values = {name: value for name, value in self._values.items() if name[0] != kind}

    def index(self, index: str, key: str, sort: float | None) -> None:
        """Set an index entry that does not follow from the head, or take it out."""
        self._index[index, key] = sort

    def relist(self, index: str, key: str, among: Iterable[str], status: str | None = None, sort: float = 0.0) -> None:
        """Have a row in a list, and in the one of its status ``among`` all; in none without a status."""
        self._index[index, key] = None if status is None else sort
        for one in among:
            self._index[f"{index}:{one}", key] = sort if one == status else None

    def reindex(self) -> None:
        """Write every index entry that follows from the head, and none else, whatever is there."""
        self._before = dict.fromkeys((*self._before, *_POSSIBLE), _ANY)

    @property
    def mark(self) -> str:
        """Text that keeps rows of lanes apart which are joined one day."""
        return f"{zlib.crc32(self.subject.encode()):08x}"

    def next_sequence(self) -> int:
        """Return the sequence for one more row."""
        self.head.last = max(self.head.last + 1, int(self.now * MICRO))
        return self.head.last

    def sweep(self) -> None:
        """Have a purge look at what is old of this lane's keys, effects and set-aside records."""
        day = self.now - self.now % DAY
        self.index(LaneIndex.SWEEP, f"{day:.0f}", day)

    def end(self, *, erase: bool = False) -> None:
        """Let the head go: of this lane nothing is left that needs one; or let everything go."""
        self._gone, self.erased = True, erase

    def writes(self) -> Writes | None:
        """Return what is to be written; a head has a version that no other head ever had."""
        self.written = self._head()
        writes = Writes(
            self.subject,
            head=self.written,
            absent=frozenset(self.absent),
            erase=self.erased,
            drops=self._drops,
            deletes=tuple(name for name, put in self._rows.items() if put is None),
            puts=tuple(put for put in self._rows.values() if put is not None),
            index={} if self.erased else self._moved(),
        )
        anything = writes.head or writes.erase or writes.drops or writes.deletes or writes.puts or writes.index
        return writes if anything else None

    def _head(self) -> HeadWrite | None:
        version = self.loaded.version
        if self._gone:
            return HeadWrite(version, 0, None) if version else None
        if self.loaded.head is None and self.head == LaneHead():
            return None
        text = HEAD.write(self.head)
        return None if text == self.loaded.head else HeadWrite(version, secrets.randbits(52) + 1, text)

    def _moved(self) -> dict[Name, float | None]:
        before, after = self._before, {} if self._gone else indexed(self.head)
        moved: dict[Name, float | None] = dict.fromkeys(before.keys() - after.keys())
        moved |= {name: sort for name, sort in after.items() if before.get(name) != sort}
        return moved | self._index


def run_rule(
    loaded: Sequence[Loaded], rule: Callable[..., T], mend: Callable[[Lane], None], announced: Announced | None = None
) -> tuple[T, list[Lane], list[Writes]]:
    """Run a rule on lanes; return its answer, the lanes as it left them, and what is to be written.

    Raises Missing when the rule needs more, or its answer rests on rows being absent that were not looked for.
    """
    lanes = [Lane(one) for one in loaded]
    for lane in lanes:
        lane.announced = announced
        if lane.ails:
            mend(lane)
    answer = rule(*lanes)
    changes = [writes for lane in lanes if (writes := lane.writes()) is not None]
    assumed = frozenset(name for lane in lanes for name in lane.absent)
    if assumed and not changes:
        raise Missing(Want(rows=assumed))
    return answer, lanes, changes


def indexed(head: LaneHead) -> dict[Name, float]:
    """Return the entries by which a lane with this head is found."""
    entries: dict[Name, float] = {}
    times = [*(one.at for one in head.waiting[:1]), *([] if head.wake_at is None else [head.wake_at])]
    if times:
        entries[LaneIndex.DUE, ""] = max(min(times), head.lease_until if head.held else 0.0)
    if head.waiting:
        entries[LaneIndex.OLDEST_ENTRY, ""] = head.waiting[0].at
    for channel, line in head.lines.items():
        if line.due_at is None or head.silenced(channel):
            continue
        free_at = max(line.due_at, line.until)
        if channel is Channel.VOICE and head.replica:
            # Who has the call finds its line at once; everybody else when it is known no longer where the call is.
            entries[f"{LaneIndex.LINES}@{head.replica}", channel] = free_at
            free_at = max(free_at, head.present_until)
        entries[LaneIndex.LINES, channel] = free_at
    queued = [line.queue[0].at for line in head.lines.values() if line.queue]
    if queued:
        entries[LaneIndex.OLDEST_REPLY, ""] = min(queued)
    if head.updated_at is not None:
        entries[LaneIndex.RECENT, ""] = head.updated_at
    entries |= {(LaneIndex.REMINDERS, colleague): at for colleague, at in head.reminders.items()}
    if head.size > LARGE_RECORD:
        entries[LaneIndex.LARGE, ""] = float(head.size)
    if head.touched_at:
        entries[LaneIndex.AGE, ""] = head.touched_at - head.touched_at % DAY
    return entries
