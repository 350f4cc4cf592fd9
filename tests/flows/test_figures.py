"""``GET /figures``: counted by every gateway over one store, and there after a restart."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import aiohttp
import pytest

from ..kit.colleague import JOHNS_ID, staffed
from ..kit.gateway import JANE

pytestmark = pytest.mark.promise("D7")

REFUND = "I want my money back for order 12345"
JANES_ID = "phone_15559876543"


async def test_a_day_is_summed_over_two_runs_of_a_gateway(tmp_path: Path, place: dict[str, str]) -> None:
    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask("where is my order 12345?")
        await it.ask("hello", sender=JANE)
        await it.ask("I want to talk to a person please", sender=JANE)
    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask(REFUND)
        request = await mia.waiting_approval("process_refund")
        await mia.decide(request, approved=True, arguments={**request["arguments"], "amount": 120})
        await it.hear(2)
        await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "All good now?"})
        await it.hear(3)
    async with staffed(tmp_path, **place) as (it, mia):
        figures = await mia.get("/figures", days="1")
        week = await mia.get("/figures")
        wrong = await mia.ask("GET", "/figures", params={"days": "2"})
        async with aiohttp.ClientSession(it.url, headers={"Authorization": "Bearer mia-token-123456789"}) as session:
            text = await (await session.get("/figures", params={"days": "1", "format": "csv"})).text()
    assert len(figures["turns"]) == 24
    assert sum(one["sms"] for one in figures["turns"]) == 5
    assert sum(one["voice"] for one in figures["turns"]) == 0
    assert figures["turns"] == sorted(figures["turns"], key=lambda one: one["at"])
    assert list(figures["latency"]) == ["sms"]
    answer = figures["latency"]["sms"]["answer"]
    assert answer["count"] == 5
    assert 0 < answer["p50"] <= answer["p95"] < 60
    approvals = figures["approvals"]
    assert [approvals[name] for name in ("requested", "approved", "executed", "rejected")] == [1, 1, 1, 0]
    assert approvals["dollars"] == {
        "requested": "$139.97", "approved": "$120.00", "rejected": "$0.00", "executed": "$120.00",
    }  # fmt: skip
    assert 0 < approvals["wait"]["p50"] <= approvals["wait"]["p95"] < 60
    assert (figures["customers"], figures["withPerson"], figures["withoutPerson"]) == (2, 2, 0.0)
    assert (figures["tickets"]["opened"], figures["tickets"]["closed"]) == (1, 0)
    assert sum(figures["tickets"]["open"][name] for name in ("overdue", "withinHour", "withinDay", "later")) == 1
    assert len(week["turns"]) == 28
    assert week["customers"] == 2
    assert wrong.status == 400
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sum(int(row["turns.sms"]) for row in rows) == 5
    assert sum(int(row["cents.executed"]) for row in rows) == 12_000


async def test_customers_whom_the_agent_served_alone_are_a_share_of_all(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, _):
        for number in range(3):
            await it.ask("hello", sender=f"+1415555010{number}")
        await it.ask("I want to talk to a person please", sender=JANE)
        await it.ask("hello")
        await it.ask("hello again")
    async with staffed(tmp_path) as (_, mia):
        figures = await mia.get("/figures", days="30")
    assert (figures["customers"], figures["withPerson"], figures["withoutPerson"]) == (5, 1, 0.8)
