"""Listeners hear of calls that come and go, and of what became of replies, besides what turns commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.errors import DeliveryRefused
from tandem.events import EventName, Happened
from tandem.model import ReplyStatus

from ...kit.engine import JOHN, lab
from ...kit.waiting import until

pytestmark = pytest.mark.promise("E1")


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.happened: list[Happened] = []

    async def hear(self, happened: Happened) -> None:
        self.happened.append(happened)

    async def until(self, name: EventName) -> Happened:
        """Wait for the first event of a name, and return it."""
        await until(lambda: name in self.names())
        return next(one for one in self.happened if one.event.name == name)

    def names(self) -> list[str]:
        return [one.event.name for one in self.happened]


async def test_calls_that_come_and_go_are_told_and_not_stored(tmp_path: Path) -> None:
    listener = Listener()
    async with lab(tmp_path, listeners={"test": listener.hear}) as it:
        it.engine.arrived(JOHN)
        it.engine.departed(JOHN)
        await listener.until(EventName.CALL_DEPARTED)
        assert await it.store.timeline(JOHN) == ()
    assert listener.names() == [EventName.CALL_ARRIVED, EventName.CALL_DEPARTED]
    assert {one.subject for one in listener.happened} == {JOHN}


async def test_a_turn_is_told_with_the_time_of_its_commit(tmp_path: Path) -> None:
    listener = Listener()
    async with lab(tmp_path, listeners={"test": listener.hear}) as it:
        await it.text("SM1", "hello")
        turn = await listener.until(EventName.TURN)
        status = await listener.until(EventName.REPLY_STATUS)
    assert 0 < turn.seconds < 5
    assert (status.event.data["status"], status.seconds) == (ReplyStatus.SENT, 0)


async def test_a_reply_that_is_refused_for_good_is_told(tmp_path: Path) -> None:
    listener = Listener()
    async with lab(tmp_path, listeners={"test": listener.hear}) as it:
        it.sender.troubles.append(DeliveryRefused("No such number.", provider_code=21211))
        await it.text("SM1", "hello")
        refused = await listener.until(EventName.REPLY_FAILED)
        status = await listener.until(EventName.REPLY_STATUS)
        stored = [row.name for row in await it.store.timeline(JOHN)]
    assert (refused.event.data["code"], refused.event.data["reply"]) == (21211, status.event.data["reply"])
    assert status.event.data["status"] == ReplyStatus.FAILED
    assert stored.count(EventName.REPLY_FAILED) == listener.names().count(EventName.REPLY_FAILED) == 1
