"""Cache of the lanes that this replica wrote: head, version and waiting entries. It saves the next load.

Whatever is remembered may be outdated; the version tells when it is applied.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from weakref import WeakValueDictionary

from ..model import SubjectId
from .kinds import CONVERSATION, OPT_OUT, SNAPSHOT, UNSETTLED, WAITING
from .rows import Loaded, Name, Row, Writes

REMEMBERED: Final = frozenset({WAITING, UNSETTLED, SNAPSHOT})
"""Whole kinds that are kept in mind, with the head."""
NAMES: Final = ((CONVERSATION, ""), (OPT_OUT, ""))
"""Rows that are: with these kinds, all that a claim, commit or settlement needs."""
LARGEST: Final = 64 * 1024
"""Characters of a lane's conversation and snapshots; longer ones are not kept."""
LANES: Final = 1_000
SECONDS: Final = 20.0
"""The store's clock is reckoned on from the last answer, and may not stray far."""


@dataclass(frozen=True, slots=True)
class _Kept:
    loaded: Loaded
    at: float
    offset: float


class Recall:
    """The lanes of one replica, the last used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[SubjectId, _Kept] = OrderedDict()
        self._clock: tuple[float, float, float] | None = None
        self._locks: WeakValueDictionary[SubjectId, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, subjects: Iterable[SubjectId]) -> AsyncIterator[None]:
        """Let one task of this replica at a time change a lane, so that none of them is in another's way."""
        async with AsyncExitStack() as stack:
            for subject in sorted(subjects):
                lock = self._locks.setdefault(subject, asyncio.Lock())
                await stack.enter_async_context(lock)
            yield

    def all_of(self, subjects: Iterable[SubjectId], offset: float) -> list[Loaded] | None:
        """Return what is remembered of all of these lanes, the time reckoned on; None when one is not known."""
        found = []
        for subject in subjects:
            kept = self._kept.get(subject)
            passed = time.monotonic() - kept.at if kept else 0.0
            if kept is None or passed > SECONDS:
                return None
            found.append(replace(kept.loaded, now=kept.loaded.now + passed + offset - kept.offset))
        return found

    def clock(self, now: float, offset: float) -> None:
        """Remember what the store's clock said."""
        self._clock = now, time.monotonic(), offset

    def nothing_of(self, subjects: Iterable[SubjectId], offset: float) -> list[Loaded] | None:
        """Return lanes of which nothing is known but the time; None when that is not known either."""
        if self._clock is None or time.monotonic() - self._clock[1] > SECONDS:
            return None
        now, at, before = self._clock
        return [Loaded(subject, now + time.monotonic() - at + offset - before) for subject in subjects]

    def forget(self, subjects: Iterable[SubjectId]) -> None:
        """Remember nothing of these lanes."""
        for subject in subjects:
            self._kept.pop(subject, None)

    def keep(self, loaded: Sequence[Loaded], changes: Sequence[Writes], offset: float) -> None:
        """Remember lanes as these changes left them."""
        written: Mapping[Any, Writes] = {one.subject: one for one in changes}
        for one in loaded:
            change = written.get(one.subject)
            if change is None or change.head is None or change.head.text is None or change.erase:
                continue
            kinds = {kind: _after(kind, rows, change) for kind, rows in one.kinds.items() if kind in REMEMBERED}
            rows = {
                name: _row_after(name, one.rows.get(name), change) for name in NAMES if _is_known(name, one, change)
            }
            records = [row.record for row in rows.values() if row] + [row.record for row in kinds.get(SNAPSHOT, ())]
            if sum(map(len, records)) > LARGEST:
                rows = {}
                kinds.pop(SNAPSHOT, None)
            version, head = change.head.version, change.head.text
            after = replace(one, version=version, head=head, rows=rows, kinds=kinds, newest={}, counts={})
            self._kept[one.subject] = _Kept(after, time.monotonic(), offset)
            self._kept.move_to_end(one.subject)
        while len(self._kept) > LANES:
            self._kept.popitem(last=False)


def _is_known(name: Name, loaded: Loaded, change: Writes) -> bool:
    return (
        name in loaded.rows or name in change.deletes or any((put.row.kind, put.row.key) == name for put in change.puts)
    )


def _row_after(name: Name, before: Row | None, change: Writes) -> Row | None:
    """Return a row as a change leaves it."""
    found = _after(name[0], (before,) if before is not None else (), change)
    return found[0] if found else None


def _after(kind: str, rows: tuple[Row, ...], change: Writes) -> tuple[Row, ...]:
    """Return the rows of a kind as a change leaves them."""
    found = {} if kind in change.drops else {row.key: row for row in rows}
    for deleted, key in change.deletes:
        if deleted == kind:
            found.pop(key, None)
    for put in change.puts:
        if put.row.kind == kind:
            before = found.get(put.row.key)
            if before is None:
                found[put.row.key] = put.row
            elif not put.keep:
                found[put.row.key] = replace(put.row, sequence=before.sequence)
    return tuple(sorted(found.values(), key=lambda row: row.sequence))
