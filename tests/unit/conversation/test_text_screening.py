"""Which texts reach the agent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.conversation import phrases
from tandem.conversation.base import EngineLimits
from tandem.conversation.text_screening import ALIKE, REPEATS, Screened, is_goodbye, screen
from tandem.entries import TextReceived
from tandem.model import Address, Channel, Conversation, Route, SubjectId

from ...kit.tables import each

pytestmark = pytest.mark.promise("S5", "S12", "R4")

ROUTE = Route(Channel.SMS, Address("tel", "+15551234567"), Address("tel", "+15550001111"))
EMPTY = Conversation(SubjectId("phone_1"), created_at=0, updated_at=0)
OUT = replace(EMPTY, opted_out=(Channel.SMS,))
LIMITS = EngineLimits(rate_per_minute=3, max_input_chars=20)
ROOMY = EngineLimits(rate_per_minute=3, max_input_chars=100)


def said(
    *texts: str, conversation: Conversation = EMPTY, gap: float = 30.0, limits: EngineLimits = LIMITS, **more: object
) -> Screened:
    """Screen texts that arrive ``gap`` seconds apart, long after anything before."""
    arrivals = [(1000 + gap * n, TextReceived(ROUTE, text, **more)) for n, text in enumerate(texts)]  # type: ignore[arg-type]
    return screen(conversation, arrivals, limits)


@pytest.mark.promise("S11")
@each("text", ["STOP", "stop", " Stop ", "UNSUBSCRIBE", "cancel", "QUIT", "end", "REVOKE", "optout"])
def test_a_stop_word_alone_opts_out_without_an_answer(text: str) -> None:
    found = said(text)
    assert found.conversation.opted_out == (Channel.SMS,)
    assert found.blocked
    assert (found.texts, found.notices) == ([], [])


@each("text", ["cancel that refund", "please stop", "the end", "stop sending the wrong size"])
def test_a_stop_word_in_a_sentence_is_a_sentence(text: str) -> None:
    found = said(text, limits=EngineLimits(rate_per_minute=3, max_input_chars=100))
    assert found.texts == [text]
    assert found.conversation.opted_out == ()


def test_what_only_we_understand_is_confirmed_once() -> None:
    found = said("Stop.", "stop texting me")
    assert found.conversation.opted_out == (Channel.SMS,)
    assert (found.confirmations, found.texts, found.notices) == ([phrases.OPTED_OUT], [], [])


def test_what_the_provider_calls_an_opt_out_is_one() -> None:
    assert said("arrêt", opt_out="STOP").conversation.opted_out == (Channel.SMS,)


@each("text", ["START", "unstop", "Yes"])
def test_start_lifts_an_opt_out_without_an_answer(text: str) -> None:
    found = said(text, conversation=OUT)
    assert found.conversation.opted_out == ()
    assert (found.texts, found.notices) == ([], [])


@pytest.mark.promise("S11", "S14")
def test_an_opt_out_is_one_channels() -> None:
    whatsapp = replace(ROUTE, channel=Channel.WHATSAPP)
    out = screen(OUT, [(0.0, TextReceived(whatsapp, "STOP"))], LIMITS).conversation
    assert out.opted_out == (Channel.SMS, Channel.WHATSAPP)
    assert screen(out, [(1.0, TextReceived(whatsapp, "START"))], LIMITS).conversation.opted_out == (Channel.SMS,)


def test_yes_is_an_answer_when_nobody_opted_out() -> None:
    assert said("yes").texts == ["yes"]


def test_whoever_opted_out_gets_no_turn() -> None:
    found = said("hello?", conversation=OUT)
    assert (found.texts, found.notices, found.happened) == ([], [], ["text_after_opt_out"])


def test_help_is_answered_by_the_provider() -> None:
    assert said("HELP", opt_out="HELP").texts == []


@each(
    ("kind", "text", "opted_out", "after"),
    [
        ("HELP", "STOP it hurts", OUT, OUT), ("HELP", "", EMPTY, EMPTY), ("START", "encore", OUT, EMPTY),
        ("STOP", "", EMPTY, OUT), ("STOP", "Start", EMPTY, OUT), ("STOP", "is it shipped?", OUT, OUT),
    ],
)  # fmt: skip
def test_what_the_provider_says_of_a_text_counts_before_its_words(
    kind: str, text: str, opted_out: Conversation, after: Conversation
) -> None:
    found = said(text, conversation=opted_out, opt_out=kind)
    assert (found.conversation.opted_out, found.texts, found.notices) == (after.opted_out, [], [])
    assert found.confirmations == []


def test_a_picture_alone_is_answered_honestly_and_one_with_words_is_mentioned() -> None:
    found = said("", media=1, files=("picture",))
    assert (found.notices, found.kept, found.texts) == ([phrases.PICTURE], ["[picture]"], [])
    assert said("is it broken?", media=2, files=("picture", "picture")).texts == ["is it broken?\n[2 pictures]"]


def test_what_an_earlier_version_stored_of_files_has_no_names() -> None:
    assert said("is it broken?", media=2).texts == ["is it broken?\n[2 files]"]


def test_more_texts_than_the_rate_get_one_notice_and_no_turn() -> None:
    found = said("a", "b", "c", "d", "e", gap=1.0)
    assert found.texts == ["a", "b", "c"]
    assert found.notices == [phrases.SLOWER]
    assert len(found.conversation.meter.arrivals) == 4  # enough to know that there were too many


def test_after_a_quiet_minute_texts_are_answered_again() -> None:
    limited = said("a", "b", "c", "d", gap=1.0)
    later = screen(limited.conversation, [(1100.0, TextReceived(ROUTE, "hello"))], LIMITS)
    assert later.texts == ["hello"]


def test_rate_zero_is_no_limit() -> None:
    texts = [f"t{n}" for n in range(50)]
    assert said(*texts, gap=0.01, limits=EngineLimits(rate_per_minute=0, max_input_chars=20)).texts == texts


def answered(*texts: str, gap: float, limits: EngineLimits = LIMITS) -> list[Screened]:
    """Screen texts of which each comes after the one before was answered."""
    found, conversation = list[Screened](), EMPTY
    for number, text in enumerate(texts):
        at = 1000 + gap * number
        found.append(screen(conversation, [(at, TextReceived(ROUTE, text))], limits))
        conversation = replace(found[-1].conversation, updated_at=at + gap / 2)
    return found


@pytest.mark.promise("R5")
def test_a_machine_that_repeats_itself_is_noticed_and_not_answered() -> None:
    found = answered(*["I am away"] * (REPEATS + 3), gap=30.0)
    assert sum(bool(one.texts) for one in found) == REPEATS
    assert [text for one in found for text in one.notices] == [phrases.REPEATED]
    later = [(2000.0, TextReceived(ROUTE, "something else"))]
    assert screen(found[-1].conversation, later, LIMITS).texts == ["something else"]


def test_a_machine_that_answers_late_is_noticed_too() -> None:
    found = answered(*["I am away until Monday"] * (REPEATS + 2), gap=1500.0, limits=ROOMY)
    assert sum(bool(one.texts) for one in found) == REPEATS


def test_a_machine_with_a_dozen_texts_in_turns_is_noticed_too() -> None:
    cycle = [f"Canned answer {letter}." for letter in "abcdefghijkl"]
    assert sum(bool(one.texts) for one in answered(*cycle * (REPEATS + 1), gap=30.0, limits=ROOMY)) == 12 * REPEATS


def test_whoever_says_ok_after_each_step_of_a_long_task_is_answered() -> None:
    assert all(one.texts == ["ok"] for one in answered(*["ok"] * 15, gap=700.0))


def test_out_and_in_again_and_again_is_done_each_time_and_not_told_each_time() -> None:
    found = said(*["stop texting me", "start"] * 6, "stop texting me", gap=1.0, limits=ROOMY)
    assert found.conversation.opted_out == (Channel.SMS,)
    assert found.confirmations == [phrases.OPTED_OUT] * 3


def test_what_is_repeated_before_an_answer_is_no_machines() -> None:
    texts = ["where is it please?"] * 20
    assert said(*texts).texts == texts


def test_a_text_of_the_longest_length_is_read() -> None:
    assert said("x" * 20).texts == ["x" * 20]
    assert said("x" * 21).notices == [phrases.too_long(20)]


def test_a_machine_that_numbers_its_messages_is_noticed_too() -> None:
    limits = EngineLimits(rate_per_minute=100, max_input_chars=50)
    found = answered(*[f"Ticket #{n} received" for n in range(ALIKE + 5)], gap=2.0, limits=limits)
    assert sum(bool(one.texts) for one in found) == ALIKE
    assert [text for one in found for text in one.notices] == [phrases.REPEATED]


def test_a_message_from_our_own_number_is_not_answered() -> None:
    own = replace(ROUTE, customer=ROUTE.ours)
    found = screen(EMPTY, [(0.0, TextReceived(own, "hello"))], LIMITS)
    assert (found.texts, found.notices) == ([], [])


@each(
    "text",
    ["bye", "Goodbye!", "ok thanks, bye", "That's all, thank you", "no thanks", "I'm good",
     "I’m all set, have a great day", "nothing else", "see you", "that would be all"],
)  # fmt: skip
def test_goodbyes(text: str) -> None:
    assert is_goodbye(text)


@pytest.mark.promise("S13")
@each(
    "text",
    ["I'm good with a replacement", "thanks", "no thanks, but what about my refund?", "is that all?", "hello",
     "before I say bye: where is my order", "I am good but I need help", "nothing else works, please help",
     "I'm done waiting, I want a refund", "have a great product"],
)  # fmt: skip
def test_sentences_that_only_sound_like_goodbyes(text: str) -> None:
    assert not is_goodbye(text)
