"""A business system over HTTP as docs/shop.md describes it, with faults to order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

JOHN = {"id": "C-1", "name": "John Doe", "phone": "+15551234567", "plan": "premium", "email": "john.doe@email.com"}
FREE = {"id": "C-3", "name": "Basic User LLC", "phone": "+15552223333", "plan": "free"}
HEADPHONES = {"name": "Wireless Headphones", "quantity": 1, "unit_cents": 9999}
CASES = {"name": "Phone Case", "quantity": 2, "unit_cents": 1999}


def order(id: str = "ORD_12345", customer_id: str = "C-1", **more: Any) -> dict[str, Any]:
    shipment = {"carrier": "UPS", "tracking_number": "TRK_ABC123"}
    lines = [HEADPHONES, CASES]
    return {"id": id, "customer_id": customer_id, "status": "shipped", "lines": lines, "shipment": shipment} | more


class Fault(StrEnum):
    """What goes wrong with one request."""

    CUT = "cut"
    """It is carried out, and the connection ends in the middle of the answer."""
    SLOW = "slow"
    """It is carried out, and the answer never comes."""
    BUSY = "busy"
    """429, with a pause that is asked for."""
    BROKEN = "broken"
    """500, before anything is carried out."""


@dataclass
class ShopServer:
    """Keeps customers, orders and refunds. ``faults`` befall the next requests, one each; ``instead`` replaces answers.

    With ``only_refunds`` the faults wait for requests that pay. ``key`` is the bearer token that is asked for, if any.
    """

    customers: list[dict[str, Any]] = field(default_factory=lambda: [JOHN, FREE])
    orders: list[dict[str, Any]] = field(
        default_factory=lambda: [order(), order("ORD_777", "C-3"), order("ORD_67890", "C-2")]
    )
    faults: list[Fault] = field(default_factory=list)
    only_refunds: bool = False
    instead: Response | None = None
    key: str | None = None
    paid: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def app(self) -> ASGIApp:
        order_path = "/api/customers/{customer}/orders/{order}"
        routes = {
            "/api/customers": self._by_phone,
            "/api/customers/{customer}": self._by_id,
            "/api/customers/{customer}/orders": self._orders,
            order_path: self._order,
            "/api/orders/{order}/refunds": self._refunded,
            "/api/counts": self._counts,
        }
        paths = [Route(path, self._with_faults(answer)) for path, answer in routes.items()]
        inner = Starlette(
            routes=[*paths, Route(f"{order_path}/refunds", self._with_faults(self._refund), methods=["POST"])]
        )

        async def noting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                self.asked.append(f"{scope['method']} {scope['raw_path'].decode()}")
            await inner(scope, receive, send)

        return noting

    def _with_faults(self, answer: Callable[[Request], Awaitable[Response]]) -> Any:
        async def serve(request: Request) -> Any:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return Response(status_code=401)
            met = self.faults and (request.method == "POST" or not self.only_refunds)
            fault = self.faults.pop(0) if met else None
            if fault is Fault.BUSY:
                return Response(status_code=429, headers={"Retry-After": "0"})
            if fault is Fault.BROKEN:
                return JSONResponse({"trace": "secret: postgres://user:password@db"}, 500)
            response = await answer(request)
            if fault is Fault.SLOW:
                await asyncio.Event().wait()
            if fault is Fault.CUT:
                return _Cut()
            return self.instead or response

        return serve

    async def _by_phone(self, request: Request) -> Response:
        phone = request.query_params["phone"]
        return _found(next((one for one in self.customers if one["phone"] == phone), None))

    async def _by_id(self, request: Request) -> Response:
        wanted = request.path_params["customer"]
        return _found(next((one for one in self.customers if one["id"] == wanted), None))

    async def _orders(self, request: Request) -> Response:
        owner = request.path_params["customer"]
        return JSONResponse({"orders": [self._now(one) for one in self.orders if one["customer_id"] == owner]})

    async def _order(self, request: Request) -> Response:
        return _found(self._own_order(request))

    async def _refund(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]
        self.keys.append(key)
        if key in self.paid:
            return JSONResponse(self.paid[key])
        found, body = self._own_order(request), await request.json()
        if found is None:
            return Response(status_code=404)
        total = sum(line["quantity"] * line["unit_cents"] for line in found["lines"])
        after = found["refunded_cents"] + body["cents"]
        if body["cents"] <= 0 or after > total:
            return JSONResponse({"error": "too_much"}, 409)
        if body["limit_cents"] is not None and after > body["limit_cents"]:
            return JSONResponse({"error": "over_limit"}, 409)
        made = {"order_id": found["id"], "cents": body["cents"], "reason": body["reason"]}
        self.paid[key] = {"id": f"R-{len(self.paid) + 1}"} | made
        return JSONResponse(self.paid[key], 201)

    async def _refunded(self, request: Request) -> Response:
        return JSONResponse({"refunded_cents": self.refunded(request.path_params["order"])})

    async def _counts(self, request: Request) -> Response:
        return JSONResponse({"counts": {"customers": len(self.customers), "orders": len(self.orders)}})

    def refunded(self, order_id: str) -> int:
        return sum(refund["cents"] for refund in self.paid.values() if refund["order_id"] == order_id)

    def _own_order(self, request: Request) -> dict[str, Any] | None:
        wanted = (request.path_params["customer"], request.path_params["order"])
        found = next((one for one in self.orders if (one["customer_id"], one["id"]) == wanted), None)
        return self._now(found) if found else None

    def _now(self, one: dict[str, Any]) -> dict[str, Any]:
        return one | {"refunded_cents": self.refunded(one["id"])}


def _found(record: dict[str, Any] | None) -> Response:
    return JSONResponse(record) if record else Response(status_code=404)


class _Cut(Response):
    """Promises more than it sends; the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id":', "more_body": True})
