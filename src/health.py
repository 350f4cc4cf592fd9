"""Health endpoints: what probes, load balancers and operators ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import __version__
from .errors import StoreUnavailable
from .persistence.base import LaneStore


class Countable(Protocol):
    """Business data that can say how much of it there is."""

    async def counts(self) -> Mapping[str, int]:
        """Return the number of records per kind."""
        ...


@dataclass(slots=True)
class Health:
    """Answers the health endpoints. ``draining`` is set when the server is about to stop."""

    store: LaneStore
    shop: Countable
    agents: tuple[str, ...]
    configuration: Mapping[str, Any]
    refused_signatures: Callable[[], int]
    open_calls: Callable[[], int]
    draining: bool = field(default=False)

    def routes(self) -> list[BaseRoute]:
        """Name the routes that the app shall serve."""
        return [
            Route("/health", self._health),
            Route("/health/ready", self._ready),
            Route("/health/data", self._data),
            Route("/status", self._status),
        ]

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "timestamp": _now(), "version": __version__})

    async def _ready(self, request: Request) -> Response:
        status = "draining" if self.draining else "ready"
        if not self.draining:
            try:
                await self.store.ping()
            except StoreUnavailable:
                status = "store_unavailable"
        return JSONResponse({"status": status, "timestamp": _now()}, 200 if status == "ready" else 503)

    async def _data(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "counts": dict(await self.shop.counts()), "timestamp": _now()})

    async def _status(self, request: Request) -> Response:
        counts = await self.store.counts()
        return JSONResponse(
            {
                "status": "draining" if self.draining else "ok",
                "agents": list(self.agents),
                "configuration": dict(self.configuration),
                "conversations": counts.conversations,
                "pendingApprovals": counts.pending_approvals,
                "oldestPendingEntrySeconds": round(counts.oldest_pending_entry_seconds, 3),
                "oldestUnsettledReplySeconds": round(counts.oldest_unsettled_reply_seconds, 3),
                "setAside": counts.set_aside,
                "refusedSignatures": self.refused_signatures(),
                "openCalls": self.open_calls(),
                "timestamp": _now(),
            }
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
