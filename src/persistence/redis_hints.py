"""Hints that a lane has work, over publish and subscribe. They carry an id and nothing else, and may get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from ..model import SubjectId
from .redis_keys import decode_subject, encode_subject
from .redis_link import RedisLink
from .redis_read import due

LIMIT: Final = 100
QUIET_SECONDS: Final = 5.0
"""After so much silence the server is asked for a sign of life."""


async def notify(link: RedisLink, subject: SubjectId) -> None:
    """See :meth:`LaneStore.notify`."""
    await link.ask("PUBLISH", _channel(link), encode_subject(subject))


async def listen(link: RedisLink) -> AsyncIterator[SubjectId]:
    """See :meth:`LaneStore.listen`. Begins with what is due: nobody heard the hints of the time before."""
    async with link.subscription(_channel(link)) as subscription:
        found = await due(link, LIMIT)
        for subject in dict.fromkeys((*found.lanes, *(subject for subject, _ in found.lines))):
            yield subject
        while True:
            hint = await subscription.next(QUIET_SECONDS)
            if hint is not None:
                yield decode_subject(hint)


def _channel(link: RedisLink) -> str:
    return f"{link.prefix}hints"
