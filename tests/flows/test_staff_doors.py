"""What two colleagues, a late decision or an odd id could do wrong at the staff's doors."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from tandem.conversation import phrases
from tandem.conversation.approvals import pending_key
from tandem.entries import Decision, Verdict
from tandem.errors import LeaseLost
from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.merging import erase_person

from ..kit.colleague import JOHNS_ID, entries, names, staffed
from ..kit.gateway import JOHN
from ..kit.sources import known_at
from ..kit.waiting import PATIENCE
from .test_tickets import DAMAGED, PROPOSED, steps
from .test_voice import dial

pytestmark = pytest.mark.promise("H7", "O9")

TOM = {"Authorization": "Bearer tom-token-123456789"}


@pytest.mark.promise("H7c")
async def test_two_colleagues_with_the_same_idempotency_key_both_count(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        path = f"/conversations/{JOHNS_ID}/messages"
        first = await mia.post(path, {"text": "It is on its way."}, key="1")
        again = await mia.post(path, {"text": "It is on its way."}, key="1")
        headers = {**TOM, "Idempotency-Key": "1"}
        other = await mia.ask("POST", path, json={"text": "It leaves tomorrow."}, headers=headers)
        sent = await it.hear(3)
    assert (first["repeated"], again["repeated"], other.body["repeated"]) == (False, True, False)
    assert sent[1:] == ["It is on its way.", "It leaves tomorrow."]


async def test_one_idempotency_key_closes_each_of_two_tickets(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (_, mia):
        opened = [await mia.post("/tickets", DAMAGED, status=201) for _ in range(2)]
        for ticket in opened:
            await mia.post(f"/tickets/{ticket['id']}", {"status": "closed"}, key="done")
        shown = await mia.until(lambda one: not one["waiting"] and names(one).count("ticket_closed") == 2)
    assert {one["status"] for one in shown["tickets"]} == {"closed"}


@pytest.mark.promise("P12")
async def test_erasing_takes_the_lanes_along_that_were_joined(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        stays = SubjectId("crm_1")
        await _merge(it.store, stays)
        left = await it.store.timeline(SubjectId(JOHNS_ID))
        told = await mia.ask("DELETE", f"/conversations/{quote(stays, safe='')}")
        rest = [*await it.store.timeline(SubjectId(JOHNS_ID)), *await it.store.timeline(stays)]
        again = await erase_person(it.store, stays, actor="mia")
    assert [row.name for row in left] == ["moved"]
    assert told.status == 200
    assert (rest, again) == ([], 0)


async def test_a_customer_whose_id_holds_a_slash_is_reached(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        await _merge(it.store, SubjectId("crm_1/a"))
        path = f"/conversations/{quote('crm_1/a', safe='')}"
        shown = await mia.get(path)
        written = await mia.post(f"{path}/messages", {"text": "Hello John."})
        customer = await mia.get(f"/customers/{quote('crm_1/a', safe='')}")
        opened = await mia.post("/tickets", {**DAMAGED, "externalId": "case/7"}, status=201)
        found = await mia.get(f"/tickets/{quote('case/7', safe='')}")
    assert {one["subjectId"] for one in (shown, written, customer)} == {"crm_1/a"}
    assert found["id"] == opened["id"]


async def test_an_answer_that_is_approved_after_its_ticket_was_closed_is_sent(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        opened = await mia.post("/tickets", DAMAGED, status=201)
        approval = await mia.waiting_approval("reply_to_ticket")
        await mia.post(f"/tickets/{opened['id']}", {"status": "closed"})
        await mia.until(lambda one: one["tickets"][0]["status"] == "closed")
        await mia.decide(approval, approved=True, arguments={**approval["arguments"], "message": PROPOSED})
        (told,) = await it.hear(1)
        shown = await mia.until(lambda one: one["approvals"][0]["status"] == "executed")
    assert told == f"About your ticket {opened['id']}: {PROPOSED}"
    assert shown["tickets"][0]["status"] == "closed"
    assert steps(shown["tickets"][0])[-1] == ("replied", "mia")


async def test_an_answer_that_is_too_long_to_be_sent_is_refused_at_the_decision(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await mia.post("/tickets", DAMAGED, status=201)
        approval = await mia.waiting_approval("reply_to_ticket")
        with pytest.raises(AssertionError, match="call_impossible"):
            await mia.decide(approval, approved=True, arguments={**approval["arguments"], "message": "x" * 1601})
        again = await mia.waiting_approval("reply_to_ticket")
        assert (again["id"], again["version"]) == (approval["id"], approval["version"])
        await mia.decide(again, approved=True)
        (told,) = await it.hear(1)
    assert "x" * 20 not in told


async def test_an_approved_answer_that_turns_out_not_to_be_sent_opens_the_ticket_again(tmp_path: Path) -> None:
    """As when a replica of another version accepted the decision: the tool refuses what the check let through."""
    async with staffed(tmp_path) as (it, mia):
        opened = await mia.post("/tickets", DAMAGED, status=201)
        approval = await mia.waiting_approval("reply_to_ticket")
        await mia.post(f"/tickets/{opened['id']}", {"status": "closed"})
        await mia.until(lambda one: one["tickets"][0]["status"] == "closed")
        too_long = {**approval["arguments"], "message": "x" * 1601}
        await it.gateway.engine.decide(
            SubjectId(approval["subjectId"]),
            Decision(approval["id"], Verdict.APPROVE, actor="mia", decided_at=time.time(), arguments=too_long),
            key=pending_key(approval["id"]),
            not_after=None,
        )
        (told,) = await it.hear(1)
        ticket = await mia.get(f"/tickets/{opened['id']}")
    assert told == phrases.ticket_under_review(opened["id"])
    assert (ticket["status"], steps(ticket)[-1]) == ("open", ("reopened", "mia"))


async def test_a_call_that_waited_shows_what_became_of_it(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("I want my money back for order 12345")
        approval = await mia.waiting_approval("process_refund")
        before = await mia.shown()
        await mia.decide(approval, approved=True)
        at_once = await mia.shown()
        await it.hear(2)
        after = await mia.until(lambda one: one["approvals"][0]["status"] == "executed")
    status = [[one["status"] for one in entries(shown) if one.get("tool") == "process_refund"]
              for shown in (before, at_once, after)]  # fmt: skip
    assert status[0] == ["waiting"]
    assert status[1][0] in {"approved", "executing", "executed"}
    assert status[2] == ["executed"]


@pytest.mark.promise("P12")
async def test_a_customer_who_is_known_under_another_id_is_found_and_erased_by_their_number(tmp_path: Path) -> None:
    async with known_at("crm") as source, staffed(tmp_path, **source.env) as (it, mia):
        await it.ask("hello")
        shown = await mia.get(f"/conversations/{quote(JOHN)}")
        listed = (await mia.get("/conversations", q=JOHN))["conversations"]
        customer = await mia.get(f"/customers/{JOHNS_ID}")
        await mia.until(lambda one: one["replies"][0]["status"] == "delivered", source.subject())
        told = await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")
        left = await it.store.timeline(source.subject())
    assert {one["subjectId"] for one in (shown, customer, *listed)} == {source.subject()}
    assert (told.status, told.body["subjectId"], left) == (200, source.subject(), ())


@pytest.mark.parametrize("who", [{"customerId": "CUST_12345"}, {"subjectId": JOHN}])
async def test_a_ticket_reaches_a_customer_of_the_crm_who_never_wrote(tmp_path: Path, who: dict[str, str]) -> None:
    wanted = {**{name: value for name, value in DAMAGED.items() if name != "customerId"}, **who}
    async with known_at("crm") as source, staffed(tmp_path, **source.env) as (it, mia):
        opened = await mia.post("/tickets", wanted, status=201)
        await mia.decide(await mia.waiting_approval("reply_to_ticket"), approved=True)
        (told,) = await it.hear(1)
    assert opened["subjectId"] == source.subject()
    assert opened["id"] in told


async def test_what_was_asked_at_one_telephone_is_carried_out_although_they_called_from_another_since(
    tmp_path: Path,
) -> None:
    """An account goes with a number: with the other one, nothing would be found."""
    second = "+15557770000"
    async with known_at("crm") as source, staffed(tmp_path, **source.env) as (it, mia):
        source.source.by["phone"][second] = source.source.by["phone"][JOHN]  # type: ignore[attr-defined]
        await it.ask("I want my money back for order 12345")
        approval = await mia.waiting_approval("process_refund")
        async with dial(it, second) as call:
            await call.ask("hello")
        await mia.until(lambda one: not one["liveCall"] and one["lastChannel"] == "voice", source.subject())
        await mia.decide(approval, approved=True)
        shown = await mia.until(
            lambda one: "result" in one["approvals"][0] and one["approvals"][0]["result"], source.subject()
        )
    assert shown["approvals"][0]["status"] == "executed"


async def _merge(store: LaneStore, new: SubjectId) -> None:
    """Join John's lane to another one, as soon as nothing is under way in it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(LeaseLost):
                assert await store.merge(SubjectId(JOHNS_ID), new, token="t")
                return
            await asyncio.sleep(0.01)
