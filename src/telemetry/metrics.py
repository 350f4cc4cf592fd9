"""Figures for Prometheus: few labels with few values, nothing about anybody. docs/operations.md explains each.

Nothing is global: each gateway has its registry, so that two in one process do not share figures. The workers of one
server are one gateway: they keep their figures in files of a common folder, and whichever is asked adds them up
(prometheus.github.io/client_python/multiprocess).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..events import EventName, Happened
from ..model import TimelineEvent, Tone

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds: the upper bounds of the histograms' buckets."""
COUNTED = frozenset(
    {
        EventName.CONVERSATION_START,
        EventName.CONVERSATION_END,
        EventName.ESCALATION,
        EventName.APPROVAL_REQUESTED,
        EventName.APPROVAL_DECIDED,
        EventName.APPROVAL_EXPIRED,
        EventName.APPROVAL_EXECUTED,
        EventName.APPROVAL_FAILED,
        EventName.APPROVAL_UNKNOWN,
        EventName.APPROVAL_VOID,
        EventName.EFFECT_UNKNOWN,
        EventName.ENTRY_SET_ASIDE,
        EventName.RECORD_SET_ASIDE,
        EventName.MASKED,
        EventName.RATE_LIMITED,
        EventName.LOOP_STOPPED,
        EventName.LIMIT_REACHED,
        EventName.TICKET_CREATED,
        EventName.TICKET_OPENED,
        EventName.TICKET_CLOSED,
        EventName.STAFF_MESSAGE,
        EventName.STAFF_SAID,
    }
)
"""Rows of the timeline that are counted by name."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """All figures of one gateway. ``shared`` is the folder of those of its workers, if there are several."""

    def __init__(self, shared: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self._asked = self.registry
        if shared is not None:
            # Chosen by the library when it was imported, from the environment, which was another one then.
            values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
            self._asked = CollectorRegistry()
            MultiProcessCollector(self._asked, str(shared))  # type: ignore[no-untyped-call]
        own: dict[str, Any] = {"registry": self.registry, "namespace": "tandem"}
        self._turns = Counter("turns", "Turns of the agent.", ["channel", "outcome"], **own)
        self._added = Histogram(
            "turn_added_seconds", "A turn without model and tools.", ["channel"], buckets=QUICK, **own
        )
        self._model = Histogram("turn_model_seconds", "Model calls of a turn.", ["channel"], buckets=SLOW, **own)
        self._words = Histogram("first_words_seconds", "Until a caller's answer begins.", buckets=SLOW, **own)
        self._early = Counter("preemptive_turns", "Turns begun before the caller had finished.", ["outcome"], **own)
        self._vain = Counter("preemptive_tokens_in_vain", "Tokens of those that came to nothing.", **own)
        self._tools = Counter("tool_calls", "Calls of tools.", ["tool", "outcome"], **own)
        self._tokens = Counter("tokens", "Tokens of model calls.", ["direction"], **own)
        self._cost = Counter("cost", "Cost of model calls, in the currency of PRICES_FILE.", ["agent"], **own)
        self._unpriced = Counter("unpriced_turns", "Turns with a model that has no price.", **own)
        self._events = Counter("events", "Rows of the timeline, of the names that are counted.", ["name"], **own)
        self._deliveries = Counter("deliveries", "Attempts to send, and news of replies.", ["status"], **own)
        self._answers = Counter("webhook_answers", "Answers to webhooks.", ["webhook", "code"], **own)
        self._refused = Counter("refused_signatures", "Requests without a valid signature.", **own)
        self._dropped = Counter("dropped_connections", "Connections closed for passing a bound.", **own)
        self._dropped_before = 0
        self._found: dict[tuple[Any, tuple[str, ...]], Any] = {}
        gauges = {
            "store_up": "Whether the store answered when it was asked for these figures.",
            "approvals_pending": "Requests that wait for a decision.",
            "approval_oldest_seconds": "Age of the request that waits longest.",
            "conversations": "Conversations that are stored.",
            "entry_oldest_seconds": "Age of what waits longest for a turn.",
            "reply_oldest_seconds": "Age of the reply that waits longest to be sent.",
            "events_waiting": "Events that another system is still to be told of.",
            "events_untold": "Events of which it was told in vain, too often.",
            "set_aside": "Records and database files that could not be used.",
            "largest_record_characters": "Characters of the largest conversation; 0 while all are small.",
        }
        # Of what all know, whichever looked last is right; of what each has, there are as many as all have.
        latest: dict[str, Any] = {**own, "multiprocess_mode": "mostrecent"}
        self._gauges = {name: Gauge(name, about, **latest) for name, about in gauges.items()}
        summed: dict[str, Any] = {**own, "multiprocess_mode": "livesum"}
        self._calls = Gauge("open_calls", "Calls on the line at this replica.", **summed)
        self._running = Gauge("turns_running", "Turns that run at this replica.", **summed)
        Gauge("workers", "Processes that serve this replica.", **summed).set(1)
        Counter("worker_starts", "Starts of processes that serve this replica.", **own).inc()

    # --- counted as it happens --------------------------------------------------------------------------

    async def hear(self, happened: Happened) -> None:
        """Count an event: a listener of the event bus."""
        row = happened.event
        if row.name == EventName.TURN:
            channel = row.channel.value if row.channel else ""
            theirs = self._turn(channel, row)
            self._of(self._added, channel).observe(max(0.0, happened.seconds - theirs))
        elif row.name == EventName.TOOL:
            outcome = "failed" if row.tone is Tone.ERROR else "done"
            # A model may make up any number of names; a figure for each would never go away again.
            tool = "unknown" if row.data.get("unknown") else str(row.data.get("tool"))
            self._of(self._tools, tool, outcome).inc()
        elif row.name == EventName.REPLY_STATUS:
            # ``waiting`` is an attempt that is made again.
            self._of(self._deliveries, str(row.data["status"])).inc()
        elif row.name in COUNTED:
            self._of(self._events, row.name).inc()

    def counted(self, routes: Sequence[BaseRoute]) -> tuple[BaseRoute, ...]:
        """Return the same routes; the answers of plain ones are counted, whoever asked and whatever went wrong."""
        for route in routes:
            if isinstance(route, Route):
                route.app = self._listening(route.app, route.path)
        return tuple(routes)

    def _listening(self, app: ASGIApp, webhook: str) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self.answered(webhook, message["status"])
                await send(message)

            await app(scope, receive, sent)

        return serve

    def refused(self) -> None:
        """Note that a request had no valid signature."""
        self._refused.inc()

    def calls(self, number: int) -> None:
        """Note how many calls are on the line of this process."""
        self._calls.set(number)

    def running(self, number: int) -> None:
        """Note how many turns run in this process."""
        self._running.set(number)

    def answered(self, webhook: str, code: int) -> None:
        """Note the answer to a webhook, named by its route."""
        self._of(self._answers, webhook, str(code)).inc()

    def _of(self, metric: Any, *labels: str) -> Any:
        """Return the figure with these labels; the library's own look-up costs more than the counting."""
        found = self._found.get((metric, labels))
        if found is None:
            found = self._found[metric, labels] = metric.labels(*labels)
        return found

    def _turn(self, channel: str, row: TimelineEvent) -> float:
        """Note a turn and return how long model and tools took, seconds."""
        data = row.data
        outcome = data.get("error") or ("interrupted" if data.get("interrupted") else "answered")
        model = float(data.get("model_seconds") or 0.0)
        self._of(self._turns, channel, str(outcome)).inc()
        self._of(self._model, channel).observe(model)
        self._of(self._tokens, "input").inc(float(data.get("input_tokens") or 0))
        self._of(self._tokens, "output").inc(float(data.get("output_tokens") or 0))
        if cost := data.get("cost"):
            self._of(self._cost, str(data.get("agent") or "")).inc(float(cost))
        self._unpriced.inc(bool(data.get("unpriced")))
        if early := data.get("preemptive"):
            self._of(self._early, "hit").inc(int(early["hit"]))
            self._of(self._early, "miss").inc(int(early["missed"]))
            self._vain.inc(int(early["tokens_in_vain"]))
        if (words := data.get("first_words_seconds")) is not None:
            self._words.observe(float(words))
        return model + float(data.get("tool_seconds") or 0.0)

    # --- asked for --------------------------------------------------------------------------------------

    def put(self, **values: float) -> None:
        """Set gauges by their names; one that is not known now is NaN."""
        for name, value in values.items():
            self._gauges[name].set(value)

    def dropped(self, in_all: int) -> None:
        """Note how many connections this process has dropped since its start."""
        self._dropped.inc(max(0, in_all - self._dropped_before))
        self._dropped_before = in_all

    def value(self, name: str) -> int:
        """Return what a figure without labels, such as ``open_calls``, is now, of all workers together."""
        return int(self._asked.get_sample_value(f"tandem_{name}") or 0)

    def text(self) -> bytes:
        """Return the figures in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats)."""
        return generate_latest(self._asked)
