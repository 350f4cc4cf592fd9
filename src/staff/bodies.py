"""JSON bodies that staff and partner systems send: what fits, and the sentence for what does not. Pure."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ..errors import MalformedRequest
from ..model import Priority, TicketStatus

MAX_MESSAGE = 6400
"""Characters; four text messages of Twilio's longest."""
MAX_NAME, MAX_TITLE, MAX_DESCRIPTION, MAX_NOTE, MAX_EXTERNAL = 160, 120, 2000, 1000, 100

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
        place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in wrong["loc"])
        raise MalformedRequest(f"{place} {wrong['ctx']['error']}".lstrip(". ")) from error


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


class NewMessage(Body):
    """Words of a person for the customer."""

    text: Annotated[str, words(MAX_MESSAGE, least=1)] = ""


class NewNote(Body):
    """Words of a person for colleagues."""

    text: Annotated[str, words(MAX_MESSAGE, least=1)] = ""


class Assignment(Body):
    """The staff member who shall look after a customer; None for nobody."""

    to: str | None = None


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
