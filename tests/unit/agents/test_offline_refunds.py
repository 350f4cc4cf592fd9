"""The canned rules move money on a plain sentence and on nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tandem.agents.offline.canned_rules import Use, next_step
from tandem.entries import Verdict

from ...kit.callers import FREE, JANE, JOHN, STRANGER
from ...kit.tables import each

pytestmark = pytest.mark.promise("A5", "A17")

TOOLS = frozenset({"lookup_customer", "lookup_order", "process_refund", "search_knowledge_base", "order_status"})
UNSURE = (
    "I am not sure that you want a refund, so I have started none. To get one, please say for example: refund 20 "
    "dollars of order 12345."
)
WITHDRAWN = "I have taken your request back. Nothing was carried out."
NOTHING_WAITS = "Nothing of yours is waiting for a colleague, so there is nothing to take back."


async def amounts(talk: Any, *said: str) -> list[Any]:
    """Say something, and return order and amount of every refund that was asked of the tool."""
    for text in said:
        await talk.say(text)
    refunds = [use.arguments for result in talk.results for use in result.tools if use.name == "process_refund"]
    waiting = [approval.arguments for approval in talk.waiting]
    return [(one["order_id"], one["amount"]) for one in [*refunds, *waiting]]


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("I want my money back for order 67890", 49.99),
        ("I want my money back for order 67890, please.", 49.99),
        ("I want my money back for order six seven eight nine oh.", 49.99),
        ("I want a refund for order ORD_67890", 49.99),
        ("Refund order 6 7 8 9 0.", 49.99),
        ("refund 20 of order 67890", 20),
        ("please refund $19.99 of order #67890", 19.99),
        ("refund 1 dollar of order 67890", 1),
        ("I want a refund of 20 dollars for order 67890", 20),
        ("I want a refund of $19.97 for order 67890, broken", 19.97),
        ("refund order 67890 please, it arrived broken", 49.99),
        ("can I get my money back for 67890?", 49.99),
        ("Hi, I'd like a refund for order 67890", 49.99),
        ("Could you please refund order 67890?", 49.99),
        ("I need a refund for 67890 because it never arrived", 49.99),
        ("I want a refund for order 67890. It doesn\u2019t work. Thanks!", 49.99),
        ("refund my order 67890 - wrong size", 49.99),
    ],
)
async def test_what_was_plainly_asked_for_is_paid(line, said, amount):
    assert await amounts(line(JANE), said) == [("ORD_67890", amount)]


@each(
    "said",
    [
        "I want my money back",
        "refund",
        "refund it",
        "a refund please",
        "please do not refund order 67890",
        "don\u2019t refund order 67890",
        "refund order 67890?",
        "refund order 67890. No wait, don't",
        "refund order 67890\nno, wait",
        "refund half of order 67890",
        "refund one phone case of order 67890",
        "refund -20 of order 67890",
        "refund 1,50 of order 67890",
        "refund 20.505 of order 67890",
        "refund 20 euros of order 67890",
        "refund 10% of order 67890",
        "refund of order 67890",
        "can I get a refund?",
        "can you not refund order 67890?",
        "refund order 67890, it arrived broken, no, just kidding",
        "how do I get a refund?",
        "you refunded the wrong amount for order 67890",
        "my wife told me to refund $20 of order 67890",
        "I would like to know whether you refund $20 of order 67890",
    ],
)
async def test_anything_less_moves_nothing_and_the_plain_sentence_is_told(line, said):
    talk = line(JANE)
    assert (await talk.say(said), talk.calls) == (UNSURE, [])


@each("said", ["refund order 67890 if it is late", "refund 20 of order 67890 and order 7"])
async def test_an_order_that_cannot_be_read_is_asked_for(line, said):
    talk = line(JANE)
    assert (await talk.say(said)).startswith("Which order do you mean?")
    assert talk.calls == []


PLAIN = ["I want my money back for order 67890", "refund 20 of order 67890", "refund order 67890"]


@given(st.sampled_from(PLAIN), st.text(), st.text())
def test_whatever_stands_around_the_plain_sentence_takes_it_back(plain: str, before: str, after: str):
    """But for marks that end it, "please", and further digits of the order's number."""
    said = f"{before}{plain}{after}"
    assume(before or any(sign not in " .!#-_" and not sign.isnumeric() for sign in after))
    step = next_step([{"role": "user", "content": said}], TOOLS)
    paying = isinstance(step, Use) and step.tool in ("process_refund", "lookup_order")
    assert not paying or step.arguments["order_id"] != "ORD_67890"


async def test_what_a_newcomer_says_waits_for_a_colleague(line):
    talk = line(JOHN)
    answer = await talk.say("I want a refund of $139.97 for order 12345, broken")
    assert answer.startswith("A colleague has to approve your refund of $139.97 for order 12345 first.")
    assert [one.arguments["amount"] for one in talk.waiting] == [139.97]


async def test_a_question_about_refunds_is_answered_from_the_articles():
    step = next_step([{"role": "user", "content": "how long do refunds take?"}], TOOLS)
    assert isinstance(step, Use)
    assert step.tool == "search_knowledge_base"


# --- what the tool says of it ------------------------------------------------------------------------------


async def test_a_small_refund_is_done_at_once_for_the_reason_that_was_said(line):
    talk = line(JOHN)
    answer = await talk.say("refund 20 dollars of order 12345")
    assert answer.startswith("$20.00 of order 12345 has been paid back. The refund number is REF_")
    assert talk.results[0].tools[0].arguments["reason"] == "refund 20 dollars of order 12345"
    assert (await talk.say("where is order 12345?")).endswith("$20.00 of it has been refunded.")


async def test_an_order_that_was_refunded_whole_is_said_so(line):
    talk = line(JANE)
    await talk.say("refund order 67890")
    assert await talk.say("refund order 67890") == "Order 67890 has been refunded in full already."


@pytest.mark.promise("A10")
@pytest.mark.parametrize(
    ("phone", "said", "answer"),
    [
        (JOHN, "refund $140 of order 12345", "At most $139.97 of order 12345 can still be refunded."),
        (JOHN, "refund 0 of order 12345", "The amount must be more than zero and in whole cents."),
        (JOHN, "refund $5 of order 67890", "I can't find order 67890 on the account of the number you are using."),
        (STRANGER, "refund order 12345", "I can't find order 12345 on the account of the number you are using."),
        (FREE, "refund $5 of order 12345", "The free plan of this account does not include refunds"),
    ],
)
async def test_what_cannot_be_paid_is_said_so_and_bothers_nobody(line, phone, said, answer):
    talk = line(phone)
    assert (await talk.say(said)).startswith(answer)
    assert talk.waiting == []


# --- while it waits ----------------------------------------------------------------------------------------


@pytest.mark.promise("H1", "H9")
async def test_a_large_refund_waits_and_is_asked_for_once(line):
    talk = line(JOHN)
    first = await talk.say("I want my money back for order 12345")
    assert first == (
        "A colleague has to approve your refund of $139.97 for order 12345 first. "
        "You will hear from us as soon as it is decided."
    )
    assert await talk.say("I want my money back for order 12345") == first
    assert await talk.say("where is order 12345?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
    assert len(talk.waiting) == 1


@pytest.mark.promise("H9")
@pytest.mark.parametrize("words", ["cancel that", "Cancel that refund", "never mind", "I don\u2019t want the refund"])
async def test_a_waiting_refund_is_taken_back_once_and_may_be_asked_anew(line, words):
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert await talk.say(words) == WITHDRAWN
    assert (await talk.say(words), talk.waiting) == (NOTHING_WAITS, [])
    await talk.say("refund order 12345")
    assert len(talk.waiting) == 1


@pytest.mark.promise("H9")
async def test_what_was_asked_for_twice_is_taken_back_all_the_same(line):
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say("refund order 12345")
    assert (await talk.say("cancel that refund"), talk.waiting) == (WITHDRAWN, [])


@pytest.mark.promise("H9")
async def test_what_was_decided_cannot_be_taken_back(line):
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.decide(Verdict.REJECT)
    assert await talk.say("cancel that refund") == NOTHING_WAITS


@pytest.mark.promise("H9")
async def test_a_cancelled_order_is_no_request_taken_back(line):
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say("cancel that order")
    assert len(talk.waiting) == 1


# --- what staff decided ------------------------------------------------------------------------------------


@pytest.mark.promise("H3")
async def test_a_rejection_is_told_with_its_reason_and_asks_nothing_anew(line):
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert await talk.decide(Verdict.REJECT, reason="The return period is over.") == (
        "I am sorry. A colleague looked at your refund of $139.97 for order 12345 and did not approve it. The reason: "
        "The return period is over."
    )
    await talk.say("12345")
    assert talk.waiting == []
