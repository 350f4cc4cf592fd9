"""What is counted, and what it costs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tandem.events import EventName, Happened
from tandem.model import Channel, Source, SubjectId, TimelineEvent, Tone
from tandem.telemetry.metrics import Metrics

pytestmark = pytest.mark.promise("E4")

SUBJECT = SubjectId("phone_14155550100")


def turn(**data: Any) -> TimelineEvent:
    known = {"error": None, "model_seconds": 1.5, "tool_seconds": 0.25, "input_tokens": 10, "output_tokens": 5}
    return TimelineEvent("turn", Source.AGENT, channel=Channel.SMS, turn=1, data={**known, **data})


def tool(tone: Tone = Tone.SUCCESS) -> TimelineEvent:
    return TimelineEvent("tool", Source.AGENT, tone=tone, channel=Channel.SMS, turn=1, data={"tool": "lookup_order"})


SENT = Happened(SUBJECT, TimelineEvent(EventName.REPLY_STATUS, Source.SYSTEM, data={"status": "sent"}))


async def commit(metrics: Metrics, rows: Sequence[TimelineEvent], seconds: float) -> None:
    """Tell of rows that one commit wrote."""
    for row in rows:
        await metrics.hear(Happened(SUBJECT, row, seconds))


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return every figure by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


async def test_a_turn_is_counted_with_what_is_ours_of_its_time():
    metrics = Metrics()
    await commit(metrics, [tool(), tool(Tone.ERROR), turn()], 1.755)
    found = figures(metrics)
    assert found["tandem_turns_total", "sms", "answered"] == 1
    assert found["tandem_turn_added_seconds_bucket", "sms", "0.01"] == 1
    assert found["tandem_turn_added_seconds_bucket", "sms", "0.0025"] == 0
    assert found["tandem_turn_model_seconds_sum", "sms"] == 1.5
    assert (found["tandem_tokens_total", "input"], found["tandem_tokens_total", "output"]) == (10, 5)
    assert found["tandem_tool_calls_total", "done", "lookup_order"] == 1
    assert found["tandem_tool_calls_total", "failed", "lookup_order"] == 1


async def test_a_failed_and_an_interrupted_turn_are_told_apart():
    metrics = Metrics()
    await commit(metrics, [turn(error="model_unavailable")], 2.0)
    await commit(metrics, [turn(interrupted=True, first_words_seconds=0.4)], 2.0)
    found = figures(metrics)
    assert found["tandem_turns_total", "sms", "model_unavailable"] == 1
    assert found["tandem_turns_total", "sms", "interrupted"] == 1
    assert found["tandem_first_words_seconds_count",] == 1


async def test_commits_without_a_turn_add_no_time():
    metrics = Metrics()
    await commit(metrics, [TimelineEvent("escalation", Source.AGENT), TimelineEvent("heard", Source.SYSTEM)], 3.0)
    found = figures(metrics)
    assert found["tandem_events_total", "escalation"] == 1
    assert ("tandem_events_total", "heard") not in found
    assert not any(name[0] == "tandem_turn_added_seconds_count" for name in found)


def test_refused_signatures_and_dropped_connections_only_grow():
    metrics = Metrics()
    for dropped in (0, 1, 3):
        metrics.refused()
        metrics.dropped(dropped)
    found = figures(metrics)
    assert (found["tandem_refused_signatures_total",], found["tandem_dropped_connections_total",]) == (3, 3)
    assert metrics.value("refused_signatures_total") == 3


async def test_two_gateways_in_one_process_share_nothing():
    one, other = Metrics(), Metrics()
    await one.hear(SENT)
    assert ("tandem_deliveries_total", "sent") in figures(one)
    assert ("tandem_deliveries_total", "sent") not in figures(other)


async def test_a_turn_costs_few_calls():
    """Some ten microseconds, counted in what no busy machine changes."""
    metrics, rows, calls = Metrics(), [tool(), tool(), turn()], Counter[str]()
    await commit(metrics, rows, 1.9)  # the first one makes the series
    await metrics.hear(SENT)
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    await commit(metrics, rows, 1.9)
    await metrics.hear(SENT)
    metrics.answered("/sms", 200)
    sys.setprofile(None)
    assert 0 < calls["call"] + calls["c_call"] < 200
