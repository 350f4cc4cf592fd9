"""The list of conversations: last changed first, or those that a search finds. No HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from ..errors import MalformedRequest
from ..model import Conversation, SubjectId
from ..persistence.base import LaneStore
from ..persistence.conversations import head_fields, remembered, words_of
from ..persistence.reading import conversation_of
from ..persistence.search import holds
from ..persistence.values import ConversationHead
from ..shop.base import Customer
from .answers import written
from .customer_directory import CustomerDirectory, masked_number
from .subject_lookup import SubjectLookup

K = TypeVar("K")
T = TypeVar("T")

AT_ONCE: Final = 8
"""Questions to the store that run side by side."""
NAMED: Final = 200
"""Conversations, the last changed ones, whose names and numbers a search looks at; words are found in all."""


class ConversationList:
    """Reads the store's list, and what it knows of the customers in it."""

    def __init__(self, store: LaneStore, people: CustomerDirectory, whose: SubjectLookup) -> None:
        self._store = store
        self._people = people
        self._whose = whose

    async def page(self, *, limit: int, cursor: str | None, words: str) -> dict[str, Any]:
        """List conversations, or find some; see docs/staff-api.md. Raises MalformedRequest for an unknown cursor."""
        if not words.strip():
            page = await self._store.recent(limit=limit, cursor=cursor)
            return {"conversations": await self._rows(page.items), "next": page.next}
        if cursor is None and (one := await self._named(words)) is not None:
            return {"conversations": await self._rows([one]), "next": None}
        named = [] if cursor else (await self._known_as(words))[:limit]
        page = await self._store.search(words, limit=limit, cursor=cursor)
        found = {head.subject: head for head in (*named, *page.items)}
        return {"conversations": await self._rows(list(found.values())), "next": page.next}

    async def _known_as(self, words: str) -> list[ConversationHead]:
        """Find the latest conversations by name, number, preview or id; words that these lack must have been said."""
        heads = (await self._store.recent(limit=NAMED)).items
        known = await self._people.glance([head.subject for head in heads])
        found = []
        for head in heads:
            number, customer = known.get(head.subject, (None, None))
            parts = (customer.name if customer else "", masked_number(number) or "", head.preview, head.subject)
            missing = [word for word in words.casefold().split() if word not in " ".join(parts).casefold()]
            if not missing or (len(missing) < len(words.split()) and await self._said(head.subject, missing)):
                found.append(head)
        return found

    async def _said(self, subject: SubjectId, missing: Sequence[str]) -> bool:
        conversation = await conversation_of(self._store, subject)
        said = remembered(conversation) if conversation else ""
        return holds(said, words_of(" ".join(missing)))

    async def _named(self, words: str) -> ConversationHead | None:
        """Find the conversation whose number or id was typed in full."""
        try:
            conversation = await conversation_of(self._store, await self._whose.one(words))
        except MalformedRequest:
            return None
        return head_fields(conversation) if conversation else None

    async def _rows(self, heads: Sequence[ConversationHead]) -> list[dict[str, Any]]:
        subjects = [head.subject for head in heads]
        known, live = await asyncio.gather(self._people.glance(subjects), self._calling(subjects))
        rows = []
        for head in heads:
            number, customer = known.get(head.subject, (None, None))
            shown = shown_of(head, customer, masked_number(number), live=head.subject in live)
            rows.append({**shown, "preview": head.preview, "pendingApprovals": head.pending, "paused": head.paused})
        return rows

    async def _calling(self, subjects: Sequence[SubjectId]) -> set[SubjectId]:
        there = await side_by_side(self._store.present, subjects)
        return {subject for subject, call in zip(subjects, there, strict=True) if call is not None}


def shown_of(
    one: Conversation | ConversationHead, customer: Customer | None, contact: str | None, *, live: bool
) -> dict[str, Any]:
    """Return what is shown of a conversation in a list and above it; the time of a snooze may be over."""
    return {
        "subjectId": one.subject,
        "name": customer.name if customer else None,
        "plan": customer.plan if customer else None,
        "contact": contact,
        "version": one.version,
        "updatedAt": written(one.updated_at),
        "lastChannel": one.last_channel.value,
        "escalation": one.escalation.value if one.escalation else None,
        "assignee": one.assignee,
        "handling": one.handling,
        "snoozedUntil": None if one.snoozed_until is None else written(one.snoozed_until),
        "liveCall": live,
    }


async def side_by_side(ask: Callable[[K], Awaitable[T]], of: Iterable[K]) -> list[T]:
    """Ask about each, :data:`AT_ONCE` at a time; return the answers in their order."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def one(key: K) -> T:
        async with turnstile:
            return await ask(key)

    return await asyncio.gather(*map(one, of))
