"""What an operator's Prometheus reads after a scenario, and while the store is away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..kit.colleague import Colleague, staffed
from ..kit.gateway import JOHN, Running

pytestmark = pytest.mark.promise("E4")

REFUND = "I want my money back for order 12345"


async def scrape(it: Running) -> dict[tuple[str, ...], float]:
    """Return every figure by name and label values."""
    async with aiohttp.ClientSession(it.url) as session, session.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        page = await response.text()
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
    }


async def sent(mia: Colleague, count: int) -> None:
    def all_sent(shown: Any) -> bool:
        return sum(one["status"] in ("sent", "delivered") for one in shown["replies"]) >= count

    await mia.until(all_sent)


async def test_a_scenario_is_counted(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("where is my order 12345?")
        await it.ask(REFUND)
        waiting = await scrape(it)
        await mia.decide(await mia.waiting_approval("process_refund"), approved=True)
        await it.hear(3)
        await sent(mia, 3)
        async with aiohttp.ClientSession(it.url) as session, session.post("/sms", data={"From": JOHN}) as refused:
            assert refused.status == 403
        found = await scrape(it)
    assert waiting["tandem_approvals_pending",] == 1
    assert waiting["tandem_approval_oldest_seconds",] > 0
    assert waiting["tandem_events_total", "approval_requested"] == 1
    assert found["tandem_approvals_pending",] == 0
    assert found["tandem_turns_total", "sms", "answered"] == 3
    assert found["tandem_turn_added_seconds_count", "sms"] == 3
    assert found["tandem_tool_calls_total", "done", "order_status"] == 1
    assert found["tandem_deliveries_total", "sent"] == 3
    assert found["tandem_webhook_answers_total", "200", "/sms"] == 2
    assert found["tandem_webhook_answers_total", "403", "/sms"] == 1
    assert found["tandem_refused_signatures_total",] == 1
    assert (found["tandem_store_up",], found["tandem_conversations",], found["tandem_open_calls",]) == (1, 1, 0)
    told = " ".join(
        word for figure in waiting | found for word in figure
    )  # names and labels; the figures hold any digits
    assert [word for word in ("555", "John", "phone_", "money") if word in told] == []
