"""The shop over HTTP against a real server with faults."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from agents.testing import ScriptedModel, assistant_message, function_call
from starlette.responses import JSONResponse, Response

from tandem.agents.tools.refund import refund_tool
from tandem.errors import StoreUnavailable
from tandem.shop.base import Customer, NoRefund, Order, OrderLine, Refund, Shipment
from tandem.shop.http import TRIES, HttpShop, Patience, open_http_shop

from ...kit.callers import caller_of
from ...kit.serving import free_port, serve
from ...kit.shop_server import FREE, JOHN, Fault, ShopServer, order
from ...kit.tables import each

pytestmark = pytest.mark.promise("A5")

FAST = Patience(request=10.0, question=30.0, pause=0.001)
HASTY = Patience(request=0.5, question=30.0, pause=0.001)
PHONE = JOHN["phone"]
JOHNS_ORDER = Order(
    "ORD_12345",
    "C-1",
    "shipped",
    (OrderLine("Wireless Headphones", 1, 9999), OrderLine("Phone Case", 2, 1999)),
    Shipment("UPS", "TRK_ABC123"),
)


@pytest.fixture
def server() -> ShopServer:
    return ShopServer()


@pytest.fixture
async def shop(server: ShopServer) -> AsyncIterator[HttpShop]:
    async with serve(server.app()) as url, open_http_shop(f"{url}/api", patience=FAST) as opened:
        yield opened


@asynccontextmanager
async def troubled(server: ShopServer, fault: Fault) -> AsyncIterator[HttpShop]:
    """A shop whose answers are waited for only as long as the fault needs."""
    patience = HASTY if fault is Fault.SLOW else FAST
    async with serve(server.app()) as url, open_http_shop(f"{url}/api", patience=patience) as opened:
        yield opened


async def pay(shop: HttpShop, cents: int = 2000, *, key: str = "k", limit: int | None = None) -> Refund | NoRefund:
    return await shop.refund("C-1", "ORD_12345", cents=cents, reason="broken", key=key, limit_cents=limit)


async def trouble(shop: HttpShop) -> str:
    with pytest.raises(StoreUnavailable) as raised:
        await shop.customer_by_phone(PHONE)
    return str(raised.value)


# --- what it tells -----------------------------------------------------------------------------------------


async def test_a_customer_is_found_by_number(shop):
    found = await shop.customer_by_phone(PHONE)
    assert found == Customer("C-1", "John Doe", "john.doe@email.com", PHONE, "premium")


async def test_an_account_may_have_no_e_mail(shop):
    assert (await shop.customer_by_phone(FREE["phone"])).email == ""


async def test_a_customer_is_found_by_id(shop):
    assert (await shop.customer_by_id("C-1")).name == "John Doe"


async def test_an_unknown_number_has_no_account(shop):
    assert await shop.customer_by_phone("+15550001111") is None


async def test_an_order_is_found_for_its_owner(shop):
    assert await shop.order_of("C-1", "ORD_12345") == JOHNS_ORDER


async def test_orders_come_by_their_ids(shop, server):
    server.orders = [order("ORD_9"), order("ORD_12345"), order("ORD_67890", "C-2")]
    assert [one.id for one in await shop.orders_of("C-1")] == ["ORD_12345", "ORD_9"]


async def test_counts(shop):
    assert await shop.counts() == {"customers": 2, "orders": 3}


async def test_a_refund_shows_on_the_order(shop):
    assert await pay(shop) == Refund("R-1", "ORD_12345", 2000, "broken")
    assert (await shop.order_of("C-1", "ORD_12345")).refunded_cents == 2000
    assert await shop.refunded_cents("ORD_12345") == 2000


@each(
    ("asked", "why"),
    [
        ({"cents": 13998}, NoRefund.TOO_MUCH),
        ({"cents": 0}, NoRefund.TOO_MUCH),
        ({"cents": 2001, "limit": 2000}, NoRefund.OVER_LIMIT),
    ],
)
async def test_why_nothing_was_paid(shop, asked, why):
    assert await pay(shop, **asked) is why


@pytest.mark.promise("A10")
async def test_no_refund_of_an_order_that_is_not_there(shop):
    answer = await shop.refund("C-1", "ORD_67890", cents=1, reason="x", key="k")
    assert answer is NoRefund.NOT_FOUND


async def test_the_key_is_sent(server):
    server.key = "api-key-4711"
    async with serve(server.app()) as url, open_http_shop(f"{url}/api", "api-key-4711", FAST) as shop:
        assert (await shop.customer_by_phone(PHONE)).id == "C-1"


async def test_a_wrong_key_is_named_and_not_tried_again(shop, server):
    server.key = "api-key-4711"
    assert "look at SHOP_API_KEY" in await trouble(shop)
    assert len(server.asked) == 1


@pytest.mark.promise("A10")
@pytest.mark.parametrize("strange", ["../C-2", "C-2/orders", "C 1?x=1", "%2e%2e", "ü#"])
async def test_no_id_leads_to_another_address(shop, server, strange):
    assert await shop.order_of("C-1", strange) is None
    (asked,) = server.asked
    last = asked.removeprefix("GET /api/customers/C-1/orders/")
    assert re.fullmatch(r"[\w.%-]+", last)


# --- whose record it is ------------------------------------------------------------------------------------


@pytest.mark.promise("A10")
async def test_an_account_of_another_number_looks_absent(shop, server):
    server.instead = JSONResponse(JOHN | {"phone": "+15559876543"})
    assert await shop.customer_by_phone(PHONE) is None


@pytest.mark.promise("A10")
@each("other", [{"customer_id": "C-2"}, {"id": "ORD_67890"}])
async def test_an_answer_with_another_order_looks_absent(shop, server, other):
    server.instead = JSONResponse(order() | other)
    assert await shop.order_of("C-1", "ORD_12345") is None


@pytest.mark.promise("A10")
async def test_orders_of_others_are_left_out(shop, server):
    server.instead = JSONResponse({"orders": [order("ORD_67890", "C-2"), order()]})
    assert [one.id for one in await shop.orders_of("C-1")] == ["ORD_12345"]


# --- trouble -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_question_is_asked_again(server, fault):
    server.faults = [fault, fault]
    async with troubled(server, fault) as shop:
        assert (await shop.customer_by_phone(PHONE)).id == "C-1"
    assert len(server.asked) == TRIES


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_shop_that_stays_in_trouble_is_unavailable(server, fault):
    server.faults = [fault] * TRIES
    async with troubled(server, fault) as shop:
        assert "secret" not in await trouble(shop)
    assert len(server.asked) == TRIES


@pytest.mark.promise("H7")
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_refund_in_trouble_is_paid_once(server, fault):
    server.faults = [fault, fault]
    async with troubled(server, fault) as shop:
        refund = await pay(shop)
    assert (refund.id, server.refunded("ORD_12345"), server.keys[0]) == ("R-1", 2000, "k")
    assert set(server.keys) == {"k"}


@pytest.mark.promise("H7")
async def test_a_refund_whose_every_answer_is_lost_is_found_by_its_key(shop, server):
    server.faults = [Fault.CUT] * TRIES
    with pytest.raises(StoreUnavailable):
        await pay(shop)
    assert (await pay(shop)).id == "R-1"
    assert server.refunded("ORD_12345") == 2000


async def test_a_question_ends_in_time(server):
    slow = Patience(request=5.0, question=0.2, pause=0.001)
    async with serve(server.app()) as url, open_http_shop(f"{url}/api", patience=slow) as shop:
        server.faults = [Fault.SLOW]
        assert await trouble(shop) == "The store does not answer. (shop: TimeoutError)"


async def test_nobody_there():
    async with open_http_shop(f"http://127.0.0.1:{free_port()}", patience=FAST) as shop:
        assert await trouble(shop) == "The store does not answer. (shop: ClientConnectorError)"


GARBAGE: list[Any] = [
    None, 5, [], "text", {}, {"id": 5}, JOHN | {"id": "../../x"}, JOHN | {"plan": None}, JOHN | {"name": "x" * 501},
]  # fmt: skip
BAD_ORDERS: list[Any] = [
    order(lines="none"),
    order(lines=[{"name": "x", "quantity": "2", "unit_cents": 1}]),
    order(lines=[{"name": "x", "quantity": 1, "unit_cents": 1.5}]),
    order(refunded_cents=-1),
    order(refunded_cents=13998),
    order(status=""),
    order(shipment={"carrier": "UPS"}),
]


@each("answer", GARBAGE)
async def test_an_answer_that_fits_nothing_is_refused_without_telling_it(shop, server, answer):
    server.instead = JSONResponse(answer)
    assert await trouble(shop) == "The store does not answer. (shop: its answer is no customer)"


@each("answer", BAD_ORDERS)
async def test_an_order_that_fits_nothing_is_refused(shop, server, answer):
    server.instead = JSONResponse(answer)
    with pytest.raises(StoreUnavailable, match="no order"):
        await shop.order_of("C-1", "ORD_12345")


async def test_one_bad_order_spoils_the_list(shop, server):
    server.instead = JSONResponse({"orders": [order(), order(status="")]})
    with pytest.raises(StoreUnavailable, match="no orders"):
        await shop.orders_of("C-1")


@each("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' + b" " * 1_000_001])
async def test_what_is_no_json_or_has_no_end_is_refused(shop, server, body):
    server.instead = Response(body, media_type="application/json")
    assert "its answer is no customer" in await trouble(shop)


@pytest.mark.parametrize("status", [204, 302, 400, 418])
async def test_other_statuses_are_refused(shop, server, status):
    server.instead = Response(status_code=status, headers={"Location": "/api/counts"})
    assert f"HTTP {status}" in await trouble(shop)
    assert len(server.asked) == 1


async def test_a_refund_of_another_order_is_not_believed(shop, server):
    server.instead = JSONResponse({"id": "R-1", "order_id": "ORD_1", "cents": 2000})
    with pytest.raises(StoreUnavailable, match="no refund"):
        await pay(shop)


@pytest.mark.promise("E3")
async def test_nothing_of_an_answer_is_logged(shop, server):
    server.instead = JSONResponse(JOHN | {"plan": 5})
    with structlog.testing.capture_logs() as logs:
        await trouble(shop)
    assert [(row["event"], row["what"]) for row in logs] == [("shop_answer_refused", "customer")]
    assert "John" not in json.dumps(logs)


# --- the agent over it -------------------------------------------------------------------------------------


async def test_a_conversation_over_it(line, shop):
    talk = line(PHONE, other_shop=shop)
    assert await talk.say("where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
    assert await talk.say("refund $20 of order 12345") == (
        "$20.00 of order 12345 has been paid back. The refund number is R-1."
    )


@pytest.mark.promise("H7")
async def test_a_lost_answer_in_a_turn_is_one_payment_and_the_customer_is_told(line, shop, server):
    server.faults, server.only_refunds = [Fault.CUT, Fault.CUT], True
    talk = line(PHONE, other_shop=shop)
    assert "The refund number is R-1." in await talk.say("refund $20 of order 12345")
    assert (len(server.keys), server.refunded("ORD_12345")) == (TRIES, 2000)


@pytest.mark.promise("H7")
async def test_a_refund_that_nobody_can_tell_of_is_never_said_to_have_failed(line, shop, server):
    """Staff settle what nobody knows; the model is told just that."""
    server.faults, server.only_refunds = [Fault.CUT] * 50, True
    call = [function_call("process_refund", {"order_id": "12345", "amount": 20, "reason": "x"}, call_id="c")]
    talk = line(PHONE, ScriptedModel([call, [assistant_message("A colleague checks it.")]]), shop)
    await talk.say("refund 20 dollars of order 12345")
    assert [effect.tool for effect in talk.results[0].unknown] == ["process_refund"]
    assert server.refunded("ORD_12345") == 2000


async def test_money_that_has_gone_is_told_although_the_total_is_not_known(use, server):
    """The question after the payment fails for good."""
    async with serve(server.app()) as url, open_http_shop(f"{url}/api", patience=FAST) as shop:
        caller = caller_of(_SilentTotals(shop), PHONE)
        answer = json.loads(await use(refund_tool(10_000), caller, order_id="12345", amount=20, reason="x"))
    assert answer == {
        "refund_id": "R-1", "order_id": "ORD_12345", "amount": "$20.00", "order_total": "$139.97",
    }  # fmt: skip


class _SilentTotals:
    """A shop that tells no totals any more."""

    def __init__(self, shop: HttpShop) -> None:
        self._shop = shop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shop, name)

    async def refunded_cents(self, order_id: str) -> int:
        raise StoreUnavailable
