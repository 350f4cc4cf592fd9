"""What goes on during a soak: customers who write and call, colleagues who decide, and who disturbs the replicas."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tandem.simulator.wire import new_sid
from tests.kit.gateway import OURS
from tests.kit.process import GatewayProcess
from tests.kit.replicas import FAST, Replicas

from .soak_journal import ANSWER, Journal, new_word

TEXTS_PER_CUSTOMER = 12
"""So few that nothing of a conversation leaves the model's window, which the oracle compares."""
SPEECH_SECONDS = 12.0
TOKENS = ("mia-token-123456789", "tom-token-123456789")


@dataclass(slots=True)
class Life:
    """One soak: its world, its journal, and chance."""

    it: Replicas
    journal: Journal
    chance: random.Random
    lease: float
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing new shall begin."""
    away: set[str] = field(default_factory=set)
    """Addresses that the balancer knows not to answer."""
    spare: int = 1
    """Replicas that are left in peace at any moment."""
    starting: set[asyncio.Task[GatewayProcess]] = field(default_factory=set)
    staff: asyncio.Task[None] | None = None
    _numbers: int = 0

    def number(self) -> str:
        """Return a number that nobody has."""
        self._numbers += 1
        return f"+1415{5550000 + self._numbers:07}"

    def route(self) -> str:
        """Choose any replica that runs, as a load balancer without sticky sessions does."""
        up = [one.url for one in self.it.running if one.runs and one.url not in self.away]
        return self.chance.choice(up) if up else "http://127.0.0.1:9"

    # --- texts ------------------------------------------------------------------------------------------

    async def write(self) -> None:
        """Live the lives of customers who write, one after the other."""
        while not self.calm.is_set():
            customer = self.journal.customer(self.number())
            for _ in range(TEXTS_PER_CUSTOMER):
                word, luck = new_word(), self.chance.random()
                body = f"hello {word}"
                if luck < 0.08:
                    body = f"{'pay' if luck < 0.05 else 'pay_blindly'} {word}"
                    customer.payments.add(word)
                await self._deliver(customer, word, body)
                if self.chance.random() < 0.7:  # else the next one comes on its heels: a burst
                    await asyncio.sleep(self.chance.uniform(0.2, 1.2))
                if self.calm.is_set():
                    return

    async def _deliver(self, customer: Any, word: str, body: str) -> None:
        """Send a text until it is acknowledged, as Twilio's retries do; sometimes twice at once, or again later."""
        sid = customer.sids[word] = new_sid("SM")
        self.journal.write(customer, word)
        began, tries = time.monotonic(), 0
        while True:
            twice = 1 + (self.chance.random() < 0.1)
            asked = time.monotonic()
            form = _form(sid, customer.number, body, self.it.twilio.account_sid)
            answers = await asyncio.gather(*(self.it.twilio.post("/sms", form) for _ in range(twice)))
            self.journal.counts["duplicates"] += twice - 1 + (tries > 0)
            self.journal.counts["texts refused or unanswered"] += sum(one.status != 200 for one in answers)
            if any(one.status == 200 for one in answers):
                break
            tries += 1
            await asyncio.sleep(min(1.0, 0.1 * tries))
        self.journal.acknowledging.append(time.monotonic() - asked)
        self.journal.counts["texts"] += 1
        customer.acknowledged.add(word)
        self.journal.sent_at[word] = began
        if self.chance.random() < 0.05:
            self.journal.counts["duplicates"] += 1
            await self.it.twilio.post("/sms", form)

    # --- calls ------------------------------------------------------------------------------------------

    async def call(self) -> None:
        """Call again and again, with a few sentences each."""
        while not self.calm.is_set():
            customer = self.journal.customer(self.number())
            self.journal.counts["calls"] += 1
            try:
                async with self.it.call(customer.number, speed=FAST) as call:
                    for _ in range(self.chance.randint(2, 8)):
                        await self._say(call, customer)
                        await asyncio.sleep(self.chance.uniform(0.2, 2.0))
                        if call.over:
                            break
            except (TimeoutError, AssertionError):
                self.journal.counts["calls that failed"] += 1
                continue
            self.journal.counts["sessions"] += len(call.sessions)
            self.journal.violations += [f"protocol: {one}" for one in call.violations]

    async def _say(self, call: Any, customer: Any) -> None:
        """Say something, and wait for an answer to it; a caller whose line was lost says something else."""
        if call.session is None:
            await call.wait_for(lambda: call.over or call.session is not None, 20)
        if call.over or call.session is None:
            return
        word = new_word()
        self.journal.write(customer, word, spoken=True)
        self.journal.counts["spoken"] += 1
        await call.say(f"I say {word}")
        try:
            await call.wait_for(
                lambda: call.over or any(ANSWER in heard and word in heard for heard in call.utterances),
                SPEECH_SECONDS,
            )
        except TimeoutError:
            self.journal.counts["spoken, answered late or by text"] += 1

    # --- staff ------------------------------------------------------------------------------------------

    async def decide(self) -> None:
        """Approve whatever waits: at two replicas at once, as two colleagues, over and over."""
        while True:
            try:
                for one in await self._pending():
                    await asyncio.gather(*(self._approve(one, token) for token in TOKENS))
            except (aiohttp.ClientError, TimeoutError):
                self.journal.counts["staff requests that failed"] += 1
            await asyncio.sleep(0.3)

    async def _pending(self) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {TOKENS[0]}"}
        timeout = aiohttp.ClientTimeout(total=8)
        async with self.it.http.get(f"{self.route()}/approvals", headers=headers, timeout=timeout) as response:
            return list((await response.json())["approvals"]) if response.status == 200 else []

    async def _approve(self, approval: dict[str, Any], token: str) -> None:
        body = {"decisions": [{"approvalId": approval["id"], "approved": True}]}
        headers = {"Authorization": f"Bearer {token}"}
        url, timeout = f"{self.route()}/approvals", aiohttp.ClientTimeout(total=8)
        async with self.it.http.post(url, json=body, headers=headers, timeout=timeout) as response:
            self.journal.statuses[f"decision answered {response.status}"] += 1
            if response.status == 200:
                self.journal.decided.add(approval["arguments"]["word"])

    # --- trouble ----------------------------------------------------------------------------------------

    async def disturb(self, every: float) -> None:
        """Kill, stop and freeze replicas, each in its own way."""
        acts: list[Callable[[GatewayProcess], Awaitable[None]]] = [self._kill, self._freeze, self._stop]
        while not self.calm.is_set():
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * every)
            if self.calm.is_set():
                return
            up = [one for one in self.it.running if one.runs and one.url not in self.away]
            if len(up) <= self.spare:
                continue  # one replica at least is left in peace
            victim = self.chance.choice(up)
            (act,) = self.chance.choices(acts, (6, 2, 2))
            await act(victim)

    async def _kill(self, victim: GatewayProcess) -> None:
        self.journal.counts["kill -9"] += 1
        await victim.kill()
        self._restart()

    async def _stop(self, victim: GatewayProcess) -> None:
        """Restart it as a deployment does: the balancer sees readiness go."""
        self.journal.counts["SIGTERM"] += 1
        victim.stop()
        if self.spare:
            await asyncio.sleep(0.5)
            self.away.add(victim.url)
        await victim.process.wait()
        self._restart()

    def _restart(self) -> None:
        self.starting.add(asyncio.create_task(self._start()))

    async def _start(self) -> GatewayProcess:
        for _ in range(3):
            try:
                return await self.it.start()
            except AssertionError:
                self.journal.counts["starts that failed"] += 1  # somebody took the free port
        return await self.it.start()

    async def _freeze(self, victim: GatewayProcess) -> None:
        """Let it outlive its leases, and then go on as if nothing had happened."""
        self.journal.counts["SIGSTOP beyond the lease"] += 1
        victim.freeze()
        try:
            await asyncio.sleep(1.0)  # until the balancer's probe notices
            self.away.add(victim.url)
            await asyncio.sleep(self.lease + self.chance.uniform(0.5, 3.0))
        finally:
            victim.thaw()
            self.away.discard(victim.url)


def _form(sid: str, number: str, body: str, account: str) -> dict[str, str]:
    return {
        "MessageSid": sid, "SmsSid": sid, "AccountSid": account, "From": number, "To": OURS, "Body": body,
        "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01", "FromCountry": "US",
    }  # fmt: skip
