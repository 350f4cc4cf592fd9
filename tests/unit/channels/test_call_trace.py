"""The trace of a call, from which staff see who spoke when."""

from __future__ import annotations

import itertools

from tandem.channels.voice.relay_socket import MOST_MARKS, CallTrace


def test_a_trace_is_given_once_by_seconds_of_the_call() -> None:
    clock = itertools.count(100.0, 0.5)
    trace = CallTrace(lambda: next(clock), began=7.0)
    trace.mark("agent_on")
    trace.mark("agent_off")
    assert trace.take() == {"began": 7.0, "seconds": 1.5, "marks": [[0.5, "agent_on"], [1.0, "agent_off"]]}
    assert trace.take() == {"began": 7.0, "seconds": 2.0, "marks": []}


def test_a_trace_is_bounded() -> None:
    trace = CallTrace(lambda: 0.0, began=0.0)
    for _ in range(2 * MOST_MARKS):
        trace.mark("key")
    assert len(trace.take()["marks"]) == MOST_MARKS
