"""A refund above ``APPROVAL_SECOND_ABOVE``: two colleagues, and the customer is told after the second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ..kit.colleague import Colleague, names, staffed
from ..kit.gateway import JOHN, Running

pytestmark = pytest.mark.promise("H2", "H10", "D5")

REFUND = "I want my money back for order 12345"
LIMIT = {"APPROVAL_SECOND_ABOVE": "100"}


def yes(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"decisions": [{"approvalId": request["id"], "approved": True}]}


@asynccontextmanager
async def tom_at(it: Running) -> AsyncIterator[Colleague]:
    async with aiohttp.ClientSession(it.url, headers={"Authorization": "Bearer tom-token-123456789"}) as session:
        yield Colleague(session)


async def test_a_large_refund_is_paid_and_told_after_the_second_approval_also_over_a_restart(
    tmp_path: Path, place: dict[str, str]
) -> None:
    async with staffed(tmp_path, **LIMIT, **place) as (it, mia):
        await it.ask(REFUND)
        request = await mia.waiting_approval("process_refund")
        first = await mia.decide(request, approved=True, note="Looks right.")
        shown = await mia.until(lambda one: "approval_first" in names(one))
        told = len(it.twilio.sent_to(JOHN))
    async with staffed(tmp_path, **LIMIT, **place) as (it, mia), tom_at(it) as tom:
        again = await mia.post("/approvals", yes(request), status=409)
        (still,) = (await mia.get("/approvals"))["approvals"]
        await tom.decide(request, approved=True)
        (answer,) = await it.hear(1)
        after = await tom.until(lambda one: "approval_executed" in names(one))
        customer = await tom.get("/customers/phone_15551234567")
    result = first["results"][0]
    assert [result[name] for name in ("status", "approvalsNeeded", "firstApprovedBy")] == ["pending", 2, "mia"]
    assert told == 1  # that a colleague looks at it
    assert shown["approvals"][0]["status"] == "pending"
    assert again["code"] == "second_needed"
    assert (still["firstApprovedBy"], still["approvalsNeeded"]) == ("mia", 2)
    assert "139.97" in answer
    assert customer["numbers"]["refunded"] == "$139.97"
    (row,) = [row["data"] for row in after["timeline"] if row["name"] == "approval_decided"]
    assert (row["actor"], row["first_by"]) == ("tom", "mia")
    assert [one["decidedBy"] for one in after["approvals"]] == ["tom"]


async def test_a_refund_up_to_the_limit_takes_one(tmp_path: Path) -> None:
    async with staffed(tmp_path, APPROVAL_SECOND_ABOVE="139.97") as (it, mia):
        await it.ask(REFUND)
        request = await mia.waiting_approval("process_refund")
        told = await mia.decide(request, approved=True)
        await it.hear(2)
    assert (request["approvalsNeeded"], told["results"][0]["status"]) == (1, "approved")


async def test_a_request_that_one_colleague_approved_expires_like_any_other(tmp_path: Path) -> None:
    async with staffed(tmp_path, **LIMIT) as (it, mia), tom_at(it) as tom:
        await it.ask(REFUND)
        request = await mia.waiting_approval("process_refund")
        await mia.decide(request, approved=True)
        await mia.until(lambda one: "approval_first" in names(one))
        it.store.clock_offset += 90_000
        it.gateway.engine.wake(request["subjectId"])
        await it.hear(2)
        late = await tom.post("/approvals", yes(request), status=409)
        customer = await tom.get("/customers/phone_15551234567")
    assert late["code"] == "expired"
    assert customer["numbers"]["refunded"] == "$0.00"


async def test_two_who_press_at_once_pay_once_at_most(tmp_path: Path) -> None:
    async with staffed(tmp_path, **LIMIT) as (it, mia), tom_at(it) as tom:
        await it.ask(REFUND)
        request = await mia.waiting_approval("process_refund")
        answers = await asyncio.gather(
            *(who.ask("POST", "/approvals", json=yes(request)) for who in (mia, mia, tom, tom))
        )
        statuses = [one.body["results"][0]["status"] for one in answers]
        if "approved" not in statuses:
            first = statuses.index("pending")
            await (tom if first < 2 else mia).decide(request, approved=True)
        await it.hear(2)
        customer = await tom.get("/customers/phone_15551234567")
    assert statuses.count("pending") == 1
    assert statuses.count("approved") <= 1
    assert customer["numbers"]["refunded"] == "$139.97"


def test_a_limit_for_two_needs_two_who_may_approve() -> None:
    tokens = "mia:mia-token-123456789,tom:tom-token-123456789:read+reply"
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"STAFF_TOKENS": tokens, "APPROVAL_SECOND_ABOVE": "100"}, env_file=None)
    assert raised.value.problems == ("APPROVAL_SECOND_ABOVE needs two colleagues in STAFF_TOKENS who may approve.",)
