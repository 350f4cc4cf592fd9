"""When the canned rules move money, and when they ask back. Proves A5, A17."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.agents.offline import phrases as phrases
from tandem.agents.offline.rules import next_step
from tandem.agents.offline.steps import Say, Use
from tandem.entries import Verdict

from ...kit.callers import JANE, JOHN

TOOLS = frozenset({"lookup_customer", "lookup_order", "process_refund", "search_knowledge_base", "order_status"})


async def amounts(talk: Any, *said: str) -> list[Any]:
    """Say something, and return order and amount of every refund that was asked of the tool."""
    for text in said:
        await talk.say(text)
    refunds = [use.arguments for result in talk.results for use in result.tools if use.name == "process_refund"]
    waiting = [approval.arguments for approval in talk.waiting]
    return [(one["order_id"], one["amount"]) for one in [*refunds, *waiting]]


# --- the amount that was said ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("refund 20 of order 67890", 20),
        ("refund 20 of 67890", 20),
        ("refund me 20 for order 67890", 20),
        ("refund 19.99 of order 67890", 19.99),
        ("Refund 1 dollar of order 6 7 8 9 0.", 1),
        ("refund order 67890 for 20 dollars", 20),
        ("can you please refund $20 of order 67890?", 20),
        ("I want a refund of 20 dollars for order 67890", 20),
        ("refund 20 of order 67890 because the stand does not fold", 20),
        ("a $20 refund for order 67890 please", 20),
        ("refund 20", 20),
        ("refund order 67890", 49.99),
        ("refund 67890", 49.99),
        ("please refund order no. 67890", 49.99),
        ("I want my money back", 49.99),
        ("I want to be refunded for order 67890", 49.99),
        ("I'd like to get a refund for my last order", 49.99),
        ("My order never arrived, I want a refund!", 49.99),
        ("refund order 67890 because it doesn\u2019t work", 49.99),
        ("Hi there, could you refund order 67890? ", 49.99),
    ],
)
async def test_what_was_asked_for_is_paid(line, said, amount):
    """A5, A17"""
    assert await amounts(line(JANE), said) == [("ORD_67890", amount)]


async def test_what_is_over_the_threshold_in_all_waits_with_the_amount_that_was_said(line):
    """A5, A17"""
    talk = line(JOHN)
    assert await amounts(talk, "refund 20 of order 12345", "refund 90 of order 12345") == [
        ("ORD_12345", 20),
        ("ORD_12345", 90),
    ]
    assert len(talk.waiting) == 1


async def test_an_amount_that_looks_like_an_order_number_is_the_amount_where_the_order_is_named(line):
    """A5, A17"""
    assert await amounts(line(JOHN), "refund 1000 of order 12345") == [("ORD_12345", 1000)]


# --- anything less is asked about --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "refund one phone case from order 12345",
        "refund half of order 12345",
        "refund some of order 12345",
        "refund 2 phone cases of order 12345",
        "refund order 12345, just the phone case",
        "refund order 12345, phone case",
        "refund order 12345 because the case is broken",
        "I want a refund for the headphones",
        "refund the shipping of order 12345",
        "refund 10% of order 12345",
        "refund a third of order 12345",
        "refund twenty dollars of order 12345",
        "refund 20 euros of order 12345",
        "refund 50 cents of order 12345",
        "refund 1,50 of order 12345",
        "refund 20.505 of order 12345",
        "refund -20 of order 12345",
        "refund 0 of order 12345",
        "refund $0.00 of order 12345",
        "refund $20 and $10 of order 12345",
        "refund $20 of the $139.97 of order 12345",
        "refund my orders",
        "I want to refund",
        "refund order 12345 and order 7",
        "I have order 12345, refund order 7",
        "refund",
    ],
)
async def test_a_part_or_an_amount_that_cannot_be_read_is_asked_about(line, said):
    """A5, A17"""
    talk = line(JOHN)
    assert (await talk.say(said), talk.calls) == (phrases.WHICH_AMOUNT, [])


@pytest.mark.parametrize(
    "said",
    [
        "please do not refund order 67890",
        "don\u2019t refund order 67890",
        "never refund order 67890",
        "no refund for order 67890",
        "refund order 67890. No wait, don't",
        "refund $20 of order 67890? No, stop",
        "refund order 67890, or send a new one",
        "refund order 67890 if it is late",
        "do I get a refund if my order is late?",
        "how do I get a refund?",
        "can I get a refund for order 67890?",
        "refund order 67890?",
        "who can refund order 67890",
        "should I ask for a refund of $20 for order 67890?",
        "you refunded the wrong amount for order 67890",
        "thanks for the refund of $20",
        "I want my refund",
        "my wife told me to get a refund of $20",
        "cancel order 67890 and refund it",
        "I would like to know whether you refund $20 of order 67890",
    ],
)
async def test_what_is_no_request_is_asked_about(line, said):
    """A5, A17"""
    talk = line(JANE)
    assert (await talk.say(said), talk.calls) == (phrases.UNSURE, [])


async def test_the_number_of_a_masked_card_is_no_order_and_no_amount(line):
    """R1, A17"""
    said = "refund 20 to my card [card number removed, ends in 1111]"
    assert await amounts(line(JANE), said) == [("ORD_67890", 20)]


async def test_somebody_who_wants_no_refund_is_told_of_the_one_that_waits(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert await talk.say("do not refund order 12345") == (
        "Your refund of $139.97 for order 12345 still waits for a colleague. To take it back, say: cancel that refund."
    )
    assert len(talk.waiting) == 1


# --- answers to our question -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "amount"),
    [
        (["20"], 20),
        (["$20 please"], 20),
        (["20 dollars"], 20),
        (["just 20"], 20),
        (["all of it"], 49.99),
        (["the whole order please"], 49.99),
        (["hmm", "20"], 20),
        (["half", "19.99"], 19.99),
        (["20 of order 67890"], 20),
    ],
)
async def test_the_amount_is_the_answer_to_our_question(line, replies, amount):
    """A5, A17: with the order and the reason from before."""
    talk = line(JANE)
    assert await amounts(talk, "refund half of order 67890", *replies) == [("ORD_67890", amount)]
    assert talk.results[-1].tools[-1].arguments["reason"] == "refund half of order 67890"


async def test_an_amount_alone_is_not_taken_for_an_order_number(line):
    """A5, A17"""
    assert await amounts(line(JOHN), "refund half of order 12345", "1000") == [("ORD_12345", 1000)]


@pytest.mark.parametrize("said", ["no", "never mind", "nothing", "thanks", "20 or 30", "not 20", "how much can I get?"])
async def test_any_other_answer_to_our_question_pays_nothing(line, said):
    """A5, A17"""
    assert await amounts(line(JANE), "refund half of order 67890", said) == []


async def test_a_no_to_our_question_ends_it(line):
    """A5, A17"""
    talk = line(JANE)
    assert await amounts(talk, "refund half of order 67890", "no", "20") == []
    assert phrases.ALL_RIGHT in [result.text for result in talk.results]


async def test_an_amount_without_our_question_pays_nothing(line):
    """A5, A17"""
    assert await amounts(line(JANE), "refund half of order 67890", "thanks", "20") == []


async def test_no_answer_makes_a_request_of_what_was_none(line):
    """A5, A17"""
    assert await amounts(line(JANE), "please do not refund order 67890", "20", "all of it", "67890", "yes") == []


def asked(said: str, answer: str, reply: str) -> Any:
    items = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
    return next_step([*items, {"role": "user", "content": reply}], TOOLS)


def test_amount_and_order_may_both_be_answers():
    """A5, A17"""
    items = [
        {"role": "user", "content": "I want a refund for one of the cases"},
        {"role": "assistant", "content": phrases.WHICH_AMOUNT},
        {"role": "user", "content": "$20"},
        {"role": "assistant", "content": phrases.which_of(["ORD_7", "ORD_12345"])},
        {"role": "user", "content": "order 7, please"},
    ]
    reason = "I want a refund for one of the cases"
    assert next_step(items, TOOLS) == Use("process_refund", {"order_id": "ORD_7", "amount": 20.0, "reason": reason})


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("where is my refund?", "12345"),
        ("do not refund $20", "12345"),
        ("refund $20", "no, order 12345 is fine"),
        ("refund $20", "where is order 12345"),
        ("refund $20", "order 12345 is a present, keep it"),
    ],
)
def test_an_order_number_carries_on_a_request_only(said: str, reply: str):
    """A5, A17"""
    assert asked(said, phrases.WHICH_ORDER, reply) == Use("order_status", {"order_id": "ORD_12345"})


def test_a_question_that_was_answered_is_over():
    """A5, A17: the staff desk spoke last, not we with a question."""
    items = [
        {"role": "user", "content": "refund $20"},
        {"role": "assistant", "content": phrases.WHICH_ORDER},
        {"role": "assistant", "content": "Your refund was rejected."},
        {"role": "user", "content": "12345"},
    ]
    assert next_step(items, TOOLS) == Use("order_status", {"order_id": "ORD_12345"})


async def test_after_a_rejection_nothing_is_asked_again_by_itself(line):
    """A5, H3"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.decide(Verdict.REJECT)
    await talk.say("12345")
    assert talk.waiting == []


def test_the_question_can_be_asked_without_the_look_up():
    """A17"""
    step = next_step([{"role": "user", "content": "refund order 12345"}], frozenset({"process_refund"}))
    assert step == Say(phrases.WHICH_AMOUNT)
