"""A gateway over a company's own business system, and its own articles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tandem.commands.check import check
from tandem.settings import load_settings

from ..kit.gateway import running
from ..kit.model_server import Answer, ModelServer
from ..kit.serving import free_port, serve
from ..kit.shop_server import JOHN, Fault, ShopServer
from .test_voice import dial

KEY = "shop-key-4711"


@pytest.fixture
def server() -> ShopServer:
    return ShopServer(key=KEY)


@pytest.fixture
async def address(server: ShopServer) -> AsyncIterator[dict[str, str]]:
    async with serve(server.app()) as url:
        yield {"SHOP_BASE_URL": f"{url}/api", "SHOP_API_KEY": KEY}


async def health_data(url: str) -> tuple[int, dict]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/health/data") as response:
        return response.status, await response.json()


@pytest.mark.promise("A12")
async def test_shop_base_url_is_where_orders_are_looked_up(tmp_path: Path, server, address) -> None:
    async with running(tmp_path, **address) as gateway:
        assert await gateway.ask("where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
    assert "GET /api/customers/C-1/orders/ORD_12345" in server.asked
    assert not (tmp_path / "shop.sqlite3").exists()


@pytest.mark.promise("A5", "H7")
async def test_a_refund_whose_answer_is_lost_is_paid_once(tmp_path: Path, server, address) -> None:
    async with running(tmp_path, **address) as gateway:
        await gateway.ask("where is my order?")
        server.faults, server.only_refunds = [Fault.CUT, Fault.BUSY], True
        answer = await gateway.ask("refund 20 dollars of order 12345")
    assert answer == "$20.00 of order 12345 has been paid back. The refund number is R-1."
    assert (server.refunded("ORD_12345"), len(set(server.keys)), len(server.keys)) == (2000, 1, 2)


async def test_a_shop_that_is_away_is_told_and_comes_back(tmp_path: Path, server, address) -> None:
    async with running(tmp_path, **address) as gateway:
        server.faults = [Fault.BROKEN] * 100
        assert await gateway.ask("where is my order?") == (
            "I couldn't look that up just now. Please try again in a few minutes."
        )
        server.faults = []
        assert await gateway.ask("where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."


@pytest.mark.parametrize("name", [" ", "\x0b\x00", "x" * 400])
async def test_a_name_that_is_none_costs_the_name_and_not_the_call(tmp_path: Path, server, address, name) -> None:
    server.customers = [{**JOHN, "name": name}]
    async with running(tmp_path, **address) as gateway, dial(gateway) as call:
        await call.wait_heard("Hello!")
    assert call.happened("webhook")[0]["status"] == "200"


@pytest.mark.promise("O1")
async def test_health_data_counts_what_the_shop_holds(tmp_path: Path, server, address) -> None:
    async with running(tmp_path, **address) as gateway:
        status, body = await health_data(gateway.url)
        assert (status, body["counts"]) == (200, {"customers": 2, "orders": 3})
        server.faults = [Fault.BROKEN] * 3
        assert (await health_data(gateway.url))[0] == 503


@pytest.mark.promise("O3")
@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ({}, "ok       shop: customers: 2, orders: 3"),
        ({"SHOP_API_KEY": "wrong"}, "problem  shop: SHOP_BASE_URL: shop: HTTP 401; look at SHOP_API_KEY."),
        (
            {"SHOP_BASE_URL": f"http://127.0.0.1:{free_port()}"},
            "problem  shop: SHOP_BASE_URL: shop: ClientConnectorError.",
        ),
    ],
    ids=["there", "wrong key", "nobody"],
)
async def test_the_check_asks_the_shop(tmp_path: Path, address, capsys, extra, line) -> None:
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")} | address | extra
    await check(online=True, load=lambda: load_settings(env, env_file=None))
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.promise("A8", "A12")
async def test_knowledge_dir_is_where_articles_are_searched(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "whales.md").write_text("Whales are mammals.")
    search = ("search_knowledge_base", {"query": "whales", "category": "", "max_results": 5})
    model = ModelServer([Answer(calls=[search]), Answer("They are mammals.")])
    async with running(tmp_path, model, KNOWLEDGE_DIR=str(tmp_path / "articles")) as gateway:
        assert await gateway.ask("what are whales?") == "They are mammals."
    assert "Whales are mammals." in model.inputs[1][-1]["output"]
