"""A team at the desk over real HTTP: one queue, assignment, and notes that stay among colleagues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.persistence.base import LaneStore

from ..kit.colleague import JOHNS_ID, STAFF, Colleague, entries, names, staffed
from ..kit.gateway import JANE, OURS
from ..kit.model_server import Answer, ModelServer

JANES_ID = "phone_15559876543"
LIST = {"subject": "Parcel damaged", "description": "The box arrived open."}
NOTE = "Her third damaged parcel this year: be generous."


@pytest.mark.promise("D1")
async def test_requests_and_tickets_wait_in_one_list_the_one_due_soonest_first(
    tmp_path: Path, place: dict[str, str]
) -> None:
    refund = Answer(calls=[("process_refund", {"order_id": "ORD_12345", "amount": 139.97, "reason": "broken"})])

    def script(body: dict[str, Any]) -> Answer:
        asked = any("money back" in str(item.get("content")) for item in body["input"] if item.get("role") == "user")
        called = any(item.get("type") == "function_call" for item in body["input"])
        return refund if asked and not called else Answer(text="All right.")

    async with staffed(tmp_path, ModelServer(script), APPROVAL_TIMEOUT_SECONDS="3600", **place) as (it, mia):
        await it.ask("hello")
        await it.ask("hello", sender=JANE)
        await it.say("I want my money back")
        await mia.waiting_approval("process_refund")
        urgent = await mia.post("/tickets", {**LIST, "subjectId": JANES_ID, "priority": "urgent"}, status=201)
        later = await mia.post("/tickets", {**LIST, "subjectId": JOHNS_ID, "priority": "low"}, status=201)
        await mia.post(f"/conversations/{JANES_ID}/assign", {"to": "tom"})
        await mia.until(lambda one: one["assignee"] == "tom", JANES_ID)
        queue = await mia.get("/queue")
        listed = await mia.get("/tickets")
        first = await mia.get("/tickets", limit="1")
        second = await mia.get("/tickets", limit="1", cursor=first["next"])
        await mia.post(f"/tickets/{urgent['id']}", {"status": "solved"})
        await mia.until(lambda one: "ticket_closed" in names(one), JANES_ID)
        still, solved = await mia.get("/tickets", status="open"), await mia.get("/tickets", status="solved")
        every = await mia.get("/tickets", status="all")
    assert [item["kind"] for item in queue["items"]] == ["ticket", "request", "ticket"]
    assert [item["assignee"] for item in queue["items"]] == ["tom", None, None]
    assert [item["overdue"] for item in queue["items"]] == [False, False, False]
    counts = {"requests": 1, "tickets": 2, "reminders": 0, "overdue": 0, "eventsUntold": 0}
    assert (queue["counts"], queue["more"]) == (counts, False)
    assert queue["items"][1]["approval"]["tool"] == "process_refund"
    assert [one["id"] for one in listed["tickets"]] == [urgent["id"], later["id"]]
    assert [one["id"] for one in (*first["tickets"], *second["tickets"])] == [urgent["id"], later["id"]]
    assert [one["id"] for one in still["tickets"]] == [later["id"]]
    assert [one["id"] for one in solved["tickets"]] == [urgent["id"]]
    assert {one["id"] for one in every["tickets"]} == {urgent["id"], later["id"]}


@pytest.mark.promise("D2")
async def test_a_conversation_is_given_to_a_colleague_and_given_back(tmp_path: Path, place: dict[str, str]) -> None:
    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask("hello")
        told = await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": "tom"}, key="once")
        again = await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": "tom"}, key="once")
        given = await mia.until(lambda one: "assigned" in names(one))
        listed = (await mia.get("/conversations"))["conversations"][0]
        for unclear in ({}, {"too": "tom"}):
            await mia.post(f"/conversations/{JOHNS_ID}/assign", unclear, status=400)
        await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": None})
        back = await mia.until(lambda one: names(one).count("assigned") == 2)
        wrong = await mia.ask("POST", f"/conversations/{JOHNS_ID}/assign", json={"to": "somebody"})
    assert (told["assignee"], told["repeated"], again["repeated"]) == ("tom", False, True)
    assert (given["assignee"], listed["assignee"], back["assignee"]) == ("tom", "tom", None)
    rows = [row["data"] for row in back["timeline"] if row["name"] == "assigned"]
    assert rows == [{"actor": "mia", "to": "tom"}, {"actor": "mia", "to": None}]
    assert wrong.status == 400
    assert wrong.body["error"].endswith("to must be null or one of mia, tom.")


@pytest.mark.promise("D4")
async def test_a_partner_system_is_no_colleague(tmp_path: Path) -> None:
    partner = f"{STAFF['STAFF_TOKENS']},crm:crm-token-123456789:tickets"
    async with staffed(tmp_path, STAFF_TOKENS=partner) as (it, mia):
        await it.ask("hello")
        refused = await mia.ask("POST", f"/conversations/{JOHNS_ID}/assign", json={"to": "crm"})
        given = await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": "tom"})
    assert (refused.status, given["assignee"]) == (400, "tom")


async def test_a_note_for_colleagues_reaches_neither_the_model_nor_the_customer(
    tmp_path: Path, place: dict[str, str]
) -> None:
    model = ModelServer(lambda body: Answer(text="All right."))
    async with staffed(tmp_path, model, **place) as (it, mia):
        await it.ask("hello")
        await mia.post(f"/conversations/{JOHNS_ID}/notes", {"text": f"{NOTE} Card 4111 1111 1111 1111."})
        shown = await mia.until(lambda one: "staff_note" in names(one))
        await it.ask("thank you")
        texts = await it.hear(2)
        after = await mia.shown()
    (row,) = [row for row in shown["timeline"] if row["name"] == "staff_note"]
    assert (row["source"], row["data"]["actor"]) == ("staff", "mia")
    assert NOTE in row["data"]["text"]
    assert "4111 1111" not in str(shown)
    assert "generous" not in str(model.requests) + str(texts) + str(entries(after))


@pytest.mark.promise("D2", "D3")
async def test_a_conversation_rests_until_a_time_or_the_customers_next_words(
    tmp_path: Path, place: dict[str, str]
) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask("hello")
        ticket = await mia.post("/tickets", {**LIST, "subjectId": JOHNS_ID, "priority": "low"}, status=201)
        snoozed = await mia.post(f"/conversations/{JOHNS_ID}/snooze", {"until": until})
        rests = await mia.until(lambda one: one["handling"] == "snoozed")
        queue, listed = await mia.get("/queue"), await mia.get("/conversations")
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        resolved = await mia.until(lambda one: one["handling"] == "resolved")
        await it.ask("one more thing")
        opened = await mia.until(lambda one: one["handling"] == "open")
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        await mia.post(f"/conversations/{JOHNS_ID}/reopen")
        again = await mia.until(lambda one: names(one)[-1] == "reopened")
        wrong = [
            await mia.ask("POST", f"/conversations/{JOHNS_ID}/snooze", json=body)
            for body in (
                {},
                {"until": "tomorrow"},
                {"until": "2020-01-01T00:00:00Z"},
                {"until": "2999-01-01T00:00:00Z"},
            )
        ]
        nobody = await mia.ask("POST", "/conversations/phone_14155550999/resolve")
    assert snoozed == {"success": True, "subjectId": JOHNS_ID, "repeated": False, "handling": "snoozed"}
    assert (rests["snoozedUntil"], resolved["snoozedUntil"], opened["snoozedUntil"]) == (until, None, None)
    (item,) = [one for one in queue["items"] if one["kind"] == "ticket"]
    assert (item["ticket"]["id"], item["snoozedUntil"]) == (ticket["id"], until)
    assert (item["channel"], item["number"]) == ("sms", OURS)
    assert (listed["conversations"][0]["handling"], listed["conversations"][0]["snoozedUntil"]) == ("snoozed", until)
    rows = [
        (row["name"], row["source"]) for row in again["timeline"] if row["name"] in ("snoozed", "resolved", "reopened")
    ]
    assert rows == [
        ("snoozed", "staff"), ("resolved", "staff"), ("reopened", "customer"), ("resolved", "staff"),
        ("reopened", "staff"),
    ]  # fmt: skip
    assert [one.status for one in wrong] == [400] * 4
    assert nobody.status == 404


@pytest.mark.promise("D2", "D4")
async def test_who_is_mentioned_or_snoozed_finds_the_conversation_in_their_queue_until_they_act(
    tmp_path: Path, place: dict[str, str]
) -> None:
    async def reminders() -> list[tuple[str, str, str]]:
        items = (await mia.get("/queue"))["items"]
        return [(one["subjectId"], one["colleague"], one["why"]) for one in items if one["kind"] == "reminder"]

    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask("hello")
        await it.ask("hello", sender=JANE)
        told = await mia.post(
            f"/conversations/{JOHNS_ID}/notes", {"text": "@Tom, have a look. Mail me at a@mia.example"}
        )
        await mia.post(f"/conversations/{JOHNS_ID}/notes", {"text": "@tommy is not here"})
        shown = await mia.until(lambda one: names(one).count("staff_note") == 2)
        mentioned = await reminders()
        until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        await mia.post(f"/conversations/{JANES_ID}/snooze", {"until": until})
        await mia.until(lambda one: one["handling"] == "snoozed", JANES_ID)
        during = await reminders()
        assert isinstance(it.store, LaneStore)
        it.store.clock_offset = 7201.0
        over = await reminders()
        async with aiohttp.ClientSession(it.url, headers={"Authorization": "Bearer tom-token-123456789"}) as session:
            await Colleague(session).post(f"/conversations/{JOHNS_ID}/notes", {"text": "Done, @mia."})
        await mia.until(lambda one: list(one["reminders"]) == ["mia"])
        answered = await reminders()
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        await mia.post(f"/conversations/{JANES_ID}/reopen")
        await mia.until(lambda one: not one["reminders"])
        await mia.until(lambda one: not one["reminders"], JANES_ID)
        nothing = await reminders()
    assert (told["mentions"], list(shown["reminders"])) == (["tom"], ["tom"])
    assert mentioned == during == [(JOHNS_ID, "tom", "mention")]
    assert over == [(JOHNS_ID, "tom", "mention"), (JANES_ID, "mia", "snooze")]
    assert sorted(answered) == [(JOHNS_ID, "mia", "mention"), (JANES_ID, "mia", "snooze")]
    assert nothing == []


@pytest.mark.promise("D2")
async def test_new_words_of_a_customer_end_a_snooze_and_its_alert(tmp_path: Path) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        await mia.post(f"/conversations/{JOHNS_ID}/snooze", {"until": until})
        snoozed = await mia.until(lambda one: one["handling"] == "snoozed")
        await it.ask("one more thing")
        opened = await mia.until(lambda one: one["handling"] == "open")
    assert (list(snoozed["reminders"]), opened["reminders"]) == (["mia"], {})
