"""A gateway whose customers are known elsewhere: at the pretend Segment or the pretend CRM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tandem.model import Conversation, SubjectId

from .gateway import Running, running
from .model_server import ModelServer
from .sources import Known, by_number, known_at

__all__ = ["Known", "by_number", "committed", "knowing", "known_at"]


@asynccontextmanager
async def knowing(
    kind: str, folder: Path, model: ModelServer | None = None, **extra: Any
) -> AsyncIterator[tuple[Running, Known]]:
    """Run a gateway and its source."""
    async with known_at(kind) as known, running(folder, model, **(known.env | extra)) as it:
        yield it, known


async def committed(it: Running, subject: SubjectId, turns: int) -> Conversation:
    """Wait until that many turns of a subject are stored, and return the conversation."""
    found: Conversation | None = None
    while found is None or found.turns_taken < turns or await it.store.waiting(subject):
        found = await it.store.conversation(subject)
    return found
