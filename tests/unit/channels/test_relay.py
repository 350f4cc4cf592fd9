"""One call's frames in every order that TWILIO's recordings show, and in any other."""

from __future__ import annotations

import json
import pickle
import random
import re
import time
from collections.abc import Callable
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


def say(session: RelaySession, turn: int, *tokens: str, done: bool = False) -> None:
    for token in tokens:
        session.speak(turn, token)
    if done:
        session.finish(turn)


# --- orders of frames --------------------------------------------------------------------------------------

Step = str | bytes | Callable[[RelaySession], object] | list[Any]
"""A frame that comes in, something that is done, or, in brackets, what the step before it gives."""


def says(turn: Any, *tokens: str, done: bool = False) -> Callable[[RelaySession], Actions]:
    """Speak the tokens of a turn, and finish it; give all that is done about it."""

    def act(session: RelaySession) -> Actions:
        spoken = [action for token in tokens for action in session.speak(turn, token)]
        return (*spoken, *(session.finish(turn) if done else ()))

    return act


def asked(text: str = "Where is my order?", *tokens: str, done: bool = False) -> tuple[Step, ...]:
    """Open turn 1, say something of it, and perhaps end it."""
    return (setup(), prompt(text), says(1, *tokens, done=done))


def notice(text: str, **more: Any) -> Callable[[RelaySession], Actions]:
    return lambda session: session.notice(text, **more)


def begin(*told: str) -> Callable[[RelaySession], Actions]:
    return lambda session: session.begin(*told)


def played(text: str) -> str:
    return info("tokensPlayed", text)


def lost(session: RelaySession) -> Actions:
    return session.lost()


def stop(session: RelaySession) -> Actions:
    return session.stop()


def hang_up(session: RelaySession) -> Actions:
    return session.hang_up()


def open_turn(session: RelaySession) -> tuple[int | None]:
    return (session.turn,)


def closed(session: RelaySession) -> tuple[bool]:
    return (session.closed,)


def heeded(session: RelaySession) -> tuple[Setup | None]:
    return (session.setup,)


def greeted(session: RelaySession) -> None:
    session.greeted(GREETING)


def fault(steps: tuple[Step, ...]) -> str | None:
    """Return what went otherwise than an order says. One that begins with the greeting is of a line that speaks it."""
    session, given = RelaySession(GREETING if steps[0] == GREETING else ""), ()
    for number, step in enumerate(steps):
        if step == GREETING:
            continue
        if isinstance(step, list):
            if tuple(step) != given:
                return f"step {number}: {given} and not {tuple(step)}"
        else:
            given = tuple((step(session) if callable(step) else session.receive(step)) or ())  # type: ignore[arg-type]
    return None


MOMENT = notice("One moment, please.")
LIFE = asked("Life?", "Life is complex.", done=True)
LONG = asked("Life?", "Life is a complex set of things.", done=True)
PRESSED = (*LIFE, key("1"), begin("1"), says(2, "You pressed one."))
OKAY = asked("Hi", "Okay, it was sent.", done=True)
FILLED = (*asked(), MOMENT, says(1, "Your order ", "is on its way."))

ORDERS: dict[str, tuple[Step, ...]] = {
    # setup
    "the setup makes the call ready": (
        GREETING, setup(), [CallReady(Setup("CA1", "+14155550100"))], open_turn, [None],
    ),
    "before the setup nothing is said": (
        says(1, "Hi", done=True), [], notice("Hi"), [], begin("Hi"), [], stop, [], heeded, [None],
    ),
    "a setup without from is a withheld number": (frame("setup", callSid="CA1"), [CallReady(Setup("CA1"))]),
    "a second setup of the call changes nothing": (
        *asked("Hi", "Hello "), frame("setup", callSid="CA1", sessionId="VX2"), [RecordEvent("setup_again", "")],
        heeded, [Setup("CA1")], says(1, "there."), [said("there.")],
    ),
    "a setup of another call is refused": (
        *asked(), setup("CA2"), [RecordEvent("setup_of_another_call", "")],
        heeded, [Setup("CA1", "+14155550100")],
    ),
    # turns
    "a final prompt is answered as the tokens come": (
        setup(), prompt("Where is my order? "), [StartTurn(1, "Where is my order?", "en-US")], open_turn, [1],
        says(1, "It is "), [said("It is ")], says(1, "\non its way."), [said("\non its way.")],
        says(1, done=True), [END_OF_TURN], open_turn, [None],
    ),
    "partial prompts start no turn": (
        setup(), prompt("Where", last=False), [], prompt("Where is", last=False), [],
        prompt("Where is my order?", last=False), [],
        prompt("Where is my order?"), [StartTurn(1, "Where is my order?", "en-US")],
    ),
    "partial prompts leave the open turn alone": (*asked("Hi", "Hello"), prompt("Wai", last=False), [], open_turn, [1]),
    "an empty prompt does not disturb an answer": (
        *asked("Hi", "Hello "), prompt(""), [], says(1, "there."), [said("there.")],
    ),
    "a turn without text ends with an empty token too": (*asked(), says(1, done=True), [END_OF_TURN]),
    "what belongs to no open turn vanishes": (
        *asked("First", "One"), prompt("Second"), *(part for turn in (0, 1, 3, -1, None)
        for part in (says(turn, "late", done=True), [])),
    ),
    "a finished turn says nothing more": (*asked("Hi", "Hello.", done=True), says(1, "more", done=True), []),
    "an empty token is not sent": (*asked(), says(1, ""), []),
    "a turn may begin without a prompt": (
        setup(), begin("1234", "es-ES"), [StartTurn(1, "1234", "es-ES")], says(1, "Hi"), [said("Hi")],
    ),
    # barge-in
    "an interrupt cancels the answer and tells what was heard": (
        *asked("Life?", "Life is a ", "complex set of ", "things."),
        interrupt("Life is a complex"), [CancelTurn(1, "Life is a complex")], says(1, " More"), [],
        prompt("Stop"), [StartTurn(2, "Stop", "en-US")],
    ),
    "a sound while the model thinks costs nothing; words come with a prompt, which cancels": (
        *asked(), interrupt(""), [], prompt(""), [], says(1, "Here."), [said("Here.")],
    ),
    "an interrupt before the first sound leaves nothing heard": (
        *asked("Life?", "Life is "), interrupt(""), [CancelTurn(1, "")],
    ),
    "an interrupt of a filler leaves the answer alone": (
        *asked(), MOMENT, interrupt("One mo"), [], says(1, "Here."), [said("Here.")],
        interrupt("He"), [CancelTurn(1, "He")],
    ),
    "words over a filler are the new question": (
        *asked(), MOMENT, interrupt("One mo"), prompt("Stop"), [CancelTurn(1, ""), StartTurn(2, "Stop", "en-US")],
    ),
    "an interrupt of a filler that took words along cancels the turn": (
        *asked(), MOMENT, says(1, "Here it is."), interrupt("One mo"), [CancelTurn(1, "")],
    ),
    "an interrupt of a filler behind words that were heard leaves the answer alone": (
        *asked("Hi", "Let me look."), MOMENT, interrupt("Let me look. One mo"), [], says(1, "Here."), [said("Here.")],
    ),
    "a cough whose empty prompt comes after the answer gets no sentence, another one does": (
        *asked(), MOMENT, interrupt("One mo"), says(1, "Here it is.", done=True), prompt(""), [],
        prompt(""), [said(EMPTY, last=True, preemptible=False)],
    ),
    "an interrupt of a finished answer corrects it": (*LONG, interrupt("Life is a"), [CorrectTurn(1, "Life is a")]),
    "an interrupt of a finished answer without a sound corrects it": (*LIFE, interrupt(""), [CorrectTurn(1, "")]),
    "an answer that was heard to its end is not corrected": (
        *asked("Life?", "Life is **complex**. \n", done=True), interrupt("Life is complex."), [],
    ),
    "an interrupt after the next turn began belongs to the earlier one": (
        *LONG, prompt("What?"), interrupt("Life is a"), [CorrectTurn(1, "Life is a")],
        says(2, "I said"), [said("I said")],
    ),
    "it does so too when the next turn has spoken": (
        *LONG, prompt("What?"), says(2, "I said ", "that "), interrupt("Life is a"), [CorrectTurn(1, "Life is a")],
        open_turn, [2],
    ),
    "an interrupt after its prompt corrects the cancelled turn": (
        *asked("Life?", "Life is a complex set of things."), prompt("Stop"),
        [CancelTurn(1, "Life is a complex set of things."), END_OF_TURN, StartTurn(2, "Stop", "en-US")],
        interrupt("Life is a"), [CorrectTurn(1, "Life is a")],
    ),
    "a prompt alone is a barge-in too": (
        *asked(), prompt("Wait"), [CancelTurn(1, ""), StartTurn(2, "Wait", "en-US")],
    ),
    "of a cancelled answer the played part was heard": (
        *asked("Life?", "Life is a ", "complex set of things."), played("Life is"),
        prompt("Stop"), [CancelTurn(1, "Life is"), END_OF_TURN, StartTurn(2, "Stop", "en-US")],
    ),
    "a repeated interrupt means nothing": (
        *asked("Life?", "Life is a complex set of things."), interrupt("Life is a"), prompt("Stop"),
        interrupt("Life is a"), [], open_turn, [2],
    ),
    "nor does a repeated one that tells less": (
        *asked("Life?", "Life is a complex set of things."), interrupt("Life is a"), prompt("Stop"),
        interrupt("Life"), [], open_turn, [2],
    ),
    "a late interrupt of the greeting does not cancel the first turn": (
        GREETING, *asked(), interrupt("Hello! How can"), [], open_turn, [1],
    ),
    "without knowing what is playing an empty interrupt costs no answer": (
        GREETING, *asked(), interrupt(""), [], open_turn, [1],
    ),
    "a greeting may become known after the setup": (
        setup(), greeted, prompt("Hi"), says(1, "Hello.", done=True), played(GREETING), lost, [CorrectTurn(1, "")],
    ),
    "a silent turn survives the interrupt of what is playing": (
        GREETING, setup(), info("agentSpeaking", "on"), prompt("Hi"), interrupt(""), [SpeakingChanged("agent", False)],
        open_turn, [1],
    ),
    "an interrupt that nothing explains changes nothing": (setup(), interrupt("who knows"), []),
    # what was heard
    "a filler is not heard text": (
        *FILLED, interrupt("One moment, please. Your order is"), [CancelTurn(1, "Your order is")],
    ),
    "a filler that was replaced half way is not heard text": (
        *FILLED, interrupt("One mom Your order is"), [CancelTurn(1, "Your order is")],
    ),
    "a filler that was never played is not missed": (
        *FILLED, interrupt("Your order is"), [CancelTurn(1, "Your order is")],
    ),
    "a filler within the answer is not heard text": (
        *asked("Hi", "Let me look."), notice("One moment."), says(1, "It is late."),
        interrupt("Let me look. One moment. It is"), [CancelTurn(1, "Let me look.It is")],
    ),
    "a filler is taken off an utterance that fits only roughly": (
        *asked(), MOMENT, says(1, "That is $20 in all."),
        interrupt("One moment please. That is twenty dollars"), [CancelTurn(1, "That is twenty dollars")],
    ),
    "an utterance of the latest sentence alone keeps what came before it": (
        *asked("Hi", "It was sent. ", "It arrives ", "on Monday."),
        interrupt("It arrives on"), [CancelTurn(1, "It was sent. It arrives on")],
    ),
    "after everything was played an empty interrupt takes nothing away": (
        *asked("Hi", "Let me look."), played("Let me look."), interrupt(""), [CancelTurn(1, "Let me look.")],
    ),
    "an answer that is repeated after a barge-in is told from the purged one": (
        *LIFE, played("Life"), interrupt("Life"), prompt("Again"), says(2, "It is complex.", done=True),
        played("is complex."), lost, [],
    ),
    "a filler that was replaced does not hide what was played": (
        GREETING, setup(), prompt("Hi"), notice("One moment."), notice("It takes a little longer."),
        played(f"{GREETING} It takes"), says(1, "Hello."), lost, [CancelTurn(1, "")],
    ),
    "an utterance may begin in the turn before": (
        *asked("Hi", "It was sent.", done=True), begin(), says(2, "News: it arrived."),
        interrupt("was sent. News: it"), [CancelTurn(2, "News: it")],
    ),
    "of equal beginnings the latest is meant": (
        *OKAY, prompt("When?"), says(2, "Okay, on Monday."), interrupt("Okay"), [CancelTurn(2, "Okay,")],
    ),
    "of equal beginnings the one that is playing is meant": (
        *OKAY, played("Okay"), prompt("When?"), says(2, "Okay, on Monday."),
        interrupt("Okay"), [CorrectTurn(1, "Okay,")], open_turn, [2],
    ),
    "what begins an answer is preferred to what occurs within one": (
        *OKAY, prompt("When?"), says(2, "That is okay."), interrupt("Okay"), [CorrectTurn(1, "Okay,")],
    ),
    "what is playing is preferred to what begins an answer": (
        *OKAY, prompt("When?"), says(2, "That is okay, I think."), played("Okay, it was sent. That is okay"),
        interrupt("okay"), [CancelTurn(2, "That is okay,")],
    ),
    "what fits only roughly belongs to the text that begins alike": (
        *asked("Hi", "Your total is $20 now.", done=True), prompt("What?"), says(2, "Okay then."),
        interrupt("Your total is twenty dollars"), [CorrectTurn(1, "Your total is twenty dollars")],
    ),
    "an answer that played on after its prompt was heard to its end": (
        *asked("Hi", "It was sent. ", "It is late."), played("It was"),
        prompt("When?"), [CancelTurn(1, "It was"), END_OF_TURN, StartTurn(2, "When?", "en-US")], says(2, "On Monday."),
        interrupt("On"), [CorrectTurn(1, "It was sent. It is late."), CancelTurn(2, "On")],
    ),
    "an answer that was followed by another one needs no word of its end": (
        *asked("Hi", "It was sent.", done=True), played("It was"), prompt("When?"), says(2, "On Monday."),
        interrupt("On"), [CancelTurn(2, "On")],
    ),
    "an interrupt may come many turns late": (
        *asked("Life?", "Life is complex.", done=True), *(begin() for _ in range(20)),
        interrupt("Life is"), [CorrectTurn(1, "Life is")],
    ),
    "a turn of which a part is forgotten is not corrected": (
        *asked("Hi", "Let me look."), notice("One moment."), says(1, "Done.", done=True),
        played("Let me look. One moment. Done."), *(notice("Are you still there?") for _ in range(62)), lost, [],
    ),
    "a notice after the answer means that it was heard": (
        *asked("Hi", "It was sent.", done=True), notice("Are you still there?"), interrupt("Are you"), [],
    ),
    # notices
    "the answer replaces a filler": (
        *asked(), notice("One moment."), [said("One moment.", last=True, preemptible=True)],
    ),
    "a notice outside turns is spoken to its end": (
        setup(), notice("Are you still there?"), [said("Are you still there?", last=True, preemptible=False)],
    ),
    "a notice within an answer stays in its talk cycle": (
        *asked("Hi", "Let me look."), notice("One moment."), [said(" One moment. ")],
    ),
    "a notice after a barge-in is spoken to its end": (
        *asked("Hi", "Hello "), interrupt("Hello"), notice("Yes?"), [said("Yes?", last=True, preemptible=False)],
    ),
    "a blank notice is not sent": (setup(), notice(" "), []),
    # keys
    "a key is reported": (setup(), key("5"), [KeyPressed("5")]),
    "it cancels the answer that the key stopped": (
        *asked("Life?", "Life is complex."), key("1"), interrupt("Life is"), [CancelTurn(1, "Life is")],
    ),
    "it corrects the answer that the reply replaced": (
        *asked("Life?", "Life is complex."), key("1"), begin("1"), interrupt("Life is"), [CorrectTurn(1, "Life is")],
    ),
    "the notice for a key survives too": (
        *asked("Life?", "Life is complex."), key("0"), stop, [CancelTurn(1, "Life is complex."), END_OF_TURN],
        notice("I connect you."), interrupt("Life is"), [CorrectTurn(1, "Life is")],
    ),
    "a later interrupt of the reply cancels it": (
        *PRESSED, interrupt("Life is"), interrupt("You pressed"), [CancelTurn(2, "You pressed")],
    ),
    "a reply that is heard can be interrupted even if the key stopped nothing": (
        *PRESSED, interrupt("You pressed"), [CancelTurn(2, "You pressed")],
    ),
    "a key in silence expects no interrupt": (
        *LIFE, played("Life is complex."), key("1"), begin("1"), says(2, "You pressed one."),
        interrupt(""), [CancelTurn(2, "")],
    ),
    "a prompt after the key ends its protection": (
        setup(), key("1"), prompt("Hi"), says(1, "Hello."), interrupt(""), [CancelTurn(1, "")],
    ),
    # info and errors
    "speech is reported when it begins and ends": (
        setup(), info("agentSpeaking", "on"), [SpeakingChanged("agent", True)], info("agentSpeaking", "on"), [],
        info("clientSpeaking", "on"), [SpeakingChanged("client", True)],
        info("agentSpeaking", "off"), [SpeakingChanged("agent", False)],
        lambda session: (session.agent_speaking, session.client_speaking), [False, True],
    ),
    "an interrupt ends the agents speech": (
        *asked("Hi", "Hello there."), info("agentSpeaking", "on"),
        interrupt("Hello"), [SpeakingChanged("agent", False), CancelTurn(1, "Hello")], info("agentSpeaking", "off"), [],
    ),
    "an error keeps the call and the turn": (
        *asked("Hi", "Hello "), error := frame("error", description='64107: Invalid message received: {"token": "Hi"}'),
        [RecordEvent("relay_error", "64107"), MessageRefused(64107, "")], error, [],
        says(1, "there."), [said("there.")],
    ),
    "too many malformed frames in a row close the session cleanly": (
        *asked("Hi", "Hello."), *[b"\xff"] * REFUSALS,
        b"\xff", [CancelTurn(1, ""), Close(PROTOCOL_ERROR, "too many malformed frames")], closed, [True],
    ),
    "malformed frames between others are put up with": (
        *asked(), *[*["nonsense"] * REFUSALS, prompt("Hi", last=False)] * 20, open_turn, [1],
    ),
    "a flood before the setup closes the session": (
        *[prompt("Hi")] * REFUSALS, prompt("Hi"), [Close(PROTOCOL_ERROR, "too many malformed frames")],
    ),
    # the end
    "a goodbye carries no data": (
        setup(), lambda session: session.hang_up({}), [Send('{"type":"end"}')],
    ),
    "hanging up cancels the open turn": (
        *asked("Hi", "Hello."), played("Hello."), hang_up, [CancelTurn(1, "Hello."), Send('{"type":"end"}')],
    ),
    "hanging up before the setup closes the socket": (
        lambda session: session.hang_up({"reason": "busy"}), [Close(1000, "no call")],
    ),
    "a lost socket cancels the open turn": (
        *asked("Life?", "Life is complex."), played("Life is"), lost, [CancelTurn(1, "Life is")],
    ),
    "what was not played before the end was not heard": (*LIFE, played("Life is"), lost, [CorrectTurn(1, "Life is")]),
    "what was not told about was not heard": (*LIFE, lost, [CorrectTurn(1, "")]),
    "what was told and never sent was not heard": (*LIFE, played("something never sent"), lost, [CorrectTurn(1, "")]),
    "what was told and never sent takes nothing away": (
        *LIFE, played("Life is"), played("something never sent"), lost, [CorrectTurn(1, "Life is")],
    ),
    "an open turn that was not told about was not heard either": (
        *asked("Life?", "Life is complex."), lost, [CancelTurn(1, "")],
    ),
    "what was played to its end was heard": (*LIFE, played("Life is complex."), lost, []),
    "a caller who answers has heard what came before": (
        *LIFE, prompt("Indeed"), says(2, "Quite.", done=True), lost, [CorrectTurn(2, "")],
    ),
    "what was interrupted is not corrected again": (*LIFE, played("Life is"), interrupt("Life is"), lost, []),
    "after the end nothing happens": (
        *asked("Hi", "Hello."), lost, setup(), [], prompt("Hi"), [], "nonsense", [], says(1, "x", done=True), [],
        notice("x"), [], begin("x"), [], stop, [], hang_up, [], lost, [],
    ),
    "a text names its language where the session would take another": (
        *asked("Hola", "Uno. "), lambda session: setattr(session, "lang", "es-ES"),
        says(1, "Dos."), [Send('{"type":"text","token":"Dos.","last":false,"lang":"es-ES"}')], says(1, done=True),
        notice("Bye.", lang="en-US"),
        [Send('{"type":"text","token":"Bye.","last":true,"lang":"en-US","preemptible":false}')],
    ),
    # for each of several frames
    **{
        f"before the setup nothing happens: {text}": (
            text, [RecordEvent("frame_before_setup", json.loads(text)["type"])], heeded, [None],
        )
        for text in (prompt("Hi"), prompt(None), key("1"), interrupt("Hi"), info("agentSpeaking", "on"))
    },
    **{
        f"an empty prompt gets its sentence and no turn: {text!r}": (
            setup(), prompt(text), [said(EMPTY, last=True, preemptible=False)], open_turn, [None],
        )
        for text in (None, "", "  \n")
    },
    **{
        f"an interrupt of the greeting corrects nothing: {heard}": (GREETING, setup(), interrupt(heard), [])
        for heard in ("Hello! How can", "", GREETING)
    },
    **{
        f"the interrupt of a key does not cancel its reply: {heard}": (*PRESSED, interrupt(heard), open_turn, [2])
        for heard in ("Life is", "", "something else altogether")
    },
    **{
        f"several keys are spared as one: {heard}": (
            *LIFE, key("1"), begin("1"), says(2, "One."), key("2"), interrupt(heard), open_turn, [2],
        )
        for heard in ("Life is", "")
    },
    **{
        f"blanks, case and markup do not matter: {sent}, {utterance}": (
            *asked("Hi", sent, done=True), interrupt(utterance), [] if heard is None else [CorrectTurn(1, heard)],
        )
        for sent, utterance, heard in (
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
        )
    },
    **{
        f"a refused message is told with what may not fit in it: {description}": (
            setup(), frame("error", description=description),
            [RecordEvent("relay_error", ""), MessageRefused(64107, field)],
        )
        for description, field in (
            ("what", ""),
            ('Invalid message received: {"type": "text", "token": "\\"lang\\": x", "last": false}', ""),
            ('Invalid message received: {"type": "text", "token": "Hi", "lang": "xx-YY", "last": false}', "lang"),
            ('Invalid message received: {"type": "play", "source": "nowhere"}', "source"),
        )
    },
    **{
        f"what is not understood is noted once: {text[:40]}": (setup(), text, [note], text, [])
        for text, note in (
            (frame("configUpdated"), RecordEvent("unknown_frame", "configUpdated")),
            (frame("my card is 4111 1111"), RecordEvent("unknown_frame", "")),
            (frame("x" * 5_000), RecordEvent("unknown_frame", "")),
            (info("weather", "fine"), RecordEvent("unknown_info", "weather")),
            (info("agentSpeaking", "perhaps"), RecordEvent("unknown_info", "agentSpeaking")),
            ("{", RecordEvent("malformed_frame", "not JSON")),
        )
    },
}  # fmt: skip


def test_every_order_of_frames_gives_what_it_says() -> None:
    found = {name: fault(steps) for name, steps in ORDERS.items()}
    assert {name: why for name, why in found.items() if why} == {}


def test_no_interrupt_takes_long() -> None:
    session, began = ready(GREETING), time.process_time()
    for utterance in (EMPTY * 3 + "x", EMPTY * 1_000 + "x", "I " * 20_000, "x" * 60_000, EMPTY[:20] + "zz"):
        for _ in range(100):
            session.receive(prompt(""))
        assert session.receive(interrupt(utterance)) == ()
    assert time.process_time() - began < 5


def test_notes_come_to_an_end() -> None:
    session = ready()
    notes = [action for number in range(1_000) for action in session.receive(frame(f"new{number}"))]
    assert len(notes) == 32


def test_a_handoff_ends_the_session_with_its_data_as_a_string() -> None:
    session = ready()
    (end,) = session.hang_up({"reason": "live agent", "ticket": 7})
    assert isinstance(end, Send)
    fields = json.loads(end.frame)
    assert {**fields, "handoffData": json.loads(fields["handoffData"])} == {
        "type": "end",
        "handoffData": {"reason": "live agent", "ticket": 7},
    }


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


def test_thirty_thousand_frames_neither_crash_nor_fill_the_memory() -> None:
    chance = random.Random(5)
    session, largest, closed = ready(GREETING), 0, 0
    for number in range(30_000):
        answer(session, session.receive(mutated(chance)), chance)
        if number % 20 == 0:  # keeps most calls from being closed
            session.receive(prompt("Hi", last=False))
        if number % 1_000 == 0:
            largest = max(largest, len(pickle.dumps(session)))
        if session.closed:
            session, closed = ready(GREETING), closed + 1
    assert largest < 100_000
    assert closed > 0


def test_thirty_thousand_empty_prompts_do_not_fill_the_memory() -> None:
    session = ready()
    for _ in range(30_000):
        session.receive(prompt(""))
    assert len(pickle.dumps(session)) < 100_000
