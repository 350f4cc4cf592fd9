"""The list of conversations: last changed first, or those that a search finds. No HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import MalformedRequest, UnreadableRecord
from ..model import Conversation, SubjectId
from ..persistence.base import LaneStore
from ..persistence.conversations import head_fields
from ..persistence.values import ConversationHead
from .answers import written
from .customer_directory import CustomerDirectory, masked_number
from .subject_lookup import SubjectLookup
from .transcript import said_in

SEARCHED = 200
"""Conversations, the last changed ones, that a search looks at."""
AT_ONCE = 8
"""Questions to the store that run side by side."""


class ConversationList:
    """Reads the store's list, and what it knows of the customers in it."""

    def __init__(self, store: LaneStore, people: CustomerDirectory, whose: SubjectLookup) -> None:
        self._store = store
        self._people = people
        self._whose = whose

    async def page(self, *, limit: int, cursor: str | None, words: str) -> dict[str, Any]:
        """List conversations, or find some; see docs/staff-api.md. Raises MalformedRequest for an unknown cursor."""
        if words.strip():
            return {"conversations": (await self._find(words))[:limit], "next": None}
        page = await self._store.recent(limit=limit, cursor=cursor)
        return {"conversations": await self._rows(page.items), "next": page.next}

    async def _find(self, words: str) -> list[dict[str, Any]]:
        one = await self._named(words)
        if one is not None:
            return await self._rows([one])
        page = await self._store.recent(limit=SEARCHED)
        wanted = words.casefold().split()
        rows, said = await asyncio.gather(self._rows(page.items), self._said(page.items))
        texts = [f"{_searchable(row)} {words}" for row, words in zip(rows, said, strict=True)]
        return [row for row, text in zip(rows, texts, strict=True) if all(word in text for word in wanted)]

    async def _said(self, heads: Sequence[ConversationHead]) -> list[str]:
        """Return what each conversation remembers of what was said, for a search."""
        turnstile = asyncio.Semaphore(AT_ONCE)

        async def read(subject: SubjectId) -> str:
            async with turnstile:
                conversation = await self._conversation(subject)
            return said_in(conversation).casefold() if conversation else ""

        return await asyncio.gather(*(read(head.subject) for head in heads))

    async def _named(self, words: str) -> ConversationHead | None:
        """Find the conversation whose number or id was typed in full."""
        try:
            subject = await self._whose.one(words)
            conversation = await self._store.conversation(subject)
        except (MalformedRequest, UnreadableRecord):
            return None
        if conversation is None:
            return None
        seen = head_fields(conversation)
        return ConversationHead(
            subject,
            conversation.version,
            conversation.updated_at,
            conversation.last_channel,
            preview=seen.preview,
            escalation=seen.escalation,
            paused=seen.paused,
            pending=seen.pending,
            assignee=seen.assignee,
            handling=seen.handling,
            snoozed_until=seen.snoozed_until,
        )

    async def _rows(self, heads: Sequence[ConversationHead]) -> list[dict[str, Any]]:
        subjects = [head.subject for head in heads]
        known, live = await asyncio.gather(self._people.glance(subjects), self._calling(subjects))
        rows = []
        for head in heads:
            number, customer = known.get(head.subject, (None, None))
            rows.append(
                {
                    "subjectId": head.subject,
                    "name": customer.name if customer else None,
                    "plan": customer.plan if customer else None,
                    "contact": masked_number(number),
                    "lastChannel": head.last_channel.value,
                    "preview": head.preview,
                    "updatedAt": written(head.updated_at),
                    "version": head.version,
                    "pendingApprovals": head.pending,
                    "escalation": head.escalation.value if head.escalation else None,
                    "paused": head.paused,
                    "assignee": head.assignee,
                    **handling_of(head),
                    "liveCall": head.subject in live,
                }
            )
        return rows

    async def _calling(self, subjects: Sequence[SubjectId]) -> set[SubjectId]:
        turnstile = asyncio.Semaphore(AT_ONCE)

        async def ask(subject: SubjectId) -> SubjectId | None:
            async with turnstile:
                return subject if await self._store.present(subject) else None

        return {one for one in await asyncio.gather(*map(ask, subjects)) if one is not None}

    async def _conversation(self, subject: SubjectId) -> Conversation | None:
        try:
            return await self._store.conversation(subject)
        except UnreadableRecord:
            return None


def handling_of(one: Conversation | ConversationHead) -> dict[str, str | None]:
    """Return what is shown of how a conversation is handled; the time of a snooze may be over."""
    until = one.snoozed_until
    return {"handling": one.handling, "snoozedUntil": None if until is None else written(until)}


def _searchable(row: Mapping[str, Any]) -> str:
    return " ".join(str(row[name] or "") for name in ("name", "contact", "preview", "subjectId")).casefold()
