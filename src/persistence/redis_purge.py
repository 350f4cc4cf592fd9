"""Deleting from the Redis store: what nothing touched for long, and everything about one subject."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Final

from ..errors import LeaseLost, StoreUnavailable
from ..model import SubjectId
from .redis_keys import LaneKey, lane_in
from .redis_link import RedisLink
from .values import Erasure, PurgeReport

KEY_SECONDS: Final = 7 * 86400.0
"""A provider may deliver the same message again for days."""
KINDS: Final = ("conversations", "timeline", "replies", "keys", "effects", "tickets", "set_aside")
"""In the order of the script's answer."""
STEP: Final = 500
"""Records of one lane deleted at once, so that a purge never makes a customer wait."""
LANES: Final = 50
"""Lanes asked of a partition at once."""
_KEY_BYTES: Final = 32
_HELD: Final = -1


async def purge(link: RedisLink, older_than: float, *, dry_run: bool = False) -> PurgeReport:
    """See :meth:`LaneStore.purge`; lane by lane, so it may be broken off and run again."""
    deleted = dict.fromkeys(KINDS, 0)
    try:
        async for lanes in _all_lanes(link):
            while lanes:
                answers = await link.run_lanes(
                    "purge", lanes, older_than, max(older_than, KEY_SECONDS), "1" if dry_run else "", STEP
                )
                for answer in answers:
                    for kind, number in zip(KINDS, answer, strict=False):
                        deleted[kind] += number
                lanes = [lane for lane, answer in zip(lanes, answers, strict=True) if answer[-1]]
    except StoreUnavailable:
        return PurgeReport(deleted, failed=1)
    return PurgeReport(deleted)


async def _all_lanes(link: RedisLink) -> AsyncIterator[Sequence[LaneKey]]:
    """Yield every lane at least once, some of each partition at a time."""
    cursors: dict[str, int] = dict.fromkeys(link.partitions(), 0)
    while cursors:
        commands = [("ZSCAN", f"{one}lanes", cursor, "COUNT", LANES) for one, cursor in cursors.items()]
        answers = dict(zip(cursors, await link.ask_many(commands), strict=True))
        yield [lane_in(one, id.decode()) for one, (_, found) in answers.items() for id, _ in found]
        cursors = {one: cursor for one, (cursor, _) in answers.items() if cursor}


async def erase(link: RedisLink, subject: SubjectId, actor: str = "") -> int:
    """See :meth:`LaneStore.erase`."""
    key = await _audit_key(link)
    # The token is this call's own, so that the driver's repetition gives the first number.
    deleted = await link.run("erase", link.lane(subject), secrets.token_hex(8), actor, _hash(key, subject))
    if deleted == _HELD:
        raise LeaseLost
    return int(deleted)


async def erasures(link: RedisLink, subject: SubjectId) -> tuple[Erasure, ...]:
    """See :meth:`LaneStore.erasures`."""
    key = await link.ask("GET", f"{link.prefix}audit-key")
    if key is None:
        return ()
    rows = await link.ask("LRANGE", f"{link.lane(subject).partition}audit:{_hash(key, subject)}", 0, -1)
    found = (row.split(b" ", 3) for row in rows)
    return tuple(Erasure(float(at), actor.decode(), int(deleted)) for at, deleted, _, actor in found)


async def _audit_key(link: RedisLink) -> bytes:
    """Return the key of the audit's hashes, made with the first erasure."""
    name = f"{link.prefix}audit-key"
    _, key = await link.ask_many([("SET", name, secrets.token_bytes(_KEY_BYTES), "NX"), ("GET", name)])
    return bytes(key)


def _hash(key: bytes, subject: SubjectId) -> str:
    return hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()
