"""Texts to people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents import RunContextWrapper
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.tools.message import MAX_MESSAGE, send_sms
from tandem.entries import Verdict
from tandem.model import Address, Channel, Route

from ....kit.callers import JOHN, OURS, caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("A7")

FRIEND = "+15559998888"


async def must_wait(shop: Any, phone: str | None, to: Any, message: Any = "Hello", **more: Any) -> bool:
    context = RunContextWrapper(caller_of(shop, phone, **more))
    return await send_sms.needs_approval(context, {"to": to, "message": message}, "call_1")


OWN = [JOHN, "555-123-4567", "(555) 123 4567", "1 555 123 4567", " +1 (555) 123-4567 ", "me", "ME"]


@each("to", OWN)
async def test_the_callers_own_number_is_free(shop, to):
    assert not await must_wait(shop, JOHN, to)


@each("to", [FRIEND, "555-999-8888", "+4915112345678", "+445551234567"])
async def test_any_other_number_waits(shop, to):
    assert await must_wait(shop, JOHN, to)


async def test_a_withheld_caller_has_no_number_of_their_own(shop):
    assert await must_wait(shop, None, JOHN)


IMPOSSIBLE = ["", "12", "12345", "my friend", "+1", "+1555123456789012345", "whatsapp:+15559998888", "1-800-FLOWERS"]


@each("to", IMPOSSIBLE)
async def test_impossible_numbers_bother_nobody(shop, to):
    assert not await must_wait(shop, JOHN, to)


@each("to", IMPOSSIBLE)
async def test_impossible_numbers_are_refused(use, shop, to):
    caller = caller_of(shop, JOHN)
    assert json.loads(await use(send_sms, caller, to=to, message="Hello"))["error"] == "bad_arguments"
    assert caller.deeds.messages == []


@each("message", ["", "  \n", "x" * (MAX_MESSAGE + 1)])
async def test_texts_that_cannot_be_sent_bother_nobody(shop, message):
    assert not await must_wait(shop, JOHN, FRIEND, message)


@each("message", ["", "  \n", "x" * (MAX_MESSAGE + 1)])
async def test_texts_that_cannot_be_sent_are_refused(use, message):
    assert json.loads(await use(send_sms, JOHN, to="me", message=message))["error"] == "bad_arguments"


@each(("to", "message"), [(5559998888, "Hello"), (None, "Hello"), (FRIEND, None), ([FRIEND], "Hi")])
async def test_arguments_of_another_kind_bother_nobody(shop, to, message):
    """The tool's schema refuses them."""
    assert not await must_wait(shop, JOHN, to, message)


async def test_me_is_nobody_for_a_withheld_caller(use):
    assert json.loads(await use(send_sms, None, to="me", message="Hello"))["error"] == "bad_arguments"


@pytest.mark.parametrize("to", OWN)
async def test_what_the_commit_sends(use, shop, to):
    caller = caller_of(shop, JOHN)
    await use(send_sms, caller, to=to, message="x" * MAX_MESSAGE)
    route = Route(Channel.SMS, Address("tel", JOHN), Address("tel", OURS))
    assert caller.deeds.messages == [(route, "x" * MAX_MESSAGE)]


@pytest.mark.parametrize(
    ("channel", "ours", "sender"),
    [
        (Channel.VOICE, OURS, Address("tel", OURS)),
        (Channel.WHATSAPP, f"whatsapp:{OURS}", Address("tel", OURS)),
        (Channel.SMS, "12345", Address("tel", "12345")),
    ],
)
async def test_a_text_leaves_from_our_number(use, shop, channel, ours, sender):
    caller = caller_of(shop, JOHN, channel=channel, ours=ours)
    await use(send_sms, caller, to="me", message="Hello")
    assert caller.deeds.messages[0][0].ours == sender


async def test_where_we_have_no_number_nothing_is_sent(use, shop):
    caller = caller_of(shop, JOHN, channel=Channel.RCS, ours="rcs:acme_agent")
    assert json.loads(await use(send_sms, caller, to="me", message="Hello"))["error"] == "bad_arguments"


async def test_where_we_have_no_number_nobody_is_bothered(shop):
    assert not await must_wait(shop, JOHN, FRIEND, channel=Channel.RCS, ours="rcs:acme_agent")


# --- through the whole run ---------------------------------------------------------------------------------


def texting(steps: int = 1) -> ScriptedModel:
    call = function_call("send_sms", {"to": FRIEND, "message": "Hello"}, call_id="c")
    return ScriptedModel([[call], *([assistant_message("Done.")] for _ in range(steps))])


@pytest.mark.promise("H1")
async def test_a_text_to_somebody_else_is_not_sent_while_it_waits(line):
    talk = line(JOHN, texting())
    await talk.say("text my friend")
    assert (len(talk.waiting), talk.requested[0].messages) == (1, [])


@pytest.mark.promise("H2")
async def test_a_text_to_somebody_else_is_sent_with_consent(line):
    talk = line(JOHN, texting(steps=2))
    await talk.say("text my friend")
    await talk.decide(Verdict.APPROVE)
    (message,) = talk.requested[1].messages
    assert (message[0].customer.value, message[1]) == (FRIEND, "Hello")
