"""The shop over HTTP: a company's own business system behind the tools (``SHOP_BASE_URL``; docs/shop.md).

What is tried again is harmless to repeat: questions, and a refund with the key that it had the first time. Nothing
that an answer holds gets into an exception or the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from yarl import URL

from ..errors import StoreUnavailable
from ..web.http_client import BUSY, HttpClient, HttpTrouble, open_http, retrying
from .base import Customer, NoRefund, Order, Refund
from .http_answers import (
    read_counts,
    read_customer,
    read_no_refund,
    read_order,
    read_orders,
    read_refund,
    read_refunded,
)

log = structlog.get_logger(__name__)

TRIES = 3
CREDENTIALS = frozenset({401, 403})

ReadT = TypeVar("ReadT")


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits of a shop over HTTP, in seconds: one request, a question with all retries, the pause
    before the second try (doubled for each further one), and the longest pause that a busy shop may ask for.
    """

    request: float = 3.0
    question: float = 8.0
    pause: float = 0.2
    longest_pause: float = 2.0


USUAL = Patience()


class HttpShop:
    """Fulfils :class:`.base.Shop`. Get one from :func:`open_http_shop`."""

    def __init__(self, http: HttpClient, base_url: str, patience: Patience) -> None:
        self._http = http
        self._base = URL(base_url)
        self._patience = patience

    async def customer_by_phone(self, phone: str) -> Customer | None:
        """Find the account of a number; an account of another number counts as none."""
        status, answer = await self._ask("GET", self._at("customers").with_query(phone=phone))
        if status == 404:
            return None
        customer = self._fitting("customer", status, read_customer(answer))
        return customer if _same("customer", customer.phone == phone) else None

    async def customer_by_id(self, customer_id: str) -> Customer | None:
        """Find an account by its own id; an account with another id counts as none."""
        status, answer = await self._ask("GET", self._at("customers", customer_id))
        if status == 404:
            return None
        customer = self._fitting("customer", status, read_customer(answer))
        return customer if _same("customer", customer.id == customer_id) else None

    async def order_of(self, customer_id: str, order_id: str) -> Order | None:
        """Find one order of one customer; an answer about another order or customer counts as none."""
        status, answer = await self._ask("GET", self._at("customers", customer_id, "orders", order_id))
        if status == 404:
            return None
        order = self._fitting("order", status, read_order(answer))
        return order if _same("order", (order.customer_id, order.id) == (customer_id, order_id)) else None

    async def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """List a customer's orders; those of others count as none."""
        status, answer = await self._ask("GET", self._at("customers", customer_id, "orders"))
        if status == 404:
            return ()
        orders = self._fitting("orders", status, read_orders(answer))
        own = [order for order in orders if _same("order", order.customer_id == customer_id)]
        return tuple(sorted(own, key=lambda order: order.id))

    async def refund(
        self, customer_id: str, order_id: str, *, cents: int, reason: str, key: str, limit_cents: int | None = None
    ) -> Refund | NoRefund:
        """Pay back part of an order. The shop knows a repeated one by its key, so a lost answer is asked for again."""
        url = self._at("customers", customer_id, "orders", order_id, "refunds")
        body = {"cents": cents, "reason": reason, "limit_cents": limit_cents}
        status, answer = await self._ask("POST", url, json=body, headers={"Idempotency-Key": key})
        if status == 404:
            return NoRefund.NOT_FOUND
        if status == 409:
            return self._fitting("refusal", 200, read_no_refund(answer))
        made = read_refund(answer)
        return self._fitting("refund", status, made if made and made.order_id == order_id else None)

    async def refunded_cents(self, order_id: str) -> int:
        """Return what was paid back for an order so far."""
        status, answer = await self._ask("GET", self._at("orders", order_id, "refunds"))
        return 0 if status == 404 else self._fitting("refunds", status, read_refunded(answer))

    async def counts(self) -> Mapping[str, int]:
        """Count the records by kind."""
        status, answer = await self._ask("GET", self._at("counts"))
        return self._fitting("counts", status, read_counts(answer))

    def _at(self, *parts: str) -> URL:
        """Return an address below the shop's own; what a part is made of cannot lead anywhere else."""
        return URL("/".join((str(self._base), *(quote(part, safe="") for part in parts))), encoded=True)

    def _fitting(self, what: str, status: int, read: ReadT | None) -> ReadT:
        """Return what was read, or refuse the answer."""
        if status in CREDENTIALS:
            raise StoreUnavailable(f"(shop: HTTP {status}; look at SHOP_API_KEY)")
        if status not in (200, 201):
            raise StoreUnavailable(f"(shop: HTTP {status})")
        if read is None:
            log.error("shop_answer_refused", what=what)
            raise StoreUnavailable(f"(shop: its answer is no {what})")
        return read

    async def _ask(self, method: str, url: URL, **request: Any) -> tuple[int, Any]:
        """Send a request, again where that may help; return status and answer, None where that is no JSON."""
        patience = self._patience
        try:
            async with asyncio.timeout(patience.question):
                async for attempt in retrying(
                    self._again, attempts=TRIES, pause=patience.pause, longest=patience.question
                ):
                    with attempt:
                        answer = await self._http.ask(method, url, **request)
                        if answer.status in BUSY:
                            raise HttpTrouble(f"HTTP {answer.status}", retry_in=answer.retry_in)
        except HttpTrouble as error:
            raise StoreUnavailable(f"(shop: {error})") from error
        except TimeoutError as error:
            raise StoreUnavailable("(shop: TimeoutError)") from error
        return answer.status, answer.json()

    def _again(self, error: Exception) -> bool | float:
        """Say whether to ask again, or after how many seconds."""
        if isinstance(error, HttpTrouble) and error.retry_in:
            return min(error.retry_in, self._patience.longest_pause)
        return isinstance(error, HttpTrouble)


@asynccontextmanager
async def open_http_shop(
    base_url: str, api_key: str | None = None, patience: Patience = USUAL
) -> AsyncIterator[HttpShop]:
    """Open the one HTTP client of this process to the shop; nobody is asked yet."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    async with open_http(headers=headers, seconds=patience.request) as http:
        yield HttpShop(http, base_url, patience)


def _same(what: str, same: bool) -> bool:
    """Tell whether a record is the one that was asked for; the log says when it is not."""
    if not same:
        log.error("shop_answered_with_another", what=what)
    return same
