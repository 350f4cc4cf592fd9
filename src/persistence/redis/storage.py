"""Lanes on a Redis server: scripts load, apply and list, sorted sets are the indexes.

All keys begin with the prefix and nothing else; in a cluster, a prefix with a hash tag keeps them on one node.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote, unquote

from ...model import SubjectId
from ..rows import NO_VERSION, Figure, Indexed, Loaded, Row, Want, Whole, Writes
from ..storage import Storage
from .link import RedisLink


class RedisStorage(Storage):
    """The primitives on one server."""

    def __init__(self, link: RedisLink, *, clock_offset: float = 0.0) -> None:
        self.clock_offset = clock_offset
        self.step_seconds = link.answer_seconds
        self.link = link

    async def now(self) -> float:
        """See :meth:`Storage.now`."""
        return self._time(await self.link.ask("TIME"))

    def _time(self, told: Sequence[bytes]) -> float:
        return int(told[0]) + int(told[1]) / 1_000_000 + self.clock_offset

    async def load(self, subject: SubjectId, wanted: Want) -> Loaded:
        """See :meth:`Storage.load`."""
        rows, kinds = tuple(wanted.rows), tuple(wanted.kinds)
        counts = [(kind, "+inf" if upto is None else upto) for kind, upto in wanted.counts.items()]
        arguments = _lists(rows, [(kind,) for kind in kinds], wanted.newest.items(), counts)
        told, (version, head), *answers = await self.link.run("load", encode_subject(subject), *arguments)
        answer = iter(answers)
        return Loaded(
            subject,
            self._time(told),
            version=int(version) if version is not None else NO_VERSION,
            head=None if head is None else _text(head),
            rows={name: _row(name, *next(answer)) for name in rows},
            kinds={kind: _rows(kind, next(answer)) for kind in kinds},
            newest={kind: _rows(kind, next(answer))[::-1] for kind in wanted.newest},
            counts={kind: int(next(answer)) for kind in wanted.counts},
        )

    async def apply(self, changes: Sequence[Writes]) -> bool:
        """See :meth:`Storage.apply`."""
        arguments: list[str | bytes | int | float] = [len(changes)]
        for one in changes:
            head = one.head
            told = (
                ["1", head.expected or "", head.version if head.text is not None else "", head.text or ""]
                if head
                else ["", "", "", ""]
            )
            arguments += [encode_subject(one.subject), *told, "1" if one.erase else ""]
            arguments += _lists(
                one.absent,
                [(kind, "+inf" if upto is None else upto) for kind, upto in one.drops.items()],
                one.deletes,
                [
                    (put.row.kind, put.row.key, put.row.sequence, _bytes(put.row.record), "1" if put.keep else "")
                    for put in one.puts
                ],
                [(*name, "" if sort is None else repr(sort)) for name, sort in one.index.items()],
            )
        return bool(await self.link.run("apply", *arguments))

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
        """See :meth:`Storage.scan`."""
        command = "ZREVRANGEBYSCORE" if descending else "ZRANGEBYSCORE"
        first, last = ("+inf", "-inf") if descending else ("-inf", "+inf" if upto is None else repr(upto))
        start = 0
        if after is not None:
            first = repr(after[0])
            start = await self._passed(f"{self.link.prefix}index:{index}", after, descending=descending)
        found = await self.link.run("scan", command, index, first, last, start, limit, kind, *codes)
        return [_indexed(*one) for one in found]

    async def _passed(self, name: str, after: tuple[float, str], *, descending: bool) -> int:
        """Return how many entries of the same sort come no later than a position, whose own entry may be gone."""
        sort, position = after
        member = position.encode()
        score, rank, before, behind = await self.link.ask_many(
            [
                ("ZSCORE", name, member),
                ("ZREVRANK" if descending else "ZRANK", name, member),
                ("ZCOUNT", name, f"({sort!r}", "+inf"),
                ("ZCOUNT", name, "-inf", f"({sort!r}"),
            ]
        )
        if score is not None and float(score) == sort:
            return int(rank) - int(before if descending else behind) + 1
        same = await self.link.ask("ZRANGEBYSCORE", name, repr(sort), repr(sort))
        return sum(one >= member if descending else one <= member for one in same)

    async def find(self, kind: str, key: str) -> Indexed | None:
        """See :meth:`Storage.find`."""
        id = await self.link.ask("HGET", f"{self.link.prefix}ids:{kind}", key)
        if id is None:
            return None
        record = await self.link.ask("HGET", f"{self.link.prefix}rows:{_text(id)}:{kind}", key)
        return None if record is None else Indexed(decode_subject(id), key, 0.0, _text(record))

    async def figures(self, indexes: Sequence[str]) -> Mapping[str, Figure]:
        """See :meth:`Storage.figures`."""
        names = [f"{self.link.prefix}index:{index}" for index in indexes]
        counts = await self.link.ask_many([("ZCARD", name) for name in names])
        firsts = await self.link.ask_many([("ZRANGE", name, 0, 0, "WITHSCORES") for name in names])
        return {
            index: Figure(int(count), float(first[1]) if first else 0.0)
            for index, count, first in zip(indexes, counts, firsts, strict=True)
        }

    async def subjects(self) -> AsyncIterator[SubjectId]:
        """See :meth:`Storage.subjects`; step by step, because the server has others to answer."""
        begin, cursor, told = f"{self.link.prefix}of:", 0, set[str]()
        pattern = re.sub(r"([*?\[\]\\])", r"\\\1", begin) + "*"
        while True:
            cursor, names = await self.link.ask("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            for id in {name.decode().removeprefix(begin) for name in names} - told:
                if id and ":" not in id:  # another store's prefix may begin as our keys do
                    told.add(id)
                    yield decode_subject(id)
            if int(cursor) == 0:
                return

    async def whole(self, subject: SubjectId) -> Whole:
        """See :meth:`Storage.whole`."""
        (version, head), rows, index = await self.link.run("whole", encode_subject(subject))
        return Whole(
            subject,
            version=NO_VERSION if version is None else int(version),
            head=None if head is None else _text(head),
            rows=frozenset(
                Row(_text(kind), _text(key), int(float(sequence)), _text(record))
                for kind, key, sequence, record in rows
            ),
            index={(_text(name), _text(key)): float(sort) for name, key, sort in index},
        )

    async def ping(self) -> None:
        """See :meth:`Storage.ping`: something is written, which a full or read-only server refuses."""
        await self.link.ask("SET", f"{self.link.prefix}ping", "")

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`Storage.notify`; a hint carries an id and nothing else."""
        await self.link.ask("PUBLISH", f"{self.link.prefix}hints", encode_subject(subject))

    async def hints(self) -> AsyncGenerator[SubjectId | None, None]:
        """See :meth:`Storage.hints`."""
        async with aclosing(self.link.messages(f"{self.link.prefix}hints")) as messages:
            async for hint in messages:
                yield None if hint is None else decode_subject(hint)


def _lists(*lists: Iterable[Iterable[Any]]) -> list[Any]:
    """Return lists as the scripts take them: the number of rows, then their values."""
    arguments: list[Any] = []
    for one in lists:
        rows = list(one)
        arguments.append(len(rows))
        for row in rows:
            arguments += row
    return arguments


def _indexed(member: bytes, sort: bytes, record: bytes | None) -> Indexed:
    id, key = split_member(member)
    return Indexed(decode_subject(id), key, float(sort), None if record is None else _text(record), _text(member))


def _row(name: tuple[str, str], sequence: bytes, record: bytes | None) -> Row | None:
    return None if record is None else Row(*name, int(float(sequence)), _text(record))


def _rows(kind: str, found: Iterable[tuple[bytes, bytes, bytes]]) -> tuple[Row, ...]:
    return tuple(Row(kind, _text(key), int(float(sequence)), _text(record)) for key, sequence, record in found)


def _text(stored: bytes) -> str:
    """Return what is stored as text, also what damage made of it."""
    return stored.decode(errors="surrogateescape")


def _bytes(record: str) -> bytes:
    return record.encode(errors="surrogateescape")


# --- names: how any id becomes part of a key, and how a member of an index names a row ------------------------


def encode_subject(subject: SubjectId) -> str:
    """Return an id as letters, digits, ``_.-~`` and percent signs. Raises ValueError for a lone surrogate."""
    return quote(subject, safe="")


def decode_subject(id: bytes | str) -> SubjectId:
    """Return the subject whose encoded id this is."""
    return SubjectId(unquote(id.decode() if isinstance(id, bytes) else id))


def split_member(member: bytes) -> tuple[str, str]:
    """Return the encoded id and the key in a member of an index; no encoded id has a space."""
    id, _, key = member.decode(errors="surrogateescape").partition(" ")
    return id, key
