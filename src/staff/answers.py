"""JSON that staff and partner systems are answered with, one model per stored value; docs/staff-api.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasGenerator, AliasPath, BaseModel, ConfigDict, Field, PlainSerializer, computed_field
from pydantic.alias_generators import to_camel

from ..conversation.approvals import approvals_needed
from ..model import ApprovalStatus, Channel, Priority, ReplyStatus, Source, TicketStatus, Tone
from ..shop.base import dollars


def written(seconds: float) -> str:
    """Write seconds since the epoch as ``2026-11-20T16:44:10.125Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def masked_email(email: str) -> str | None:
    """Return an e-mail address as it may be shown: ``j…@email.com``; None for none."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}…@{domain}" if at else None


Time = Annotated[float, PlainSerializer(written)]
Dollars = Annotated[int, PlainSerializer(dollars)]


class View(BaseModel):
    """A stored value as it is shown, with names in camelCase; whatever has no field here is not shown."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel), from_attributes=True, frozen=True
    )

    @classmethod
    def of(cls, value: object) -> dict[str, Any]:
        """Return what is shown of a value."""
        return cls.model_validate(value).model_dump(mode="json", by_alias=True)


class ApprovalView(View):
    """An approval. ``arguments`` are the agent's, ``editedArguments`` those that staff put instead."""

    id: str
    subject_id: str = Field(validation_alias="subject")
    tool_call_id: str = Field(validation_alias="call_id")
    tool: str
    arguments: Mapping[str, Any]
    customer_text: str
    channel: Channel
    status: ApprovalStatus
    version: int
    requested_at: Time
    expires_at: Time
    decided_by: str | None
    decided_at: Time | None
    reason: str | None
    note: str | None
    edited_arguments: Mapping[str, Any] | None
    final_message: str | None
    result: str | None
    first_approved_by: str | None = Field(validation_alias="first_by")
    first_approved_at: Time | None = Field(validation_alias="first_at")
    second_above: Annotated[int | None, Field(exclude=True)]

    @computed_field  # type: ignore[prop-decorator]  # that is how the library names it
    @property
    def approvals_needed(self) -> int:
        """Number of colleagues who have to approve it, as it would be carried out now."""
        call = self.arguments if self.edited_arguments is None else self.edited_arguments
        return approvals_needed(self.second_above, call)


class FollowUpView(View):
    """A text that we begin at a time: an ``actor``'s words, or what the agent comes back about (null)."""

    id: str
    at: Time
    text: str
    actor: Annotated[str | None, PlainSerializer(lambda name: name or None)]


class TicketStepView(View):
    """Something that happened to a ticket."""

    at: Time
    what: str
    by: str
    text: str


class TicketView(View):
    """A ticket."""

    id: str
    subject_id: str = Field(validation_alias="subject")
    external_id: str | None
    subject: str = Field(validation_alias="title")
    description: str
    priority: Priority
    status: TicketStatus
    escalation: bool
    created_at: Time
    respond_by: Time
    history: tuple[TicketStepView, ...]


class TimelineRow(View):
    """A row of the timeline."""

    name: str
    source: Source
    tone: Tone
    channel: Channel | None
    turn: int | None
    data: Mapping[str, Any]
    at: Time


class ReplyView(View):
    """A reply, and what became of it."""

    id: str = Field(validation_alias=AliasPath("reply", "id"))
    channel: Channel = Field(validation_alias=AliasPath("reply", "route", "channel"))
    turn: int = Field(validation_alias=AliasPath("reply", "turn"))
    text: str = Field(validation_alias=AliasPath("reply", "text"))
    status: ReplyStatus
    error_code: int | None
    tries: int
    created_at: Time = Field(validation_alias=AliasPath("reply", "created_at"))


class AccountView(View):
    """A customer's account."""

    customer_id: str = Field(validation_alias="id")
    name: str
    plan: str
    email: Annotated[str, PlainSerializer(masked_email)]


class OrderLineView(View):
    """A line of an order."""

    name: str
    quantity: int
    unit_price: Dollars = Field(validation_alias="unit_cents")


class OrderView(View):
    """An order, and where its parcel is."""

    order_id: str = Field(validation_alias="id")
    status: str
    total: Dollars = Field(validation_alias="total_cents")
    refunded: Dollars = Field(validation_alias="refunded_cents")
    items: tuple[OrderLineView, ...] = Field(validation_alias="lines")
    carrier: str | None = Field(None, validation_alias=AliasPath("shipment", "carrier"))
    tracking_number: str | None = Field(None, validation_alias=AliasPath("shipment", "tracking_number"))
