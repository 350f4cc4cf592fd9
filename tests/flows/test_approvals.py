"""A refund that waits for a colleague, over real HTTP on every side: asked by text, decided by the staff API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.simulator.twilio_simulator import TwilioSimulator

from ..kit.gateway import JOHN, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("P3", "A5", "H8", "H10", "H11", "E2")

STAFF = {"STAFF_TOKENS": "mia:mia-token-123456789,tom:tom-token-123456789"}
REFUND = "I want my money back for order 12345"


class Desk:
    """A colleague with a token and curl."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def approvals(self, status: str = "pending") -> list[dict[str, Any]]:
        async with self._session.get("/approvals", params={"status": status}) as response:
            assert response.status == 200
            return list((await response.json())["approvals"])

    async def waiting(self) -> dict[str, Any]:
        """Wait until something waits and return it: a caller hears the answer before it is stored."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.approvals()):
                await asyncio.sleep(0.005)
        return found[0]

    async def decide(self, approval: Mapping[str, Any], **decision: Any) -> tuple[int, dict[str, Any]]:
        body = {
            "subjectId": approval["subjectId"],
            "decisions": [{"toolCallId": approval["toolCallId"], **decision}],
        }
        return await self.post(body)

    async def post(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        async with self._session.post("/approvals", json=body) as response:
            return response.status, await response.json()

    async def settled(self, approval_id: str) -> dict[str, Any]:
        """Wait until an approval is settled and return it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = next(one for one in await self.approvals("all") if one["id"] == approval_id)
                if found["status"] not in ("pending", "approved", "executing"):
                    return found
                await asyncio.sleep(0.01)


@asynccontextmanager
async def scene(
    folder: Path, model: ModelServer | None = None, twilio: TwilioSimulator | None = None, **extra: str
) -> AsyncIterator[tuple[Running, Desk]]:
    async with running(folder, model, twilio=twilio, **(STAFF | extra)) as it:
        headers = {"Authorization": "Bearer mia-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session:
            yield it, Desk(session)


async def refunds(it: Running) -> str:
    """What the shop says of John's order now."""
    return await it.ask("what is in my order 12345?")


@pytest.mark.promise("H1", "H2")
async def test_a_refund_waits_over_a_restart_is_approved_and_paid_once(tmp_path: Path, place: dict[str, str]) -> None:
    async with scene(tmp_path, **place) as (it, desk):
        assert "colleague" in await it.ask(REFUND)
        (waiting,) = await desk.approvals()
        assert waiting["tool"] == "process_refund"
        assert waiting["arguments"]["amount"] == 139.97
        assert waiting["customerText"] == REFUND
        assert "shipped" in (await it.ask("where is my order 12345?")).lower()
    async with scene(tmp_path, twilio=it.twilio, **place) as (it, desk):
        before = len(it.twilio.sent_to(JOHN))
        status, told = await desk.decide(waiting, approved=True)
        assert (status, told["success"], told["results"][0]["status"]) == (200, True, "approved")
        outcome = (await it.hear(before + 1))[before]
        done = await desk.settled(waiting["id"])
        again, _ = await desk.decide(waiting, approved=True)
        timeline = await it.store.timeline(waiting["subjectId"])
    assert "REF_" in outcome
    assert (done["status"], done["decidedBy"]) == ("executed", "mia")
    assert "REF_" in done["result"]
    assert again == 409
    names = [event.name for event in timeline]
    assert names.count("approval_requested") == names.count("approval_decided") == names.count("approval_executed") == 1


@pytest.mark.promise("H3")
async def test_a_rejected_refund_is_explained_and_not_paid(tmp_path: Path) -> None:
    async with scene(tmp_path) as (it, desk):
        await it.ask(REFUND)
        (waiting,) = await desk.approvals()
        await desk.decide(waiting, approved=False, reason="The return window is over.")
        outcome = (await it.hear(2))[1]
        done = await desk.settled(waiting["id"])
    assert "return window is over" in outcome
    assert (done["status"], done["reason"]) == ("rejected", "The return window is over.")
    assert done["result"] is None


@pytest.mark.promise("H5")
async def test_an_edited_refund_pays_the_edited_amount_and_keeps_both_versions(tmp_path: Path) -> None:
    async with scene(tmp_path) as (it, desk):
        await it.ask(REFUND)
        (waiting,) = await desk.approvals()
        arguments = {**waiting["arguments"], "amount": 20.00}
        wrong, _ = await desk.decide(waiting, approved=True, arguments={**arguments, "amount": "a lot"})
        right, _ = await desk.decide(waiting, approved=True, arguments=arguments)
        outcome = (await it.hear(2))[1]
        await desk.settled(waiting["id"])
        events = await it.store.timeline(waiting["subjectId"])
    assert (wrong, right) == (400, 200)
    assert "$20.00" in outcome
    decided = next(event for event in events if event.name == "approval_decided")
    assert decided.data["arguments"]["amount"] == 139.97
    assert decided.data["edited_arguments"]["amount"] == 20.00


@pytest.mark.promise("H8a")
async def test_an_expired_refund_is_told_and_a_late_decision_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, APPROVAL_TIMEOUT_SECONDS="1") as (it, desk):
        await it.ask(REFUND)
        outcome = (await it.hear(2))[1]
        (waiting,) = await desk.approvals("all")
        status, told = await desk.decide(waiting, approved=True)
        done = await desk.settled(waiting["id"])
    assert "in time" in outcome
    assert (status, done["status"]) == (409, "expired")
    assert told["success"] is False


@pytest.mark.promise("H9")
async def test_the_customer_can_withdraw_a_refund_that_waits(tmp_path: Path, place: dict[str, str]) -> None:
    async with scene(tmp_path, **place) as (it, desk):
        await it.ask(REFUND)
        (waiting,) = await desk.approvals()
        await it.ask("cancel that refund please")
        done = await desk.settled(waiting["id"])
        status, _ = await desk.decide(waiting, approved=True)
    assert done["status"] == "withdrawn"
    assert status == 409


async def test_the_real_api_accepts_every_request_of_the_story(tmp_path: Path) -> None:
    """Nothing dangling, nothing orphaned: the scripted server refuses what the real one refuses."""
    arguments = {"order_id": "12345", "amount": 139.97, "reason": "broken"}
    model = ModelServer([
        Answer(calls=[("process_refund", arguments)], reasoning=True),
        Answer("A colleague has to agree."),
        Answer("We are open all day."),
        Answer("Your refund is on its way."),
        Answer("You are welcome."),
    ])  # fmt: skip
    async with scene(tmp_path, model) as (it, desk):
        await it.ask(REFUND)
        await it.ask("when are you open?")
        (waiting,) = await desk.approvals()
        await desk.decide(waiting, approved=True)
        heard = await it.hear(3)
        await it.ask("thanks")
    assert model.refused == []
    assert heard[2] == "Your refund is on its way."
    assert "Note from the staff desk" in str(model.inputs[3])
    assert len(model.requests) == 5


async def test_the_printed_curl_approves_whatever_is_next(tmp_path: Path) -> None:
    async with scene(tmp_path) as (it, desk):
        await it.ask(REFUND)
        waiting = await desk.waiting()
        status, told = await desk.post({"decisions": [{"approvalId": "next", "approved": True}]})
        done = await desk.settled(waiting["id"])
        nothing, _ = await desk.post({"decisions": [{"approvalId": "next", "approved": True}]})
    assert (status, told["results"][0]["approvalId"]) == (200, waiting["id"])
    assert done["status"] == "executed"
    assert nothing == 404
