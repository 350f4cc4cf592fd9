"""A whole store as lines of JSON, and back: for growing out of one store into another, and as a backup of any.

The first line says what it is, each further line is a lane with everything that is kept of it, the last one says that
this was all. An import writes only lanes that are not there, and reads back what it wrote; it never overwrites. It
leaves out whom the store erased after the export was made.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from ..errors import ConfigurationError, StoreUnavailable
from ..model import Conversation, SubjectId
from . import kinds
from .rows import NO_VERSION, HeadWrite, LaneIndex, Put, Row, Whole, Writes
from .state import HEAD
from .storage import Storage
from .upkeep import NOBODY, erasure_kinds

FORMAT: Final = 1
AT_ONCE: Final = 8
"""Lanes that are written at once."""
LONGEST_NUMBER: Final = 63
"""Bits of a whole number that every store holds."""
_TELLING: Final = (
    LaneIndex.RECENT,
    LaneIndex.DUE,
    LaneIndex.OLDEST_ENTRY,
    LaneIndex.OLDEST_REPLY,
    LaneIndex.APPROVALS,
    LaneIndex.TICKETS,
)
"""Indexes of which one changes with whatever a gateway does."""


@dataclass(slots=True)
class Exported:
    """Count of what was written down. ``held``: lanes that a gateway held, or in which a call was."""

    lanes: int = 0
    rows: int = 0
    held: int = 0
    changed: bool = False
    """True if something changed while it was read."""


class Fate(StrEnum):
    """Outcomes of a lane of an export."""

    WRITTEN = "written"
    SAME = "same"
    """It was there already, as it is in the export."""
    OTHER = "other"
    """There is another one; it was left as it is."""
    FAILED = "failed"
    """The store did not take it, or gave something else back."""
    ERASED = "erased"
    """The store erased this person after the export: they were left out."""


@dataclass(slots=True)
class Imported:
    """Count of what became of the lanes. ``whole`` is False when the export's last line is missing."""

    fates: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(Fate, 0))
    whole: bool = False
    running: bool = False
    """True if gateways were at work during the export: what came later is not in it."""
    sound: bool = True
    """False when the export itself says that it is not all of one moment."""
    reasons: list[str] = field(default_factory=list)
    erased: dict[SubjectId, Conversation | None] = field(default_factory=dict)
    """Who was left out, with what the export says of them: others' lanes may hold their numbers."""

    @property
    def complete(self) -> bool:
        """Tell whether everything is in the store now."""
        return self.whole and self.sound and not (self.fates[Fate.OTHER] or self.fates[Fate.FAILED])


async def export(
    storage: Storage, place: str, write: Callable[[str], Any], *, running: bool = False, erasures: bool = False
) -> Exported:
    """Write every lane as a line; ``running``: gateways may work meanwhile, each lane is then as of its own moment.

    ``erasures``: only the store's own lane, which remembers who was erased.
    """
    told, before, now = Exported(), await _mark(storage), await storage.now()
    running = running or erasures
    write(_line({"tandem_export": FORMAT, "from": place, "at": now, "running": running}))
    async for subject in _lanes(storage, own=erasures):
        whole = await storage.whole(subject)
        if whole == Whole(subject):
            continue
        told.lanes, told.rows = told.lanes + 1, told.rows + len(whole.rows)
        told.held += _held(whole, now)
        write(_line(as_json(whole)))
    told.changed = await _mark(storage) != before
    write(_line({"lanes": told.lanes, "sound": running or not (told.held or told.changed)}))
    return told


async def _lanes(storage: Storage, *, own: bool) -> AsyncIterator[SubjectId]:
    yield NOBODY  # the store's own rows: proofs of erasures
    if own:
        return
    async for subject in storage.subjects():
        yield subject


async def _mark(storage: Storage) -> Any:
    """Return what is another one as soon as a gateway did something."""
    newest = await storage.scan(LaneIndex.RECENT, limit=1, descending=True)
    return [(one.subject, one.sort) for one in newest], await storage.figures(_TELLING)


def _held(whole: Whole, now: float) -> bool:
    """Tell whether a gateway works on a lane, or has a call of it."""
    head = kinds.readable(HEAD, whole.head)
    return head is not None and (head.taken(now) or head.present(now))


# --- back again -----------------------------------------------------------------------------------------------


async def import_lines(storage: Storage, lines: Iterable[str]) -> Imported:
    """Write the lanes of an export that are not there. Raises ConfigurationError when it is none."""
    told, given = Imported(), iter(lines)
    header = _read(next(given, ""))
    if header.get("tandem_export") != FORMAT:
        raise ConfigurationError(["This is no export of tandem, or one of a newer version."])
    told.running = bool(header.get("running"))
    erased = _erased_since(await storage.whole(NOBODY), header.get("at"))
    batch: list[Whole] = []
    for count, line in enumerate(given):
        found = _read(line)
        if "lanes" in found:
            told.whole, told.sound = found["lanes"] == count, found.get("sound") is True
            break
        lane = as_whole(found)
        if erased(lane.subject):
            told.fates[Fate.ERASED] += 1
            told.erased[lane.subject] = _conversation(lane)
            continue
        batch.append(lane)
        if len(batch) == AT_ONCE:
            await _write_all(storage, batch, told)
    await _write_all(storage, batch, told)
    if told.whole:
        await storage.after_purge()
    return told


def _erased_since(own: Whole, at: Any) -> Callable[[SubjectId], bool]:
    """Return what tells whom a store erased after a time, going by its own lane; every time, where there is none."""
    secret, late = "", set[str]()
    for row in own.rows:
        if row.kind == kinds.SECRET:
            secret = row.record
        elif row.kind.startswith(f"{kinds.AUDIT}:"):
            proof = kinds.readable(kinds.AUDIT, row.record)
            if not isinstance(at, float) or (proof and proof.at > at):
                late.add(row.kind)
    return lambda subject: bool(late) and not late.isdisjoint(erasure_kinds(secret, subject))


def _conversation(lane: Whole) -> Conversation | None:
    records = [row.record for row in lane.rows if row.kind == kinds.CONVERSATION]
    return kinds.readable(kinds.CONVERSATION, records[0]) if records else None


async def _write_all(storage: Storage, batch: list[Whole], told: Imported) -> None:
    for fate, reason in await asyncio.gather(*(_write(storage, one) for one in batch)):
        told.fates[fate] += 1
        if reason and reason not in told.reasons:
            told.reasons.append(reason)
    batch.clear()


async def _write(storage: Storage, whole: Whole) -> tuple[Fate, str]:
    """Write a lane, unless there is one; say what became of it, and why it failed."""
    there = await storage.whole(whole.subject)
    if there == whole:
        return Fate.SAME, ""
    if whole.subject == NOBODY and there.rows:
        return await _add_own(storage, whole, there), ""
    if there != Whole(whole.subject):
        return Fate.OTHER, ""
    head = HeadWrite(NO_VERSION, whole.version, whole.head) if whole.head is not None else None
    rows = sorted(whole.rows, key=lambda row: (row.sequence, row.kind, row.key))
    writes = Writes(
        whole.subject,
        head=head,
        absent=frozenset((row.kind, row.key) for row in rows),
        puts=tuple(map(Put, rows)),
        index=dict(whole.index),
    )
    try:
        applied = await storage.apply([writes])
    except (ValueError, StoreUnavailable) as error:  # a damaged record may hold what another store cannot
        return Fate.FAILED, f"{type(error).__name__}: {error}"
    if not applied:
        return Fate.OTHER, ""
    if await storage.whole(whole.subject) == whole:
        return Fate.WRITTEN, ""
    gone = HeadWrite(whole.version, NO_VERSION, None) if head else None
    taken_back = await storage.apply([Writes(whole.subject, head=gone, erase=True)])
    still = "" if taken_back else ", and is there still"
    return Fate.FAILED, f"a lane was not read back as it was written{still}"


async def _add_own(storage: Storage, own: Whole, there: Whole) -> Fate:
    """Add to the store's own lane what only the export has of it: proofs of erasures, figures, what staff did.

    A store that makes its hashes with another key could not read the proofs: its lane is another one.
    """
    secrets = {row.record for row in (*own.rows, *there.rows) if row.kind == kinds.SECRET}
    if len(secrets) > 1:
        return Fate.OTHER
    known = {(row.kind, row.key) for row in there.rows}
    missing = [row for row in own.rows if (row.kind, row.key) not in known and row.kind != kinds.LOOKER]
    if not missing:
        return Fate.SAME
    keys, new = {row.key for row in missing}, own.index.keys() - there.index.keys()
    index = {name: own.index[name] for name in new if name[1] in keys or name[0] == LaneIndex.SWEEP}
    added = await storage.apply([Writes(NOBODY, puts=tuple(Put(row, keep=True) for row in missing), index=index)])
    after = await storage.whole(NOBODY)
    return Fate.WRITTEN if added and after.rows.issuperset(missing) else Fate.FAILED


# --- a lane as a line -----------------------------------------------------------------------------------------


def as_json(whole: Whole) -> dict[str, Any]:
    """Return a lane as JSON."""
    rows = sorted((row.kind, row.sequence, row.key, row.record) for row in whole.rows)
    index = sorted((*name, sort) for name, sort in whole.index.items())
    return {"subject": whole.subject, "version": whole.version, "head": whole.head, "rows": rows, "index": index}


def as_whole(found: dict[str, Any]) -> Whole:
    """Return the lane that a line holds. Raises ConfigurationError."""
    try:
        return Whole(
            SubjectId(_is(found["subject"], str)),
            _is(found["version"], int),
            found["head"] if found["head"] is None else _is(found["head"], str),
            frozenset(
                Row(_is(kind, str), _is(key, str), _is(sequence, int), _is(record, str))
                for kind, sequence, key, record in found["rows"]
            ),
            {(_is(name, str), _is(key, str)): _is(sort, float, int) for name, key, sort in found["index"]},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError([f"A line of the export is no lane ({type(error).__name__})."]) from error


def _is(value: Any, *kinds: type) -> Any:
    """Return a value of one of these kinds. Raises TypeError, and OverflowError for a number that no store holds."""
    if type(value) not in kinds:
        raise TypeError
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        raise OverflowError
    return value


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"  # ASCII: it carries any damage


def _read(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(["A line of the export is cut off or damaged."]) from error
    if not isinstance(found, dict):
        raise ConfigurationError(["A line of the export is no object."])
    return found
