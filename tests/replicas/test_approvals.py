"""Requests that wait for people, over several replicas: asked at one, decided at another, which may die at any point.

On Redis and Postgres.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..flows.test_approvals import Desk
from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.process import GatewayProcess
from ..kit.replicas import Replicas, Shared, replicas
from ..kit.serving import serve
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("H7", "H7b")

CASHIER = '''
import asyncio, json, os, urllib.request
from agents import Agent, function_tool
from tandem.agents.tools.effects import idempotency_key, idempotent

def post(key):
    body = json.dumps({"key": key}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["BANK_URL"], body), timeout=60).read()

@idempotent
@function_tool(needs_approval=True)
async def pay() -> str:
    """Pay; the bank knows the key."""
    await asyncio.to_thread(post, idempotency_key())
    return "paid"

@function_tool(needs_approval=True)
async def pay_blindly() -> str:
    """Pay; the bank pays whatever it is asked."""
    await asyncio.to_thread(post, None)
    return "paid"

agent = Agent("cashier", tools=[pay, pay_blindly], model="scripted")
'''


@dataclass(slots=True)
class Bank:
    """A business system that honours keys, and can be slow to answer."""

    keys: list[str | None] = field(default_factory=list)
    gate: asyncio.Event | None = None

    @property
    def payments(self) -> int:
        """How often it paid."""
        return self.keys.count(None) + len({key for key in self.keys if key is not None})

    def app(self) -> Starlette:
        async def pay(request: Request) -> Response:
            self.keys.append((await request.json())["key"])
            if self.gate is not None:
                await self.gate.wait()
            return JSONResponse({})

        return Starlette(routes=[Route("/pay", pay, methods=["POST"])])


def cashier(tool: str = "pay") -> Any:
    """A model that asks for one payment and tells what became of it."""

    def script(request: dict[str, Any]) -> Answer:
        newest = request["input"][-1]
        if newest.get("role") == "user":
            return Answer(calls=[(tool, {})])
        if newest.get("role") == "system":
            return Answer("It is paid." if "carried out. Result" in newest["content"] else "It is being checked.")
        return Answer("A colleague looks at it.")

    return script


@asynccontextmanager
async def scene(
    folder: Path, model: ModelServer, shared: Shared, bank: Bank, *, count: int = 2
) -> AsyncIterator[Replicas]:
    (folder / "cashier.py").write_text(CASHIER, encoding="utf-8")
    async with (
        serve(bank.app()) as url,
        replicas(folder, model, shared, count=count, AGENT_PATH="cashier:agent", BANK_URL=f"{url}/pay") as it,
    ):
        yield it


@asynccontextmanager
async def desk_at(gateway: GatewayProcess, token: str = "mia-token-123456789") -> AsyncIterator[Desk]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(gateway.url, headers=headers, trust_env=False) as session:
        yield Desk(session)


async def test_asked_at_one_replica_decided_at_two_executed_once_and_told_once(tmp_path: Path, shared: Shared) -> None:
    bank = Bank()
    async with scene(tmp_path, ModelServer(cashier("pay_blindly")), shared, bank) as it:
        first, second = it.running
        assert await it.text("pay me", at=first) == 200
        await it.twilio.wait_for(JOHN)
        async with desk_at(first) as mia, desk_at(second, "tom-token-123456789") as tom:
            waiting = await tom.waiting()
            answers = await asyncio.gather(
                *(one.decide(waiting, approved=True) for one in (mia, tom) for _ in range(3)),
            )
            done = await tom.settled(waiting["id"])
        assert await it.twilio.wait_for(JOHN, 2)
        await nothing_waits(it)
        assert it.bodies() == ["A colleague looks at it.", "It is paid."]
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409, 409]
    assert done["status"] == "executed"
    assert bank.payments == 1


@pytest.mark.parametrize(("tool", "outcome"), [("pay", "executed"), ("pay_blindly", "unknown")])
async def test_a_replica_killed_while_it_pays(tmp_path: Path, shared: Shared, tool: str, outcome: str) -> None:
    """With a key the payment is repeated under it; without one nobody knows, so it is not, and staff are shown."""
    bank = Bank(gate=asyncio.Event())
    async with scene(tmp_path, ModelServer(cashier(tool)), shared, bank, count=1) as it:
        await decided(it)
        await until(lambda: bank.keys)
        bank.gate = None
        second = await it.start()
        await it.running[0].kill()
        async with desk_at(second) as desk:
            done = await settled(desk)
        await it.twilio.wait_for(JOHN, 2)
        await nothing_waits(it)
        told = it.bodies()
    assert done["status"] == outcome
    assert bank.payments == 1
    assert told == ["A colleague looks at it.", "It is paid." if outcome == "executed" else "It is being checked."]


async def test_a_replica_killed_between_the_payment_and_its_commit(tmp_path: Path, shared: Shared) -> None:
    bank, gate = Bank(), asyncio.Event()
    script, held = cashier("pay_blindly"), iter([gate])

    def slow(request: dict[str, Any]) -> Answer:
        answer: Answer = script(request)
        if answer.text.startswith("It is"):
            answer.gate = next(held, None)
        return answer

    model = ModelServer(slow)
    async with scene(tmp_path, model, shared, bank, count=1) as it:
        await decided(it)
        await until(lambda: len(model.requests) == 3)  # paid, and about to tell so
        second = await it.start()
        await it.running[0].kill()
        async with desk_at(second) as desk:
            done = await settled(desk)
        await it.twilio.wait_for(JOHN, 2)
        await nothing_waits(it)
        told = it.bodies()
    assert done["status"] == "executed"
    assert bank.payments == 1
    assert told == ["A colleague looks at it.", "It is paid."]


async def test_a_replica_killed_as_soon_as_it_acknowledged_a_decision(tmp_path: Path, anywhere: Shared) -> None:
    bank = Bank()
    async with scene(tmp_path, ModelServer(cashier("pay")), anywhere, bank, count=1) as it:
        await decided(it)
        await it.running[0].kill()
        async with desk_at(await it.start()) as desk:
            done = await settled(desk)
        await it.twilio.wait_for(JOHN, 2)
        await nothing_waits(it)
        told = it.bodies()
    assert done["status"] == "executed"
    assert bank.payments == 1
    assert told == ["A colleague looks at it.", "It is paid."]


async def decided(it: Replicas) -> None:
    """Let the customer ask and a colleague approve, both at the first replica."""
    assert await it.text("pay me") == 200
    await it.twilio.wait_for(JOHN)
    async with desk_at(it.running[0]) as desk:
        status, _ = await desk.decide(await desk.waiting(), approved=True)
    assert status == 200


async def settled(desk: Desk) -> dict[str, Any]:
    (one,) = await desk.approvals("all")
    async with asyncio.timeout(PATIENCE):
        while one["status"] in ("pending", "approved", "executing"):
            await asyncio.sleep(0.02)
            (one,) = await desk.approvals("all")
    return one


async def nothing_waits(it: Replicas) -> None:
    """Wait until every entry is consumed and every reply handed over, so that nothing more can be told."""
    async with asyncio.timeout(PATIENCE):
        while True:
            counts = await it.store.counts()
            if counts.oldest_pending_entry_seconds == counts.oldest_unsettled_reply_seconds == 0:
                return
            await asyncio.sleep(0.02)
