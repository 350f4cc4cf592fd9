"""The steps of ``tandem smoke``: each ends with a sentence about what was seen, or raises SmokeFailed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from ..channels.twilio import TwilioRest
from ..simulator.call import SimulatedCall
from ..simulator.playback import CHARS_PER_SECOND
from ..simulator.twilio_simulator import TwilioSimulator
from ..simulator.wire import new_sid

T = TypeVar("T")

JOHN = "+15551234567"
"""A customer of the made-up shop."""
QUESTION, REFUND, AGAIN = "Where is my order 12345?", "I want a refund for order 12345", "What are your opening hours?"
HELLO = "Hello"
PATIENCE = 30.0
"""Seconds that an answer may take."""
STOP_SECONDS = 120.0
"""Seconds that a gateway may take to stop, its ``DRAIN_SECONDS`` included."""
DELIVERIES = 4
"""How often Twilio delivers a text that is not acknowledged, with the retry options that ``tandem connect`` sets."""
ASKED = 4
"""How often a caller repeats something that is not answered."""
QUIET_SECONDS = 3.0
LOOK = 0.1
TOO_LARGE = 2 * 1024 * 1024
REFUSED = frozenset({0, 400, 413, 431})
"""Answers to what is too large; 0: the connection was closed."""


class SmokeFailed(Exception):
    """A step did not end as it must; the text says how."""


@dataclass(slots=True)
class Smoke:
    """The world around the gateways behind ``url``. ``calls`` are on the line until the end."""

    url: str
    twilio: TwilioSimulator
    rest: TwilioRest
    http: aiohttp.ClientSession
    staff: str
    ours: str
    began: float = field(default_factory=time.time)
    repeated: int = 0
    calls: list[SimulatedCall] = field(default_factory=list)

    # --- the steps --------------------------------------------------------------------------------------------

    async def is_up(self) -> str:
        """Ask for health and readiness."""
        for path in ("/health", "/health/ready"):
            status = await self._status("GET", path)
            _must(status == 200, f"GET {path} answered {status}")
        return "health and readiness answer 200"

    async def refuses_what_is_not_signed(self) -> str:
        """Send a text that Twilio did not sign."""
        form = {"From": JOHN, "To": self.ours, "Body": QUESTION, "MessageSid": new_sid("SM")}
        answer = await self.twilio.post("/sms", form, signature="bm90IHNpZ25lZCBieSBUd2lsaW8=")
        _must(answer.status == 403, f"a text with a wrong signature was answered {answer.status}, not 403")
        return "a wrong signature is answered 403"

    async def answers_a_text(self) -> str:
        """Text, and wait for the answer."""
        return f"answered: {_short(await self._texted(JOHN, QUESTION))}"

    async def carries_out_an_approval(self) -> str:
        """Ask for a refund, approve it as staff, and wait for its outcome."""
        known = {one["id"] for one in await self._approvals("all")}
        first = await self._texted(JOHN, REFUND)
        asked = [one for one in await self._approvals("pending") if one["id"] not in known]
        _must(
            len(asked) == 1,
            f"the refund asked for no approval: {_short(first)} (when it is refunded already: tandem demo --reset)",
        )
        before = len(await self._received(JOHN))
        decision = {"decisions": [{"approvalId": asked[0]["id"], "approved": True, "note": "smoke"}]}
        status = await self._status("POST", "/approvals", json=decision, headers=self._signed_in)
        _must(status == 200, f"approving it was answered {status}")
        outcome = await self._until(lambda: self._beyond(JOHN, before), "the outcome was not texted")
        (after,) = [one for one in await self._approvals("all") if one["id"] == asked[0]["id"]]
        _must(after["status"] == "executed", f"the request is {after['status']}, not executed")
        return f"approved and carried out: {_short(outcome)}"

    async def takes_calls(self, line: AsyncExitStack, count: int, speed: float) -> str:
        """Call, so often at once; the calls are over with ``line``."""
        for _ in range(count):
            call = self.twilio.call(somebody(), to=self.ours, chars_per_second=CHARS_PER_SECOND * speed)
            self.calls.append(await line.enter_async_context(call))
        return await self.talks_to_callers()

    async def talks_to_callers(self) -> str:
        """Ask something in every call."""
        await asyncio.gather(*map(self._asked, self.calls))
        return f"{len(self.calls)} callers were answered"

    async def stays_connected(self) -> str:
        """Say nothing for a while; what is in between must not take that for the end of a call."""
        before = sum(len(call.sessions) for call in self.calls)
        await asyncio.sleep(QUIET_SECONDS)
        after = sum(len(call.sessions) for call in self.calls)
        _must(before == after, f"{after - before} calls lost their socket within {QUIET_SECONDS:.0f} quiet seconds")
        return f"no call was lost in {QUIET_SECONDS:.0f} quiet seconds"

    async def goes_on_without(self, pid: int, how: signal.Signals) -> str:
        """End a replica; texts and calls go on at the others."""
        sessions = sum(len(call.sessions) for call in self.calls)
        os.kill(pid, how)
        for _ in range(3):
            await self._texted(somebody(), AGAIN)
        await self._until(lambda: asyncio.to_thread(_ended, pid), "the replica did not end", STOP_SECONDS)
        await self._texted(somebody(), AGAIN)
        await self.talks_to_callers()
        moved = sum(len(call.sessions) for call in self.calls) - sessions
        return f"texts and calls go on; {moved} of {len(self.calls)} calls were connected again"

    async def refuses_what_is_too_large(self) -> str:
        """Send more than any provider sends; then everything else still works."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = await self._status("POST", "/sms", data=b"Body=" + b"x" * TOO_LARGE, headers=form)
        headers = await self._status("GET", "/health", headers={"X-Large": "x" * 65_536})
        _must(body in REFUSED, f"a body of 2 MB was answered {body}")
        _must(headers in REFUSED, f"headers of 64 kB were answered {headers}")
        await self.is_up()
        return f"a body of 2 MB is answered {body or 'by closing'}, headers of 64 kB {headers or 'by closing'}"

    async def ends_calls(self) -> str:
        """Hang up, and see that nothing was against the protocol."""
        broken = [one for call in self.calls for one in call.violations]
        for call in self.calls:
            await call.hang_up()
        _must(not broken, f"against the protocol: {'; '.join(broken)}")
        await self._texted(somebody(), AGAIN)
        again = f", {self.repeated} texts were delivered again" if self.repeated else ""
        return f"the callers hung up{again}"

    # --- what they are made of --------------------------------------------------------------------------------

    @property
    def _signed_in(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.staff}"}

    async def _status(self, method: str, path: str, **request: Any) -> int:
        """Return the status of an answer, 0 when the connection was closed without one."""
        try:
            async with self.http.request(method, self.url + path, **request) as response:
                return response.status
        except aiohttp.ClientError:
            return 0

    async def _approvals(self, status: str) -> Sequence[Mapping[str, Any]]:
        async with self.http.get(f"{self.url}/approvals?status={status}&limit=200", headers=self._signed_in) as answer:
            _must(answer.status == 200, f"GET /approvals answered {answer.status}")
            return list((await answer.json())["approvals"])

    async def _texted(self, number: str, text: str) -> str:
        """Send a text as often as Twilio would, and return the answer."""
        before, sid = len(await self._received(number)), new_sid("SM")
        form = {
            "From": number,
            "To": self.ours,
            "Body": text,
            "MessageSid": sid,
            "NumMedia": "0",
            "SmsStatus": "received",
        }
        for _ in range(DELIVERIES):
            answer = await self.twilio.post("/sms", form)
            if answer.status == 200:
                return await self._until(lambda: self._beyond(number, before), f"{text!r} was not answered")
            self.repeated += 1
        raise SmokeFailed(f"{text!r} was not acknowledged, {DELIVERIES} times: {answer.status or 'no answer'}")

    async def _received(self, number: str) -> Sequence[str]:
        """Return what a customer was texted since the beginning, oldest first."""
        found = await self.rest.list_messages(to=number, since=int(self.began) - 1)
        return [one.body for one in reversed(found)]

    async def _beyond(self, number: str, count: int) -> str:
        return "\n".join((await self._received(number))[count:])

    async def _asked(self, call: SimulatedCall) -> str:
        """Say something until it is answered: what is said into a dead socket is heard by no one."""
        for _ in range(ASKED):
            try:
                await call.wait_for(lambda: call.over or call.session is not None, PATIENCE)
                _must(not call.over, f"a call ended by itself; heard: {call.heard()!r}")
                if answer := await call.ask(HELLO, seconds=PATIENCE):
                    return answer
            except (TimeoutError, AssertionError, OSError):
                continue
        raise SmokeFailed(f"a caller was not answered; heard: {call.heard()!r}")

    async def _until(self, look: Callable[[], Awaitable[T]], why_not: str, seconds: float = PATIENCE) -> T:
        """Look until there is something, and return it."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if found := await look():
                        return found
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise SmokeFailed(f"{why_not} within {seconds:.0f} seconds") from None


def somebody() -> str:
    """Return the number of a customer who was not there before: who repeats themselves is taken for a machine."""
    return f"+1555{random.randrange(2_000_000, 9_999_999)}"  # noqa: S311 (no secret)


def _must(held: bool, otherwise: str) -> None:
    if not held:
        raise SmokeFailed(otherwise)


def _ended(pid: int) -> bool:
    """Tell whether a process has ended; a zombie has, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False  # another system than Linux
    return status.rpartition(")")[2].split()[0] == "Z"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else f"{line[:69]}…"
