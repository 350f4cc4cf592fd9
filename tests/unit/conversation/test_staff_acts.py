"""What staff do in a lane, when things go wrong: turns that raise, turns that run, ids that meet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.conversation.base import TurnRequest, TurnResult
from tandem.conversation.staff_actions import MAX_TRIES
from tandem.conversation.ticket_history import STEPS_KEPT, with_step
from tandem.entries import Hold, StaffMessage, TicketOpened
from tandem.model import Conversation, Priority, SubjectId, Ticket, TicketStep
from tandem.persistence.values import Change

from ...kit.engine import JOHN, ROUTE, Lab, answer, echo, lab
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("E2", "O9")

TICKET = Ticket("TKT_1", JOHN, "Parcel", "Broken", Priority.LOW, 1.0, 2.0, history=(TicketStep(1.0, "opened", "mia"),))


async def rows(it: Lab, name: str, count: int = 1) -> None:
    """Wait until the timeline has so many rows of a name."""
    async with asyncio.timeout(PATIENCE):
        while [row.name for row in await it.store.timeline(JOHN)].count(name) < count:
            await asyncio.sleep(0.01)


async def die(it: Lab, holder: str) -> None:
    """Claim the lane as a replica would that then dies, and let it go."""
    async with asyncio.timeout(PATIENCE):
        while (claim := await it.store.claim(JOHN, holder=holder, seconds=5)) is None:
            await asyncio.sleep(0.01)
    await it.store.release(claim)


async def test_a_pause_stops_a_text_turn_in_which_no_tool_has_begun(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def slow(request: TurnRequest) -> TurnResult:
        begun.set()
        await asyncio.Event().wait()
        return answer(request, "never")

    async with lab(tmp_path, slow) as it:
        await it.text("SM1", "hello")
        await begun.wait()
        await it.engine.act(JOHN, Hold("mia", on=True), key="staff:1")
        assert await it.sender.texts(1) == [phrases.HELD]
        conversation = await it.store.conversation(JOHN)
    assert conversation is not None
    assert conversation.paused
    assert [item["role"] for item in conversation.history[-1].items] == ["user", "assistant"]


async def test_a_pause_lets_a_turn_finish_in_which_a_tool_has_begun(tmp_path: Path) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def busy(request: TurnRequest) -> TurnResult:
        request.steering.tools_begun = 1
        begun.set()
        await gate.wait()
        return answer(request, "done")

    async with lab(tmp_path, busy) as it:
        await it.text("SM1", "hello")
        await begun.wait()
        await it.engine.act(JOHN, Hold("mia", on=True), key="staff:1")
        gate.set()
        assert await it.sender.texts(1) == ["done"]
        await rows(it, "agent_paused")


async def test_an_act_counts_once_per_key(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.text("SM1", "hello")
        for _ in range(3):
            await it.engine.act(JOHN, StaffMessage("mia", "Hello John"), key="staff:1")
        await rows(it, "staff_message")
        await it.text("SM2", "bye")
        assert await it.sender.texts(3) == ["You said: hello", "Hello John", "You said: bye"]


async def test_a_ticket_is_stored_before_the_agent_works_and_outlives_a_turn_that_always_raises(tmp_path: Path) -> None:
    async def broken(request: TurnRequest) -> TurnResult:
        if request.notes:
            raise RuntimeError("poison")
        return await echo(request)

    async with lab(tmp_path, broken) as it:
        opened = TicketOpened("mia", TICKET, ROUTE)
        await it.engine.act(JOHN, opened, key="ticket:TKT_1")
        await rows(it, "ticket_opened")
        stored = await it.store.ticket("TKT_1")
        for number in range(MAX_TRIES):
            await die(it, f"replica-{number}")
        it.engine.wake(JOHN)
        await rows(it, "entry_set_aside")
        await it.text("SM1", "hello")
        assert await it.sender.texts(1) == ["You said: hello"]
        names = [row.name for row in await it.store.timeline(JOHN)]
    assert stored == TICKET
    assert names.count("ticket_opened") == names.count("entry_set_aside") == 1


async def test_a_ticket_id_that_somebody_else_has_is_left_alone(tmp_path: Path) -> None:
    other = SubjectId("phone_15559876543")
    async with lab(tmp_path) as it:
        claim = await it.store.claim(other, holder="h", seconds=5)
        assert claim is not None
        conversation = Conversation(subject=other, created_at=1.0, updated_at=1.0)
        theirs = replace(TICKET, subject=other)
        await it.store.commit(claim, Change(conversation, tickets=(theirs,)), token="t")
        await it.engine.act(JOHN, TicketOpened("mia", TICKET, ROUTE), key="ticket:TKT_1")
        await rows(it, "ticket_ignored")
        assert await it.store.ticket("TKT_1") == theirs
        assert it.runner.requests == []


def test_a_ticket_keeps_its_first_and_its_newest_steps() -> None:
    ticket = TICKET
    for number in range(2 * STEPS_KEPT):
        ticket = with_step(ticket, TicketStep(float(number), "replied", "mia"))
    assert len(ticket.history) == STEPS_KEPT
    assert ticket.history[0].what == "opened"
    assert ticket.history[-1].at == 2 * STEPS_KEPT - 1
