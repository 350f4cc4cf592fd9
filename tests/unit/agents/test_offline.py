"""Whole dialogues with the offline model, the real tools and the sample shop."""

from __future__ import annotations

import pytest
from agents import Agent, RunConfig, Runner, function_tool
from agents.items import ToolCallItem

from tandem.agents.offline.model import OfflineModel
from tandem.agents.support import build_support_agent

from ...kit.callers import FREE, JANE, JOHN, STRANGER, caller_of
from ...kit.line import Line

TRACKING = "Order 12345 has shipped with UPS. The tracking number is TRK_ABC123; UPS shows there when it arrives."
NOT_THERE = (
    "I can't find order {} on the account of the number you are using. Please check the order number, or contact us "
    "from the phone number of your account."
)
NO_ACCOUNT = (
    "I can't find an account for the number you are using. Please contact us from the phone number of your account."
)


async def test_the_status_of_ones_own_order(line):
    """A17"""
    assert await line(JOHN).say("Where is my order 12345?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."


async def test_the_tracking_number_of_ones_own_order(line):
    """A17"""
    assert await line(JOHN).say("Please track order ORD_12345") == TRACKING


async def test_an_order_that_has_not_shipped(line):
    """A17"""
    answer = await line(JANE).say("tracking number for 67890 please")
    assert answer == "Order 67890 is being prepared and has not shipped yet, so there is no tracking number."


async def test_what_was_bought(line):
    """A17"""
    answer = await line(JOHN).say("What did I buy in order 12345?")
    assert answer == "Order 12345 was Wireless Headphones for $99.99 and 2 Phone Case for $19.99 each: $139.97 in all."


@pytest.mark.parametrize("follow_up", ["when will it arrive?", "and the tracking number?", "who is the carrier?"])
async def test_a_follow_up_needs_no_order_number(line, follow_up):
    """A17"""
    talk = line(JOHN)
    await talk.say("where is my order 12345?")
    assert await talk.say(follow_up) == TRACKING


async def test_my_order_is_found_by_the_telephone_number(line):
    """A17"""
    talk = line(JANE)
    assert await talk.say("where's my order?") == "Order 67890 is being prepared and has not shipped yet."
    assert talk.calls == ["lookup_customer", "order_status"]


async def test_an_order_number_alone_carries_on_with_the_question(line):
    """A17"""
    talk = line(STRANGER)
    await talk.say("can you track my parcel?")
    await talk.say("12345")
    assert talk.calls[-1] == "get_tracking_info"


async def test_somebody_elses_order_is_refused(line):
    """A10, A17"""
    assert await line(JOHN).say("where is order 67890?") == NOT_THERE.format("67890")


async def test_a_refused_order_is_not_remembered(line):
    """A17"""
    talk = line(JOHN)
    await talk.say("where is order 67890?")
    assert await talk.say("and where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."


@pytest.mark.parametrize("phone", [STRANGER, None], ids=["unknown", "withheld"])
async def test_a_caller_without_an_account_is_told_so(line, phone):
    """A10, A17"""
    assert await line(phone).say("where is my order?") == NO_ACCOUNT


async def test_an_account_without_orders(line):
    """A17"""
    assert await line(FREE).say("where is my order?") == "I found your account, but there are no orders on it."


async def test_whose_account_it_is(line):
    """A17"""
    answer = await line(JOHN).say("what plan is my account on?")
    assert answer == "This is the account of John Doe, on the premium plan, with 1 order."


async def test_goodbye(line):
    """A17"""
    assert await line(JOHN).say("Thanks, bye!") == "Goodbye, and thank you for contacting us."


async def test_a_burst_of_messages_is_one_question(line):
    """A17"""
    assert (
        await line(JOHN).say("hi", "where is my order", "12345")
        == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
    )


async def test_it_says_what_it_is(line):
    """A17"""
    assert "canned rules" in await line(JOHN).say("Are you an AI or a real person?")


async def test_it_calls_whatever_tools_it_is_given(shop):
    """A17: another agent's tools of the same names."""
    asked: list[str] = []

    @function_tool
    def process_refund(order_id: str, amount: int | float, reason: str) -> str:
        """Refund."""
        asked.append(f"{order_id} {amount} {reason}")
        return '{"refund_id":"REF_1"}'

    talk = Line(shop, JOHN, OfflineModel(), Agent(name="A", tools=[process_refund]))
    assert await talk.say("refund $20 of order 12345") == "Your refund is done. Its number is REF_1."
    assert asked == ["ORD_12345 20.0 refund $20 of order 12345"]


# --- the model interface -----------------------------------------------------------------------------------


async def _streamed(shop, text: str):
    config = RunConfig(model=OfflineModel())
    result = Runner.run_streamed(build_support_agent(None), text, context=caller_of(shop, JOHN), run_config=config)
    events = [event.data async for event in result.stream_events() if event.type == "raw_response_event"]
    return result, events


async def test_the_answer_streams_word_by_word(shop):
    """A17"""
    result, events = await _streamed(shop, "where is order 12345?")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["Order", " 12345", " has", " shipped", " with", " UPS,", " tracking", " TRK_ABC123."]
    assert "".join(deltas) == result.final_output


async def test_events_come_in_the_order_of_the_responses_api(shop):
    """A17"""
    _, events = await _streamed(shop, "where is order 12345?")
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    text = ["output_text.delta"] * 8
    message = ["output_item.added", "content_part.added", *text, "output_text.done", "content_part.done"]
    around = ["created", "in_progress"]
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == [*around, *call, "completed", *around, *message, "output_item.done", "completed"]


async def test_events_are_numbered(shop):
    _, events = await _streamed(shop, "thanks")
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_call_ids_never_come_again(line, shop):
    talk = line(JOHN)
    await talk.say("where is order 12345?")
    await talk.say("where is order 12345?")
    ids = {item["call_id"] for item in talk.history if item.get("type") == "function_call"}
    assert len(ids) == 2


async def test_streaming_and_not_streaming_say_the_same(line, shop):
    result, _ = await _streamed(shop, "what did I buy?")
    assert result.final_output == await line(JOHN).say("what did I buy?")


async def test_a_streamed_call_is_a_run_item(shop):
    result, _ = await _streamed(shop, "where is order 12345?")
    assert [item.tool_name for item in result.new_items if isinstance(item, ToolCallItem)] == ["order_status"]
