"""JSON bodies that staff and partner systems send: what fits, and the sentence for what does not. Pure.

Decisions are checked for form before anything is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ..entries import Verdict
from ..errors import MalformedRequest
from ..identity.phone import subject_id
from ..model import Priority, SubjectId, TicketStatus
from ..web.bodies import read_json

MAX_MESSAGE = 6400
"""Characters; four text messages of Twilio's longest."""
LONGEST_SNOOZE = timedelta(days=366)
MAX_NAME, MAX_TITLE, MAX_DESCRIPTION, MAX_NOTE, MAX_EXTERNAL, MAX_CONSENT = 160, 120, 2000, 1000, 100, 300

BodyT = TypeVar("BodyT", bound="Body")


class Body(BaseModel):
    """A JSON object with names in camelCase. Other names than its own are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )


def read_as(kind: type[BodyT], sent: object) -> BodyT:
    """Return a body as its model. Raises MalformedRequest for the first value that does not fit, by its name."""
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        if wrong["type"] == "missing":
            raise MalformedRequest(f"{wrong['loc'][-1]} is missing.") from error
        place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in wrong["loc"])
        why = wrong.get("ctx", {}).get("error", "does not fit.")  # a check of ours says why, the library's own do not
        raise MalformedRequest(f"{place} {why}".lstrip(". ")) from error


def must(sentence: str) -> WrapValidator:
    """Answer every wrong value of a field with one sentence, which goes on after the field's name."""

    def check(value: object, read: ValidatorFunctionWrapHandler) -> object:
        try:
            return read(value)
        except ValueError as error:
            raise ValueError(sentence) from error

    return WrapValidator(check)


def words(longest: int, *, least: int = 0) -> BeforeValidator:
    """Accept a text and strip it; an absent one is empty."""

    def check(value: object) -> str:
        found = "" if value is None else value
        if not isinstance(found, str) or len(found) > longest or len(found.strip()) < least:
            raise ValueError(f"must be a text of {least} to {longest} characters.")
        return found.strip()

    return BeforeValidator(check)


def _printable(value: str) -> str | None:
    if not value.isprintable():
        raise ValueError("must be printable.")
    return value or None


def _closed(value: TicketStatus) -> TicketStatus:
    if value is TicketStatus.OPEN:
        raise ValueError
    return value


class SignIn(Body):
    """A staff token, as the sign-in page sends it."""

    token: str


def _later(value: datetime) -> datetime:
    ahead = value - datetime.now(UTC)
    if not timedelta(0) < ahead <= LONGEST_SNOOZE:
        raise ValueError
    return value


Later = Annotated[AwareDatetime, AfterValidator(_later), must("must be a time within the next year, with a zone.")]


class NewMessage(Body):
    """Words of a person for the customer, for now or for a later time."""

    text: Annotated[str, words(MAX_MESSAGE, least=1)] = ""
    at: Later | None = None


def _past(value: datetime) -> datetime:
    if value > datetime.now(UTC):
        raise ValueError
    return value


class Consent(Body):
    """Consent of a customer to be written to: how and when they gave it."""

    how: Annotated[str, words(MAX_CONSENT, least=1)] = ""
    at: Annotated[AwareDatetime, AfterValidator(_past), must("must be a time that has been, with a zone.")] = Field(
        default=...
    )


class FirstMessage(NewMessage):
    """Words of a colleague for a customer who may never have written or called."""

    to: Annotated[str, words(MAX_NAME, least=1)] = ""
    consent: Consent = Field(default=...)


class NewNote(Body):
    """Words of a person for colleagues, the agent, or a caller."""

    text: Annotated[str, words(MAX_MESSAGE, least=1)] = ""


class Assignment(Body):
    """The staff member who shall look after a customer; None for no one."""

    to: str | None = None


class Snooze(Body):
    """The time until which a conversation rests."""

    until: Later = Field(default=...)


class Export(Body):
    """A wish for a copy of a conversation."""

    format: Annotated[Literal["json", "text"], must('must be "json" or "text".')] = "json"


class Glance(Body):
    """Customer whom a colleague has on the screen, or none."""

    subject_id: Annotated[str, words(MAX_NOTE)] = ""
    writing: Annotated[bool, Field(strict=True), must("must be true or false.")] = False


class NewTicket(Body):
    """A wish for a ticket, for a customer's id or else a subject id or number; ``subject`` is its title."""

    customer_id: Annotated[str, words(MAX_NAME)] = ""
    subject_id: Annotated[str, words(MAX_NAME)] = ""
    subject: Annotated[str, words(MAX_TITLE, least=1)] = ""
    description: Annotated[str, words(MAX_DESCRIPTION, least=1)] = ""
    priority: Annotated[Priority, must(f"must be one of {', '.join(Priority)}.")] = Priority.MEDIUM
    external_id: Annotated[str | None, AfterValidator(_printable), words(MAX_EXTERNAL)] = None

    @model_validator(mode="after")
    def _one_customer(self) -> Self:
        if bool(self.customer_id) is bool(self.subject_id):
            raise ValueError("There must be a customerId or a subjectId, and not both.")
        return self


class TicketClosing(Body):
    """The end of a ticket: how, and a note that may say why."""

    status: Annotated[TicketStatus, AfterValidator(_closed), must('must be "closed" or "solved".')] = TicketStatus.OPEN
    note: Annotated[str, words(MAX_NOTE)] = ""


# --- decisions ----------------------------------------------------------------------------------------------

MAX_DECISIONS = 100
MAX_REASON = 1000
MAX_FINAL_MESSAGE = MAX_MESSAGE


class InvalidBody(MalformedRequest):
    """Invalid request body. Required: subjectId (string), decisions (array)"""

    code = "invalid_body"


def _text(longest: int) -> BeforeValidator:
    """Accept a text; a blank one is absent: an empty field of a form says nothing."""

    def check(value: object) -> str | None:
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise ValueError(f"must be a text of at most {longest} characters.")
        return value if value and value.strip() else None

    return BeforeValidator(check)


def _approved(value: object, info: ValidationInfo) -> object:
    # Not "truthy": the text "false" must never approve anything.
    if info.data.get("resolve") is None and not isinstance(value, bool):
        raise ValueError("must be true or false.")
    return value


def _arguments(value: object, info: ValidationInfo) -> object:
    if value is not None and not isinstance(value, dict):
        raise ValueError("must be an object.")
    # A call that is rejected has no arguments to change, and a repeated one keeps those it had.
    return value if info.data.get("approved") is True else None


_Version = Annotated[int | None, Field(strict=True), must("must be a whole number.")]


class SubmittedDecision(Body):
    """One decision as it was sent. It addresses its approval by the approval's id, else by the tool call's."""

    approval_id: Annotated[str | None, _text(200)] = None
    call_id: Annotated[str | None, _text(200)] = Field(None, alias="toolCallId")
    resolve: Annotated[Literal["done", "retry"] | None, must('must be "done" or "retry".')] = None
    approved: Annotated[Any, BeforeValidator(_approved)] = None
    arguments: Annotated[dict[str, Any] | None, BeforeValidator(_arguments)] = None
    expected_version: _Version = None
    reason: Annotated[str | None, _text(MAX_REASON)] = None
    final_message: Annotated[str | None, _text(MAX_FINAL_MESSAGE)] = None
    note: Annotated[str | None, _text(MAX_REASON)] = None

    @model_validator(mode="before")
    @classmethod
    def _decides_once(cls, sent: object) -> object:
        if not isinstance(sent, dict):
            raise ValueError("must be an object.")
        if sent.get("resolve") is not None and sent.get("approved") is not None:
            raise ValueError("must have approved or resolve, not both.")
        return sent

    @model_validator(mode="after")
    def _names_its_call(self) -> Self:
        if not self.approval_id and not self.call_id:
            raise ValueError("must have a toolCallId or an approvalId.")
        return self

    @cached_property
    def verdict(self) -> Verdict:
        """Verdict of the decision."""
        return Verdict(self.resolve) if self.resolve else Verdict.APPROVE if self.approved else Verdict.REJECT


class _Decisions(Body):
    expected_version: _Version = None
    decisions: list[SubmittedDecision]


@dataclass(frozen=True, slots=True)
class Submission:
    """The decisions of one request. ``subject`` is None only when each of them names its approval."""

    subject: SubjectId | None
    asks: tuple[SubmittedDecision, ...]


def read_submission(body: bytes, *, region: str, named: Callable[[str], str] = str) -> Submission:
    """Read a request body; unknown fields are ignored.

    ``region`` completes numbers written without a country, ``named`` reads the aliases of pages. Raises InvalidBody
    when it is not the documented object, MalformedRequest with the name of the field when a value does not fit.
    """
    try:
        sent = read_json(body)
    except ValueError as error:
        raise InvalidBody from error
    decisions = sent.get("decisions") if isinstance(sent, dict) else None
    if not isinstance(decisions, list) or not decisions:
        raise InvalidBody
    if len(decisions) > MAX_DECISIONS:
        raise MalformedRequest(f"There are more than {MAX_DECISIONS} decisions.")
    subject = sent.get("subjectId")
    if isinstance(subject, str) and subject.strip():
        subject = subject_id(named(subject), region)
    elif subject is not None or not all(isinstance(item, dict) and item.get("approvalId") for item in decisions):
        raise InvalidBody
    read = read_as(_Decisions, sent)
    own = {"expected_version": read.expected_version}
    asks = [ask if ask.expected_version is not None else ask.model_copy(update=own) for ask in read.decisions]
    return Submission(subject, tuple(asks))
