"""The primitives that a backend implements; it knows no rule of a lane.

The rules (``lane.py``, ``outbox.py``, ``upkeep.py``) turn what was loaded into :class:`~.rows.Writes`; a backend
applies them, or says that somebody was faster. docs/persistence.md has the picture, ``tests/contracts`` checks one.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from ..errors import StoreUnavailable
from ..model import SubjectId
from .recall import Recall
from .rows import Figure, Indexed, Loaded, Missing, Want, Writes

T = TypeVar("T")

ATTEMPTS: Final = 60
NOTHING_AHEAD: Final = Want()
STEP_SECONDS: Final = 4.0
"""After this a step fails, so that a webhook can be answered in time."""
Operation = Callable[[Sequence[Loaded]], tuple[T, Sequence[Writes]]]
"""A rule: from what was loaded of each lane to the answer and what is written. Pure; may be run again."""


class Storage(ABC):
    """The primitives. Every one raises StoreUnavailable when the store does not answer, and is safe to repeat."""

    clock_offset: float = 0.0
    """Seconds that tests add to the store's clock."""
    step_seconds: float = STEP_SECONDS

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

    async def notify(self, subject: SubjectId) -> None:  # noqa: B027 (not every storage gives hints)
        """Hint to other processes; a storage without hints is polled."""

    def hints(self) -> AsyncIterator[SubjectId | None] | None:
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
        wanted: Sequence[tuple[SubjectId, Want]],
        operation: Operation[T],
        *,
        blind: bool = False,
        ahead: Want = NOTHING_AHEAD,
    ) -> T:
        """Load, decide and apply; again when somebody was faster. A storage that can do it in one go overrides it.

        ``blind``: the rule looks at rows alone, and is first tried as if there were none. ``ahead`` is what the next
        step will want: where anything is loaded, that is loaded with it and remembered.
        """
        alone = () if blind else [subject for subject, _ in wanted]
        try:
            async with asyncio.timeout(self.step_seconds), self._recall.alone(alone):
                return await self._step(dict(wanted), operation, blind=blind, ahead=ahead)
        except TimeoutError as error:
            raise StoreUnavailable("(no answer in time)") from error

    def forget(self, *subjects: SubjectId) -> None:
        """Remember nothing of these lanes; of none at all, when none is named."""
        if subjects:
            self._recall.forget(subjects)
        else:
            self.__dict__.pop("_recalled", None)

    @property
    def _recall(self) -> Recall:
        if "_recalled" not in self.__dict__:
            self.__dict__["_recalled"] = Recall()
        return self.__dict__["_recalled"]  # type: ignore[no-any-return]

    async def _step(self, wants: dict[SubjectId, Want], operation: Operation[T], *, blind: bool, ahead: Want) -> T:
        recall = self._recall
        loaded = recall.nothing_of(wants, self.clock_offset) if blind else recall.all_of(wants, self.clock_offset)
        for attempt in range(ATTEMPTS):
            fresh = loaded is None
            if loaded is None:
                loaded = [await self.load(subject, one | ahead) for subject, one in wants.items()]
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
                await asyncio.sleep(random.uniform(0.0, 0.002 * min(attempt, 10)))  # noqa: S311 (no secret)
        raise StoreUnavailable("(others change this lane all the time)")


def decided(operation: Operation[T], loaded: Sequence[Loaded]) -> tuple[T, Sequence[Writes]]:
    """Run a rule; return its answer and what is to be written, each head under a version of its own.

    Raises Missing when the answer rests on rows being absent that nobody looked for.
    """
    answer, drafts = operation(loaded)
    changes = [stamped(one) for one in drafts if one.anything]
    assumed = frozenset(name for one in drafts for name in one.absent)
    if assumed and not changes:
        raise Missing(Want(rows=assumed))
    return answer, changes


def stamped(writes: Writes) -> Writes:
    """Return a change whose new head has a version that no other head ever had."""
    if writes.head is None or writes.head.text is None:
        return writes
    return replace(writes, head=replace(writes.head, version=secrets.randbits(52) + 1))
