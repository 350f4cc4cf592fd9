"""Search over the words of all conversations, by codes of words.

The row that a list shows of a conversation carries the codes (conversations.py). They come and go with the row:
whatever erases, purges, redacts or joins a lane does so to its codes, and no word leaves the store.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from ..model import SubjectId
from . import conversations, kinds
from .conversations import LONG, SHORT, code, words_of
from .reading import Reading, read_cursor, write_cursor
from .rows import LaneIndex, Want
from .values import ConversationHead, Page


class Searching(Reading):
    """The part of a lane store that searches. A conversation that cannot be read holds no words."""

    search_rows, search_lists, search_reads = 1000, 200, 200
    """Of one call of a search: rows that are listed at once, how often, and conversations that are read."""

    async def search(self, text: str, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        """List conversations that hold all words of a text in what is remembered of them, last changed first.

        A word of four letters or more is found as the beginning of one. One call looks at a bounded number of
        conversations: it may return few or none and yet a cursor, which goes on behind what was looked at.
        """
        wanted = words_of(text)
        needed, found, read = wanted_codes(wanted), list[ConversationHead](), 0
        after = read_cursor(cursor) if cursor else None
        for number in range(self.search_lists if wanted else 0):
            few = self.search_rows if number else self.search_reads  # what one looks for is often among the latest
            rows = await self.storage.scan(
                LaneIndex.RECENT, limit=few, after=after, descending=True, kind=kinds.GLANCE, codes=needed[:20]
            )
            if not rows:
                return Page(tuple(found), None)
            for row in rows:
                after = row.sort, row.position
                if may_hold(row.record, needed):
                    read += 1
                    if holds(await self._remembered(row.subject), wanted):
                        found.append(conversations.read_head(row.subject, row.sort, row.record))
                if len(found) == limit or read == self.search_reads:
                    return Page(tuple(found), write_cursor(*after))
        return Page(tuple(found), write_cursor(*after) if after else None)

    async def _remembered(self, subject: SubjectId) -> str:
        """Return what is remembered of what was said; snapshots of runs are not loaded for it."""
        loaded = await self.storage.load(subject, Want(rows=frozenset({(kinds.CONVERSATION, "")})))
        row = loaded.rows[kinds.CONVERSATION, ""]
        stored = kinds.readable(kinds.CONVERSATION, row.record) if row else None
        return conversations.remembered(stored) if stored else ""


def wanted_codes(wanted: Iterable[str]) -> Sequence[str]:
    """Return the codes without which a conversation does not hold these words, in the order of a row's."""
    beginnings = {word[:LONG] if len(word) >= LONG else word[:SHORT] for word in wanted}
    return [base64.b64encode(one).decode() for one in sorted(map(code, beginnings))]


def may_hold(record: str | None, needed: Sequence[str]) -> bool:
    """Tell by a list's row, unparsed, whether a conversation may hold words with these codes; without any, it may."""
    _, there, codes = (record or "").rpartition(kinds.CODES)
    return not there or codes.startswith('"') or all(one in codes for one in needed)


def holds(text: str, wanted: Iterable[str]) -> bool:
    """Tell whether a text has all of these words: a short one whole, a longer one as the beginning of a word."""
    there = words_of(text)
    return all(any(one.startswith(word) for one in there) if len(word) >= SHORT else word in there for word in wanted)
