"""Entries of a lane in the Redis store: accepting them, and reading those that wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..entries import Entry, Waiting
from ..errors import UnreadableRecord
from ..model import SubjectId
from .codec import ENTRY
from .redis_link import Argument, RedisLink
from .values import Outcome, Receipt

Row = Sequence[bytes]


def rows(values: Sequence[Sequence[Argument]]) -> Iterator[Argument]:
    """Spell a list as the scripts take it: its length, then the values of each row."""
    yield len(values)
    for row in values:
        yield from row


def entry_rows(entries: Sequence[Entry]) -> Iterator[Argument]:
    """Spell entries as the scripts take them."""
    return rows([(entry.key, ENTRY.encode(entry)) for entry in entries])


async def accept(
    link: RedisLink, subject: SubjectId, entries: Sequence[Entry], token: str, not_after: float | None = None
) -> tuple[Receipt, ...]:
    """See :meth:`LaneStore.accept`."""
    answers = await link.run("accept", link.lane(subject), token, not_after, *entry_rows(entries))
    return tuple(_receipt(entry, *answer) for entry, answer in zip(entries, answers, strict=True))


def _receipt(entry: Entry, outcome: bytes, earlier: bytes | None = None) -> Receipt:
    try:
        return Receipt(entry.key, Outcome(outcome.decode()), ENTRY.decode(earlier) if earlier is not None else None)
    except UnreadableRecord:
        return Receipt(entry.key, Outcome.DUPLICATE)


def split_waiting(found: Sequence[Row]) -> tuple[tuple[Waiting, ...], list[bytes]]:
    """Return the waiting entries in their order, and the keys of those that cannot be read."""
    readable: list[Waiting] = []
    damaged: list[bytes] = []
    for key, record, accepted_at, tries in found:
        try:
            readable.append(Waiting(ENTRY.decode(record), float(accepted_at), int(tries)))
        except UnreadableRecord:
            damaged.append(key)
    return tuple(readable), damaged


async def waiting(link: RedisLink, subject: SubjectId) -> tuple[Waiting, ...]:
    """See :meth:`LaneStore.waiting`."""
    return split_waiting(await link.run("waiting", link.lane(subject)))[0]
