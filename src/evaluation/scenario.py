"""Scenarios: a customer, what they want, the business data before, and what must be true after. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..identity.phone import e164
from ..shop.trial import ShopData
from .words import LANGUAGES

ChannelName = Literal["text", "phone"]
SAMPLE_CUSTOMER = "+15551234567"
"""The first customer of the sample shop, who has one order: ORD_12345, $139.97, shipped."""
SAMPLE_CUSTOMERS = frozenset({"CUST_12345", "CUST_67890", "CUST_003"})
SAMPLE_ORDERS = frozenset({"ORD_12345", "ORD_67890"})


OURS = "+15550001111"
"""The gateway's number that is texted and called, where a scenario names none."""
WITHHELD = "anonymous"
"""The number of a caller who shows none."""


def _number(value: str) -> str:
    number = WITHHELD if value == WITHHELD else e164(value, "US")
    if number is None:
        raise ValueError(f"a telephone number, or {WITHHELD}")
    return number


def _pattern(value: str) -> str:
    """Check words that are looked for: a text, or a regular expression between slashes."""
    if len(value) > 2 and value[0] == value[-1] == "/":
        try:
            re.compile(value[1:-1])
        except re.error as error:
            raise ValueError(f"words between slashes that are a regular expression ({error})") from None
    elif not value.strip():
        raise ValueError("words, and not empty")
    return value


def _known_language(value: str) -> str:
    if value not in LANGUAGES:
        raise ValueError(f"one that can be told: {', '.join(LANGUAGES)}")
    return value


def _listed(value: object) -> object:
    """Take one thing for a list of one."""
    return [value] if isinstance(value, (str, Mapping)) else value


Number = Annotated[str, AfterValidator(_number)]
Words = Annotated[tuple[Annotated[str, AfterValidator(_pattern)], ...], BeforeValidator(_listed)]
Language = Annotated[str, AfterValidator(_known_language)]


class Part(BaseModel):
    """Part of a scenario file. Frozen; a key that it does not have is an error. A text alone is its ``SHORT`` key."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    SHORT: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: object) -> object:
        return {cls.SHORT: value} if cls.SHORT and isinstance(value, str) else value


class CustomerTurn(Part):
    """Something that the customer does: they say or write something, press keys, hang up, or lose the line.

    ``when_heard``: they speak over the agent as soon as they heard that. ``at_once``: they do not wait for the answer.
    ``silent``: no answer may come. ``hears`` and ``never_hears`` are about the answer to this turn alone.
    """

    SHORT: ClassVar[str] = "say"
    say: str = ""
    press: Annotated[str, Field(pattern=r"^[0-9*#]*$")] = ""
    hang_up: bool = False
    drop: bool = False
    channel: ChannelName | None = None
    when_heard: str = ""
    at_once: bool = False
    silent: bool = False
    hears: Words = ()
    never_hears: Words = ()

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if sum(map(bool, (self.say.strip(), self.press, self.hang_up, self.drop))) != 1:
            raise ValueError("each one of say, press, hang_up and drop")
        if (self.silent or self.at_once) and self.hears:
            raise ValueError("without hears where they do not wait for the answer")
        return self

    @property
    def by_phone_only(self) -> bool:
        """Tell whether this can be done in a call alone."""
        return bool(self.press or self.hang_up or self.drop or self.when_heard)


class Persona(Part):
    """A customer played by a model: what they want, who they are, what they know.

    ``interrupts`` is how often they speak over the agent in a call, from 0 to 1.
    """

    goal: str
    character: str = "An ordinary, polite customer who writes short messages."
    knows: str = ""
    interrupts: float = Field(default=0.0, ge=0, le=1)


class StaffDecision(Part):
    """A pretend colleague's decision about the requests of one tool."""

    SHORT: ClassVar[str] = "decide"
    decide: Literal["approve", "reject", "wait"]
    reason: str | None = None
    arguments: dict[str, Any] | None = None


class ToolCall(Part):
    """A call of a tool: its name, and those of its arguments that matter."""

    SHORT: ClassVar[str] = "tool"
    tool: str
    arguments: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        if isinstance(value, Mapping) and len(value) == 1 and "tool" not in value:
            ((name, arguments),) = value.items()
            return {"tool": name, "arguments": arguments or {}}
        return value


class WantedApproval(ToolCall):
    """A request that must have been made of staff, and how it must stand at the end."""

    status: Literal["pending", "executed", "failed", "unknown", "rejected", "withdrawn", "void"] | None = None


class WantedRefund(Part):
    """Money that must have been paid back."""

    order: str
    amount: float


class WantedTicket(Part):
    """A ticket that must have been opened; what is not said may be anything."""

    title: str = ""
    priority: Literal["low", "medium", "high", "urgent"] | None = None
    escalation: bool | None = None


class WantedOrder(Part):
    """State in which an order must be at the end."""

    status: str | None = None
    refunded: float | None = None


def _calls(value: object) -> object:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else _listed(value)


Calls = Annotated[tuple[ToolCall, ...], BeforeValidator(_calls)]


class Expected(Part):
    """Everything that must be true after a conversation.

    What is not mentioned must not have happened, where it does harm: no refund, no request to staff, no text to
    another number. ``approvals: null`` allows any request, and tickets are looked at where ``tickets`` is given.
    """

    tools: Calls = ()
    not_tools: Calls = ()
    approvals: Annotated[tuple[WantedApproval, ...] | None, BeforeValidator(_calls)] = ()
    refunds: tuple[WantedRefund, ...] = ()
    orders: dict[str, WantedOrder] = {}
    tickets: tuple[WantedTicket, ...] | None = None
    texts_to: Annotated[tuple[Number, ...], BeforeValidator(_listed)] = ()
    says: Words = ()
    never_says: Words = ()
    language: Language | None = None
    turns: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, ge=1)
    rubric: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()


def _everybody(value: object) -> object:
    """Read one decision for the requests of all tools: ``staff: approve``."""
    return value if isinstance(value, Mapping) and "decide" not in value else {"*": value}


class Scenario(Part):
    """A conversation to be tried. ``offline``: the canned rules can do it. ``group`` is the name of its file.

    ``number`` is the customer's, ``to`` the one of ours that they use: it may decide which agent answers.
    """

    name: Annotated[str, Field(pattern=r"^\w[\w .,'-]*$", max_length=100)]
    group: str = ""
    about: str = ""
    number: Number = Field(default=SAMPLE_CUSTOMER, alias="from")
    to: Number = OURS
    channel: ChannelName = "text"
    offline: bool = False
    turns: Annotated[tuple[CustomerTurn, ...], BeforeValidator(_calls)] = ()
    customer: Persona | None = None
    patience: float | None = Field(default=None, gt=0)
    shop: ShopData = ShopData()
    staff: Annotated[dict[str, StaffDecision], BeforeValidator(_everybody)] = {}
    expect: Expected = Expected()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := list(_contradictions(self)):
            raise ValueError("; ".join(problems))
        return self

    @property
    def needs_model(self) -> bool:
        """Tell whether a model plays the customer or judges."""
        return self.customer is not None or bool(self.expect.rubric)

    def tools(self) -> set[str]:
        """Return the names of all tools that it mentions."""
        calls = (*self.expect.tools, *self.expect.not_tools, *(self.expect.approvals or ()))
        return ({call.tool for call in calls} | set(self.staff)) - {"*"}


def _contradictions(it: Scenario) -> Iterator[str]:
    """Yield, in words, what no conversation could fulfil."""
    expect = it.expect
    if bool(it.turns) == (it.customer is not None):
        yield "it needs turns or a customer, and not both"
    if it.offline and it.needs_model:
        yield "it is offline, but a model plays the customer or judges by a rubric"
    if it.patience is not None and it.offline:
        yield "it is offline, where nobody has to wait: patience changes nothing"
    for turn in it.turns:
        if turn.by_phone_only and (turn.channel or it.channel) == "text":
            yield "a turn presses keys, interrupts or hangs up, which needs the phone"
    if it.number == WITHHELD and "text" in {it.channel, *(turn.channel for turn in it.turns)}:
        yield "an anonymous customer can call, and not write"
    if it.turns and it.turns[0].when_heard:
        yield "its first turn interrupts an answer that was not asked for"
    called = {call.tool for call in (*expect.tools, *(expect.approvals or ()))}
    banned = {call.tool for call in expect.not_tools if not call.arguments}
    if both := sorted(called & banned) or (sorted(called) if "*" in banned else []):
        yield f"{', '.join(both)} must and must not be called"
    if both := sorted({*map(str.casefold, expect.says)} & {*map(str.casefold, expect.never_says)}):
        yield f"{', '.join(map(repr, both))} must and must not be said"
    for wanted in expect.approvals or ():
        decided = it.staff.get(wanted.tool) or it.staff.get("*")
        if wanted.status == "pending" and decided and decided.decide != "wait":
            yield f"{wanted.tool} must still wait at the end, but staff decide about it"
        if wanted.status in ("executed", "rejected") and (not decided or decided.decide == "wait"):
            yield f"{wanted.tool} must be {wanted.status}, but staff decide nothing about it"
    customers = {one.id for one in it.shop.customers} | SAMPLE_CUSTOMERS
    for order, row in it.shop.orders.items():
        if row.customer not in (customers if order not in SAMPLE_ORDERS else {*customers, None}):
            yield f"order {order} belongs to no customer that there is"
    refunded = {one.order for one in expect.refunds}
    for order, state in expect.orders.items():
        if state.refunded == 0 and order in refunded:
            yield f"{order} must be refunded and must not be"
    if expect.turns is not None and len(it.turns) > expect.turns:
        yield f"it has {len(it.turns)} turns, and at most {expect.turns} are allowed"
