"""``tandem call``: call the agent of a running development server from the terminal.

This process plays both the caller and Twilio: it signs the voice webhook with the development secret, opens the
gateway's real socket, and prints what the agent says at the speed of speech.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from ..settings import Settings
from ..settings.development import SAMPLE_ACCOUNT_SID, SAMPLE_NUMBER, auth_tokens
from ..simulator.call import SimulatedCall
from ..simulator.playback import CHARS_PER_SECOND
from ..simulator.twilio_simulator import TwilioSimulator
from .terminal import customers_number, no_gateway, typed_lines, until_one_ends

HELP = "Type what you say and press Enter; Enter alone interrupts. /press KEYS  /lang es-ES  /drop  /hangup"
ANSWER_SECONDS = 60.0
"""How long a script waits for an answer before it says its next line."""
RECONNECT_SECONDS = 30.0


async def call(settings: Settings, sender: str, *, speed: float = 1.0) -> int:
    """Call the agent until somebody hangs up; return the exit code. Raises ConfigurationError.

    ``speed`` is how many times faster than people both sides speak.
    """
    number = customers_number(settings, sender, command="call")
    ours = settings.twilio_phone_number or SAMPLE_NUMBER
    async with (
        TwilioSimulator(
            account_sid=SAMPLE_ACCOUNT_SID,
            auth_token=auth_tokens(settings)[0],
            gateway_url=f"http://127.0.0.1:{settings.port}",
            public_base_url=settings.public_base_url,
        ) as twilio,
        twilio.call(number, to=ours, chars_per_second=CHARS_PER_SECOND * speed) as line,
    ):
        status = line.happened("webhook")[0]["status"]
        if status == "0":
            raise no_gateway(settings)
        if status != "200":
            print(f"  (the gateway answered {status})", flush=True)
        await _talk(line)
    return 0 if line.sessions else 1


async def _talk(line: SimulatedCall) -> None:
    """Print and obey until the call or the input is over."""
    printer = _Printer(line)

    async def talk() -> None:
        await until_one_ends(_Terminal(line, printer).run(), line.wait_over(None))
        await line.hang_up()

    try:
        await until_one_ends(talk(), printer.run())
    finally:
        printer.finish()


class _Terminal:
    """The caller's side: obeys what is typed, or what a script holds."""

    def __init__(self, line: SimulatedCall, printer: _Printer) -> None:
        self._line = line
        self._printer = printer
        self._typed = sys.stdin.isatty()
        self._language: str | None = None

    async def run(self) -> None:
        """Obey every line until the end of the input or of the call."""
        if self._typed:
            print(HELP, flush=True)
        else:
            await self._hear_out(self._line.wait_silent)
        async for text in typed_lines():
            if not await self._connected() or not await self._obey(text.strip()):
                return
            if not self._typed:
                quiet = not text.strip() or (text.startswith("/") and not text.startswith("/press "))
                await self._hear_out(self._line.wait_silent if quiet else self._line.wait_answer)

    async def _obey(self, text: str) -> bool:
        """Do what one line says; return whether the call goes on."""
        command, _, rest = text.partition(" ")
        if not self._typed and text:
            self._printer.show()
            print(f"you: {text}", flush=True)
        match command:
            case "":
                await self._line.interrupt()
            case "/press" if rest:
                await self._line.press(rest.replace(" ", ""))
            case "/lang":
                self._language = rest.strip() or None
            case "/drop":
                await self._line.drop()
            case "/hangup":
                return False
            case _ if command.startswith("/"):
                print(f"  ({HELP})", flush=True)
            case _:
                await self._line.say(text, self._language)
        return True

    async def _hear_out(self, wait: Callable[[float], Coroutine[Any, Any, object]]) -> None:
        """Wait, as a polite caller does, until the agent has answered and is silent."""
        try:
            await wait(ANSWER_SECONDS)
        except TimeoutError:
            print("  (no answer yet)", flush=True)

    async def _connected(self) -> bool:
        """Wait until the agent can hear the caller; return whether that is so."""
        line = self._line
        with suppress(TimeoutError):
            await line.wait_for(lambda: line.over or line.session is not None, RECONNECT_SECONDS)
        return line.session is not None


class _Printer:
    """Prints what is heard, word by word, and what becomes of the call."""

    def __init__(self, line: SimulatedCall) -> None:
        self._line = line
        self._utterance = self._shown = self._noted = 0

    async def run(self) -> None:
        """Print as it comes."""
        while True:
            self.show()
            await self._line.change()

    def finish(self) -> None:
        """Print what is left, and what the gateway did wrong."""
        self.show()
        if self._shown:
            print(flush=True)
        for violation in self._line.violations:
            print(f"  (against the protocol: {violation})", flush=True)
        print("  (the call is over)", flush=True)

    def show(self) -> None:
        """Print what is new."""
        for happening in self._line.log[self._noted :]:
            self._noted += 1
            if note := _note(happening.what, happening.detail):
                print(f"  ({note})", flush=True)
        while self._utterance < len(self._line.speech.utterances):
            utterance = self._line.speech.utterances[self._utterance]
            if fresh := utterance.heard[self._shown :]:
                print(fresh if self._shown else f"agent: {fresh.lstrip()}", end="", flush=True)
                self._shown = utterance.spoken
            if not utterance.over:
                return
            if self._shown:
                print(" …" if utterance.spoken < len(utterance.text) else "", flush=True)
            self._utterance, self._shown = self._utterance + 1, 0


def _note(what: str, detail: Mapping[str, str]) -> str:
    """Say in words what Twilio did; empty for what the caller need not know."""
    match what:
        case "fallback":
            return "the gateway failed: asking its fallback"
        case "session" if detail["SessionStatus"] == "failed":
            return f"the connection to the agent failed: error {detail['ErrorCode']}"
        case "dial":
            return f"transferring to {detail['number']}: {detail['outcome']}"
        case "whispered" if detail["text"]:
            return f"the colleague is told: {detail['text']}"
    return ""
