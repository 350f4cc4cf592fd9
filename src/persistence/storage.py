"""The primitives that a backend implements; it knows no rule of a lane.

The rules (``lane.py``, ``outbox.py``, ``upkeep.py``) turn what was loaded into :class:`~.rows.Writes`; a backend
applies them, or says that another one was faster. docs/persistence.md has the picture, ``tests/contracts`` checks one.
What a replica wrote last it remembers (:class:`Recall`), which saves most steps the load.
"""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from ..errors import StoreUnavailable, TandemError
from ..model import SubjectId
from . import kinds
from .mending import mend
from .rows import Figure, Indexed, Loaded, Missing, Want, Whole, Writes
from .state import Lane, run_rule
from .values import Announced

T = TypeVar("T")

ATTEMPTS: Final = 60
LISTED: Final = 500
"""Entries of an index, or subjects, that are listed at once."""
NOTHING_AHEAD: Final = Want()
STEP_SECONDS: Final = 4.0
"""After this a step fails, so that a webhook can be answered in time."""
LANES: Final = 1_000
"""So many are remembered, each with what a claim, a commit or a settlement needs."""
LARGEST: Final = 64 * 1024
"""Characters of a lane's conversation and snapshots; longer ones are not kept."""
SECONDS: Final = 20.0
"""The store's clock is reckoned on from the last answer, and may not stray far."""
_KINDS: Final = (kinds.WAITING, kinds.UNSETTLED, kinds.SNAPSHOT)
_NAMES: Final = ((kinds.CONVERSATION, ""), (kinds.OPT_OUT, ""))

Rule = Callable[..., T]
"""Takes lanes as they were loaded, changes them and returns the answer. Pure; may be run again."""


class Storage(ABC):
    """The primitives. Every one raises StoreUnavailable when the store does not answer, and is safe to repeat."""

    clock_offset: float = 0.0
    """Seconds that tests add to the store's clock."""
    step_seconds: float = STEP_SECONDS
    announced: Announced | None = None
    """Chooses the events that another system is told of."""

    @abstractmethod
    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """Return head, rows and the store's clock as of one moment."""

    @abstractmethod
    async def apply(self, changes: Sequence[Writes]) -> bool:
        """Write, durably, all of the changes or none; False when another writer was faster.

        Where a driver repeats a request whose answer was lost, changes whose heads are in place already were applied
        before: True, and nothing is written again.
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
        codes: Sequence[str] = (),
    ) -> Sequence[Indexed]:
        """Return entries by sort and position, behind ``after``, each with its row of ``kind``.

        ``upto`` is the last sort of interest; without it, all are, and the present does not limit them. Of ``limit``
        entries, those whose rows have codes of words, but not these one behind the other, may be left out: all but the
        last of ``limit``, by which the caller goes on.
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
    def subjects(self) -> AsyncIterator[SubjectId]:
        """Yield every lane once, but for the store's own; one that comes or goes meanwhile may be missing."""

    @abstractmethod
    async def whole(self, subject: SubjectId) -> Whole:
        """Return everything of a lane, as of one moment."""

    @abstractmethod
    async def ping(self) -> None:
        """Return when it can read and write."""

    async def notify(self, subject: SubjectId) -> None:  # noqa: B027 (not every storage gives hints)
        """Hint to other processes; a storage without hints is polled."""

    def hints(self) -> AsyncGenerator[SubjectId | None, None] | None:
        """Yield subjects of hints, and None when some may have been missed; no iterator where there are no hints."""
        return None

    async def after_erasure(self) -> None:  # noqa: B027 (not every storage has leftovers)
        """Overwrite what the medium may still hold of deleted text."""

    async def after_purge(self) -> None:  # noqa: B027 (not every storage keeps copies)
        """Delete what was kept for the case that an upgrade failed."""

    async def copies(self) -> int:
        """Return how many whole stores were set aside because they were damaged."""
        return 0

    async def step(
        self,
        wants: Mapping[SubjectId, Want],
        rule: Rule[T],
        *,
        blind: bool = False,
        ahead: Want = NOTHING_AHEAD,
    ) -> T:
        """Load lanes, run a rule on them and apply; again when another writer was faster.

        A storage that can do it in one go overrides it. ``blind``: the rule looks at rows alone, and is first tried as
        if there were none. ``ahead`` is what the next step will want: where anything is loaded, so is that.
        """
        try:
            async with asyncio.timeout(self.step_seconds), self._recall.alone(() if blind else wants):
                return await self._step(dict(wants), rule, blind=blind, ahead=ahead)
        except TimeoutError as error:
            raise StoreUnavailable("(no answer in time)") from error

    def forget(self, *subjects: SubjectId) -> None:
        """Remember nothing of these lanes; of none at all, when none is named."""
        if subjects:
            self._recall.forget(subjects)
        else:
            self.__dict__.pop("_recall", None)

    @cached_property
    def _recall(self) -> Recall:
        return Recall(lambda: time.monotonic() + self.clock_offset)

    async def _step(self, wants: dict[SubjectId, Want], rule: Rule[T], *, blind: bool, ahead: Want) -> T:
        recall = self._recall
        loaded = recall.nothing_of(wants) if blind else recall.all_of(wants)
        for attempt in range(ATTEMPTS):
            fresh = loaded is None
            if loaded is None:
                loaded = [await self.load(subject, one | ahead) for subject, one in wants.items()]
                recall.told(loaded[-1].now)
            try:
                answer, lanes, changes = run_rule(loaded, rule, mend, self.announced)
            except Missing as missing:
                wants = {subject: one | missing.wanted for subject, one in wants.items()}
                loaded = None
                continue
            except (TandemError, ValueError):
                if fresh:
                    raise
                changes = []
            loaded = None
            if not changes and not fresh:
                continue  # what is only remembered is good for writing, where the version is compared; not for answers
            if not blind:
                recall.forget(wants)  # until the writes are known to have happened
            if not changes or await self.apply(changes):
                recall.keep(lanes)
                return answer
            assumed = {one.subject: Want(rows=one.absent) for one in changes}
            wants = {subject: one | assumed.get(subject, NOTHING_AHEAD) for subject, one in wants.items()}
            if attempt:
                await asyncio.sleep(random.uniform(0.0, 0.002 * min(attempt, 10)))  # noqa: S311 (no secret)
        raise StoreUnavailable("(others change this lane all the time)")


class Recall:
    """Cache of the lanes that this replica wrote last; the version tells at the next write whether it is outdated.

    By its ``clock`` the store's clock is reckoned on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[SubjectId, tuple[Loaded, float]] = OrderedDict()
        self._told: tuple[float, float] | None = None
        self._locks: WeakValueDictionary[SubjectId, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, subjects: Iterable[SubjectId]) -> AsyncIterator[None]:
        """Let one task of this replica at a time change a lane, so that none of them is in another's way."""
        async with AsyncExitStack() as stack:
            for subject in sorted(subjects):
                lock = self._locks.setdefault(subject, asyncio.Lock())
                await stack.enter_async_context(lock)
            yield

    def all_of(self, subjects: Iterable[SubjectId]) -> list[Loaded] | None:
        """Return what is remembered of all of these lanes, the time reckoned on; None when one is not known."""
        found = []
        for subject in subjects:
            loaded, at = self._kept.get(subject, (None, 0.0))
            passed = self._clock() - at
            if loaded is None or not 0.0 <= passed <= SECONDS:
                return None
            found.append(replace(loaded, now=loaded.now + passed))
        return found

    def told(self, now: float) -> None:
        """Remember what the store's clock said."""
        self._told = now, self._clock()

    def nothing_of(self, subjects: Iterable[SubjectId]) -> list[Loaded] | None:
        """Return lanes of which nothing is known but the time; None when that is not known either."""
        now, at = self._told or (0.0, float("-inf"))
        passed = self._clock() - at
        return [Loaded(subject, now + passed) for subject in subjects] if 0.0 <= passed <= SECONDS else None

    def forget(self, subjects: Iterable[SubjectId]) -> None:
        """Remember nothing of these lanes."""
        for subject in subjects:
            self._kept.pop(subject, None)

    def keep(self, lanes: Iterable[Lane]) -> None:
        """Remember lanes as they were written."""
        for lane in lanes:
            after = _after(lane)
            if after is None:
                continue
            records = [row for row in after.rows.values() if row] + [*after.kinds.get(kinds.SNAPSHOT, ())]
            if sum(len(row.record) for row in records) > LARGEST:
                after = replace(
                    after, rows={}, kinds={k: rows for k, rows in after.kinds.items() if k != kinds.SNAPSHOT}
                )
            self._kept[lane.subject] = after, self._clock()
            self._kept.move_to_end(lane.subject)
        while len(self._kept) > LANES:
            self._kept.popitem(last=False)


def _after(lane: Lane) -> Loaded | None:
    """Return a lane as its writes left it: its head, and the rows and kinds that the next steps need; None without."""
    written = lane.written
    if written is None or written.text is None or lane.erased:
        return None
    return replace(
        lane.loaded,
        version=written.version,
        head=written.text,
        rows={name: lane.row(*name) for name in _NAMES if lane.is_known(*name)},
        kinds={kind: tuple(lane.all(kind)) for kind in _KINDS if kind in lane.loaded.kinds},
        newest={},
        counts={},
    )
