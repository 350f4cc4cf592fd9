"""Texting somebody: the customer's own number freely, any other with a colleague's consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from agents import RunContextWrapper, function_tool

from ...guardrails.thoughts import said
from ...identity.phone import e164, given_number
from ...model import Address, Channel, Route
from ..caller_context import CallerContext
from .checks import checked, spelled
from .effects import in_commit
from .outputs import BAD_ARGUMENTS, NOT_WANTED, TOO_MANY, as_json, refusal, sentence_of

MAX_MESSAGE = 1600
"""Characters; the provider takes no longer ones."""

To = Annotated[str, 'The telephone number; "me" for the one the customer is using.']
Message = Annotated[str, f"The text, at most {MAX_MESSAGE} characters, without Markdown."]


_NO_NUMBER = "That is no telephone number that can be texted. Ask the customer for it, with its country code."


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that could be sent."""

    route: Route
    message: str


async def must_wait(context: RunContextWrapper[CallerContext], arguments: dict[str, Any], call_id: str) -> bool:
    """Tell whether a text waits for a colleague: to anybody but the caller. What cannot be sent bothers nobody."""
    caller, to, message = context.context, arguments.get("to"), arguments.get("message")
    text = _text(caller, to, message) if isinstance(to, str) and isinstance(message, str) else None
    return isinstance(text, _Text) and text.route.customer.value != caller.phone


async def cannot_text(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
    """Return why a text cannot be sent, or None."""
    text = _text(caller, str(arguments.get("to")), str(arguments.get("message")))
    return sentence_of(text) if isinstance(text, str) else None


def in_full(caller: CallerContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments with the number and the words that will be texted."""
    text = _text(caller, str(arguments.get("to")), str(arguments.get("message")))
    return (
        arguments if isinstance(text, str) else {**arguments, "to": text.route.customer.value, "message": text.message}
    )


@checked(cannot_text)
@spelled(in_full)
@in_commit
@function_tool(needs_approval=must_wait)
async def send_sms(context: RunContextWrapper[CallerContext], to: To, message: Message) -> str:
    """Send a text message. The customer's own number gets it at once; any other waits for a colleague."""
    text = _text(context.context, to, message)
    if isinstance(text, str):
        return text
    if text.route.customer.value == context.context.phone and not context.context.texts_wanted:
        return refusal(
            NOT_WANTED, "This customer asked for no more texts. Nothing was sent; texting START undoes that."
        )
    if not context.context.may_text():
        return refusal(TOO_MANY, "This customer has had many texts lately. Nothing was sent; another one can go later.")
    context.context.deeds.messages.append((text.route, text.message))
    return as_json({"to": text.route.customer.value, "status": "accepted"})


def _text(caller: CallerContext, to: str, message: str) -> _Text | str:
    """Return the text to send, or the refusal."""
    number = caller.phone if to.strip().casefold() == "me" else given_number(to, caller.region)
    if number is None:
        return refusal(BAD_ARGUMENTS, _NO_NUMBER)
    message = said(message)
    if not message.strip():
        return refusal(BAD_ARGUMENTS, "The message is empty.")
    if len(message) > MAX_MESSAGE:
        return refusal(BAD_ARGUMENTS, f"The message is too long: {len(message)} characters of {MAX_MESSAGE}.")
    ours = _sender(caller)
    if ours is None:
        return refusal(BAD_ARGUMENTS, "Texts cannot be sent from the address this customer is using.")
    return _Text(Route(Channel.SMS, Address("tel", number), ours), message)


def _sender(caller: CallerContext) -> Address | None:
    """Return our number that the customer knows; None where they know us by something that is no number."""
    ours = caller.route.ours
    if ours.scheme == "tel":
        return ours  # a short code can send texts, too
    number = e164(ours.value, caller.region)
    return Address("tel", number) if number else None
