"""What we begin ourselves: it waits in the conversation, leaves by the customer's clock, and each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tandem.conversation import phrases
from tandem.conversation.base import PendingWrites, TurnRequest, TurnResult
from tandem.conversation.bounds import Bounds
from tandem.conversation.notes import TimeToComeBack
from tandem.conversation.opening_hours import ContactHours, OpeningHours
from tandem.entries import Hold, Outreach
from tandem.errors import ModelUnavailable
from tandem.events import EventName
from tandem.model import Address, Channel, Conversation, FollowUp, Route, SubjectId
from tandem.persistence.merging import joined

from ...kit.engine import ROUTE, Lab, answer, echo, lab
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("X6")

ANNE = SubjectId("phone_12125550100")
NEW_YORK = Route(Channel.SMS, Address("tel", "+12125550100"), ROUTE.ours)
HOUR, DAY = 3600.0, 86_400.0
DAYTIME = ContactHours(OpeningHours.parse("Mon-Sun 08:00-21:00", "UTC").spans)
NIGHT, MORNING = "2026-12-01T06:00", "2026-12-01T13:00"
"""In UTC; in New York it is 1 o'clock, and 8."""


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def first(text: str = "Hello Anne, this is Mia.", *, at: float = 0.0, route: Route = NEW_YORK) -> Outreach:
    return Outreach("mia", text, at, route, "asked for it in our shop", 1_790_000_000.0)


async def move_to(it: Lab, text: str) -> None:
    it.store.clock_offset += moment(text) - await it.store.storage.now()


async def until(it: Lab, wanted: Callable[[Conversation], bool], subject: SubjectId = ANNE) -> Conversation:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await it.store.conversation(subject)
            if found is not None and wanted(found):
                return found
            await asyncio.sleep(0.01)


async def rows(it: Lab, subject: SubjectId = ANNE) -> list[str]:
    return [row.name for row in await it.store.timeline(subject)]


async def promises(request: TurnRequest) -> TurnResult:
    """Promise to come back in an hour; then do so."""
    if any(isinstance(note, TimeToComeBack) for note in request.notes):
        return answer(request, "Your parcel has come.")
    later = PendingWrites(follow_ups=[FollowUp("flw_1", request.now + HOUR, "whether the parcel has come")])
    return answer(request, "I will write in an hour.", requested=later)


async def test_a_first_text_reaches_somebody_who_never_wrote_and_their_consent_is_on_the_record(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.engine.act(ANNE, first(), key="staff:first:1")
        await it.engine.act(ANNE, first(), key="staff:first:1")
        assert await it.sender.texts(1) == ["Hello Anne, this is Mia."]
        await until(it, lambda one: bool(one.history))
        began, *_ = await it.store.timeline(ANNE)
    assert it.sender.sent[0].route == NEW_YORK
    assert (began.name, began.data["actor"]) == (EventName.CONTACT_BEGUN, "mia")
    assert (began.data["consent"], began.data["consented_at"]) == ("asked for it in our shop", 1_790_000_000.0)
    assert it.runner.requests == []


async def test_at_night_it_waits_for_the_customers_morning_also_in_another_process(tmp_path: Path) -> None:
    async with lab(tmp_path, contact=DAYTIME) as it:
        await move_to(it, NIGHT)
        await it.engine.act(ANNE, first(), key="staff:first:1")
        (waits,) = (await until(it, lambda one: bool(one.follow_ups))).follow_ups
        offset = it.store.clock_offset
    assert (waits.at, waits.actor, it.sender.sent) == (moment(MORNING), "mia", [])
    async with lab(tmp_path, contact=DAYTIME) as it:
        it.store.clock_offset = offset
        await it.store.purge(older_than=0)
        assert (await it.store.due(limit=9)).lanes == ()
        await move_to(it, "2026-12-01T13:01")
        assert await it.sender.texts(1) == ["Hello Anne, this is Mia."]
        await until(it, lambda one: not one.follow_ups)
        assert (await rows(it))[:2] == [EventName.CONTACT_BEGUN, EventName.FOLLOW_UP_PLANNED]


async def test_nobody_is_written_to_who_opted_out_even_where_nothing_else_is_left_of_them(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.text("SM1", "STOP")
        await until(it, lambda one: bool(one.opted_out), SubjectId("phone_15551234567"))
        await it.store.purge(older_than=0)
        await it.engine.act(SubjectId("phone_15551234567"), first(route=ROUTE), key="staff:first:1")
        await until(it, lambda one: bool(one.routes), SubjectId("phone_15551234567"))
        told = await rows(it, SubjectId("phone_15551234567"))
    assert told == [EventName.CONTACT_BEGUN, EventName.STAFF_MESSAGE_UNSENT]
    assert it.sender.sent == []


async def test_the_agent_comes_back_when_it_said_it_would(tmp_path: Path) -> None:
    async with lab(tmp_path, promises) as it:
        await it.engine.act(ANNE, first(), key="staff:first:1")
        await it.text("SM1", "Tell me when it has come.")
        assert "I will write in an hour." in await it.sender.texts(2)
        john = SubjectId("phone_15551234567")
        await until(it, lambda one: bool(one.follow_ups), john)
        it.store.clock_offset += HOUR
        assert (await it.sender.texts(3))[-1] == "Your parcel has come."
        found = await until(it, lambda one: not one.follow_ups, john)
        planned = [row for row in await it.store.timeline(john) if row.name == EventName.FOLLOW_UP_PLANNED]
    assert [note.about for request in it.runner.requests for note in request.notes if isinstance(note, TimeToComeBack)]
    assert found.meter.tallies["texts"].count == 1
    assert [(row.source, row.data["text"]) for row in planned] == [("agent", "whether the parcel has come")]


async def test_where_the_agent_cannot_come_back_a_colleague_has_a_ticket(tmp_path: Path) -> None:
    async def fails(request: TurnRequest) -> TurnResult:
        return await promises(request) if request.texts else replace(answer(request, ""), error=ModelUnavailable())

    async with lab(tmp_path, fails) as it:
        await it.text("SM1", "Tell me when it has come.")
        await it.sender.texts(1)
        john = SubjectId("phone_15551234567")
        await until(it, lambda one: bool(one.follow_ups), john)
        it.store.clock_offset += HOUR
        assert (await it.sender.texts(2))[-1] == phrases.TOO_MANY_STEPS
        (ticket,) = await it.store.tickets(john)
    assert ticket.description == "whether the parcel has come"


async def test_while_staff_hold_the_agent_its_follow_up_waits_and_a_colleagues_words_do_not(tmp_path: Path) -> None:
    john = SubjectId("phone_15551234567")
    async with lab(tmp_path, promises) as it:
        await it.text("SM1", "Tell me when it has come.")
        await it.sender.texts(1)
        now = await it.store.storage.now()
        await it.engine.act(john, Outreach("mia", "Mia again.", now + HOUR), key="staff:message:1")
        await it.engine.act(john, Hold("mia", on=True), key="staff:pause:1")
        await until(it, lambda one: one.paused and len(one.follow_ups) == 2, john)
        it.store.clock_offset += HOUR + 1
        assert (await it.sender.texts(2))[-1] == "Mia again."
        put_off = await until(it, lambda one: one.due_at is not None and one.due_at > now + HOUR + 60, john)
        assert [one.id for one in put_off.follow_ups] == ["flw_1"]
        await it.engine.act(john, Hold("mia", on=False), key="staff:resume:1")
        it.store.clock_offset += HOUR
        assert (await it.sender.texts(3))[-1] == "Your parcel has come."


async def test_no_more_waits_than_the_bound_allows(tmp_path: Path) -> None:
    async with lab(tmp_path, echo, bounds=Bounds(follow_ups=2)) as it:
        for number in range(3):
            later = await it.store.storage.now() + DAY
            await it.engine.act(ANNE, first(f"{number}", at=later), key=f"staff:first:{number}")
        found = await until(it, lambda one: len(one.follow_ups) == 2)
        async with asyncio.timeout(PATIENCE):
            while EventName.LIMIT_REACHED not in await rows(it):
                await asyncio.sleep(0.01)
    assert [one.text for one in found.follow_ups] == ["0", "1"]


def test_two_lanes_of_one_person_keep_what_either_is_to_begin() -> None:
    one, other = FollowUp("a", 5.0, "x"), FollowUp("b", 4.0, "y")
    left = Conversation(SubjectId("a"), 1.0, 1.0, follow_ups=(one,))
    stays = Conversation(SubjectId("b"), 1.0, 2.0, follow_ups=(other,))
    together = joined(left, stays, SubjectId("b"), now=3.0)
    assert (together.follow_ups, together.due_at) == ((one, other), 4.0)
