"""A gateway whose customers are known elsewhere: at the pretend Segment or the pretend CRM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tandem.model import Conversation, SubjectId

from .gateway import Running, running
from .model_server import ModelServer
from .sources import Known, by_number, known_at
from .waiting import PATIENCE

__all__ = ["Known", "by_number", "committed", "knowing", "known_at"]


@asynccontextmanager
async def knowing(
    kind: str, folder: Path, model: ModelServer | None = None, **extra: Any
) -> AsyncIterator[tuple[Running, Known]]:
    """Run a gateway and its source, which a busy machine is given time to ask."""
    env = {"RESOLVER_TIMEOUT_MS": "10000"}
    async with known_at(kind) as known, running(folder, model, **(known.env | env | extra)) as it:
        yield it, known


async def committed(it: Running, subject: SubjectId, turns: int) -> Conversation:
    """Wait until that many turns of a subject are stored, and return the conversation."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await it.store.conversation(subject)
            if found is not None and found.turns_taken >= turns and not await it.store.waiting(subject):
                return found
            await asyncio.sleep(0.005)
