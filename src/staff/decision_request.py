"""Reading what staff post: decisions, checked for form before anything is looked up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..entries import Verdict
from ..errors import MalformedRequest
from ..identity.phone import subject_id
from ..model import SubjectId
from ..web.strict_json import read_json

MAX_DECISIONS = 100
MAX_REASON = 1000
MAX_FINAL_MESSAGE = 6400
"""Characters; four text messages of Twilio's longest."""
_VERDICTS = {"done": Verdict.DONE, "retry": Verdict.RETRY}


class InvalidBody(MalformedRequest):
    """Invalid request body. Required: subjectId (string), decisions (array)"""

    code = "invalid_body"


@dataclass(frozen=True, slots=True)
class Ask:
    """One decision as it was sent. It addresses its approval by the approval's id, else by the tool call's."""

    verdict: Verdict
    approval_id: str | None
    call_id: str | None
    expected_version: int | None = None
    reason: str | None = None
    arguments: Mapping[str, Any] | None = None
    final_message: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The decisions of one request. ``subject`` is None only when each of them names its approval."""

    subject: SubjectId | None
    asks: tuple[Ask, ...]


def read_submission(body: bytes, *, region: str) -> Submission:
    """Read a request body; unknown fields are ignored.

    ``region`` completes numbers written without a country. Raises InvalidBody when it is not the documented object,
    MalformedRequest with the name of the field when a value does not fit.
    """
    sent = _json(body)
    decisions = sent.get("decisions") if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or not isinstance(decisions, list) or not decisions:
        raise InvalidBody
    if len(decisions) > MAX_DECISIONS:
        raise MalformedRequest(f"There are more than {MAX_DECISIONS} decisions.")
    subject = sent.get("subjectId")
    named = all(isinstance(item, dict) and item.get("approvalId") for item in decisions)
    if not isinstance(subject, str) or not subject.strip():
        if subject is not None or not named:
            raise InvalidBody
    else:
        subject = subject_id(subject, region)
    expected = _version(sent, "expectedVersion")
    asks = tuple(_ask(item, f"decisions[{number}]", expected) for number, item in enumerate(decisions))
    return Submission(subject, asks)


def _ask(item: object, at: str, expected: int | None) -> Ask:
    if not isinstance(item, dict):
        raise MalformedRequest(f"{at} must be an object.")
    approval_id, call_id = _text(item, at, "approvalId", 200), _text(item, at, "toolCallId", 200)
    if not approval_id and not call_id:
        raise MalformedRequest(f"{at} must have a toolCallId or an approvalId.")
    verdict = _verdict(item, at)
    arguments = item.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise MalformedRequest(f"{at}.arguments must be an object.")
    own = _version(item, f"{at}.expectedVersion")
    return Ask(
        verdict,
        approval_id,
        call_id,
        expected_version=expected if own is None else own,
        reason=_text(item, at, "reason", MAX_REASON),
        # A call that is rejected has no arguments to change, and a repeated one keeps those it had.
        arguments=arguments if verdict is Verdict.APPROVE else None,
        final_message=_text(item, at, "finalMessage", MAX_FINAL_MESSAGE),
        note=_text(item, at, "note", MAX_REASON),
    )


def _verdict(item: Mapping[str, Any], at: str) -> Verdict:
    approved, resolve = item.get("approved"), item.get("resolve")
    if resolve is None:
        # Not "truthy": the text "false" must never approve anything.
        if not isinstance(approved, bool):
            raise MalformedRequest(f"{at}.approved must be true or false.")
        return Verdict.APPROVE if approved else Verdict.REJECT
    if approved is not None:
        raise MalformedRequest(f"{at} must have approved or resolve, not both.")
    if not isinstance(resolve, str) or resolve not in _VERDICTS:
        raise MalformedRequest(f'{at}.resolve must be "done" or "retry".')
    return _VERDICTS[resolve]


def _text(item: Mapping[str, Any], at: str, name: str, longest: int) -> str | None:
    """Return a text, or None when it is absent or blank: an empty field of a form says nothing."""
    value = item.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > longest):
        raise MalformedRequest(f"{at}.{name} must be a text of at most {longest} characters.")
    return value if value and value.strip() else None


def _version(item: Mapping[str, Any], name: str) -> int | None:
    value = item.get("expectedVersion")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise MalformedRequest(f"{name} must be a whole number.")
    return value


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError as error:
        raise InvalidBody from error
