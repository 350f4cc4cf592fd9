"""A process that works on a file store, to be killed or to be run beside another one.

``write``: take a turn again and again, print each turn's number once it is acknowledged.
``compete``: take twenty turns on a lane that others want too; exit with 3 when somebody else is on it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from dataclasses import replace
from pathlib import Path

from tandem.entries import Entry, TextReceived
from tandem.model import Address, Channel, Conversation, Reply, Route, Source, SubjectId, TimelineEvent
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Change, Claim

JANE = SubjectId("phone_14155550100")
ROUTE = Route(Channel.SMS, Address.parse("+14155550100"), Address.parse("+14155550199"))
TURNS = 20


async def take_turn(store: LaneStore, claim: Claim, number: int) -> None:
    """Commit one turn whose parts all carry its number."""
    before = claim.conversation or Conversation(JANE, claim.now, claim.now)
    change = Change(
        replace(before, turns_taken=number, summary=str(number) * 3000),
        consumed=(f"k{number}",),
        replies=(Reply(f"r{number}", ROUTE, "Hello", number, claim.now),),
        timeline=(TimelineEvent(f"turn{number}", Source.AGENT),),
    )
    await store.commit(claim, change, token=uuid.uuid4().hex)


async def write(folder: Path) -> None:
    async with open_file_store(folder) as store:
        for number in range(1, 100_000):
            entry = Entry(f"k{number}", TextReceived(ROUTE, "Hello"))
            await store.accept(JANE, (entry,), token=uuid.uuid4().hex)
            claim = await store.claim(JANE, holder=uuid.uuid4().hex, seconds=60.0)
            assert claim is not None
            await take_turn(store, claim, number)
            print(number, flush=True)


async def compete(folder: Path) -> None:
    marker = folder / "somebody-is-on-the-lane"
    async with open_file_store(folder) as store:
        taken = 0
        while taken < TURNS:
            claim = await store.claim(JANE, holder=uuid.uuid4().hex, seconds=60.0)
            if claim is None:
                await asyncio.sleep(0.002)
                continue
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                sys.exit(3)
            await asyncio.sleep(0.001)
            marker.unlink()
            number = claim.conversation.turns_taken + 1 if claim.conversation else 1
            await take_turn(store, claim, number)
            taken += 1


if __name__ == "__main__":
    asyncio.run({"write": write, "compete": compete}[sys.argv[1]](Path(sys.argv[2])))
