"""Folds turns that left the window into the summary, while nobody waits for an answer.

A model writes the story without the lane's lease, so that no text and no caller ever waits for it. What it wrote is
kept until the lane's next claim, which takes it over if the conversation still has exactly those turns to fold, and
commits it: alone when the lane is idle, else with the turn that came meanwhile. Whatever goes wrong, the turns stay
where they are, or are folded in by rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import structlog

from ..model import Conversation, SubjectId, Turn
from . import approvals
from .summary import digest, material, told

log = structlog.get_logger(__name__)

Summarise = Callable[[str], Awaitable[str]]
"""Tells the given lines as a short story; see :func:`.summary.material`."""

FOLD_AGAIN = 60.0
"""Seconds after which another process may fold what one began to."""
AT_ONCE = 4
"""Foldings of one process that ask the model at the same time: customers' turns go first."""


@dataclass(frozen=True, slots=True)
class _Folded:
    """A new summary, and what it was made of."""

    before: str
    turns: tuple[Turn, ...]
    summary: str


class Summarising:
    """The foldings of one process. Use it with ``async with``; leaving it gives up those under way.

    ``ready`` is told a subject whose new summary waits for the lane's next claim. ``timeout`` (seconds) bounds the
    wait for the model.
    """

    def __init__(self, summarise: Summarise | None, ready: Callable[[SubjectId], None], *, timeout: float) -> None:
        self._summarise = summarise
        self._timeout = timeout
        self._ready = ready
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[SubjectId, asyncio.Task[None]] = {}
        self._done: dict[SubjectId, _Folded] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def begin(self, conversation: Conversation) -> None:
        """Fold a conversation's turns in a task of its own, unless one does already."""
        subject = conversation.subject
        if subject not in self._tasks:
            self._tasks[subject] = asyncio.create_task(self._fold(conversation), name="folding")

    def adopt(self, conversation: Conversation) -> Conversation:
        """Return the conversation with the summary that was made for it, if one was and still fits."""
        folded = self._done.pop(conversation.subject, None)
        if folded is None or conversation.summary != folded.before:
            return conversation
        count = len(folded.turns)
        if conversation.unfolded[:count] != folded.turns:
            return conversation
        return replace(conversation, summary=folded.summary, unfolded=conversation.unfolded[count:], digest="")

    def forget(self, subject: SubjectId) -> None:
        """Drop what was made for a conversation that is no more: it was erased meanwhile."""
        self._done.pop(subject, None)

    async def _fold(self, conversation: Conversation) -> None:
        before, turns = conversation.summary, conversation.unfolded
        try:
            summary = await self._told(before, turns)
        finally:
            del self._tasks[conversation.subject]
        self._done[conversation.subject] = _Folded(before, turns, summary)
        self._ready(conversation.subject)

    async def _told(self, before: str, turns: tuple[Turn, ...]) -> str:
        if self._summarise is None:
            return digest(before, turns)
        try:
            async with self._turn, asyncio.timeout(self._timeout):
                story = await self._summarise(material(before, turns))
        except Exception as error:
            # The edge to a model: a conversation is remembered by rules when none helps.
            log.warning("folding_failed", kind=type(error).__name__)
            return digest(before, turns)
        return told(before, turns, story) if story.strip() else digest(before, turns)


def wake_at(conversation: Conversation, *, now: float, after: float) -> float | None:
    """Return when a lane wants to be looked at although nothing waits: an approval's expiry, or turns to fold."""
    times = [approvals.wake_at(conversation), now + after if conversation.unfolded else None]
    return min((time for time in times if time is not None), default=None)
