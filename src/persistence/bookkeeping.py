"""The part of a lane store that keeps books for staff; as :mod:`.base`, the docstrings are the specification."""

from __future__ import annotations

from typing import Protocol

from ..model import SubjectId
from .values import Act, Hour, Looker, Page


class Bookkeeping(Protocol):
    """Lists what staff did and what they look at, and keeps the figures of hours."""

    async def acts(self, *, limit: int, cursor: str | None = None) -> Page[Act]:
        """List what staff did, newest first, without looking into conversations.

        * An act is written with the timeline row that tells of it, whenever its source is staff.
        * What is erased, and what a purge deletes, leaves its acts behind, without the person and without ids that lead
          to them; an erasure that was asked for is an act as well. An act is kept for :data:`.acts.KEPT_SECONDS`.
        """
        ...

    async def look(self, actor: str, subject: SubjectId | None, *, writing: bool, seconds: float) -> None:
        """Note that a colleague has a conversation on the screen for ``seconds`` from now, or (None) none any more."""
        ...

    async def lookers(self) -> tuple[Looker, ...]:
        """Return who looks at which conversation now, erased customers left out."""
        ...

    async def note_hour(self, hour: Hour, *, process: str) -> None:
        """Keep what a process counted in an hour, in place of what it had counted before.

        A purge deletes it after :data:`.acts.HOURS_KEPT_SECONDS`.
        """
        ...

    async def hours(self, *, since: float) -> tuple[Hour, ...]:
        """Return the hours of all processes that began at or after a time, newest first."""
        ...
