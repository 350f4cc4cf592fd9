"""Who holds a call, in the Redis store: a key of the lane that expires by itself."""

from __future__ import annotations

from ..model import SubjectId
from .redis_link import RedisLink
from .values import Presence


async def note(
    link: RedisLink, subject: SubjectId, call: str, replica: str, seconds: float, renew: bool = False
) -> None:
    """See :meth:`LaneStore.presence`."""
    await link.run("presence", link.lane(subject), call, replica, seconds, "1" if renew else "")


async def present(link: RedisLink, subject: SubjectId) -> Presence | None:
    """See :meth:`LaneStore.present`."""
    row = await link.run("present", link.lane(subject))
    return Presence(*(value.decode() for value in row)) if row else None
