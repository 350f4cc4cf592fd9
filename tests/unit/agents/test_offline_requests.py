"""Whole dialogues with the offline model in which something is done: refunds, people, texts, second thoughts. A17."""

from __future__ import annotations

import pytest

from tandem.agents.offline import phrases as phrases
from tandem.entries import Verdict
from tandem.model import Priority

from ...kit.callers import FREE, JANE, JOHN, STRANGER

FRIEND = "+1 555 999 8888"


# --- refunds -----------------------------------------------------------------------------------------------


async def test_a_small_refund_is_done_at_once(line):
    """A5, A17"""
    answer = await line(JOHN).say("refund 20 dollars of order 12345 because the case is broken")
    assert answer.startswith("$20.00 of order 12345 has been paid back. The refund number is REF_")


async def test_its_reason_is_what_the_customer_said(line, shop):
    """A5, A17"""
    talk = line(JOHN)
    await talk.say("refund 20 dollars of order 12345 because the case is broken")
    assert "because the case is broken" in talk.results[0].tools[0].arguments["reason"]


async def test_the_whole_order_is_refunded_when_no_amount_is_said(line, shop):
    """A5, A17"""
    answer = await line(JANE).say("I want my money back for order 67890")
    assert answer.startswith("$49.99 of order 67890 has been paid back.")


async def test_without_a_number_the_only_order_is_meant(line):
    """A5, A17"""
    assert (await line(JANE).say("I want my money back")).startswith("$49.99 of order 67890 has been paid back.")


async def test_a_large_refund_waits(line):
    """A5, A17, H1"""
    talk = line(JOHN)
    answer = await talk.say("I want my money back for order 12345")
    assert answer == (
        "A colleague has to approve your refund of $139.97 for order 12345 first. "
        "You will hear from us as soon as it is decided."
    )
    assert talk.waiting


async def test_refunds_add_up_to_the_threshold(line):
    """A5, A17"""
    talk = line(JOHN)
    await talk.say("refund $60 of order 12345")
    assert "has to approve your refund of $40.01" in await talk.say("refund $40.01 of order 12345")


async def test_more_than_is_left_is_refused_without_a_colleague(line):
    """A5, A17"""
    talk = line(JOHN)
    assert await talk.say("refund $140 of order 12345") == "At most $139.97 of order 12345 can still be refunded."
    assert talk.waiting == []


async def test_somebody_elses_order_is_not_refunded(line):
    """A10, A17"""
    assert (await line(JOHN).say("refund $5 of order 67890")).startswith("I can't find order 67890 on the account")


async def test_a_caller_without_an_account_gets_no_refund(line):
    """A10, A17"""
    assert await line(STRANGER).say("I want a refund") == phrases.NO_SUCH_ACCOUNT


async def test_an_account_without_orders_gets_no_refund(line):
    """A17"""
    assert await line(FREE).say("I want a refund") == phrases.HAS_NO_ORDERS


async def test_an_order_that_was_refunded_whole_is_said_so(line):
    """A5, A17"""
    talk = line(JANE)
    await talk.say("refund order 67890")
    assert await talk.say("refund order 67890") == "Order 67890 has been refunded in full already."


async def test_a_partly_refunded_order_says_so(line):
    """A5, A17"""
    talk = line(JOHN)
    await talk.say("refund $20 of order 12345")
    assert (
        await talk.say("where is order 12345?")
        == "Order 12345 has shipped with UPS, tracking TRK_ABC123. $20.00 of it has been refunded."
    )


async def test_how_a_refund_stands(line):
    """A17"""
    talk = line(JOHN)
    await talk.say("refund $20 of order 12345")
    answer = await talk.say("where is my refund?")
    assert answer == "$20.00 of order 12345 has been refunded, of $139.97 in all."


# --- while it waits, and afterwards ------------------------------------------------------------------------


async def test_a_question_is_answered_while_a_refund_waits(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert await talk.say("where is order 12345?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."


async def test_the_same_request_again_joins_the_one_that_waits(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say("refund order 12345")
    assert len(talk.waiting) == 1


async def test_how_a_waiting_refund_stands(line):
    """A17, H9"""
    talk = line(JOHN)
    first = await talk.say("refund order 12345")
    assert await talk.say("any news about my refund?") == first


async def test_an_approval_is_told_with_amount_and_number(line, shop):
    """A5, A17, H2"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    answer = await talk.decide(Verdict.APPROVE)
    assert answer.startswith(
        "Good news: a colleague approved your refund of $139.97 for order 12345. $139.97 of order 12345 has been paid "
        "back. The refund number is REF_"
    )


async def test_the_customer_is_called_by_name_once_it_is_known(line):
    """A17"""
    talk = line(JOHN)
    await talk.say("I want my money back")
    assert (await talk.decide(Verdict.REJECT)).startswith("I am sorry, John. A colleague looked at your refund")


async def test_a_company_is_called_by_its_whole_name(line):
    """A7, A17"""
    talk = line(FREE)
    await talk.say("what plan is my account on?")
    await talk.say(f"send a text to {FRIEND}: Hello")
    assert (await talk.decide(Verdict.REJECT)).startswith("I am sorry, Basic User LLC.")


async def test_a_changed_amount_is_told(line):
    """A17, H5"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    answer = await talk.decide(Verdict.APPROVE, arguments={"order_id": "12345", "amount": 20.0, "reason": "x"})
    assert "with $20.00 instead. $20.00 of order 12345 has been paid back" in answer


async def test_a_rejection_is_told_with_its_reason(line):
    """A17, H3"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    answer = await talk.decide(Verdict.REJECT, reason="The return period is over.")
    assert answer == (
        "I am sorry. A colleague looked at your refund of $139.97 for order 12345 and did not approve it. The reason: "
        "The return period is over."
    )


async def test_an_expiry_is_told(line):
    """A17, H8"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert "Nobody decided about your refund of $139.97" in await talk.decide(Verdict.EXPIRE)


@pytest.mark.parametrize(
    "words",
    ["cancel that", "Cancel that refund", "never mind the refund", "never mind", "I don't want the refund any more"],
)
async def test_a_waiting_refund_is_taken_back(line, words):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    assert await talk.say(words) == phrases.WITHDRAWN
    assert talk.waiting == []


async def test_of_two_requests_the_named_one_is_taken_back(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say(f"send a text to {FRIEND}: Hello")
    await talk.say("cancel that refund")
    assert [approval.tool for approval in talk.waiting] == ["send_sms"]


async def test_of_two_requests_the_newer_one_is_taken_back(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say(f"send a text to {FRIEND}: Hello")
    await talk.say("cancel that")
    assert [approval.tool for approval in talk.waiting] == ["process_refund"]


async def test_what_was_decided_cannot_be_taken_back(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.decide(Verdict.REJECT)
    assert await talk.say("cancel that refund") == phrases.NOTHING_WAITS


async def test_what_was_taken_back_is_not_taken_back_again(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say("cancel that refund")
    assert await talk.say("cancel that refund") == phrases.NOTHING_WAITS


async def test_what_was_taken_back_may_be_asked_anew(line):
    """A17, H9"""
    talk = line(JOHN)
    await talk.say("refund order 12345")
    await talk.say("cancel that refund")
    await talk.say("refund order 12345")
    assert len(talk.waiting) == 1


# --- people, tickets, texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "level", "in_words"),
    [
        ("I want to talk to a person", Priority.MEDIUM, "within 2 hours"),
        ("this is urgent!", Priority.URGENT, "within 15 minutes"),
        ("this is unacceptable, get me a manager", Priority.HIGH, "within 30 minutes"),
    ],
)
async def test_a_person_is_asked_for(line, words, level, in_words):
    """A6, A17"""
    talk = line(JOHN)
    answer = await talk.say(words)
    (ticket,) = talk.requested[0].tickets
    assert talk.requested[0].escalation is level
    assert answer == (
        f"I have asked a colleague to help you. Your ticket is {ticket.id}. You will hear from a colleague {in_words}."
    )


@pytest.mark.parametrize("phone", [JOHN, STRANGER, None], ids=["known", "unknown", "withheld"])
async def test_a_ticket_is_opened_for_anybody(line, phone):
    """A9, A17"""
    talk = line(phone)
    answer = await talk.say("please open a ticket about the missing charger cable")
    (ticket,) = talk.requested[0].tickets
    assert ticket.title == "the missing charger cable"
    assert answer.startswith(f"I have opened a ticket for you. Your ticket is {ticket.id}.")


async def test_the_tracking_number_is_texted(line):
    """A7, A17"""
    talk = line(JOHN)
    assert await talk.say("text me the tracking number") == "I am sending it by text to +1 555-123-4567."
    ((route, text),) = talk.requested[0].messages
    assert (route.customer.value, "TRK_ABC123" in text) == (JOHN, True)


async def test_what_was_just_said_is_texted(line):
    """A7, A17"""
    talk = line(JOHN)
    said = await talk.say("where is order 12345?")
    await talk.say("text me that")
    assert talk.requested[1].messages[0][1] == said


async def test_a_text_to_somebody_else_waits(line):
    """A7, A17"""
    talk = line(JOHN)
    answer = await talk.say(f"send a text to {FRIEND}: I am late")
    assert answer.startswith("A colleague has to approve your text to +1 555-999-8888 first")


async def test_a_text_to_somebody_else_is_sent_with_consent(line):
    """A7, A17, H2"""
    talk = line(JOHN)
    await talk.say(f"send a text to {FRIEND}: I am late")
    answer = await talk.decide(Verdict.APPROVE)
    assert answer == "Good news: a colleague approved your text to +1 555-999-8888. The text is on its way."


async def test_what_could_not_be_found_is_not_texted(line):
    """A7, A10, A17"""
    talk = line(STRANGER)
    assert await talk.say("text me the tracking number") == phrases.NO_SUCH_ACCOUNT
    assert talk.requested[0].messages == ()


async def test_a_withheld_number_cannot_be_texted(line):
    """A7, A17"""
    assert await line(None).say("send me a text: hello") == phrases.CANNOT_TEXT
