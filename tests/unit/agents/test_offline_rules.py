from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.agents.offline import phrases as phrases
from tandem.agents.offline.rules import next_step
from tandem.agents.offline.steps import Say, Use

READING = frozenset({"lookup_customer", "lookup_order", "order_status", "get_tracking_info"})
ACTING = {"process_refund", "escalate_to_human", "create_ticket", "ticket_status", "send_sms", "withdraw_request"}
ALL = READING | ACTING | {"search_knowledge_base"}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def used(tool: str, output: Any, **arguments: Any) -> list[dict[str, Any]]:
    text = output if isinstance(output, str) else json.dumps(output)
    call = {"type": "function_call", "call_id": "c", "name": tool, "arguments": json.dumps(arguments)}
    return [call, {"type": "function_call_output", "call_id": "c", "output": text}]


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("Where is order 12345?", "order_status"),
        ("what's the status of 12345", "order_status"),
        ("has order 12345 shipped", "order_status"),
        ("order 12345", "order_status"),
        ("my order 12345", "order_status"),
        ("track 12345", "get_tracking_info"),
        ("When will order 12345 be delivered?", "get_tracking_info"),
        ("When will order 12345 arrive?", "get_tracking_info"),
        ("what is in order 12345", "lookup_order"),
        ("what did I buy in order 12345", "lookup_order"),
        ("how much was order 12345", "lookup_order"),
        ("refund order 12345", "lookup_order"),
        ("refund $10 for order 12345", "process_refund"),
        ("I want my money back for order 12345", "lookup_order"),
        ("where is my refund for order 12345?", "lookup_order"),
        ("when will I get my money back for order 12345", "lookup_order"),
        ("text me the tracking number of order 12345", "get_tracking_info"),
        ("text me what I bought in order 12345", "lookup_order"),
        ("send a text to +1 555 999 8888: I am late", "send_sms"),
        ("Please open a ticket about my cable", "create_ticket"),
        ("create a support ticket: no sound", "create_ticket"),
        ("can you check my cable and open a ticket", "create_ticket"),
        ("raise ticket for no sound", "create_ticket"),
        ("what's the status of ticket TKT_1A2B3C4D?", "ticket_status"),
        ("this is urgent!", "escalate_to_human"),
        ("how long do refunds take?", "search_knowledge_base"),
        ("my package", "lookup_customer"),
        ("what plan is my account on?", "lookup_customer"),
        ("I need to speak to a person", "escalate_to_human"),
        ("Get me your manager", "escalate_to_human"),
        ("HUMAN!", "escalate_to_human"),
        ("What is your return policy?", "search_knowledge_base"),
        ("how long is the warranty", "search_knowledge_base"),
        ("do you sell bicycles?", "search_knowledge_base"),
    ],
)
def test_the_tool_for_what_was_said(said: str, tool: str):
    """A17"""
    step = next_step([user(said)], ALL)
    assert isinstance(step, Use)
    assert step.tool == tool


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("thank you so much", phrases.WELCOME),
        ("goodbye", phrases.BYE),
        ("no thanks", phrases.BYE),
        ("that\u2019s all", phrases.BYE),
        ("are you a robot", phrases.WHAT_I_AM),
        ("am I talking to a real person?", phrases.WHAT_I_AM),
        ("who are you", phrases.WHAT_I_AM),
        ("hello", phrases.can_do(ALL)),
        ("cancel that refund", phrases.NOTHING_WAITS),
        ("I don\u2019t want a refund", phrases.NOTHING_WAITS),
        ("never mind the refund", phrases.NOTHING_WAITS),
        ("never mind", phrases.ALL_RIGHT),
        ("text me", phrases.WHICH_TEXT),
    ],
)
def test_the_answer_without_a_tool(said: str, answer: str):
    """A17"""
    assert next_step([user(said)], ALL) == Say(answer)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("refund order 12345", phrases.NO_REFUNDS),
        ("a person please, I want to speak to someone", phrases.NO_PEOPLE),
        ("what is your return policy?", phrases.NO_KNOWLEDGE),
        ("where is order 12345", phrases.NO_ORDERS),
        ("open a ticket about my cable", phrases.NO_TICKETS),
        ("what's the status of my ticket?", phrases.NO_TICKET_NEWS),
        ("send a text to +1 555 999 8888: I am late", phrases.NO_TEXTS),
        ("what plan is my account on", phrases.NO_ACCOUNTS),
    ],
)
def test_without_the_tool_the_answer_is_honest(said: str, answer: str):
    """A17"""
    assert next_step([user(said)], frozenset()) == Say(answer)


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        ("I want to talk to a person", "medium"),
        ("this is unacceptable, get me a manager", "high"),
        ("I need to speak to someone, it is an emergency", "urgent"),
    ],
)
def test_how_urgent_a_person_is_needed(said: str, priority: str):
    """A17"""
    step = next_step([user(said)], ALL)
    assert isinstance(step, Use)
    assert step.arguments["priority"] == priority


def test_a_refund_without_an_amount_is_of_the_whole_order():
    """A17"""
    items = [user("refund order 12345"), *used("lookup_order", {"order_id": "ORD_12345", "total": "$1,139.97"})]
    reason = "refund order 12345"
    assert next_step(items, ALL) == Use(
        "process_refund", {"order_id": "ORD_12345", "amount": 1139.97, "reason": reason}
    )


def test_a_refund_that_waits_is_told_so():
    """A17"""
    note = "waiting for a colleague (apr_7Q2); not executed"
    items = [user("refund it"), *used("process_refund", note, order_id="ORD_12345", amount=1139.5)]
    assert next_step(items, ALL) == Say(
        "A colleague has to approve your refund of $1,139.50 for order 12345 first. You will hear from "
        "us as soon as it is decided."
    )


def test_the_order_of_a_waiting_refund_is_remembered():
    """A17"""
    note = "waiting for a colleague (apr_7Q2); not executed"
    before = [user("refund $10 of order 12345"), *used("process_refund", note, order_id="ORD_12345", amount=10)]
    items = [*before, {"role": "assistant", "content": "Wait."}, user("where is it?")]
    assert next_step(items, ALL) == Use("order_status", {"order_id": "ORD_12345"})


def test_of_several_orders_the_customer_chooses():
    """A17"""
    account = {"orders": [{"order_id": "ORD_1", "status": "shipped"}, {"order_id": "ORD_2", "status": "pending"}]}
    assert next_step([user("where is my order?"), *used("lookup_customer", account)], READING) == Say(
        "You have 2 orders: 1 and 2. Which one do you mean?"
    )


def test_orders_without_a_number_are_no_orders():
    """A17"""
    items = [user("where is my order?"), *used("lookup_customer", {"orders": [{}, 1, {"order_id": 2}]})]
    assert next_step(items, READING) == Say(phrases.HAS_NO_ORDERS)


def test_without_a_look_up_the_order_number_is_asked_for():
    """A17"""
    assert next_step([user("where is my order?")], frozenset({"order_status"})) == Say(phrases.WHICH_ORDER)


def test_an_escalation_names_its_ticket():
    """A17"""
    items = [user("I want a human"), *used("escalate_to_human", {"ticket_id": "TKT_9"})]
    assert next_step(items, ALL) == Say("I have asked a colleague to help you. Your ticket is TKT_9.")


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("please open a ticket about the missing cable.", "the missing cable"),
        ("open a ticket: no sound", "no sound"),
        ("create a ticket", "create a ticket"),
    ],
)
def test_what_a_ticket_is_about(said: str, subject: str):
    """A9, A17"""
    step = next_step([user(said)], ALL)
    assert isinstance(step, Use)
    assert step.arguments["subject"] == subject


def test_a_telephone_number_is_no_order_number():
    """A17"""
    step = next_step([user("text the tracking number of order 12345 to +15559998888")], ALL)
    assert step == Use("get_tracking_info", {"order_id": "ORD_12345"})


def test_the_number_of_a_refunded_order_asks_for_its_status():
    """A5: the mention of an order pays nothing back."""
    before = [user("refund $10 of order 12345"), *used("process_refund", {"refund_id": "REF_1"})]
    items = [*before, {"role": "assistant", "content": "Done."}, user("order 12345")]
    assert next_step(items, ALL) == Use("order_status", {"order_id": "ORD_12345"})


def test_the_answer_to_our_question_carries_a_refund_on():
    """A5, A17: with the amount and the reason from before."""
    items = [user("refund $10, it is broken"), {"role": "assistant", "content": phrases.WHICH_ORDER}, user("12345")]
    assert next_step(items, ALL) == Use(
        "process_refund", {"order_id": "ORD_12345", "amount": 10.0, "reason": "refund $10, it is broken"}
    )


def test_a_refund_without_an_amount_is_of_what_is_left():
    """A5, A17"""
    order = {"order_id": "ORD_12345", "total": "$139.97", "refunded": "$20.00"}
    step = next_step([user("refund order 12345"), *used("lookup_order", order)], ALL)
    assert isinstance(step, Use)
    assert step.arguments["amount"] == 119.97


def test_an_article_is_passed_on():
    """A17"""
    items = [user("what is your return policy?"), *used("search_knowledge_base", {"results": [{"text": "30 days."}]})]
    assert next_step(items, ALL) == Say("30 days.")


def test_no_article_is_said_so():
    """A17"""
    items = [user("what is your return policy?"), *used("search_knowledge_base", {"results": []})]
    assert next_step(items, ALL) == Say(phrases.NOTHING_FOUND)


def test_content_may_come_in_parts():
    items = [{"role": "user", "content": [{"type": "input_text", "text": "goodbye"}]}]
    assert next_step(items, ALL) == Say(phrases.BYE)


@pytest.mark.parametrize("output", ["An error occurred while running the tool.", "[]", '{"error":"failed"}', ""])
def test_a_tool_that_failed(output: str):
    """A11, A17"""
    assert next_step([user("where is order 12345"), *used("order_status", output)], ALL) == Say(phrases.NOT_NOW)


WORDS = "where is my order 12345 refund track human bye thanks $10 policy ? you it what text me that cancel ticket open"
words = st.lists(st.sampled_from(WORDS.split(" "))).map(" ".join)
answers = st.sampled_from(["", "{}", "[1]", "null", '{"orders":[1]}', '{"orders":[{}]}', '{"error":"not_found"}'])


@given(st.text() | words, answers, st.frozensets(st.sampled_from(sorted(ALL))))
def test_every_turn_ends_whatever_is_said_and_answered(said: str, output: str, tools: frozenset[str]):
    items: list[dict[str, Any]] = [user(said)]
    for _ in range(len(ALL) + 1):
        step = next_step(items, tools)
        if isinstance(step, Say):
            assert step.text
            return
        assert step.tool in tools
        items += used(step.tool, output, **step.arguments)
    pytest.fail("the rules go round in circles")


@given(st.lists(st.one_of(words.map(user), st.just({"role": "assistant", "content": "Yes."}))))
def test_any_history_is_answered(items: list[dict[str, Any]]):
    assert next_step(items, READING)
