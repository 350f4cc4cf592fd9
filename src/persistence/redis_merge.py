"""Listings over all partitions: the first members of 256 sorted sets, as if they were one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .redis_link import RedisLink

LEAST: Final = 4
"""Rows asked of a partition at first. Most pages need no more, as subjects spread evenly."""


@dataclass(frozen=True, slots=True, order=True)
class Ranked:
    """A member of an index, in its order: by number, then by the bytes of the member."""

    number: float
    member: bytes
    partition: str = field(compare=False, default="")


@dataclass(slots=True)
class _Source:
    """One partition's part of an index, read so far."""

    partition: str
    rows: list[Ranked] = field(default_factory=list)
    ended: bool = False

    def take(self, answer: Sequence[bytes], asked: int) -> None:
        for member, number in zip(answer[::2], answer[1::2], strict=True):
            self.rows.append(Ranked(float(number), member, self.partition))
        self.ended = len(answer) < 2 * asked


async def first_of_all(
    link: RedisLink, index: str, *, after: Ranked | None, limit: int, descending: bool = False
) -> list[Ranked]:
    """Return the first ``limit`` members of an index behind ``after``, over all partitions."""
    sources = [_Source(partition) for partition in link.partitions()]
    asked, behind = sources, LEAST + limit // 16
    while asked:
        answers = await link.ask_many([_command(one, index, after, behind, descending=descending) for one in asked])
        for source, answer in zip(asked, answers, strict=True):
            source.take(answer, behind)
        found = sorted(
            (row for one in sources for row in one.rows if _follows(row, after, descending)), reverse=descending
        )
        found = found[:limit]
        asked = [
            one for one in sources if not one.ended and (len(found) < limit or _may_add(one, found[-1], descending))
        ]
    return found


def _command(source: _Source, index: str, after: Ranked | None, count: int, *, descending: bool) -> list[str | int]:
    start = repr(after.number) if after else ("+inf" if descending else "-inf")
    name, end = ("ZREVRANGEBYSCORE", "-inf") if descending else ("ZRANGEBYSCORE", "+inf")
    return [name, source.partition + index, start, end, "WITHSCORES", "LIMIT", len(source.rows), count]


def _follows(row: Ranked, after: Ranked | None, descending: bool) -> bool:
    return after is None or (row < after if descending else row > after)


def _may_add(source: _Source, last: Ranked, descending: bool) -> bool:
    """Say whether what was not read yet of a source could come before the last row found."""
    return source.rows[-1] > last if descending else source.rows[-1] < last
