"""A stored conversation as a scenario: read back as it was, without what tells who it was."""

from pathlib import Path

import pytest

from tandem.evaluation.reading import read_scenarios
from tandem.evaluation.recorded import recorded
from tandem.events import EventName
from tandem.model import Channel, Conversation, Source, SubjectId, TimelineEvent, Turn

pytestmark = pytest.mark.promise("G6")

TURNS = (
    Turn(1, Channel.SMS, 0.0, (
        {"role": "user", "content": "Refund order 12345, call +1 415 555 0100 or mail a.b@example.com"},
        {"type": "function_call", "call_id": "c1", "name": "process_refund",
         "arguments": '{"order_id": "ORD_12345", "amount": 139.97, "reason": "it is broken"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "waits"},
        {"role": "assistant", "content": "A colleague decides."},
    )),
    Turn(2, Channel.VOICE, 0.0, ({"role": "user", "content": "no"}, {"role": "assistant", "content": "Bye."})),
)  # fmt: skip
ASKED = {"approval": "a", "tool": "process_refund", "arguments": {"order_id": "ORD_12345", "amount": 139.97}}
TIMELINE = (
    TimelineEvent(EventName.APPROVAL_REQUESTED, Source.SYSTEM, data=ASKED | {"status": "pending"}),
    TimelineEvent(EventName.APPROVAL_DECIDED, Source.STAFF, data=ASKED | {
        "status": "rejected", "verdict": "reject", "reason": "Too late"}),
)  # fmt: skip


def test_a_conversation_is_a_scenario_that_can_be_read(tmp_path: Path) -> None:
    conversation = Conversation(SubjectId("phone_14155550100"), 0.0, 0.0, history=TURNS)
    text = recorded(conversation, TIMELINE)
    assert "0100" not in text.replace("ending in 0100", "")
    assert "example.com" not in text
    (tmp_path / "one.yaml").write_text(text, encoding="utf-8")
    (one,) = read_scenarios([tmp_path])
    assert (one.name, one.channel, one.number) == ("recorded-1970-01-01-0000", "text", "+15551234567")
    assert [(turn.say.partition(",")[0], turn.channel) for turn in one.turns] == [
        ("Refund order 12345", None),
        ("no", "phone"),
    ]
    (call,) = one.expect.tools
    assert (call.tool, call.arguments) == ("process_refund", {"order_id": "ORD_12345", "amount": 139.97})
    assert one.expect.approvals is not None
    assert [approval.tool for approval in one.expect.approvals] == ["process_refund"]
    assert (one.staff["process_refund"].decide, one.staff["process_refund"].reason) == ("reject", "Too late")
