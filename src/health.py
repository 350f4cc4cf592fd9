"""Health endpoints: what probes, load balancers and operators ask."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import __version__
from .errors import NotAuthorised, StoreUnavailable
from .model import ApprovalStatus
from .persistence.base import LaneStore
from .shop.base import Shop
from .telemetry.metrics import CONTENT_TYPE, Metrics

STORE_SECONDS = 2.0
"""How long the metrics wait for the store."""
STORED = (
    "approvals_pending",
    "approval_oldest_seconds",
    "conversations",
    "entry_oldest_seconds",
    "events_untold",
    "events_waiting",
    "largest_record_characters",
    "reply_oldest_seconds",
    "set_aside",
)
"""The metrics that the store keeps."""


@dataclass(slots=True)
class Health:
    """Answers the health endpoints. ``draining`` is set when the server is about to stop."""

    store: LaneStore
    shop: Shop
    agents: tuple[str, ...]
    configuration: Callable[[], Mapping[str, Any]]
    metrics: Metrics
    may_look: Callable[[Request], bool]
    """Tells whether a request may see more than probes need."""
    dropped_connections: Callable[[], int] = int
    """Tells how many connections passed a bound; a server that is not ours bounds none."""
    cost: Callable[[], Mapping[str, Any] | None] = lambda: None
    """Returns what this process spent today, None where nothing has a price."""
    draining: bool = field(default=False)
    store_seconds: float = STORE_SECONDS
    running_turns: Callable[[], int] = field(default=lambda: 0)

    def note(self) -> None:
        """Put down what is now: a worker does so every second, because another one may be asked."""
        self.metrics.running(self.running_turns())
        self.metrics.dropped(self.dropped_connections())

    def routes(self) -> list[BaseRoute]:
        """Name the routes that the app shall serve."""
        return [
            Route("/health", self._health),
            Route("/health/ready", self._ready),
            Route("/health/data", self._data),
            Route("/status", self._status),
            Route("/metrics", self._metrics),
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
        if not self.may_look(request):
            return JSONResponse({"status": "draining" if self.draining else "ok", "timestamp": _now()})
        self.note()
        counts = await self.store.counts()
        return JSONResponse(
            {
                "status": "draining" if self.draining else "ok",
                "agents": list(self.agents),
                "configuration": dict(self.configuration()),
                "conversations": counts.conversations,
                "pendingApprovals": counts.pending_approvals,
                "oldestPendingEntrySeconds": round(counts.oldest_pending_entry_seconds, 3),
                "oldestUnsettledReplySeconds": round(counts.oldest_unsettled_reply_seconds, 3),
                "setAside": counts.set_aside,
                "eventsWaiting": counts.announced,
                "eventsUntold": counts.untold,
                "largestRecordCharacters": counts.largest_record,
                "refusedSignatures": self.metrics.value("refused_signatures_total"),
                "droppedConnections": self.metrics.value("dropped_connections_total"),
                "openCalls": self.metrics.value("open_calls"),
                "cost": self.cost(),
                "timestamp": _now(),
            }
        )

    async def _metrics(self, request: Request) -> Response:
        if not self.may_look(request):
            raise NotAuthorised
        self.note()
        self.metrics.put(**await self._stored())
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)

    async def _stored(self) -> Mapping[str, float]:
        """Return the figures that the store keeps; none of them while it does not answer."""
        try:
            async with asyncio.timeout(self.store_seconds):
                counts = await self.store.counts()
                # Every request waits equally long, so the one that expires first was asked first.
                first = await self.store.approvals(status=ApprovalStatus.PENDING, limit=1)
        except (StoreUnavailable, TimeoutError):
            return {"store_up": 0.0, **dict.fromkeys(STORED, math.nan)}
        asked = first.items[0].requested_at if first.items else None
        figures = (
            counts.pending_approvals,
            max(0.0, time.time() - asked) if asked is not None else 0.0,
            counts.conversations,
            counts.oldest_pending_entry_seconds,
            counts.untold,
            counts.announced,
            counts.largest_record,
            counts.oldest_unsettled_reply_seconds,
            counts.set_aside,
        )
        return {"store_up": 1.0, **dict(zip(STORED, figures, strict=True))}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
