"""Traces of turns for OpenTelemetry: off unless ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set and the extra ``otel`` is there.

One trace per turn; ``gen_ai.conversation.id``, the name that the log has for a customer, groups a conversation's. Spans
and attributes are named as OpenTelemetry's conventions for generative AI say (opentelemetry.io/docs/specs/semconv).
They hold no words that were said or written, unless ``TRACES_PERSONAL`` is set, and of errors the kind alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from types import MappingProxyType, TracebackType
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer

from ..errors import ConfigurationError
from .logs import subject_label

__all__ = ["Context", "Span", "SpanKind", "failed", "here", "open_traces", "quote", "span", "store_span", "turn_span"]

CONVERSATION: Final = "gen_ai.conversation.id"
"""Attribute that every span of a turn has; its value is the name that the log has for the customer."""
_NOT_INSTALLED = "OTEL_EXPORTER_OTLP_ENDPOINT needs the extra otel: pip install 'tandem-gateway[otel]'."
_OFF: Final = nullcontext(INVALID_SPAN)
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_tracer: Tracer | None = None
_personal = False


def span(
    name: str,
    attributes: Mapping[str, Any] = _NONE,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    within: Context | None = None,
    current: bool = True,
) -> AbstractContextManager[Span, None]:
    """Return a span to be entered; without traces one that takes everything and keeps nothing.

    ``within`` is the context of its parent, by default the current one. A generator, which is left and entered again by
    other tasks, must not make its span the ``current`` one. Attributes that are None are left out.
    """
    if _tracer is None:
        return _OFF
    above = getattr(trace.get_current_span(within), "attributes", None) or _NONE
    known = {CONVERSATION: above.get(CONVERSATION), **attributes}
    known = {key: value for key, value in known.items() if value is not None}
    return _Open(_tracer.start_span(name, within, kind, known), current=current)


def turn_span(subject: str) -> AbstractContextManager[Span, None]:
    """Return the span of a turn, which begins a trace."""
    if _tracer is None:
        return _OFF
    return span("turn", {CONVERSATION: subject_label(subject)}, kind=SpanKind.CONSUMER, within=Context())


def store_span(operation: str) -> AbstractContextManager[Span, None]:
    """Return the span of something that the store is asked for."""
    return span(f"store {operation}", {"db.operation.name": operation}, kind=SpanKind.CLIENT)


def here() -> Context | None:
    """Return the context to open a span :func:`span` ``within``, later and elsewhere; None without traces."""
    return None if _tracer is None else context.get_current()


def failed(kind: str, one: Span | None = None) -> None:
    """Note that a span, by default the current one, ended in an error of this kind."""
    if _tracer is not None:
        one = one or trace.get_current_span()
        one.set_attribute("error.type", kind)
        one.set_status(StatusCode.ERROR)


def quote(one: Span, **said: Any) -> None:
    """Set attributes that hold what people said, where that is wanted: ``input_messages`` is gen_ai.input.messages."""
    if _personal and one.is_recording():
        for name, value in said.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            one.set_attribute(f"gen_ai.{name.replace('_', '.')}", text)


class _Open(AbstractContextManager[Span, None]):
    """A span until its end."""

    def __init__(self, one: Span, *, current: bool) -> None:
        self._one = one
        self._token = context.attach(trace.set_span_in_context(one)) if current else None

    def __enter__(self) -> Span:
        return self._one

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._token is not None:
            context.detach(self._token)
        if isinstance(error, Exception):  # its message may quote a customer, so it is not recorded
            failed(type(error).__name__, self._one)
        self._one.end()


@asynccontextmanager
async def open_traces(endpoint: str | None, *, personal: bool) -> AsyncIterator[None]:
    """Send traces to a collector (OTLP over HTTP) until the end; without an ``endpoint`` there are none.

    OpenTelemetry itself reads every other ``OTEL_`` variable of the environment. Raises ConfigurationError.
    """
    global _tracer, _personal  # the traces are one per process, as the log is
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError([_NOT_INSTALLED]) from error
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "tandem"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    _tracer, _personal = provider.get_tracer("tandem"), personal
    try:
        yield
    finally:
        _tracer, _personal = None, False
        await asyncio.to_thread(provider.shutdown)  # sends what is left, and may wait for it
