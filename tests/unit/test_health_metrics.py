"""Metrics while the store is away: the page is served, and says so."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from tandem.errors import StoreUnavailable
from tandem.health import Health
from tandem.telemetry.metrics import Metrics

from ..kit.serving import serve
from ..kit.tables import each

pytestmark = pytest.mark.promise("E4")


class Away:
    """A store that does not answer."""

    def __init__(self, *, frozen: bool) -> None:
        self._frozen = frozen

    async def counts(self) -> Any:
        if self._frozen:
            await asyncio.Event().wait()
        raise StoreUnavailable


@each("frozen", [False, True])
async def test_metrics_are_served_without_the_store(frozen: bool) -> None:
    store: Any = Away(frozen=frozen)
    shop: Any = None
    metrics = Metrics()
    metrics.refused()
    metrics.calls(2)
    health = Health(store, shop, (), dict, metrics, lambda _: True, store_seconds=0.05)
    app = Starlette(routes=health.routes())
    async with serve(app) as url, aiohttp.ClientSession(url) as session, session.get("/metrics") as response:
        page = await response.text()
    found = {
        one.name: one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if not one.labels
    }
    assert (found["tandem_store_up"], found["tandem_open_calls"], found["tandem_refused_signatures_total"]) == (0, 2, 1)
    assert math.isnan(found["tandem_approvals_pending"])
