"""A pretend CRM: ``POST /customers/lookup`` with a bearer key, and faults."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Source, Trouble, found

KEY = "crm-key-4711-canary"


@dataclass
class CrmServer(Source):
    """Customers by what they are looked up by: ``by["phone"]["+1415…"]`` is a record."""

    by: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"phone": {}, "email": {}, "userId": {}})
    questions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/customers/lookup", self._lookup, methods=["POST"])])

    async def _lookup(self, request: Request) -> Response:
        question = json.loads(await request.body())
        self.questions.append(question)
        self.note(request, json.dumps(question))
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": "wrong key"}, 401)
        if (answer := await self.fault()) is not None:
            return answer
        if self.trouble is Trouble.NO_ID:
            return JSONResponse({"id": "null", "name": "Nobody"})
        rows = (self.by[kind].get(question[kind]) for kind in ("userId", "email", "phone") if kind in question)
        return found(next((row for row in rows if row is not None), None))
