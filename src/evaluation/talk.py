"""Plays a conversation from the customer's side: by script or by a model, in texts and in calls."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Self

from ..simulator.call import SimulatedCall
from .scenario import CustomerTurn, Persona, Scenario
from .trial import TranscriptLine, Trial, requests_of
from .words import holds
from .world import World

NAGS = ("Hello?", "Hello? Are you still there?")
"""What an impatient customer says when no answer comes, one after the other."""
LONGEST = 3600.0
"""Seconds that a wait in a call may take at most; the whole conversation is bounded by its runner."""
MOST_ROUNDS = 5
UNTIL_KNOWN = 2.0
"""Seconds until the gateway knows that a call is over."""
Ask = Callable[[Sequence[TranscriptLine]], Awaitable[str]]
"""Returns what a customer played by a model says next; empty when they are done."""


class Talk:
    """The customer of one scenario in one world; what came of it goes into ``trial``. Use it with ``async with``."""

    def __init__(self, world: World, scenario: Scenario, trial: Trial, rng: random.Random) -> None:
        self._world = world
        self._scenario = scenario
        self._trial = trial
        self._rng = rng
        self._calls = AsyncExitStack()
        self._call: SimulatedCall | None = None
        self._texts = self._sounds = self._dialled = 0
        self._decided: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calls.__aexit__(kind, error, trace)

    # --- who the customer is ----------------------------------------------------------------------------

    async def play_script(self, turns: Sequence[CustomerTurn]) -> None:
        """Do what the turns say, and see what is heard after each."""
        for number, turn in enumerate(turns, 1):
            wanted = turns[number].when_heard if number < len(turns) else ""
            answer = await self._do(turn, partial(holds, wanted=wanted) if wanted else None)
            if wanted and answer is not None and not holds(answer, wanted):
                self._problem(f"turn {number}: {wanted!r} was not said, at which the customer interrupts")
            self._compare(number, turn, answer)
        await self._end()

    async def play(self, persona: Persona, ask: Ask, *, most: int) -> None:
        """Let a model play the customer, for at most so many turns."""
        for _ in range(most):
            words = await ask([*self._trial.lines, *self._unfinished()])
            if not words:
                break
            interrupts = self._scenario.channel == "phone" and self._rng.random() < persona.interrupts
            enough = partial(_as_long_as, characters=self._rng.randint(20, 80))
            await self._do(CustomerTurn(say=words), enough if interrupts else None)
            if self._call is not None and self._call.over:
                break
        else:
            self._problem(f"the customer was not done after {most} turns")
        await self._end()

    def _compare(self, number: int, turn: CustomerTurn, answer: str | None) -> None:
        said = (answer or "").strip()
        if turn.silent and said:
            self._problem(f"turn {number}: an answer came, and none may")
        waits = not (turn.silent or turn.at_once or turn.hang_up or turn.drop)
        if waits and answer is not None and not said:
            self._problem(f"turn {number}: no answer came")
        for words in turn.hears:
            if not holds(said, words):
                self._problem(f"turn {number}: {words!r} was not in the answer")
        for words in turn.never_hears:
            if holds(said, words):
                self._problem(f"turn {number}: {words!r} was in the answer")

    async def _do(self, turn: CustomerTurn, enough: Callable[[str], bool] | None = None) -> str | None:
        """Do one thing; return what came back, None where nothing can: the call was over.

        ``enough`` tells from what was heard so far when the customer goes on, as one does who interrupts.
        """
        if (turn.channel or self._scenario.channel) == "text":
            answer: str | None = await self._write(turn)
        else:
            answer = await self._speak(turn, enough)
        if enough is None and not turn.at_once:
            await self._let_staff_decide()
        return answer

    # --- texts ------------------------------------------------------------------------------------------

    async def _write(self, turn: CustomerTurn) -> str:
        began, before = time.time(), len(self._trial.lines)
        self._note("customer", turn.say, "text")
        status = await self._world.text(turn.say)
        if status != 200:
            self._problem(f"the gateway answered {status} to a text")
        if turn.at_once:
            return ""

        async def nag(words: str) -> None:
            self._note("customer", words, "text")
            await self._world.text(words)

        await self._patiently(self._world.settled, nag)
        self._read_texts(began)
        return "\n".join(line.text for line in self._trial.lines[before:] if line.who == "agent")

    def _read_texts(self, began: float | None = None) -> None:
        """Take in the texts that came; the first one ends the customer's wait since ``began``."""
        received = self._world.twilio.sent_to(self._world.number)
        for message in received[self._texts :]:
            seconds = None if began is None else max(0.0, message.created_at - began)
            self._note("agent", message.body, "text", seconds)
            if seconds is not None:
                self._trial.waits.append(seconds)
            began = None
        self._texts = len(received)

    # --- calls ------------------------------------------------------------------------------------------

    async def _speak(self, turn: CustomerTurn, enough: Callable[[str], bool] | None) -> str | None:
        call = await self._connected()
        if call is None:
            self._problem(f"the call was over before the customer could go on: {turn.say or turn.press or 'end'}")
            return None
        mark = len(call.speech.utterances)

        def heard() -> str:
            fresh = call.speech.utterances[mark:]
            return "\n".join(one.heard for one in fresh if one.source == "agent" and not one.preemptible)

        async def answered() -> None:
            if enough is None:
                await call.wait_answer(LONGEST)
            else:
                await call.wait_for(lambda: call.over or enough(heard()) or (call.speech.idle and heard() != ""), None)

        if turn.hang_up:
            await self._hang_up()
        elif turn.drop:
            await call.drop()
            await self._connected()
        else:
            await (call.press(turn.press) if turn.press else call.say(turn.say))
            if turn.silent:
                await self._world.settled()
            elif not turn.at_once:
                await self._patiently(answered, call.say)
        if enough is None:
            self._listen()
        return heard()

    async def _connected(self) -> SimulatedCall | None:
        """Return the call with the agent in it, made now where there was none; None when it is over."""
        if self._call is None:
            self._call = call = await self._calls.enter_async_context(self._world.call())
            self._sounds, self._dialled = 0, self._dialled + 1
            await call.wait_silent(LONGEST)
            self._listen()
        call = self._call
        await call.wait_for(lambda: call.over or call.session is not None, LONGEST)
        return call if call.session is not None else None

    async def _hang_up(self) -> None:
        """End the call, and wait until the gateway knows; the next thing said by phone is said in a new one."""
        if self._call is not None:
            await self._call.hang_up()
            self._listen()
            self._trial.problems += [f"against Twilio's protocol: {one}" for one in self._call.violations]
            if self._call.sessions:
                with suppress(TimeoutError):  # one whose line was lost is expected back for longer
                    async with asyncio.timeout(UNTIL_KNOWN):
                        await self._world.until(lambda: self._world.departures() >= self._dialled)
            self._call = None

    def _listen(self) -> None:
        """Take in what was said on the line; it is complete, because neither side is speaking."""
        fresh = self._unfinished()
        self._trial.lines += fresh
        self._sounds += len(fresh)

    def _unfinished(self) -> list[TranscriptLine]:
        """Return what was said on the line since, as far as it was heard."""
        sounds = self._call.transcript[self._sounds :] if self._call is not None else []
        who = {"caller": "customer"}
        return [TranscriptLine(who.get(one.who, one.who), one.text.strip(), "phone") for one in sounds]

    # --- both -------------------------------------------------------------------------------------------

    async def _patiently(
        self, answered: Callable[[], Awaitable[object]], say: Callable[[str], Awaitable[object]]
    ) -> None:
        """Wait for an answer; ask where it is when patience ends, and at last wait without any."""
        for words in (*NAGS, ""):
            try:
                async with asyncio.timeout(self._scenario.patience if words else None):
                    await answered()
                return
            except TimeoutError:
                await say(words)

    async def _let_staff_decide(self) -> None:
        """Decide what waits, as the scenario's colleague does, and wait until the customer knows.

        What a decision leads the agent to ask for is decided as well, some rounds long.
        """
        for _ in range(MOST_ROUNDS):
            if not await self._decide():
                return
            await self._world.settled()
            if self._call is not None and not self._call.over:
                await self._call.wait_silent(LONGEST)
            self._listen()
            self._read_texts()

    async def _decide(self) -> bool:
        """Decide each request once; return whether there was any."""
        decided = False
        for request in requests_of(await self._world.timeline()):
            decision = self._scenario.staff.get(request.tool) or self._scenario.staff.get("*")
            if request.how != "pending" or request.approval in self._decided or decision is None:
                continue
            self._decided.add(request.approval)
            if decision.decide != "wait":
                self._note("staff", f"{decision.decide}: {request.tool}")
                if problem := await self._world.decide(request.approval, decision):
                    self._problem(f"staff could not {decision.decide}: {problem}")
                decided = True
        return decided

    async def _end(self) -> None:
        """Hang up, let everything come to its end, and take in what came last."""
        await self._hang_up()
        await self._world.settled()
        await self._let_staff_decide()
        self._read_texts()

    def _note(self, who: str, text: str, channel: str = "", seconds: float | None = None) -> None:
        self._trial.lines.append(TranscriptLine(who, text, channel, seconds))

    def _problem(self, sentence: str) -> None:
        self._trial.problems.append(sentence)


def _as_long_as(heard: str, characters: int) -> bool:
    return len(heard) >= characters
