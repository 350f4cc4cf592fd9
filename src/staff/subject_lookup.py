"""Finds the subject that staff name by an id or a telephone number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..errors import UnreadableRecord
from ..identity.phone import e164, subject_id
from ..model import Address, SubjectId
from ..persistence.base import LaneStore
from .aliases import Aliases

SubjectOf = Callable[[Address], Awaitable[SubjectId]]
"""Says which subject is behind a telephone number."""


class SubjectLookup:
    """Finds subjects. ``region`` completes numbers that are written without a country; pages name them by aliases."""

    def __init__(self, store: LaneStore, subject_of: SubjectOf, aliases: Aliases, *, region: str) -> None:
        self._store = store
        self._aliases = aliases
        self._subject_of = subject_of
        self._region = region

    async def one(self, spelling: str) -> SubjectId:
        """Return the subject in whose lane the customer is now. Raises MalformedRequest.

        A number's own lane counts as long as it is there: it may wait to be joined.
        """
        *others, subject = await self.every(spelling)
        for known in others:
            try:
                if await self._store.conversation(subject) is None:
                    return known
            except UnreadableRecord:
                pass
        return subject

    async def every(self, spelling: str) -> tuple[SubjectId, ...]:
        """Return all subjects that may be meant: of a number, who is known behind it, then the number itself."""
        spelling = self._aliases.named(spelling)
        subject, number = subject_id(spelling, self._region), self.number(spelling)
        known = await self._subject_of(Address("tel", number)) if number else subject
        return tuple(dict.fromkeys((known, subject)))

    def number(self, spelling: str) -> str | None:
        """Return the telephone number that was written, in E.164, or None for any other id. Raises MalformedRequest."""
        subject = subject_id(self._aliases.named(spelling), self._region)
        return e164(f"+{subject.removeprefix('phone_')}", self._region) if subject.startswith("phone_") else None
