"""The trace of a call, from which staff see who spoke when."""

from __future__ import annotations

from tandem.channels.voice.line_activity import MOST_MARKS, LineActivity
from tandem.channels.voice.relay_session import RelaySession
from tandem.channels.voice.voice_config import CallRules


async def test_a_trace_is_given_once_and_is_bounded() -> None:
    line = LineActivity(RelaySession(), CallRules())
    line.spoke("agent", on=True)
    line.mark("key")
    first = line.trace()
    assert [what for _, what in first["marks"]] == ["agent_on", "key"]
    for _ in range(2 * MOST_MARKS):
        line.mark("key")
    again = line.trace()
    assert (len(again["marks"]), again["began"]) == (MOST_MARKS, first["began"])
    assert line.trace()["marks"] == []
