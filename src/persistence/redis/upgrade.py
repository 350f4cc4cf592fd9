"""Keys of layout 1 (256 partitions, packed values) become those of today, lane by lane: it may be broken off."""

from __future__ import annotations

import time
from typing import Any, Final

import structlog

from ...model import ApprovalStatus
from ..former_format import COLUMNS, carried_audit, carried_over
from .link import RedisLink, script
from .storage import RedisStorage, decode_subject

log = structlog.get_logger(__name__)

PARTITIONS: Final = 256
_OF_A_LANE: Final = (
    "", ":conversation", ":entries", ":waiting", ":tries", ":keys", ":replies", ":order", ":lines", ":queue:sms",
    ":queue:whatsapp", ":queue:rcs", ":queue:voice", ":tickets", ":open", ":approvals", ":pending", ":timeline",
    ":answers", ":answers:age", ":effects", ":effects:age", ":aside", ":presence",
)  # fmt: skip
_OF_A_PARTITION: Final = (
    "lanes", "optouts", "due", "lines", "waiting", "unsettled", "recent", "aside", "approvals", "tickets",
    "fence", "approvals:all", *(f"approvals:{status}" for status in ApprovalStatus),
)  # fmt: skip


async def carry_over(link: RedisLink) -> None:
    """Write everything that the former keys hold into today's and delete them."""
    storage, count = RedisStorage(link), 0
    await _carry_audit(link, storage)
    for number in range(PARTITIONS):
        partition = f"{link.prefix}{{{number}}}:"
        found = await link.ask_many([("ZRANGE", f"{partition}lanes", 0, -1), ("HKEYS", f"{partition}optouts")])
        for id in dict.fromkeys((*found[0], *found[1])):
            await carry_lane(link, storage, partition, id.decode())
            await forget_lane(link, partition, id.decode())
            count += 1
        keys = [f"{partition}{name}" for name in _OF_A_PARTITION]
        await link.ask("UNLINK", *keys)
    await link.ask("UNLINK", f"{link.prefix}audit-key")
    log.info("lanes_carried_over", done=count)


async def carry_lane(link: RedisLink, storage: RedisStorage, partition: str, id: str) -> None:
    """Write one lane as it is kept today; where a head is there already, an upgrade that was broken off did it."""
    found = dict(zip(COLUMNS, _told(await link.ask("EVAL", script("former").text, 1, partition, id)), strict=True))
    await storage.apply(carried_over(decode_subject(id), found.__getitem__, time.time()))


async def forget_lane(link: RedisLink, partition: str, id: str) -> None:
    """Delete the keys that a lane was made from."""
    await link.ask("UNLINK", *(f"{partition}lane:{id}{suffix}" for suffix in _OF_A_LANE))
    await link.ask_many([("ZREM", f"{partition}lanes", id), ("HDEL", f"{partition}optouts", id)])


def _told(answer: Any) -> Any:
    """Return what a script answered as text, also what damage made of it."""
    if isinstance(answer, bytes):
        return answer.decode(errors="surrogateescape")
    return [_told(one) for one in answer] if isinstance(answer, list) else answer


async def _audits(link: RedisLink) -> list[bytes]:
    """Return the keys that proofs of erasures have. Step by step: the server has others to answer."""
    found, cursor, begin = set(), b"0", f"{link.prefix}{{".encode()
    while True:
        cursor, names = await link.ask("SCAN", cursor, "MATCH", "*}:audit:*", "COUNT", 1000)
        found |= {name for name in names if name.startswith(begin)}
        if int(cursor) == 0:
            return sorted(found)


async def _carry_audit(link: RedisLink, storage: RedisStorage) -> None:
    """Carry over the proofs of erasures, and the key that their hashes were made with."""
    key = await link.ask("GET", f"{link.prefix}audit-key")
    if key is None:
        return
    await storage.apply([carried_audit(key, ())])
    for name in await _audits(link):
        hashed, proofs = name.decode().rpartition(":")[2], []
        for number, row in enumerate(await link.ask("LRANGE", name, 0, -1), start=1):
            at, deleted, _, actor = row.decode().split(" ", 3)
            proofs.append((hashed, number, float(at), actor, int(deleted)))
        await storage.apply([carried_audit(key, proofs)])
        await link.ask("UNLINK", name)
