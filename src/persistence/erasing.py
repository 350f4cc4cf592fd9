"""The part of a lane store that erases people; as :mod:`.base`, the docstrings are the specification."""

from __future__ import annotations

from typing import Protocol

from ..model import SubjectId
from .values import Erasure


class Erasing(Protocol):
    """Erases a person: their lane, and what others' lanes hold of them."""

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """Delete every trace of a subject but its fence; return the number of records deleted.

        * One audit row stays, which a purge leaves alone: the time, ``actor`` (who asked), the number, and for the
          subject a hash of it, keyed with a random key of the store's that it never gives out. Of erasures that found
          nothing, the last one's. By these rows an import knows whom to leave out.
        * Raises LeaseLost, and deletes nothing, while somebody holds the lane.
        """
        ...

    async def redact(self, subject: SubjectId, number: str) -> int:
        """Take a number, and what was written to it, out of a lane; return how many records. Raises LeaseLost."""
        ...

    async def erased(self, key: str) -> bool:
        """Tell by a hash of it whether an entry's key was erased with its lane, in the last 7 days or longer."""
        ...

    async def erasures(self, subject: SubjectId) -> tuple[Erasure, ...]:
        """Return the audit rows of a subject, oldest first: what proves its erasure to whoever asks for it by id."""
        ...
