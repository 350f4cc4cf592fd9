"""One call's frames in every order that TWILIO's recordings show, and in any other."""

from __future__ import annotations

import json
import pickle
import random
import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tandem.channels.voice.relay_actions import (
    Action,
    Actions,
    CallReady,
    CancelTurn,
    Close,
    CorrectTurn,
    KeyPressed,
    MessageRefused,
    RecordEvent,
    Send,
    SpeakingChanged,
    StartTurn,
)
from tandem.channels.voice.relay_messages import Setup
from tandem.channels.voice.relay_playback import fold
from tandem.channels.voice.relay_session import PROTOCOL_ERROR, REFUSALS, RelaySession
from tandem.conversation.phrases import EMPTY

pytestmark = pytest.mark.promise("V7", "V8", "V10", "V11", "V12", "V13")

GREETING = "Hello! How can I help you today?"


def frame(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def setup(call: str = "CA1") -> str:
    return frame("setup", callSid=call, sessionId="VX1", **{"from": "+14155550100"})


def prompt(text: str | None, *, last: bool = True, lang: str = "en-US") -> str:
    return frame("prompt", voicePrompt=text, lang=lang, last=last)


def interrupt(heard: str) -> str:
    return frame("interrupt", utteranceUntilInterrupt=heard, durationUntilInterruptMs=460)


def info(name: str, value: str) -> str:
    return frame("info", name=name, value=value)


def key(digit: str) -> str:
    return frame("dtmf", digit=digit)


def said(text: str, **more: Any) -> Send:
    return Send(json.dumps({"type": "text", "token": text, "last": False} | more, separators=(",", ":")))


END_OF_TURN = said("", last=True)


def ready(greeting: str = "") -> RelaySession:
    session = RelaySession(greeting)
    session.receive(setup())
    return session


def asked(text: str = "Where is my order?", *tokens: str, greeting: str = "", done: bool = False) -> RelaySession:
    """Return a session with turn 1 open, or over, and some of it said."""
    session = ready(greeting)
    session.receive(prompt(text))
    say(session, 1, *tokens, done=done)
    return session


def say(session: RelaySession, turn: int, *tokens: str, done: bool = False) -> None:
    for token in tokens:
        session.speak(turn, token)
    if done:
        session.finish(turn)


# --- setup -------------------------------------------------------------------------------------------------


def test_the_setup_makes_the_call_ready() -> None:
    session = RelaySession(GREETING)
    assert session.receive(setup()) == (CallReady(Setup("CA1", "VX1", "+14155550100")),)
    assert session.setup is not None
    assert session.turn is None


@pytest.mark.parametrize("text", [prompt("Hi"), prompt(None), key("1"), interrupt("Hi"), info("agentSpeaking", "on")])
def test_before_the_setup_nothing_happens(text: str) -> None:
    session = RelaySession()
    kind = {"dtmf": "dtmf"}.get(json.loads(text)["type"], json.loads(text)["type"])
    assert session.receive(text) == (RecordEvent("frame_before_setup", kind),)
    assert session.setup is None


def test_before_the_setup_nothing_is_said() -> None:
    session = RelaySession()
    actions = session.speak(1, "Hi"), session.finish(1), session.notice("Hi"), session.begin("Hi"), session.stop()
    assert actions == ((),) * 5


def test_a_setup_without_from_is_a_withheld_number() -> None:
    assert RelaySession().receive(frame("setup", callSid="CA1")) == (CallReady(Setup("CA1")),)


def test_a_second_setup_of_the_call_changes_nothing_but_the_session_id() -> None:
    session = asked("Hi", "Hello ")
    assert session.receive(frame("setup", callSid="CA1", sessionId="VX2")) == (RecordEvent("setup_again", ""),)
    assert session.setup == Setup("CA1", "VX2")
    assert session.speak(1, "there.") == (said("there."),)


def test_a_setup_of_another_call_is_refused() -> None:
    session = asked()
    assert session.receive(setup("CA2")) == (RecordEvent("setup_of_another_call", ""),)
    assert session.setup == Setup("CA1", "VX1", "+14155550100")


# --- turns -------------------------------------------------------------------------------------------------


def test_a_final_prompt_is_answered_as_the_tokens_come() -> None:
    session = ready()
    assert session.receive(prompt("Where is my order? ")) == (StartTurn(1, "Where is my order?", "en-US"),)
    assert session.turn is not None
    assert session.speak(1, "It is ") == (said("It is "),)
    assert session.speak(1, "\non its way.") == (said("\non its way."),)
    assert session.finish(1) == (END_OF_TURN,)
    assert session.setup is not None
    assert session.turn is None


def test_partial_prompts_start_no_turn() -> None:
    session = ready()
    partials = [session.receive(prompt(text, last=False)) for text in ("Where", "Where is", "Where is my order?")]
    assert partials == [(), (), ()]
    assert session.receive(prompt("Where is my order?")) == (StartTurn(1, "Where is my order?", "en-US"),)


def test_partial_prompts_leave_the_open_turn_alone() -> None:
    session = asked("Hi", "Hello")
    assert session.receive(prompt("Wai", last=False)) == ()
    assert session.turn == 1


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_an_empty_prompt_gets_its_sentence_and_no_turn(text: str | None) -> None:
    session = ready()
    assert session.receive(prompt(text)) == (said(EMPTY, last=True, preemptible=False),)
    assert session.turn is None


def test_an_empty_prompt_does_not_disturb_an_answer() -> None:
    session = asked("Hi", "Hello ")
    assert session.receive(prompt("")) == ()
    assert session.speak(1, "there.") == (said("there."),)


def test_a_turn_without_text_ends_with_an_empty_token_too() -> None:
    session = asked()
    assert session.finish(1) == (END_OF_TURN,)


@pytest.mark.parametrize("turn", [0, 1, 3, -1, None])
def test_what_belongs_to_no_open_turn_vanishes(turn: Any) -> None:
    session = asked("First", "One")
    session.receive(prompt("Second"))
    assert session.speak(turn, "late") == ()
    assert session.finish(turn) == ()


def test_a_finished_turn_says_nothing_more() -> None:
    session = asked("Hi", "Hello.", done=True)
    assert (session.speak(1, "more"), session.finish(1)) == ((), ())


def test_an_empty_token_is_not_sent() -> None:
    assert asked().speak(1, "") == ()


def test_a_turn_may_begin_without_a_prompt() -> None:
    session = ready()
    assert session.begin("1234", "es-ES") == (StartTurn(1, "1234", "es-ES"),)
    assert session.speak(1, "Hi") == (said("Hi"),)


# --- barge-in ----------------------------------------------------------------------------------------------


def test_an_interrupt_cancels_the_answer_and_tells_what_was_heard() -> None:
    session = asked("Life?", "Life is a ", "complex set of ", "things.")
    assert session.receive(interrupt("Life is a complex")) == (CancelTurn(1, "Life is a complex"),)
    assert session.speak(1, " More") == ()
    assert session.receive(prompt("Stop")) == (StartTurn(2, "Stop", "en-US"),)


def test_an_interrupt_before_the_first_token_leaves_the_answer_alone() -> None:
    """A sound while the model thinks costs nothing; words come with a prompt, which cancels."""
    session = asked()
    assert session.receive(interrupt("")) == ()
    assert session.receive(prompt("")) == ()
    assert session.speak(1, "Here.") == (said("Here."),)


def test_an_interrupt_before_the_first_sound_leaves_nothing_heard() -> None:
    session = asked("Life?", "Life is ")
    assert session.receive(interrupt("")) == (CancelTurn(1, ""),)


def test_an_interrupt_of_a_filler_leaves_the_answer_alone() -> None:
    session = asked()
    session.notice("One moment, please.")
    assert session.receive(interrupt("One mo")) == ()
    assert session.speak(1, "Here.") == (said("Here."),)
    assert session.receive(interrupt("He")) == (CancelTurn(1, "He"),)


def test_words_over_a_filler_are_the_new_question() -> None:
    session = asked()
    session.notice("One moment, please.")
    session.receive(interrupt("One mo"))
    assert session.receive(prompt("Stop")) == (CancelTurn(1, ""), StartTurn(2, "Stop", "en-US"))


def test_an_interrupt_of_a_filler_that_took_words_along_cancels_the_turn() -> None:
    session = asked()
    session.notice("One moment, please.")
    say(session, 1, "Here it is.")
    assert session.receive(interrupt("One mo")) == (CancelTurn(1, ""),)


def test_an_interrupt_of_a_filler_behind_words_that_were_heard_leaves_the_answer_alone() -> None:
    session = asked("Hi", "Let me look.")
    session.notice("One moment, please.")
    assert session.receive(interrupt("Let me look. One mo")) == ()
    assert session.speak(1, "Here.") == (said("Here."),)


def test_a_cough_whose_empty_prompt_comes_after_the_answer_gets_no_sentence() -> None:
    session = asked()
    session.notice("One moment, please.")
    session.receive(interrupt("One mo"))
    say(session, 1, "Here it is.", done=True)
    assert session.receive(prompt("")) == ()
    assert session.receive(prompt("")) != ()


def test_an_interrupt_of_a_finished_answer_corrects_it() -> None:
    session = asked("Life?", "Life is a ", "complex set of things.", done=True)
    assert session.receive(interrupt("Life is a")) == (CorrectTurn(1, "Life is a"),)


def test_an_interrupt_of_a_finished_answer_without_a_sound_corrects_it() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    assert session.receive(interrupt("")) == (CorrectTurn(1, ""),)


def test_an_answer_that_was_heard_to_its_end_is_not_corrected() -> None:
    session = asked("Life?", "Life is **complex**. \n", done=True)
    assert session.receive(interrupt("Life is complex.")) == ()


def test_an_interrupt_after_the_next_turn_began_belongs_to_the_earlier_one() -> None:
    session = asked("Life?", "Life is a complex set of things.", done=True)
    session.receive(prompt("What?"))
    assert session.receive(interrupt("Life is a")) == (CorrectTurn(1, "Life is a"),)
    assert session.speak(2, "I said") == (said("I said"),)


def test_it_does_so_too_when_the_next_turn_has_spoken() -> None:
    session = asked("Life?", "Life is a complex set of things.", done=True)
    session.receive(prompt("What?"))
    say(session, 2, "I said ", "that ")
    assert session.receive(interrupt("Life is a")) == (CorrectTurn(1, "Life is a"),)
    assert session.turn == 2


def test_an_interrupt_after_its_prompt_corrects_the_cancelled_turn() -> None:
    session = asked("Life?", "Life is a complex set of things.")
    cancelled = session.receive(prompt("Stop"))
    assert cancelled == (
        CancelTurn(1, "Life is a complex set of things."),
        END_OF_TURN,
        StartTurn(2, "Stop", "en-US"),
    )
    assert session.receive(interrupt("Life is a")) == (CorrectTurn(1, "Life is a"),)


def test_a_prompt_alone_is_a_barge_in_too() -> None:
    session = asked()
    assert session.receive(prompt("Wait")) == (CancelTurn(1, ""), StartTurn(2, "Wait", "en-US"))


def test_of_a_cancelled_answer_the_played_part_was_heard() -> None:
    session = asked("Life?", "Life is a ", "complex set of things.")
    session.receive(info("tokensPlayed", "Life is"))
    assert session.receive(prompt("Stop"))[0] == CancelTurn(1, "Life is")


@pytest.mark.parametrize("heard", ["Life is a", "Life"])
def test_a_repeated_interrupt_means_nothing(heard: str) -> None:
    session = asked("Life?", "Life is a complex set of things.")
    session.receive(interrupt("Life is a"))
    session.receive(prompt("Stop"))
    assert session.receive(interrupt(heard)) == ()
    assert session.turn == 2


@pytest.mark.parametrize("heard", ["Hello! How can", "", "Hello! How can I help you today?"])
def test_an_interrupt_of_the_greeting_corrects_nothing(heard: str) -> None:
    assert ready(GREETING).receive(interrupt(heard)) == ()


def test_a_late_interrupt_of_the_greeting_does_not_cancel_the_first_turn() -> None:
    session = asked(greeting=GREETING)
    assert session.receive(interrupt("Hello! How can")) == ()
    assert session.turn == 1


def test_without_knowing_what_is_playing_an_empty_interrupt_costs_no_answer() -> None:
    session = asked(greeting=GREETING)
    assert session.receive(interrupt("")) == ()
    assert session.turn == 1


def test_a_greeting_may_become_known_after_the_setup() -> None:
    session = ready()
    session.greeted(GREETING)
    session.receive(prompt("Hi"))
    say(session, 1, "Hello.", done=True)
    session.receive(info("tokensPlayed", GREETING))
    assert session.lost() == (CorrectTurn(1, ""),)


def test_a_silent_turn_survives_the_interrupt_of_what_is_playing() -> None:
    session = ready(GREETING)
    session.receive(info("agentSpeaking", "on"))
    session.receive(prompt("Hi"))
    assert session.receive(interrupt("")) == (SpeakingChanged("agent", False),)
    assert session.turn == 1


def test_an_interrupt_that_nothing_explains_changes_nothing() -> None:
    assert ready().receive(interrupt("who knows")) == ()


# --- what was heard ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "utterance", "heard"),
    [
        ("Your **order** is\n\non its way.", "Your order is on", "Your **order** is\n\non"),
        ("Your **order** is", "Your order", "Your **order**"),
        ("“Naïve”, she said", "\"Naïve\"", "“Naïve”,"),
        ("Your order, the second,  is late", "your order the SECOND", "Your order, the second,"),
        ("1. Apples\n2. Pears", "1 Apples 2", "1. Apples\n2."),
        ("Straße und Gasse", "STRASSE", "Straße"),
        ("日本語。はい", "日本", "日本"),
        ("It costs $20 now", "It costs $20", "It costs $20"),
        ("It costs $20 now", "It costs twenty dollars", "It costs twenty dollars"),
        ("Yes.", "Yes.", None),
    ],
)  # fmt: skip
def test_blanks_case_and_markup_do_not_matter(sent: str, utterance: str, heard: str | None) -> None:
    session = asked("Hi", sent, done=True)
    assert session.receive(interrupt(utterance)) == (() if heard is None else (CorrectTurn(1, heard),))


def test_a_filler_is_not_heard_text() -> None:
    session = asked()
    session.notice("One moment, please.")
    say(session, 1, "Your order ", "is on its way.")
    assert session.receive(interrupt("One moment, please. Your order is")) == (CancelTurn(1, "Your order is"),)


def test_a_filler_that_was_replaced_half_way_is_not_heard_text() -> None:
    session = asked()
    session.notice("One moment, please.")
    say(session, 1, "Your order ", "is on its way.")
    assert session.receive(interrupt("One mom Your order is")) == (CancelTurn(1, "Your order is"),)


def test_a_filler_that_was_never_played_is_not_missed() -> None:
    session = asked()
    session.notice("One moment, please.")
    say(session, 1, "Your order ", "is on its way.")
    assert session.receive(interrupt("Your order is")) == (CancelTurn(1, "Your order is"),)


def test_a_filler_within_the_answer_is_not_heard_text() -> None:
    session = asked("Hi", "Let me look.")
    session.notice("One moment.")
    say(session, 1, "It is late.")
    assert session.receive(interrupt("Let me look. One moment. It is")) == (CancelTurn(1, "Let me look.It is"),)


def test_a_filler_is_taken_off_an_utterance_that_fits_only_roughly() -> None:
    session = asked()
    session.notice("One moment, please.")
    say(session, 1, "That is $20 in all.")
    heard = session.receive(interrupt("One moment please. That is twenty dollars"))
    assert heard == (CancelTurn(1, "That is twenty dollars"),)


def test_an_utterance_of_the_latest_sentence_alone_keeps_what_came_before_it() -> None:
    session = asked("Hi", "It was sent. ", "It arrives ", "on Monday.")
    assert session.receive(interrupt("It arrives on")) == (CancelTurn(1, "It was sent. It arrives on"),)


def test_after_everything_was_played_an_empty_interrupt_takes_nothing_away() -> None:
    session = asked("Hi", "Let me look.")
    session.receive(info("tokensPlayed", "Let me look."))
    assert session.receive(interrupt("")) == (CancelTurn(1, "Let me look."),)


def test_an_answer_that_is_repeated_after_a_barge_in_is_told_from_the_purged_one() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(info("tokensPlayed", "Life"))
    session.receive(interrupt("Life"))
    session.receive(prompt("Again"))
    say(session, 2, "It is complex.", done=True)
    session.receive(info("tokensPlayed", "is complex."))
    assert session.lost() == ()


def test_a_filler_that_was_replaced_does_not_hide_what_was_played() -> None:
    session = ready(GREETING)
    session.receive(prompt("Hi"))
    session.notice("One moment.")
    session.notice("It takes a little longer.")
    session.receive(info("tokensPlayed", f"{GREETING} It takes"))
    say(session, 1, "Hello.")
    assert session.lost() == (CancelTurn(1, ""),)


def test_an_utterance_may_begin_in_the_turn_before() -> None:
    session = asked("Hi", "It was sent.", done=True)
    session.begin()
    say(session, 2, "News: it arrived.")
    assert session.receive(interrupt("was sent. News: it")) == (CancelTurn(2, "News: it"),)


def test_of_equal_beginnings_the_latest_is_meant() -> None:
    session = asked("Hi", "Okay, it was sent.", done=True)
    session.receive(prompt("When?"))
    say(session, 2, "Okay, on Monday.")
    assert session.receive(interrupt("Okay")) == (CancelTurn(2, "Okay,"),)


def test_of_equal_beginnings_the_one_that_is_playing_is_meant() -> None:
    session = asked("Hi", "Okay, it was sent.", done=True)
    session.receive(info("tokensPlayed", "Okay"))
    session.receive(prompt("When?"))
    say(session, 2, "Okay, on Monday.")
    assert session.receive(interrupt("Okay")) == (CorrectTurn(1, "Okay,"),)
    assert session.turn == 2


def test_what_begins_an_answer_is_preferred_to_what_occurs_within_one() -> None:
    session = asked("Hi", "Okay, it was sent.", done=True)
    session.receive(prompt("When?"))
    say(session, 2, "That is okay.")
    assert session.receive(interrupt("Okay")) == (CorrectTurn(1, "Okay,"),)


def test_what_is_playing_is_preferred_to_what_begins_an_answer() -> None:
    session = asked("Hi", "Okay, it was sent.", done=True)
    session.receive(prompt("When?"))
    say(session, 2, "That is okay, I think.")
    session.receive(info("tokensPlayed", "Okay, it was sent. That is okay"))
    assert session.receive(interrupt("okay")) == (CancelTurn(2, "That is okay,"),)


def test_what_fits_only_roughly_belongs_to_the_text_that_begins_alike() -> None:
    session = asked("Hi", "Your total is $20 now.", done=True)
    session.receive(prompt("What?"))
    say(session, 2, "Okay then.")
    heard = "Your total is twenty dollars"
    assert session.receive(interrupt(heard)) == (CorrectTurn(1, heard),)


def test_an_answer_that_played_on_after_its_prompt_was_heard_to_its_end() -> None:
    session = asked("Hi", "It was sent. ", "It is late.")
    session.receive(info("tokensPlayed", "It was"))
    assert session.receive(prompt("When?"))[0] == CancelTurn(1, "It was")
    say(session, 2, "On Monday.")
    assert session.receive(interrupt("On")) == (CorrectTurn(1, "It was sent. It is late."), CancelTurn(2, "On"))


def test_an_answer_that_was_followed_by_another_one_needs_no_word_of_its_end() -> None:
    session = asked("Hi", "It was sent.", done=True)
    session.receive(info("tokensPlayed", "It was"))
    session.receive(prompt("When?"))
    say(session, 2, "On Monday.")
    assert session.receive(interrupt("On")) == (CancelTurn(2, "On"),)


def test_an_interrupt_may_come_many_turns_late() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    for _ in range(20):
        session.begin()
    assert session.receive(interrupt("Life is")) == (CorrectTurn(1, "Life is"),)


def test_a_turn_of_which_a_part_is_forgotten_is_not_corrected() -> None:
    session = asked("Hi", "Let me look.")
    session.notice("One moment.")
    say(session, 1, "Done.", done=True)
    session.receive(info("tokensPlayed", "Let me look. One moment. Done."))
    for _ in range(62):
        session.notice("Are you still there?")
    assert session.lost() == ()


def test_no_interrupt_takes_long() -> None:
    session, began = ready(GREETING), time.process_time()
    for utterance in (EMPTY * 3 + "x", EMPTY * 1_000 + "x", "I " * 20_000, "x" * 60_000, EMPTY[:20] + "zz"):
        for _ in range(100):
            session.receive(prompt(""))
        assert session.receive(interrupt(utterance)) == ()
    assert time.process_time() - began < 5


def test_a_notice_after_the_answer_means_that_it_was_heard() -> None:
    session = asked("Hi", "It was sent.", done=True)
    session.notice("Are you still there?")
    assert session.receive(interrupt("Are you")) == ()


# --- notices -----------------------------------------------------------------------------------------------


def test_the_answer_replaces_a_filler() -> None:
    assert asked().notice("One moment.") == (said("One moment.", last=True, preemptible=True),)


def test_a_notice_outside_turns_is_spoken_to_its_end() -> None:
    assert ready().notice("Are you still there?") == (said("Are you still there?", last=True, preemptible=False),)


def test_a_notice_within_an_answer_stays_in_its_talk_cycle() -> None:
    assert asked("Hi", "Let me look.").notice("One moment.") == (said(" One moment. "),)


def test_a_notice_after_a_barge_in_is_spoken_to_its_end() -> None:
    session = asked("Hi", "Hello ")
    session.receive(interrupt("Hello"))
    assert session.notice("Yes?") == (said("Yes?", last=True, preemptible=False),)


def test_a_blank_notice_is_not_sent() -> None:
    assert ready().notice(" ") == ()


# --- keys --------------------------------------------------------------------------------------------------


def test_a_key_is_reported() -> None:
    assert ready().receive(key("5")) == (KeyPressed("5"),)


@pytest.mark.parametrize("heard", ["Life is", "", "something else altogether"])
def test_the_interrupt_of_a_key_does_not_cancel_its_reply(heard: str) -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(key("1"))
    session.begin("1")
    say(session, 2, "You pressed one.")
    session.receive(interrupt(heard))
    assert session.turn == 2


def test_it_cancels_the_answer_that_the_key_stopped() -> None:
    session = asked("Life?", "Life is complex.")
    session.receive(key("1"))
    assert session.receive(interrupt("Life is")) == (CancelTurn(1, "Life is"),)


def test_it_corrects_the_answer_that_the_reply_replaced() -> None:
    session = asked("Life?", "Life is complex.")
    session.receive(key("1"))
    session.begin("1")
    assert session.receive(interrupt("Life is")) == (CorrectTurn(1, "Life is"),)


def test_the_notice_for_a_key_survives_too() -> None:
    session = asked("Life?", "Life is complex.")
    session.receive(key("0"))
    stopped = session.stop()
    assert stopped == (CancelTurn(1, "Life is complex."), END_OF_TURN)
    session.notice("I connect you.")
    assert session.receive(interrupt("Life is")) == (CorrectTurn(1, "Life is"),)


@pytest.mark.parametrize("heard", ["Life is", ""])
def test_several_keys_are_spared_as_one(heard: str) -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(key("1"))
    session.begin("1")
    say(session, 2, "One.")
    session.receive(key("2"))
    session.receive(interrupt(heard))
    assert session.turn == 2


def test_a_later_interrupt_of_the_reply_cancels_it() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(key("1"))
    session.begin("1")
    say(session, 2, "You pressed one.")
    session.receive(interrupt("Life is"))
    assert session.receive(interrupt("You pressed")) == (CancelTurn(2, "You pressed"),)


def test_a_reply_that_is_heard_can_be_interrupted_even_if_the_key_stopped_nothing() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(key("1"))
    session.begin("1")
    say(session, 2, "You pressed one.")
    assert session.receive(interrupt("You pressed")) == (CancelTurn(2, "You pressed"),)


def test_a_key_in_silence_expects_no_interrupt() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(info("tokensPlayed", "Life is complex."))
    session.receive(key("1"))
    session.begin("1")
    say(session, 2, "You pressed one.")
    assert session.receive(interrupt("")) == (CancelTurn(2, ""),)


def test_a_prompt_after_the_key_ends_its_protection() -> None:
    session = ready()
    session.receive(key("1"))
    session.receive(prompt("Hi"))
    say(session, 1, "Hello.")
    assert session.receive(interrupt("")) == (CancelTurn(1, ""),)


# --- info, errors, unknown frames --------------------------------------------------------------------------


def test_speech_is_reported_when_it_begins_and_ends() -> None:
    session = ready()
    frames = [("agentSpeaking", "on"), ("agentSpeaking", "on"), ("clientSpeaking", "on"), ("agentSpeaking", "off")]
    assert [session.receive(info(*pair)) for pair in frames] == [
        (SpeakingChanged("agent", True),),
        (),
        (SpeakingChanged("client", True),),
        (SpeakingChanged("agent", False),),
    ]
    assert (session.agent_speaking, session.client_speaking) == (False, True)


def test_an_interrupt_ends_the_agents_speech() -> None:
    session = asked("Hi", "Hello there.")
    session.receive(info("agentSpeaking", "on"))
    assert session.receive(interrupt("Hello")) == (SpeakingChanged("agent", False), CancelTurn(1, "Hello"))
    assert session.receive(info("agentSpeaking", "off")) == ()


def test_an_error_keeps_the_call_and_the_turn() -> None:
    session = asked("Hi", "Hello ")
    error = frame("error", description='64107: Invalid message received: {"token": "Hello "}')
    assert session.receive(error) == (RecordEvent("relay_error", "64107"), MessageRefused(64107, ""))
    assert session.receive(error) == ()
    assert session.speak(1, "there.") == (said("there."),)


@pytest.mark.parametrize(
    ("description", "field"),
    [
        ("what", ""),
        ('Invalid message received: {"type": "text", "token": "\\"lang\\": x", "last": false}', ""),
        ('Invalid message received: {"type": "text", "token": "Hi", "lang": "xx-YY", "last": false}', "lang"),
        ('Invalid message received: {"type": "play", "source": "nowhere"}', "source"),
    ],
)
def test_a_refused_message_is_told_with_what_may_not_fit_in_it(description: str, field: str) -> None:
    told = ready().receive(frame("error", description=description))
    assert told == (RecordEvent("relay_error", ""), MessageRefused(64107, field))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (frame("configUpdated"), RecordEvent("unknown_frame", "configUpdated")),
        (frame("my card is 4111 1111"), RecordEvent("unknown_frame", "")),
        (frame("x" * 5_000), RecordEvent("unknown_frame", "")),
        (info("weather", "fine"), RecordEvent("unknown_info", "weather")),
        (info("agentSpeaking", "perhaps"), RecordEvent("unknown_info", "agentSpeaking")),
        ("{", RecordEvent("malformed_frame", "not JSON")),
    ],
)
def test_what_is_not_understood_is_noted_once(text: str, note: RecordEvent) -> None:
    session = ready()
    assert (session.receive(text), session.receive(text)) == ((note,), ())


def test_notes_come_to_an_end() -> None:
    session = ready()
    notes = [action for number in range(1_000) for action in session.receive(frame(f"new{number}"))]
    assert len(notes) == 32


def test_malformed_frames_are_put_up_with() -> None:
    session = asked()
    for _ in range(20):
        for _ in range(REFUSALS):
            session.receive("nonsense")
        session.receive(prompt("Hi", last=False))
    assert session.turn is not None


def test_too_many_in_a_row_close_the_session_cleanly() -> None:
    session = asked("Hi", "Hello.")
    for _ in range(REFUSALS):
        session.receive(b"\xff")
    assert session.receive(b"\xff") == (CancelTurn(1, ""), Close(PROTOCOL_ERROR, "too many malformed frames"))
    assert session.closed


def test_a_flood_before_the_setup_closes_the_session() -> None:
    session = RelaySession()
    actions = [session.receive(prompt("Hi")) for _ in range(REFUSALS + 1)]
    assert actions[-1] == (Close(PROTOCOL_ERROR, "too many malformed frames"),)


# --- the end -----------------------------------------------------------------------------------------------


def test_a_handoff_ends_the_session_with_its_data_as_a_string() -> None:
    session = ready()
    (end,) = session.hang_up({"reason": "live agent", "ticket": 7})
    assert isinstance(end, Send)
    fields = json.loads(end.frame)
    assert {**fields, "handoffData": json.loads(fields["handoffData"])} == {
        "type": "end",
        "handoffData": {"reason": "live agent", "ticket": 7},
    }


@pytest.mark.parametrize("handoff", [None, {}])
def test_a_goodbye_carries_no_data(handoff: dict[str, Any] | None) -> None:
    assert ready().hang_up(handoff) == (Send('{"type":"end"}'),)


def test_hanging_up_cancels_the_open_turn() -> None:
    session = asked("Hi", "Hello.")
    session.receive(info("tokensPlayed", "Hello."))
    assert session.hang_up() == (CancelTurn(1, "Hello."), Send('{"type":"end"}'))


def test_hanging_up_before_the_setup_closes_the_socket() -> None:
    assert RelaySession().hang_up({"reason": "busy"}) == (Close(1000, "no call"),)


def test_a_lost_socket_cancels_the_open_turn() -> None:
    session = asked("Life?", "Life is complex.")
    session.receive(info("tokensPlayed", "Life is"))
    assert session.lost() == (CancelTurn(1, "Life is"),)


def test_what_was_not_played_before_the_end_was_not_heard() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(info("tokensPlayed", "Life is"))
    assert session.lost() == (CorrectTurn(1, "Life is"),)


@pytest.mark.parametrize(
    ("told", "heard"),
    [((), ""), (("something never sent",), ""), (("Life is", "something never sent"), "Life is")],
)
def test_what_nobody_told_about_was_not_heard(told: tuple[str, ...], heard: str) -> None:
    session = asked("Life?", "Life is complex.", done=True)
    for chunk in told:
        session.receive(info("tokensPlayed", chunk))
    assert session.lost() == (CorrectTurn(1, heard),)


def test_an_open_turn_that_nobody_told_about_was_not_heard_either() -> None:
    assert asked("Life?", "Life is complex.").lost() == (CancelTurn(1, ""),)


def test_what_was_played_to_its_end_was_heard() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(info("tokensPlayed", "Life is complex."))
    assert session.lost() == ()


def test_whoever_answers_heard_what_came_before() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(prompt("Indeed"))
    say(session, 2, "Quite.", done=True)
    assert session.lost() == (CorrectTurn(2, ""),)


def test_what_was_interrupted_is_not_corrected_again() -> None:
    session = asked("Life?", "Life is complex.", done=True)
    session.receive(info("tokensPlayed", "Life is"))
    session.receive(interrupt("Life is"))
    assert session.lost() == ()


def test_after_the_end_nothing_happens() -> None:
    session = asked("Hi", "Hello.")
    session.lost()
    actions = (session.receive(setup()), session.receive(prompt("Hi")), session.receive("nonsense"),
               session.speak(1, "x"), session.finish(1), session.notice("x"), session.begin("x"), session.stop(),
               session.hang_up({"a": 1}), session.lost())  # fmt: skip
    assert actions == ((),) * 10


def test_a_text_names_its_language_where_the_session_would_take_another() -> None:
    session = asked("Hola", "Uno. ")
    session.lang = "es-ES"
    assert session.speak(1, "Dos.") == (Send('{"type":"text","token":"Dos.","last":false,"lang":"es-ES"}'),)
    session.finish(1)
    told = session.notice("Bye.", lang="en-US")
    assert told == (Send('{"type":"text","token":"Bye.","last":true,"lang":"en-US","preemptible":false}'),)


# --- any order: an honest Twilio on the other side ---------------------------------------------------------


@dataclass
class Playing:
    """One word that Twilio holds. ``cycle`` numbers its talk cycle."""

    word: str
    turn: int | None
    said: bool
    cycle: int
    preemptible: bool


class Line:
    """Twilio's player: what it holds, what it played, and the interrupts that it has not handed over yet."""

    def __init__(self) -> None:
        self.queue: list[Playing] = []
        self.cycle = 0
        self.burst: list[Playing] = []
        self.heard: dict[int, list[str]] = {}

    def take(self, text: Send, turn: int | None, *, said: bool) -> None:
        fields = json.loads(text.frame)
        self.queue = [item for item in self.queue if not item.preemptible or item.cycle == self.cycle]
        preemptible = bool(fields.get("preemptible"))
        words = fields["token"].split()
        self.queue += [Playing(word, turn, said, self.cycle, preemptible) for word in words]
        self.cycle += fields["last"]

    def play(self, count: int) -> str:
        played, self.queue = self.queue[:count], self.queue[count:]
        self.burst += played
        for item in played:
            if item.said and item.turn is not None:
                self.heard.setdefault(item.turn, []).append(item.word)
        return " ".join(item.word for item in played)

    def purge(self) -> tuple[str, Playing]:
        """Stop playing; return what was heard since it began, and the word at which it stopped."""
        heard = " ".join(re.sub(r"[*_]", "", item.word) for item in self.burst)
        stopped = self.burst[-1]
        self.queue, self.burst = [], []
        return heard, stopped


class AnyOrder(RuleBasedStateMachine):
    """A shell and an honest Twilio do everything in any order; the shell believes what the actions tell it."""

    @initialize(informs=st.booleans(), greeting=st.sampled_from(["", GREETING]))
    def dial(self, informs: bool, greeting: str) -> None:
        self.session = RelaySession(greeting)
        self.line = Line()
        self.informs = informs
        self.informed = False
        self.words = 0
        self.open: int | None = None
        self.ready = self.ended = False
        self.turns: list[int] = []
        self.lasts: dict[int, int] = {}
        self.finished: set[int] = set()
        self.texts: dict[int, str] = {}
        self.belief: dict[int, str] = {}
        self.unsure: set[int] = set()
        self.answered: set[int] = set()
        """Turns behind which the caller said something."""
        self.stopped: set[int] = set()
        self.late: list[tuple[str, Playing]] = []
        if greeting:
            self.line.queue = [Playing(word, None, False, -1, False) for word in greeting.split()]

    # what the shell does with the actions

    def perform(self, actions: Actions, *, said: bool = False) -> None:
        assert not (actions and self.ended), "something after the end"
        for action in actions:
            self.perform_one(action, said=said)

    def perform_one(self, action: Action, *, said: bool) -> None:
        match action:
            case CallReady():
                assert not self.ready
                self.ready = True
            case StartTurn(turn):
                assert self.open is None, "two open turns"
                assert turn not in self.turns, "a number twice"
                self.open = turn
                self.turns.append(turn)
            case CancelTurn(turn, heard):
                assert turn == self.open, "a turn cancelled that is not open"
                self.open = None
                self.belief[turn] = heard
            case CorrectTurn(turn, heard):
                assert turn in self.turns
                assert turn != self.open
                self.belief[turn] = heard
            case Send(text) if json.loads(text)["type"] == "text":
                assert self.ready, "something before the setup"
                turn = self.turns[-1] if self.turns and (said or not json.loads(text)["token"]) else self.open
                self.line.take(action, turn, said=said)
            case Close():
                self.ended = True

    def word(self) -> str:
        self.words += 1
        return f"{'**' * (self.words % 3 == 0)}w{self.words:05d}{'.**, –'[self.words % 4 : self.words % 4 + 2]} "

    # what happens

    @rule()
    def set_up(self) -> None:
        self.perform(self.session.receive(setup()))

    @rule(last=st.booleans(), text=st.sampled_from(["Where is it?", "Hello", "", None]))
    def prompt(self, last: bool, text: str | None) -> None:
        if last and text and self.ready and not self.ended:
            self.answered |= set(self.turns)
        self.perform(self.session.receive(prompt(text, last=last)))

    @rule(digit=st.sampled_from("0123456789*#"))
    def press(self, digit: str) -> None:
        if self.line.burst and not self.late:  # a key that stops speech sends its interrupt afterwards
            self.stop_playing()
        self.perform(self.session.receive(key(digit)))

    @rule(count=st.integers(1, 4))
    def speak(self, count: int) -> None:
        for _ in range(count):
            token = self.word()
            actions = self.session.speak(self.open or 0, token)
            assert bool(actions) == (self.open is not None)
            if self.open in {stopped.turn for _, stopped in self.late}:
                self.unsure.add(self.open or 0)  # played after the interrupt that says that it was not
            if self.open is not None:
                self.texts[self.open] = self.texts.get(self.open, "") + token
            self.perform(actions, said=True)

    @rule(offset=st.integers(-3, 3).filter(bool))
    def speak_for_another_turn(self, offset: int) -> None:
        turn = (self.open or (self.turns[-1] if self.turns else 0)) + offset
        assert self.session.speak(turn, "never") == ()
        assert self.session.finish(turn) == ()

    @rule()
    def finish(self) -> None:
        turn = self.open
        actions = self.session.finish(turn or 0)
        assert bool(actions) == (turn is not None)
        if turn is not None:
            self.lasts[turn] = sum(json.loads(action.frame)["last"] for action in actions if isinstance(action, Send))
            self.open = None
            self.finished.add(turn)
            self.belief[turn] = self.texts.get(turn, "")
        self.perform(actions)

    @rule()
    def notice(self) -> None:
        self.perform(self.session.notice(f"n{self.word()[-8:]}"))

    @rule()
    def begin(self) -> None:
        self.perform(self.session.begin())

    @rule()
    def stop(self) -> None:
        self.perform(self.session.stop())

    @rule(nonsense=st.sampled_from(["{", "[]", frame("new"), frame("error"), setup("CA2"), b"\xff", frame("dtmf")]))
    def nonsense(self, nonsense: str | bytes) -> None:
        self.perform(self.session.receive(nonsense))

    @precondition(lambda self: self.line.queue and self.ready and not self.ended)
    @rule(count=st.integers(1, 5))
    def play(self, count: int) -> None:
        played = self.line.play(count)
        if self.informs:
            self.informed = True
            self.perform(self.session.receive(info("tokensPlayed", played)))

    @precondition(lambda self: not self.line.queue)
    @rule()
    def fall_silent(self) -> None:
        self.line.burst = []

    @precondition(lambda self: self.line.burst and not self.late)
    @rule()
    def stop_playing(self) -> None:
        queued = {item.turn for item in self.line.queue if item.turn is not None}
        heard, stopped = self.line.purge()
        # What was queued behind another turn is gone, and Twilio tells nobody; its own turn alone is corrected.
        self.unsure |= queued - {stopped.turn}
        self.late.append((heard, stopped))

    @precondition(lambda self: self.late)
    @rule()
    def interrupt(self) -> None:
        heard, stopped = self.late.pop(0)
        turn, was_open = stopped.turn, self.open
        self.perform(self.session.receive(interrupt(heard)))
        if self.ended or not self.ready:
            return
        self.stopped |= {turn} if turn is not None else set()
        whole = not stopped.said and self.texts.get(turn or 0, "").split() == self.line.heard.get(turn or 0, [])
        if turn is not None and turn == was_open and not whole:
            assert self.open is None, "its own interrupt does not cancel the turn"
        elif turn == was_open and turn in self.unsure:
            pass
        else:
            assert self.open == was_open, "another's interrupt cancels the turn"
        if turn in self.turns[-8:] and turn not in self.unsure:
            assert fold(self.belief[turn]) == fold("".join(self.line.heard.get(turn, [])))

    @rule(how=st.sampled_from(["lost", "hang_up"]), really=st.integers(0, 9))
    def end(self, how: str, really: int) -> None:
        if really:  # or most calls would be short
            return
        self.perform(self.session.lost() if how == "lost" else self.session.hang_up({"a": 1}))
        self.ended = True

    # what holds all the time

    @invariant()
    def one_turn_at_most(self) -> None:
        assert self.session.turn == self.open

    @invariant()
    def the_phase_fits(self) -> None:
        assert self.session.closed == self.ended
        assert self.session.setup is not None or self.ended or not self.ready

    @invariant()
    def one_last_per_finished_turn(self) -> None:
        assert self.lasts == dict.fromkeys(self.finished, 1)

    def teardown(self) -> None:
        """History says what the customer heard, however the call went, where Twilio tells what it played."""
        if not hasattr(self, "session") or self.ended:
            return
        while self.late:
            self.interrupt()
        self.perform(self.session.lost())
        self.ended = True
        for turn in self.turns[-8:] if not self.informed else ():
            if turn not in self.answered | self.stopped:
                assert self.belief[turn] == "", "what nobody told about was heard"
        for turn in self.turns[-8:] if self.informed else ():
            if turn not in self.unsure:
                assert fold(self.belief[turn]) == fold("".join(self.line.heard.get(turn, [])))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)


# --- any frame ---------------------------------------------------------------------------------------------

SEEDS = [
    setup(), setup("CA2"), prompt("Where is my order?"), prompt("Where is", last=False), prompt(None), key("1"),
    key("#"), interrupt("Your order"), interrupt(""), info("agentSpeaking", "on"), info("clientSpeaking", "off"),
    info("tokensPlayed", "Your order "), frame("error", description="64107: Invalid message"), frame("configUpdated"),
]  # fmt: skip
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1e308,
    float("nan"),
    "",
    "x" * 3_000,
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    "true",
    "９",
]


def mutated(chance: random.Random) -> str | bytes:
    """Return a valid frame with something wrong about it, or plain noise."""
    match chance.randrange(8):
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return "".join(chr(chance.randrange(0x2FF)) for _ in range(chance.randrange(100)))
        case 2 | 3 | 4:
            fields = json.loads(chance.choice(SEEDS))
            fields[chance.choice([*fields, "extra"])] = chance.choice(VALUES)
            if chance.random() < 0.3:
                fields.pop(chance.choice(list(fields)))
            return json.dumps(fields)
        case 5:
            raw = bytearray(chance.choice(SEEDS).encode())
            for _ in range(chance.randrange(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            return bytes(raw) if chance.random() < 0.5 else raw.decode("latin-1")
        case 6:
            text = chance.choice(SEEDS)
            return text[: chance.randrange(len(text))] + chance.choice(["", "}", '"', text, "[" * 5_000])
        case _:
            return chance.choice(SEEDS)


def answer(session: RelaySession, actions: Actions, chance: random.Random) -> None:
    for action in actions:
        if isinstance(action, StartTurn):
            session.notice("One moment.")
            say(session, action.turn, "Your order ", "is on its way.", done=chance.random() < 0.5)


def test_a_hundred_thousand_frames_neither_crash_nor_fill_the_memory() -> None:
    chance = random.Random(5)
    session, largest, closed = ready(GREETING), 0, 0
    for number in range(100_000):
        answer(session, session.receive(mutated(chance)), chance)
        if number % 20 == 0:  # keeps most calls from being closed
            session.receive(prompt("Hi", last=False))
        if number % 1_000 == 0:
            largest = max(largest, len(pickle.dumps(session)))
        if session.closed:
            session, closed = ready(GREETING), closed + 1
    assert largest < 100_000
    assert closed > 0


def test_a_hundred_thousand_empty_prompts_do_not_fill_the_memory() -> None:
    session = ready()
    for _ in range(100_000):
        session.receive(prompt(""))
    assert len(pickle.dumps(session)) < 100_000
