"""What the agent asks of people and what becomes of it, over real HTTP: tickets, escalations, texts to others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tandem.model import Priority, Source, SubjectId, TimelineEvent, Tone

from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE
from .test_approvals import scene

SUBJECT = SubjectId("phone_15551234567")


def asks(tool: str, **arguments: Any) -> Answer:
    return Answer(calls=[(tool, arguments)])


def escalates(priority: str) -> Answer:
    return asks("escalate_to_human", reason="smoke", priority=priority, summary="The headphones smoke.")


def rows(events: Iterable[TimelineEvent], name: str) -> list[TimelineEvent]:
    return [event for event in events if event.name == name]


async def idle(it: Running) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await it.store.counts()).oldest_unsettled_reply_seconds or await it.store.waiting(SUBJECT):
            await asyncio.sleep(0.005)
    await it.twilio.settle()


@pytest.mark.promise("A6")
async def test_an_escalation_commits_ticket_timeline_and_level_at_once(tmp_path: Path) -> None:
    model = ModelServer([escalates("urgent"), Answer("A colleague writes to you within 15 minutes.")])
    async with running(tmp_path, model) as it:
        assert await it.ask("my headphones smoke!") == "A colleague writes to you within 15 minutes."
        (ticket,) = await it.store.tickets(SUBJECT)
        events = await it.store.timeline(SUBJECT)
        level = (await it.conversation()).escalation
    assert (ticket.priority, ticket.escalation, ticket.title) == (Priority.URGENT, True, "smoke")
    assert ticket.respond_by - ticket.created_at == 900
    (row,) = rows(events, "escalation")
    assert (row.source, row.tone, row.turn) == (Source.AGENT, Tone.WARNING, 1)
    assert row.data == {"ticket": ticket.id, "priority": "urgent", "title": "smoke"}
    (tool,) = rows(events, "tool")
    assert tool.data["tool"] == "escalate_to_human"
    assert ticket.id in tool.data["result"]
    assert level is Priority.URGENT


@pytest.mark.promise("A6")
async def test_the_level_is_raised_and_never_lowered(tmp_path: Path) -> None:
    levels = []
    script = [answer for level in ("low", "high", "medium") for answer in (escalates(level), Answer("Noted."))]
    async with running(tmp_path, ModelServer(script)) as it:
        for number in range(3):
            await it.ask(f"complaint {number}")
            levels.append((await it.conversation()).escalation)
        assert len(await it.store.tickets(SUBJECT)) == 3
    assert levels == [Priority.LOW, Priority.HIGH, Priority.HIGH]


@pytest.mark.promise("A7")
async def test_an_approved_text_reaches_the_other_number_exactly_once(tmp_path: Path) -> None:
    model = ModelServer([
        asks("send_sms", to=JANE, message="John says hello."),
        Answer("A colleague has to agree."),
        Answer("Your text is on its way."),
    ])  # fmt: skip
    async with scene(tmp_path, model) as (it, desk):
        await it.ask("text Jane hello from me")
        waiting = await desk.waiting()
        assert it.twilio.sent_to(JANE) == []
        statuses = [(await desk.decide(waiting, approved=True))[0] for _ in range(2)]
        assert (await it.hear(2))[1] == "Your text is on its way."
        await it.hear(1, number=JANE)
        done = await desk.settled(waiting["id"])
        await idle(it)
        (message,) = it.twilio.sent_to(JANE)
    assert statuses == [200, 409]
    assert done["status"] == "executed"
    assert (message.from_, message.body) == (OURS, "John says hello.")


async def test_a_rejected_text_reaches_nobody(tmp_path: Path) -> None:
    model = ModelServer([
        asks("send_sms", to=JANE, message="John says hello."),
        Answer("A colleague has to agree."),
        Answer("I may not send that."),
    ])  # fmt: skip
    async with scene(tmp_path, model) as (it, desk):
        await it.ask("text Jane hello from me")
        await desk.decide(await desk.waiting(), approved=False, reason="not a customer of ours")
        assert (await it.hear(2))[1] == "I may not send that."
        await idle(it)
        assert it.twilio.sent_to(JANE) == []


async def test_a_text_to_ones_own_number_waits_for_nobody(tmp_path: Path) -> None:
    model = ModelServer([asks("send_sms", to="me", message="TRK_ABC123"), Answer("I texted it to you.")])
    async with scene(tmp_path, model) as (it, desk):
        await it.say("text me the tracking number")
        heard = await it.hear(2)
        await idle(it)
        assert await desk.approvals("all") == []
        assert len(it.twilio.sent_to(JOHN)) == 2
    assert sorted(heard) == ["I texted it to you.", "TRK_ABC123"]


@pytest.mark.promise("E2")
async def test_every_act_has_its_row_on_the_timeline(tmp_path: Path) -> None:
    refund = {"order_id": "12345", "amount": 139.97, "reason": "broken"}
    model = ModelServer([
        asks("order_status", order_id="12345"),
        asks("order_status", order_id="67890"),  # Jane's
        asks("create_ticket", customer_id="me", subject="Manual", description="A manual, please.", priority="low"),
        escalates("high"),
        Answer(calls=[("process_refund", refund)]),
        Answer("A colleague has to agree."),
        Answer("It is paid."),
    ])  # fmt: skip
    async with scene(tmp_path, model) as (it, desk):
        await it.ask("all of it, please")
        waiting = await desk.waiting()
        await desk.decide(waiting, approved=True, reason="fine with me")
        await it.hear(2)
        await desk.settled(waiting["id"])
        await idle(it)
        events = await it.store.timeline(SUBJECT)
    tools = {(row.data["tool"], row.tone): row for row in rows(events, "tool")}
    assert "shipped" in tools["order_status", Tone.SUCCESS].data["result"]
    refused = tools["order_status", Tone.ERROR]
    assert refused.data["arguments"] == {"order_id": "67890"}
    assert '"error":"not_found"' in refused.data["result"]
    (ticket,) = rows(events, "ticket_created")
    assert (ticket.source, ticket.tone, ticket.data["title"]) == (Source.AGENT, Tone.WARNING, "Manual")
    (escalation,) = rows(events, "escalation")
    assert escalation.data["priority"] == "high"
    (requested,) = rows(events, "approval_requested")
    assert (requested.tone, requested.data["arguments"]) == (Tone.WARNING, refund)
    (decided,) = rows(events, "approval_decided")
    assert decided.source is Source.STAFF
    assert (decided.data["verdict"], decided.data["actor"], decided.data["reason"]) == (
        "approve",
        "mia",
        "fine with me",
    )
    (executed,) = rows(events, "approval_executed")
    assert executed.tone is Tone.SUCCESS
    assert "REF_" in executed.data["result"]
    assert [row.turn for row in rows(events, "turn")] == [1, 2]
