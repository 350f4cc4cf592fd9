"""Values that storages load and write: rows, one head per lane, index entries. No rules.

Everything of a lane is a **row** ``(subject, kind, key, sequence, record)``, but for its **head**, one text under a
version that no other head ever had. **LaneIndex entries** ``(index, subject, key, sort)`` make lanes findable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..model import SubjectId

Name = tuple[str, str]
"""Kind and key of a row in its lane; or index and key of an entry in one."""
NO_VERSION: Final = 0
"""The version of a head that is not there."""
MICRO: Final = 1_000_000
"""Sequences are microseconds, times seconds."""

DAY: Final = 86400.0


class LaneIndex:
    """Names of the indexes, and what the sort of an entry is."""

    DUE: Final = "due"
    """Lanes with work, by when no lease covers it; ``lines`` the same for lines (key: the channel)."""
    LINES: Final = "lines"
    OLDEST_ENTRY: Final = "oldest_entry"
    OLDEST_REPLY: Final = "oldest_reply"
    RECENT: Final = "recent"
    """Conversations, by their last change."""
    APPROVALS: Final = "approvals"
    """Approvals by expiry; ``approvals:pending`` and so on those of one status."""
    TICKETS: Final = "tickets"
    """Tickets by when an answer was promised; ``tickets:open`` and so on those of one status."""
    AGE: Final = "age"
    """Lanes by the day when they were last touched."""
    SWEEP: Final = "sweep"
    """Lanes with keys, effects or set-aside records of a day (key: the day)."""
    SET_ASIDE: Final = "set_aside"
    ANNOUNCED: Final = "announced"
    """Announcements by when they are to be told; ``untold`` those tried too often, by when they were given up."""
    UNTOLD: Final = "untold"
    ACTS: Final = "acts"
    HOURS: Final = "hours"
    """What staff did, and figures, each by time."""
    REMINDERS: Final = "reminders"
    """Conversations that colleagues are asked to look at (key: the colleague), by from when on."""
    LARGE: Final = "large"
    """Lanes whose conversation is large, by its size."""
    OF_A_HEAD: Final = (DUE, OLDEST_ENTRY, OLDEST_REPLY, RECENT, AGE, LARGE)
    """Indexes in which a lane has one entry at most, which follows from its head; so do those in ``lines``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a lane. ``sequence`` orders the rows of a kind: microseconds, never two alike in a lane."""

    kind: str
    key: str
    sequence: int
    record: str


@dataclass(frozen=True, slots=True)
class Want:
    """Selection to load beside the head: rows by name, whole kinds, the newest of kinds, counts up to a sequence."""

    rows: frozenset[Name] = frozenset()
    kinds: frozenset[str] = frozenset()
    newest: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int | None] = field(default_factory=dict)

    def __or__(self, other: Want) -> Want:
        """Return what either wants."""
        return Want(
            self.rows | other.rows,
            self.kinds | other.kinds,
            {**self.newest, **other.newest},
            {**self.counts, **other.counts},
        )


@dataclass(eq=False)
class Missing(Exception):
    """A rule asked for what was not loaded."""

    wanted: Want


@dataclass(frozen=True, slots=True)
class Loaded:
    """Contents of a lane at one moment. ``rows`` has None for a name that was asked for and is not there."""

    subject: SubjectId
    now: float
    version: int = NO_VERSION
    head: str | None = None
    rows: Mapping[Name, Row | None] = field(default_factory=dict)
    kinds: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    newest: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that is kept of a lane, at one moment: what an export writes and an import reads."""

    subject: SubjectId
    version: int = NO_VERSION
    head: str | None = None
    rows: frozenset[Row] = frozenset()
    index: Mapping[Name, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Put:
    """A row to write: a row of its name keeps its sequence and gets the record, or with ``keep`` stays as it is."""

    row: Row
    keep: bool = False


@dataclass(frozen=True, slots=True)
class HeadWrite:
    """A new head, or None for its end, in place of the one with version ``expected``."""

    expected: int
    version: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Writes:
    """Changes of one step to one lane, all or nothing, in the order of the fields.

    Nothing is written when the head is another one than expected, or one of the ``absent`` rows is there. ``erase``
    takes every row and index entry of the lane. ``drops``: kinds of which all rows go, or those up to a sequence.
    """

    subject: SubjectId
    head: HeadWrite | None = None
    absent: frozenset[Name] = frozenset()
    erase: bool = False
    drops: Mapping[str, int | None] = field(default_factory=dict)
    deletes: tuple[Name, ...] = ()
    puts: tuple[Put, ...] = ()
    index: Mapping[Name, float | None] = field(default_factory=dict)
    """Sort by index and key; None takes the entry out."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """An entry of an index; ``record`` is that of the lane's row of the kind asked for and this key."""

    subject: SubjectId
    key: str
    sort: float
    record: str | None = None
    position: str = ""
    """Where a scan goes on behind it, among entries of the same sort."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Size of an index, and the sort key of its first entry (0.0 without any)."""

    count: int
    first: float
