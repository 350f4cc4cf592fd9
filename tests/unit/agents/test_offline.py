"""The offline model with the real tools and the sample shop; whole dialogues: tests/flows/test_dialogues.py."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, function_tool
from agents.items import ToolCallItem
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.offline.canned_rules import Use, next_step
from tandem.agents.offline.model import OfflineModel
from tandem.agents.support import build_support_agent
from tandem.model import Priority, TicketStatus

from ...kit.callers import FREE, JANE, JOHN, STRANGER, caller_of
from ...kit.line import Line
from ...kit.tables import each

pytestmark = pytest.mark.promise("A17")

TRACKING = "Order 12345 has shipped with UPS. The tracking number is TRK_ABC123; UPS shows there when it arrives."
NOT_THERE = (
    "I can't find order {} on the account of the number you are using. Please check the order number, or contact us "
    "from the phone number of your account."
)
NO_ACCOUNT = (
    "I can't find an account for the number you are using. Please contact us from the phone number of your account."
)


async def test_the_tracking_number_of_ones_own_order(line):
    assert await line(JOHN).say("Please track order ORD_12345") == TRACKING


async def test_an_order_that_has_not_shipped(line):
    answer = await line(JANE).say("tracking number for 67890 please")
    assert answer == "Order 67890 is being prepared and has not shipped yet, so there is no tracking number."


async def test_what_was_bought(line):
    answer = await line(JOHN).say("What is in order 12345?")
    assert answer == "Order 12345 was Wireless Headphones for $99.99 and 2 Phone Case for $19.99 each: $139.97 in all."


@pytest.mark.parametrize("follow_up", ["when will it arrive?", "and the tracking number?", "who is the carrier?"])
async def test_a_follow_up_needs_no_order_number(line, follow_up):
    talk = line(JOHN)
    await talk.say("where is my order 12345?")
    assert await talk.say(follow_up) == TRACKING


async def test_of_several_orders_the_customer_chooses_and_it_is_remembered(shop):
    state = {"1": "shipped", "2": "pending"}

    @function_tool
    def lookup_customer(identifier: str, type: str) -> str:
        """Look up."""
        return json.dumps({"orders": [{"order_id": "ORD_1001"}, {"order_id": "ORD_1002"}]})

    @function_tool
    def order_status(order_id: str) -> str:
        """Tell."""
        return json.dumps({"order_id": order_id, "status": state[order_id[-1]]})

    talk = Line(shop, JOHN, OfflineModel(), Agent(name="A", tools=[lookup_customer, order_status]))
    assert await talk.say("where is my order?") == "You have 2 orders: 1001 and 1002. Which one do you mean?"
    assert await talk.say("1002") == "Order 1002 is being prepared and has not shipped yet."
    assert await talk.say("and where is it now?") == "Order 1002 is being prepared and has not shipped yet."


@pytest.mark.promise("A10")
async def test_somebody_elses_order_is_refused(line):
    assert await line(JOHN).say("where is order 67890?") == NOT_THERE.format("67890")


async def test_a_refused_order_is_not_remembered(line):
    talk = line(JOHN)
    await talk.say("where is order 67890?")
    assert await talk.say("and where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."


@pytest.mark.promise("A10")
@pytest.mark.parametrize("phone", [STRANGER, None], ids=["unknown", "withheld"])
async def test_a_caller_without_an_account_is_told_so(line, phone):
    assert await line(phone).say("where is my order?") == NO_ACCOUNT


async def test_an_account_without_orders(line):
    assert await line(FREE).say("where's my order?") == "I found your account, but there are no orders on it."


async def test_a_burst_of_messages_is_one_question(line):
    assert (
        await line(JOHN).say("hi", "where is my order", "12345")
        == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
    )


async def test_it_says_what_it_is(line):
    assert "canned rules" in await line(JOHN).say("Are you an AI or a real person?")


async def test_it_calls_whatever_tools_it_is_given(shop):
    """Another agent's tools of the same names."""
    asked: list[str] = []

    @function_tool
    def process_refund(order_id: str, amount: int | float, reason: str) -> str:
        """Refund."""
        asked.append(f"{order_id} {amount} {reason}")
        return '{"refund_id":"REF_1"}'

    talk = Line(shop, JOHN, OfflineModel(), Agent(name="A", tools=[process_refund]))
    assert await talk.say("refund $20 of order 12345") == "It has been carried out."
    assert asked == ["ORD_12345 20.0 refund $20 of order 12345"]


@pytest.mark.promise("A6")
@pytest.mark.parametrize(
    ("words", "level", "in_words"),
    [
        ("Can I talk to a person, please?", Priority.MEDIUM, "within 2 hours"),
        ("this is unacceptable, get me a manager", Priority.HIGH, "within 30 minutes"),
    ],
)
async def test_a_person_is_asked_for(line, words, level, in_words):
    talk = line(JOHN)
    answer = await talk.say(words)
    (ticket,) = talk.requested[0].tickets
    assert talk.requested[0].escalation is level
    assert answer == (
        f"I have asked a colleague to help you. Your ticket is {ticket.id}. You will hear from a colleague {in_words}."
    )


@pytest.mark.promise("A9")
@pytest.mark.parametrize("phone", [JOHN, STRANGER, None], ids=["known", "unknown", "withheld"])
async def test_a_ticket_is_opened_for_anybody(line, phone):
    talk = line(phone)
    answer = await talk.say("please open a ticket about the missing charger cable")
    (ticket,) = talk.requested[0].tickets
    assert ticket.title == "the missing charger cable"
    assert answer.startswith(f"I have opened a ticket for you. Your ticket is {ticket.id}.")


@pytest.mark.promise("A9")
async def test_how_a_ticket_stands_is_told_by_its_number_from_before(line):
    talk = line(JOHN)
    await talk.say("open a ticket about the missing cable.")
    (ticket,) = talk.requested[0].tickets
    standing = f"Your ticket {ticket.id} (the missing cable) is open, with medium priority."
    assert await talk.say("how is my ticket?") == f"{standing} You will hear from a colleague within 2 hours."
    talk.memory.known_tickets[ticket.id] = replace(ticket, respond_by=0)
    assert await talk.say("how is my ticket?") == f"{standing} The answer is late. I am sorry."
    talk.memory.known_tickets[ticket.id] = replace(ticket, status=TicketStatus.CLOSED)
    assert "is closed, with medium priority." in await talk.say(f"what about ticket {ticket.id[4:].lower()}?")


@pytest.mark.promise("A9")
async def test_a_ticket_that_nobody_knows(line):
    assert (await line(JOHN).say("how is my ticket?")).startswith("Which ticket do you mean?")
    assert (await line(JOHN).say("where is TKT_1A2B3C4D5E6F?")).startswith("I can't find a ticket of yours")


@pytest.mark.parametrize("said", ["what is your return policy?", "How long is the warranty", "my stand is broken"])
async def test_a_question_is_looked_up_in_the_articles(line, said):
    talk = line(JOHN)
    await talk.say(said)
    assert talk.calls == ["search_knowledge_base"]


@each("said", ["where is order 12345", "open a ticket", "I want a human", "refund order 12345"])
def test_without_the_tool_the_answer_is_honest(said):
    assert next_step([{"role": "user", "content": said}], frozenset()) == "I can't do that from here. I am sorry."


ALL = {"lookup_customer", "lookup_order", "order_status", "get_tracking_info", "process_refund", "escalate_to_human"}
ALL |= {"create_ticket", "ticket_status", "withdraw_request", "search_knowledge_base"}
WORDS = "where is my order 12345 refund track human bye thanks $10 policy ? you it what cancel that ticket open a for"
OUTPUTS = ["", "{}", "[1]", "null", '{"orders":[]}', '{"error":"not_found"}', '{"error":"failed"}', '{"total":"$9.99"}']


@pytest.mark.promise("A11")
@given(
    st.text() | st.lists(st.sampled_from(WORDS.split())).map(" ".join),
    st.sampled_from(OUTPUTS),
    st.frozensets(st.sampled_from(sorted(ALL))),
)
def test_every_turn_ends_whatever_is_said_and_answered(said: str, output: str, tools: frozenset[str]):
    items: list[dict[str, Any]] = [{"role": "user", "content": said}]
    for number in range(len(ALL) + 1):
        step = next_step(items, tools)
        if isinstance(step, str):
            assert step
            return
        assert step.tool in tools
        call = {"call_id": f"c{number}", "name": step.tool, "arguments": json.dumps(step.arguments)}
        items.append({"type": "function_call", **call})
        items.append({"type": "function_call_output", "call_id": f"c{number}", "output": output})
    pytest.fail("the rules go round in circles")


@given(st.lists(st.sampled_from(["user", "assistant", "system"]), max_size=5))
def test_any_history_is_answered(roles: list[str]):
    items = [{"role": role, "content": [{"type": "input_text", "text": "Where is my order?"}]} for role in roles]
    step = next_step(items, frozenset(ALL))
    assert (step == Use("lookup_customer", {"identifier": "me", "type": "phone"})) == ("user" in roles)


async def test_what_the_model_is_briefed_with_is_no_part_of_the_talk():
    """C5, A17: a profile stands behind the customer's words, and holds another order's number."""
    items = [{"role": "user", "content": "Where is order 12345?"}, {"role": "system", "content": "bought order 99999"}]
    assert next_step(items, frozenset(ALL)) == Use("order_status", {"order_id": "ORD_12345"})


# --- the model interface -----------------------------------------------------------------------------------


async def _streamed(shop, text: str):
    config = RunConfig(model=OfflineModel())
    result = Runner.run_streamed(build_support_agent(None), text, context=caller_of(shop, JOHN), run_config=config)
    events = [event.data async for event in result.stream_events() if event.type == "raw_response_event"]
    return result, events


async def test_the_answer_streams_word_by_word(shop):
    result, events = await _streamed(shop, "where is order 12345?")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["Order", " 12345", " has", " shipped", " with", " UPS,", " tracking", " TRK_ABC123."]
    assert "".join(deltas) == result.final_output


async def test_events_come_in_the_order_of_the_responses_api(shop):
    _, events = await _streamed(shop, "where is order 12345?")
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == ["output_item.done", "completed", *["output_text.delta"] * 8, "output_item.done", "completed"]


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
    result, _ = await _streamed(shop, "how much was my order?")
    assert result.final_output == await line(JOHN).say("how much was my order?")


async def test_a_streamed_call_is_a_run_item(shop):
    result, _ = await _streamed(shop, "where is order 12345?")
    assert [item.tool_name for item in result.new_items if isinstance(item, ToolCallItem)] == ["order_status"]
