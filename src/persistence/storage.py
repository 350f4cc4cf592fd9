"""What a backend implements: rows, one head per lane, entries of indexes. It knows no rule of a lane.

Everything of a lane is a **row** ``(subject, kind, key, sequence, record)``, but for its **head**, one text under a
version that no other head ever had. **Index entries** ``(index, subject, key, sort)`` make lanes findable. The rules
(``lane.py``, ``outbox.py``, ``upkeep.py``) turn what was loaded into :class:`Writes`; a backend applies them or says that
somebody was faster. docs/persistence.md has the picture, ``tests/contracts`` checks a backend.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from ..errors import StoreUnavailable
from ..model import SubjectId
from .recall import Recall

T = TypeVar("T")

Name = tuple[str, str]
"""Kind and key of a row in its lane; or index and key of an entry in one."""
NO_VERSION: Final = 0
"""The version of a head that is not there."""
ATTEMPTS: Final = 60
STEP_SECONDS: Final = 4.0
"""After this a step fails, so that a webhook can be answered in time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a lane. ``sequence`` orders the rows of a kind: microseconds, never two alike in a lane."""

    kind: str
    key: str
    sequence: int
    record: str


@dataclass(frozen=True, slots=True)
class Want:
    """What to load beside the head: rows by name, whole kinds, the newest of kinds, counts up to a sequence."""

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


def want(*names: Name, kinds: Sequence[str] = (), **more: Mapping[str, int]) -> Want:
    """Return a want of these rows and kinds."""
    return Want(frozenset(names), frozenset(kinds), **more)


class Missing(Exception):  # noqa: N818 (no error: the step loads it and begins anew)
    """A rule asked for what was not loaded."""

    def __init__(self, wanted: Want) -> None:
        super().__init__(wanted)
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a lane held at one moment. ``rows`` has None for a name that was asked for and is not there."""

    subject: SubjectId
    now: float
    version: int = NO_VERSION
    head: str | None = None
    rows: Mapping[Name, Row | None] = field(default_factory=dict)
    kinds: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    newest: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def knows(self, kind: str, key: str) -> bool:
        """Say whether it is known if there is such a row."""
        return (kind, key) in self.rows or kind in self.kinds

    def row(self, kind: str, key: str) -> Row | None:
        """Return a row, None when there is none. Raises Missing."""
        if (kind, key) in self.rows:
            return self.rows[kind, key]
        return next((row for row in self.all(kind, or_row=key) if row.key == key), None)

    def all(self, kind: str, *, or_row: str | None = None) -> tuple[Row, ...]:
        """Return all rows of a kind in their order. Raises Missing, for one row only with ``or_row``."""
        if kind in self.kinds:
            return self.kinds[kind]
        raise Missing(want(kinds=[kind]) if or_row is None else want((kind, or_row)))

    def count(self, kind: str) -> int:
        """Return the number of rows that was asked for. Raises Missing."""
        if kind not in self.counts:
            raise Missing(Want(counts={kind: None}))
        return self.counts[kind]


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
    """What one step changes of one lane, all of it or nothing, in the order of the fields.

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

    @property
    def anything(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.head or self.erase or self.drops or self.deletes or self.puts or self.index)


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
    """How many entries an index has, and the sort of its first (0.0 without any)."""

    count: int
    first: float


Operation = Callable[[Sequence[Loaded]], tuple[T, Sequence[Writes]]]
"""A rule: from what was loaded of each lane to the answer and what is written. Pure; may be run again."""


class Storage(ABC):
    """The primitives. Every one raises StoreUnavailable when the store does not answer, and is safe to repeat."""

    clock_offset: float = 0.0
    """Seconds that tests add to the store's clock."""

    @abstractmethod
    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """Return head, rows and the store's clock as of one moment."""

    @abstractmethod
    async def apply(self, changes: Sequence[Writes]) -> bool:
        """Write, durably, all of the changes or none; False when somebody was faster.

        Changes whose heads are in place already were applied before: True, and nothing is written again.
        """

    @abstractmethod
    async def scan(
        self,
        index: str,
        *,
        limit: int,
        after: tuple[float, str] | None = None,
        upto: float | None = None,
        descending: bool = False,
        kind: str = "",
    ) -> Sequence[Indexed]:
        """Return entries by sort and position, behind ``after``, each with its row of ``kind``.

        ``upto`` is the last sort of interest; without it, all are, and the present does not limit them.
        """

    @abstractmethod
    async def now(self) -> float:
        """Return the store's clock."""

    @abstractmethod
    async def find(self, kind: str, key: str) -> Indexed | None:
        """Return the oldest row of a kind (approval or ticket) with this key, in whichever lane."""

    @abstractmethod
    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """Return the figures of indexes."""

    @abstractmethod
    async def ping(self) -> None:
        """Return when it can read and write."""

    async def notify(self, subject: SubjectId) -> None:
        """Hint to other processes; a storage without hints is polled."""

    def hints(self) -> AsyncIterator[SubjectId] | None:
        """Return the hints of other processes, None when there are none: then what is due is looked for."""
        return None

    async def after_erasure(self) -> None:
        """Overwrite what the medium may still hold of deleted text."""

    async def copies(self) -> int:
        """Return how many whole stores were set aside because they were damaged."""
        return 0

    async def step(
        self, wanted: Sequence[tuple[SubjectId, Want]], operation: Operation[T], *, blind: bool = False
    ) -> T:
        """Load, decide and apply; again when somebody was faster. A storage that can do it in one go overrides it.

        ``blind``: the rule looks at rows alone, and is first tried as if there were none.
        """
        async with asyncio.timeout(STEP_SECONDS) as deadline:
            try:
                async with self._recall.alone(() if blind else (subject for subject, _ in wanted)):
                    return await self._step(dict(wanted), operation, blind=blind)
            except TimeoutError:
                if deadline.expired():
                    raise StoreUnavailable("(no answer in time)") from None
                raise

    @property
    def _recall(self) -> Recall:
        if "_recalled" not in self.__dict__:
            self.__dict__["_recalled"] = Recall()
        return self.__dict__["_recalled"]  # type: ignore[no-any-return]

    async def _step(self, wants: dict[SubjectId, Want], operation: Operation[T], *, blind: bool) -> T:
        recall = self._recall
        loaded = recall.nothing_of(wants, self.clock_offset) if blind else recall.all_of(wants, self.clock_offset)
        for attempt in range(ATTEMPTS):
            fresh = loaded is None
            if loaded is None:
                loaded = [await self.load(subject, one) for subject, one in wants.items()]
                recall.clock(loaded[-1].now, self.clock_offset)
            try:
                answer, changes = decided(operation, loaded)
                # What is only remembered is good for writing, where the version is compared; not for answers.
                if not changes and not fresh:
                    loaded = None
                    continue
            except Missing as missing:
                wants = {subject: one | missing.wanted for subject, one in wants.items()}
                loaded = None
                continue
            except Exception:
                if fresh:
                    raise
                loaded = None
                continue
            if not blind:
                recall.forget(wants)  # until the writes are known to have happened
            if not changes or await self.apply(changes):
                recall.keep(loaded, changes, self.clock_offset)
                return answer
            loaded = None
            assumed = {one.subject: Want(rows=one.absent) for one in changes}
            wants = {subject: one | assumed.get(subject, Want()) for subject, one in wants.items()}
            if attempt:
                await asyncio.sleep(random.uniform(0.0, 0.002 * min(attempt, 10)))
        raise StoreUnavailable("(others change this lane all the time)")


def decided(operation: Operation[T], loaded: Sequence[Loaded]) -> tuple[T, Sequence[Writes]]:
    """Run a rule; return its answer and what is to be written, each head under a version of its own.

    Raises Missing when the answer rests on rows being absent that nobody looked for.
    """
    answer, drafts = operation(loaded)
    changes = [_stamped(one) for one in drafts if one.anything]
    assumed = frozenset(name for one in drafts for name in one.absent)
    if assumed and not changes:
        raise Missing(Want(rows=assumed))
    return answer, changes


def _stamped(writes: Writes) -> Writes:
    if writes.head is None or writes.head.text is None:
        return writes
    return replace(writes, head=replace(writes.head, version=secrets.randbits(52) + 1))
