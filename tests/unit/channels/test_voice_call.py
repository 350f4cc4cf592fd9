"""One call in time: what is said when, in the silence of others, over nobody, and until it was heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tandem.channels.voice.call import LiveCall
from tandem.channels.voice.call_language import CallLanguage
from tandem.channels.voice.call_registry import CallRegistry
from tandem.channels.voice.relay_messages import Setup
from tandem.channels.voice.voice_config import CallRules
from tandem.channels.voice.voice_options import VoiceOptions
from tandem.conversation import phrases
from tandem.conversation.speech_stream import SpeechStreams
from tandem.conversation.translations import Translations
from tandem.entries import Entry, PersonWanted, SpokenPrompt
from tandem.identity.base import Resolution
from tandem.identity.phone import PhoneResolver
from tandem.model import Address, Channel, Route, SubjectId

from ...kit.clock import timeless
from ...kit.tables import each
from ...kit.waiting import PATIENCE, until

CALL = "CA" + "1" * 32
SETUP = {"type": "setup", "callSid": CALL, "from": "+14155550100", "to": "+14155550199"}
PROMPT = {"type": "prompt", "voicePrompt": "where is it?", "lang": "en-US", "last": True}
REST = "We were cut off. I was saying: your order has shipped."


class Socket:
    """An accepted socket: frames are put in, and what is sent is kept."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []

    @property
    def texts(self) -> list[str]:
        return [frame["token"] for frame in self.sent if frame.get("token")]

    @property
    def ended(self) -> list[str]:
        """What the ``end`` messages hand over."""
        return [frame["handoffData"] for frame in self.sent if frame["type"] == "end"]

    def put(self, frame: dict[str, Any]) -> None:
        self._frames.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})

    def speaks(self, who: str, *, on: bool) -> None:
        """Tell that the agent's or the client's speech begins or ends."""
        self.put({"type": "info", "name": f"{who}Speaking", "value": "on" if on else "off"})

    def hang_up(self) -> None:
        self._frames.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive(self) -> dict[str, Any]:
        return await self._frames.get()

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None: ...


class Engine:
    """Answers what it hears at once, or, while it ``thinks``, never."""

    def __init__(self, *, thinks: bool = False) -> None:
        self.speeches = SpeechStreams()
        self.identity = PhoneResolver("US")
        self.thinks = thinks
        self.heard: list[str] = []
        self.keys: list[str] = []
        self.greetings: list[str] = []
        self.accepted: list[Entry] = []

    async def hear(self, subject: SubjectId, entries: Sequence[Entry]) -> None:
        prompt, speech = entries[-1].body, self.speeches.get(entries[-1].key)
        assert isinstance(prompt, SpokenPrompt)
        assert speech is not None
        self.heard.append(prompt.text)
        self.keys.append(entries[-1].key)
        self.greetings.append(prompt.greeting)
        if not self.thinks:
            speech.say("Here you are.")
            speech.finish()
            speech.done.set()

    async def accept(self, subject: SubjectId, entries: Sequence[Entry]) -> tuple[()]:
        self.accepted += entries
        return ()


class Reception:
    """Knows nothing of the call, which is plain English, but its options and, once ``ready``, its unheard ``rest``."""

    def __init__(self, options: VoiceOptions, rest: str, ready: asyncio.Event) -> None:
        self._options = options
        self._rest = rest
        self._ready = ready

    async def language(self, setup: Setup) -> CallLanguage:
        return CallLanguage(self._options, Translations({}))

    async def greeting(self, setup: Setup, resolution: Resolution) -> str:
        return ""

    async def rest(self, subject: SubjectId) -> str:
        await self._ready.wait()
        return self._rest


class Presence:
    """Tells no other replica of the call."""

    def begin(self, subject: SubjectId) -> None: ...


async def warm() -> None: ...


@asynccontextmanager
async def live(
    socket: Socket,
    engine: Engine,
    *,
    rest: str = "",
    ready: asyncio.Event | None = None,
    greeting: str = "",
    options: VoiceOptions | None = None,
    **rules: Any,
) -> AsyncIterator[LiveCall]:
    """Run a call from its setup on; it hangs up at the end."""
    call = LiveCall(
        socket,  # type: ignore[arg-type]
        CALL,
        engine=engine,  # type: ignore[arg-type]
        presence=Presence(),  # type: ignore[arg-type]
        proven=True,
        resumed=ready is not None,
        reception=Reception(options or VoiceOptions(), rest, ready or asyncio.Event()),  # type: ignore[arg-type]
        warm=warm,
        rules=CallRules(**rules),
        greeting=greeting,
    )
    socket.put(SETUP)
    running = asyncio.create_task(call.run())
    yield call
    socket.hang_up()
    await running


@pytest.mark.promise("V3", "V16")
@each(("speaks_first", "said"), [(True, ["Here you are."]), (False, [REST])])
async def test_a_caller_who_speaks_first_after_a_lost_socket_is_answered(speaks_first: bool, said: list[str]) -> None:
    socket, ready = Socket(), asyncio.Event()
    async with live(socket, Engine(), rest=REST.removeprefix(f"{phrases.CUT_OFF} "), ready=ready) as call:
        if speaks_first:
            socket.put(PROMPT)
        async with asyncio.timeout(PATIENCE):
            while call.subject is None or (speaks_first and call._session.turn is None):
                await asyncio.sleep(0)
            ready.set()
            while not socket.texts:
                await asyncio.sleep(0)
    assert socket.texts == said


@pytest.mark.promise("V24")
@timeless
@each("then", ["speaks on", "hangs up"])
async def test_what_is_said_before_the_caller_is_known_is_answered_and_never_taken_for_heard(then: str) -> None:
    socket, engine, known = Socket(), Engine(thinks=True), asyncio.Event()

    class Slow(PhoneResolver):
        async def resolve(self, *asked: Any, **more: Any) -> Resolution:
            await known.wait()
            return await super().resolve(*asked, **more)

    engine.identity = Slow("US")
    async with live(socket, engine) as call:
        socket.put(PROMPT)
        if then == "speaks on":
            socket.put(PROMPT | {"voicePrompt": "or rather the other one"})
        else:
            socket.hang_up()
            await until(lambda: call._session.closed)
        known.set()
        await until(lambda: len(engine.heard) == (2 if then == "speaks on" else 1))
        first, *others = (engine.speeches[key] for key in engine.keys)
        assert (first.heard, first.interrupted, first.lost) == ("", not (gone := then == "hangs up"), gone)
        assert [speech.silent for speech in others] == [False] * len(others)


@pytest.mark.promise("V5")
@timeless
async def test_the_model_is_told_of_the_greeting_once() -> None:
    socket, engine = Socket(), Engine()
    async with live(socket, engine, greeting="Hello John!"):
        for _ in range(2):
            socket.put(PROMPT)
            await asyncio.sleep(1.0)
    assert engine.greetings == ["Hello John!", ""]


@pytest.mark.promise("V10")
@timeless
async def test_two_seconds_without_a_key_end_a_number() -> None:
    engine = Engine()
    socket = Socket()
    async with live(socket, engine):
        for digit in "123":
            await asyncio.sleep(1.9)
            socket.put({"type": "dtmf", "digit": digit})
        await asyncio.sleep(1.9)
        assert engine.heard == []
        await asyncio.sleep(0.2)
    assert engine.heard == ["[The caller entered the number 123 with the keys.]"]


@pytest.mark.promise("V19")
@each("who", ["agent", "client"])
def test_speech_is_no_silence(who: str) -> None:
    @timeless
    async def call() -> None:
        socket = Socket()
        async with live(socket, Engine(), silence=10.0):
            socket.speaks(who, on=True)
            await asyncio.sleep(60.0)
            socket.speaks(who, on=False)
            await asyncio.sleep(9.0)
            assert socket.texts == []
            await asyncio.sleep(3.0)
        assert socket.texts == [phrases.STILL_THERE]

    call()


@pytest.mark.promise("V19")
@each("sign", ["key", "words", "voice"])
def test_a_sign_of_life_after_the_question_begins_the_patience_anew(sign: str) -> None:
    @timeless
    async def call() -> None:
        socket = Socket()
        async with live(socket, Engine(), silence=10.0):
            await asyncio.sleep(11.0)
            if sign == "key":
                socket.put({"type": "dtmf", "digit": "*"})
            elif sign == "words":
                socket.put(PROMPT)
            else:
                socket.speaks("client", on=True)
                socket.speaks("client", on=False)
            await asyncio.sleep(12.0)
            assert socket.ended == []
        assert socket.texts.count(phrases.STILL_THERE) == 2

    call()


@pytest.mark.promise("V13", "V19")
@timeless
async def test_a_caller_who_waits_for_an_answer_hears_so_every_eight_seconds_and_is_not_asked_for_a_sign() -> None:
    socket = Socket()
    async with live(socket, Engine(thinks=True), silence=10.0):
        socket.put(PROMPT)
        await asyncio.sleep(30.0)
    assert socket.texts == [phrases.ONE_MOMENT] * 4


MUSIC = VoiceOptions(hold_music="https://cdn.example/wait.mp3")


@pytest.mark.promise("V13")
@timeless
async def test_a_caller_who_waits_for_long_hears_music_until_the_first_word() -> None:
    socket, engine = Socket(), Engine(thinks=True)
    async with live(socket, engine, options=MUSIC):
        socket.put(PROMPT)
        await asyncio.sleep(20.0)
        (key,) = engine.keys
        speech = engine.speeches.get(key)
        assert speech is not None
        speech.say("Here you are.")
        speech.finish()
        await asyncio.sleep(1.0)
    assert [frame.get("token") or frame["type"] for frame in socket.sent if frame.get("token") != ""] == [
        phrases.ONE_MOMENT,
        "play",
        "Here you are.",
    ]
    (played,) = [frame for frame in socket.sent if frame["type"] == "play"]
    assert played == {"type": "play", "source": MUSIC.hold_music, "loop": 100, "preemptible": True}


@pytest.mark.promise("V13")
@timeless
async def test_music_that_a_cough_stopped_goes_on_and_within_an_answer_there_is_none() -> None:
    socket, engine = Socket(), Engine(thinks=True)
    async with live(socket, engine, options=MUSIC):
        socket.put(PROMPT)
        await asyncio.sleep(5.0)
        socket.put({"type": "interrupt", "utteranceUntilInterrupt": "", "durationUntilInterruptMs": 900})
        await asyncio.sleep(8.0)
        (key,) = engine.keys
        speech = engine.speeches.get(key)
        assert speech is not None
        speech.say("I look. ")
        await asyncio.sleep(20.0)
    assert [frame["type"] for frame in socket.sent].count("play") == 2
    assert socket.texts == [phrases.ONE_MOMENT, "I look. ", *[f" {phrases.ONE_MOMENT} "] * 2]


@pytest.mark.promise("V17")
@timeless
async def test_a_caller_hears_the_sentence_out_before_they_are_transferred() -> None:
    engine = Engine()
    socket = Socket()
    async with live(socket, engine, transfers=True):
        socket.put({"type": "dtmf", "digit": "0"})
        await asyncio.sleep(0.5)
        socket.speaks("agent", on=True)
        await asyncio.sleep(3.0)
        assert (socket.texts, socket.ended) == ([phrases.TRANSFER], [])
        socket.speaks("agent", on=False)
        await asyncio.sleep(0.1)
    (wanted,) = [entry.body for entry in engine.accepted if isinstance(entry.body, PersonWanted)]
    assert [json.loads(handed) for handed in socket.ended] == [{"reason": "transfer", "ticket": wanted.ticket}]


class Connecting(Engine):
    """Puts the caller through with its first answer."""

    async def hear(self, subject: SubjectId, entries: Sequence[Entry]) -> None:
        speech = self.speeches.get(entries[-1].key)
        assert speech is not None
        if not self.heard:
            speech.transfer = "TKT_1"
        await super().hear(subject, entries)


@pytest.mark.promise("V23")
@timeless
async def test_a_caller_who_waits_is_put_through_once_the_agent_has_said_so() -> None:
    socket = Socket()
    async with live(socket, Connecting()):
        socket.put(PROMPT)
        await asyncio.sleep(0.1)
        socket.speaks("agent", on=True)
        await asyncio.sleep(3.0)
        assert socket.ended == []
        socket.speaks("agent", on=False)
        await asyncio.sleep(2.0)
    assert [json.loads(handed) for handed in socket.ended] == [{"reason": "transfer", "ticket": "TKT_1"}]


@pytest.mark.promise("V23")
@timeless
async def test_a_caller_who_says_something_before_they_are_put_through_is_answered_and_stays() -> None:
    socket, engine = Socket(), Connecting()
    async with live(socket, engine):
        socket.put(PROMPT)
        await asyncio.sleep(0.1)
        socket.speaks("agent", on=True)
        await asyncio.sleep(1.0)
        socket.put(PROMPT)
        socket.speaks("agent", on=False)
        await asyncio.sleep(10.0)
        assert (len(engine.heard), socket.ended) == (2, [])


@pytest.mark.promise("V17")
@timeless
async def test_a_call_has_one_ticket_however_often_its_caller_asks_for_a_person() -> None:
    engine, socket = Engine(), Socket()
    async with live(socket, engine):
        for _ in range(2):
            socket.put({"type": "dtmf", "digit": "0"})
            await asyncio.sleep(5.0)
    wanted = [(entry.key, entry.body.ticket) for entry in engine.accepted if isinstance(entry.body, PersonWanted)]
    assert (len(wanted), len(set(wanted))) == (2, 1)


@pytest.mark.promise("H2")
@each("who", ["agent", "client"])
def test_what_is_said_unasked_waits_until_nobody_speaks(who: str) -> None:
    @timeless
    async def unasked() -> None:
        socket = Socket()
        async with live(socket, Engine()) as call:
            socket.speaks(who, on=True)
            await asyncio.sleep(1.0)
            saying = asyncio.create_task(call.say_between("Your refund is approved.", 3))
            await asyncio.sleep(5.0)
            socket.speaks(who, on=False)
            await asyncio.sleep(0.3)
            assert socket.texts == []
            await asyncio.sleep(0.3)
            assert await saying
        assert socket.texts == ["Your refund is approved."]

    unasked()


@pytest.mark.promise("V13")
@timeless
async def test_a_caller_is_not_asked_to_wait_while_the_agent_speaks() -> None:
    socket = Socket()
    async with live(socket, Engine(thinks=True)):
        socket.speaks("agent", on=True)
        socket.put(PROMPT)
        await asyncio.sleep(5.0)
        socket.speaks("agent", on=False)
        assert socket.texts == []
        await asyncio.sleep(5.0)
    assert socket.texts == [phrases.ONE_MOMENT]


@pytest.mark.promise("O2")
@timeless
async def test_a_call_moves_between_two_turns_after_a_notice() -> None:
    engine = Engine(thinks=True)
    socket = Socket()
    async with live(socket, engine) as call:
        socket.put(PROMPT)
        await asyncio.sleep(0.5)
        moving = asyncio.create_task(call.move())
        await asyncio.sleep(20.0)
        assert phrases.MOVING not in socket.texts
        assert socket.ended == []
        (speech,) = call._turns._speeches.values()
        speech.say("Here you are.")
        speech.finish()
        speech.done.set()
        await moving
    assert socket.texts[-2:] == ["Here you are.", phrases.MOVING]
    assert [json.loads(handed) for handed in socket.ended] == [{"reason": "moved"}]


@pytest.mark.promise("O2", "V9")
@timeless
async def test_a_call_does_not_move_while_a_turn_goes_on_that_was_spoken_over() -> None:
    socket = Socket()
    async with live(socket, Engine(thinks=True)) as call:
        socket.put(PROMPT)
        await asyncio.sleep(0.5)
        (speech,) = call._turns._speeches.values()
        speech.say("Some words of an answer, ")
        await asyncio.sleep(0.5)
        socket.put({"type": "interrupt", "utteranceUntilInterrupt": "Some words", "durationUntilInterruptMs": "400"})
        moving = asyncio.create_task(call.move())
        await asyncio.sleep(20.0)
        assert (speech.interrupted, socket.ended) == (True, [])
        speech.done.set()
        await moving
    assert len(socket.ended) == 1


@pytest.mark.promise("V16")
@timeless
async def test_a_lost_call_is_expected_for_ten_seconds_unless_it_is_known_to_be_over() -> None:
    registry, route = CallRegistry(), Route(Channel.VOICE, Address("tel", "+14155550100"), Address("tel", "+1"))
    for call in ("CA1", "CA2"):
        registry.expect(call, route)
    registry.forget("CA1")
    await asyncio.sleep(9.9)
    assert registry.expects(route)
    assert not registry.expects(replace(route, customer=Address("tel", "+14155550101")))
    await asyncio.sleep(0.2)
    assert not registry.expects(route)
    registry.expect("CA1", route)
    registry.forget("CA1")
    assert not registry.expects(route)
