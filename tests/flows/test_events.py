"""What listeners are told of a whole gateway: each thing once, whatever another listener does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tandem.events import NOT_STORED, EventName, Happened

from ..kit.colleague import JOHNS_ID, Colleague, staffed
from ..kit.gateway import Running
from ..kit.waiting import until

pytestmark = pytest.mark.promise("E1")

REFUND = "I want my money back for order 12345"


class Listener:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self.happened: list[Happened] = []

    async def hear(self, happened: Happened) -> None:
        self.told[happened.event.name] += 1
        self.happened.append(happened)

    async def hears(self, name: EventName) -> None:
        await until(lambda: self.told[name])


async def broken(happened: Happened) -> None:
    """Harm nobody."""
    raise RuntimeError("a listener of somebody else's")


async def talk(it: Running, mia: Colleague) -> None:
    await it.ask("hello")
    await it.ask(REFUND)
    await mia.decide(await mia.waiting_approval("process_refund"), approved=True)
    await it.hear(3)
    await it.ask("I want to speak to a person")
    await it.ask("goodbye")


@pytest.mark.promise("A6")
async def test_each_event_of_a_whole_conversation_is_told_once(tmp_path: Path) -> None:
    listener = Listener()
    async with staffed(tmp_path, listeners={"broken": broken, "counting": listener.hear}) as (it, mia):
        await talk(it, mia)
        await listener.hears(EventName.CONVERSATION_END)
        shown = await mia.shown()
    once = (
        EventName.CONVERSATION_START,
        EventName.CONVERSATION_END,
        EventName.ESCALATION,
        EventName.APPROVAL_REQUESTED,
        EventName.APPROVAL_DECIDED,
        EventName.APPROVAL_EXECUTED,
    )
    assert {name: listener.told[name] for name in once} == dict.fromkeys(once, 1)
    stored = Counter({name: count for name, count in listener.told.items() if name not in NOT_STORED})
    assert stored == Counter(row["name"] for row in shown["timeline"])
    assert {one.subject for one in listener.happened} == {JOHNS_ID}
    escalation = next(one.event for one in listener.happened if one.event.name == EventName.ESCALATION)
    assert escalation.data["ticket"].startswith("TKT_")


async def test_an_expiry_is_told_once(tmp_path: Path) -> None:
    listener = Listener()
    async with staffed(tmp_path, listeners={"counting": listener.hear}, APPROVAL_TIMEOUT_SECONDS="1") as (it, _):
        await it.ask(REFUND)
        await it.hear(2)
        await listener.hears(EventName.APPROVAL_EXPIRED)
    assert listener.told[EventName.APPROVAL_EXPIRED] == listener.told[EventName.APPROVAL_REQUESTED] == 1
    assert listener.told[EventName.APPROVAL_DECIDED] == 0
