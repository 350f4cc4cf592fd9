"""Bodies of every wrong kind: a clear answer, nothing accepted, nothing broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import MalformedRequest
from tandem.staff.bodies import MAX_DECISIONS, MAX_FINAL_MESSAGE, MAX_REASON, read_submission
from tandem.staff.http import BODY_LIMIT

from ...kit.staffing import SUBJECT, Desk, approval
from ...kit.tables import each

REQUIRED = "Invalid request body. Required: subjectId (string), decisions (array)"
YES = {"approvalId": "apr_1", "approved": True}
JSON = {"Content-Type": "application/json"}


def whole(decision: str) -> bytes:
    """A body whose only decision is this JSON text."""
    return f'{{"subjectId": "{SUBJECT}", "decisions": [{decision}]}}'.encode()


@each(
    "body",
    [
        b"",
        b"  \n",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"subjectId": "phone_14155550100"}',
        b'{"subjectId": "phone_14155550100", "decisions": []}',
        b'{"subjectId": "phone_14155550100", "decisions": {}}',
        b'{"subjectId": "phone_14155550100", "decisions": "all"}',
        b'{"subjectId": 14155550100, "decisions": [{"approvalId": "apr_1", "approved": true}]}',
        b'{"subjectId": "", "decisions": [{"approvalId": "apr_1", "approved": true}]}',
        b'{"subjectId": null, "decisions": [{"toolCallId": "call_apr_1", "approved": true}]}',
        b'{"decisions": [{"toolCallId": "call_apr_1", "approved": true}]}',
        b'{"decisions": [{"approvalId": "apr_1", "approved": true}, {"toolCallId": "c", "approved": true}]}',
        b'{"decisions": [null]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 20_000,
        b"9" * 5000,
        whole('{"approvalId": "apr_1", "approved": false, "approved": true}'),
        whole('{"approvalId": "apr_1", "approved": true, "arguments": {"amount": NaN}}'),
        whole('{"approvalId": "apr_1", "approved": true, "arguments": {"amount": -Infinity}}'),
        whole('{"approvalId": "apr_1", "approved": true, "arguments": {"amount": 1e999}}'),
        whole('{"approvalId": "apr_1", "approved": true, "reason": "\\ud800"}'),
        whole('{"approvalId": "apr_1", "approved": true, "reason": "nul \\u0000"}'),
        whole('{"approvalId": "apr_1", "approved": true, "arguments": {"amount": 1, "\\udfff": [1]}}'),
    ],
)
async def test_what_is_no_such_body_is_told_what_is_required(desk: Desk, body: bytes) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.ask("POST", "/approvals", data=body, headers=JSON)
    assert (answered.status, answered.body) == (400, {"error": REQUIRED, "code": "invalid_body"})
    assert desk.lanes.decisions == []


@pytest.mark.promise("H11")
async def test_no_body_at_all_is_told_what_is_required(desk: Desk) -> None:
    answered = await desk.ask("POST", "/approvals")
    assert (answered.status, answered.body["error"]) == (400, REQUIRED)


@each(
    ("decision", "field"),
    [
        (None, "decisions[0]"),
        ("apr_1", "decisions[0]"),
        ({"approved": True}, "approvalId"),
        ({"approvalId": "", "approved": True}, "approvalId"),
        ({"approvalId": 1, "approved": True}, "approvalId"),
        ({"approvalId": "x" * 201, "approved": True}, "approvalId"),
        ({"toolCallId": ["call_apr_1"], "approved": True}, "toolCallId"),
        ({"approvalId": "apr_1"}, "approved"),
        ({"approvalId": "apr_1", "approved": None}, "approved"),
        ({"approvalId": "apr_1", "approved": "true"}, "approved"),
        ({"approvalId": "apr_1", "approved": "false"}, "approved"),
        ({"approvalId": "apr_1", "approved": 1}, "approved"),
        ({"approvalId": "apr_1", "approved": 0}, "approved"),
        ({**YES, "resolve": "done"}, "resolve"),
        ({"approvalId": "apr_1", "resolve": "undo"}, "resolve"),
        ({"approvalId": "apr_1", "resolve": True}, "resolve"),
        ({"approvalId": "apr_1", "resolve": ["done"]}, "resolve"),
        ({**YES, "reason": 5}, "reason"),
        ({**YES, "reason": "x" * (MAX_REASON + 1)}, "reason"),
        ({**YES, "note": ["x"]}, "note"),
        ({**YES, "note": "x" * (MAX_REASON + 1)}, "note"),
        ({**YES, "finalMessage": {}}, "finalMessage"),
        ({**YES, "finalMessage": "x" * (MAX_FINAL_MESSAGE + 1)}, "finalMessage"),
        ({**YES, "arguments": "amount=1"}, "arguments"),
        ({**YES, "arguments": [1]}, "arguments"),
        ({**YES, "arguments": False}, "arguments"),
        ({**YES, "expectedVersion": "1"}, "expectedVersion"),
        ({**YES, "expectedVersion": True}, "expectedVersion"),
        ({**YES, "expectedVersion": 1.0}, "expectedVersion"),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_is_accepted(desk: Desk, decision: Any, field: str) -> None:
    await desk.put(approval("apr_1"), approval("apr_2"))
    answered = await desk.decide(decision, {"approvalId": "apr_2", "approved": True})
    assert (answered.status, answered.body["code"]) == (400, "malformed_request")
    assert field in answered.body["error"]
    assert desk.lanes.decisions == []


@each("subject", ["x" * 161, "a\nb"])
async def test_what_can_be_no_subject_is_refused(desk: Desk, subject: str) -> None:
    answered = await desk.post({"subjectId": subject, "decisions": [YES]})
    assert (answered.status, answered.body["code"]) == (400, "malformed_request")


async def test_fields_that_nobody_knows_are_passed_over(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    answered = await desk.decide({**YES, "colour": "green"}, colour="green")
    assert answered.status == 200


async def test_there_is_a_bound_on_decisions(desk: Desk) -> None:
    assert (await desk.decide(*[YES] * (MAX_DECISIONS + 1))).status == 400


async def test_a_large_body_is_refused_before_it_is_read(desk: Desk) -> None:
    answered = await desk.ask("POST", "/approvals", data=b"x" * (BODY_LIMIT + 1), headers=JSON)
    assert answered.status == 413


async def test_a_body_of_the_largest_size_is_read(desk: Desk) -> None:
    await desk.put(approval("apr_1"))
    body = json.dumps({"subjectId": SUBJECT, "decisions": [YES]}).encode()
    answered = await desk.ask("POST", "/approvals", data=body.ljust(BODY_LIMIT), headers=JSON)
    assert answered.status == 200


@each("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""])
async def test_another_content_type_is_refused(desk: Desk, kind: str) -> None:
    await desk.put(approval("apr_1"))
    body = json.dumps({"decisions": [YES]}).encode()
    answered = await desk.ask("POST", "/approvals", data=body, headers={"Content-Type": kind})
    assert (answered.status, answered.body["code"]) == (415, "unsupported_body")
    assert desk.lanes.decisions == []


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_read_under_its_own_type(desk: Desk, kind: str) -> None:
    await desk.put(approval("apr_1"))
    body = json.dumps({"decisions": [YES]}).encode()
    assert (await desk.ask("POST", "/approvals", data=body, headers={"Content-Type": kind})).status == 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["apr_1", "done"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
DECISION = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("toolCallId", "approvalId", "approved", "reason", "note", "arguments", "finalMessage", "resolve"), VALUES
    ),
)
BODY = st.fixed_dictionaries(
    {}, optional={"subjectId": VALUES, "decisions": VALUES | st.lists(DECISION, max_size=3), "expectedVersion": VALUES}
)


@given(BODY | VALUES)
def test_a_body_is_read_or_refused_and_nothing_else(body: Any) -> None:
    try:
        submission = read_submission(json.dumps(body).encode("utf-8", "surrogatepass"), region="US")
    except MalformedRequest:
        return
    assert 1 <= len(submission.asks) <= MAX_DECISIONS


@given(st.binary(max_size=60))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_submission(body, region="US")
