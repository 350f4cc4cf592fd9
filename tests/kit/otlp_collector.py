"""A collector of OpenTelemetry's traces, as gateways send them to one: OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Collector:
    """Keeps every span that was sent, as protobuf has it, and all bytes."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.sent = b""
        self.app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        self.sent += body
        for one in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {pair.value.string_value for pair in one.resource.attributes if pair.key == "service.name"}
            self.spans += (span for scope in one.scope_spans for span in scope.spans)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type="application/x-protobuf")

    def named(self, beginning: str) -> Sequence[Any]:
        """Return the spans whose names begin so, in the order in which they began."""
        found = [span for span in self.spans if span.name.startswith(beginning)]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def tree(self, root: Any) -> list[str]:
        """Return the names of a trace's spans below each other, each with its parent's."""
        names = {span.span_id: span.name for span in self.spans}
        return sorted(
            f"{names.get(span.parent_span_id, '')} > {span.name}"
            for span in self.spans
            if span.trace_id == root.trace_id
        )


def told(span: Any) -> dict[str, Any]:
    """Return a span's attributes."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}
