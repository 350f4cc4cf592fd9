"""A gateway's engine without its doors, in processes that are made by the dozen and killed.

``python -m tests.kit.fire FOLDER`` imports everything once and then forks a worker per line of its input, which costs
milliseconds instead of the seconds that a fresh interpreter takes. It answers each line with the worker's process id.
A worker decides about every approval that it finds, five times at once, carries decisions out, and ends when nothing
is left to do.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agents import Agent, function_tool, set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.agent_choice import only
from tandem.agents.caller_context import CallerContexts
from tandem.agents.models import OneModel
from tandem.agents.offline.model import OfflineModel
from tandem.agents.runner import RunLimits, SdkRunner
from tandem.agents.tools.effects import idempotency_key, idempotent
from tandem.conversation.base import EngineLimits
from tandem.conversation.engine import TurnEngine
from tandem.conversation.event_bus import EventBus
from tandem.entries import Decision, Verdict
from tandem.identity.phone import PhoneResolver
from tandem.model import ApprovalStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.shop.embedded import open_embedded_shop
from tandem.telemetry.logs import configure_logging

from .engine import FakeSender

LEASE = 1.0
"""Seconds: longer than a busy machine holds a worker up, or its decisions are tried until they are given up."""
LIMITS = EngineLimits(coalesce=0, lease=LEASE, workers=32)


class Bank:
    """The business system: it honours idempotency keys, and keeps count of those who use none."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / "bank.sqlite3", isolation_level=None, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("CREATE TABLE IF NOT EXISTS paid (who TEXT, key TEXT UNIQUE)")

    def pay(self, who: str, key: str | None) -> None:
        self._database.execute("INSERT OR IGNORE INTO paid VALUES (?, ?)", (who, key))

    def payments(self) -> list[str]:
        return [who for (who,) in self._database.execute("SELECT who FROM paid")]

    def close(self) -> None:
        self._database.close()


def build_agent(bank: Bank) -> Agent[Any]:
    """An agent whose two tools wait for people: one has a key for its backend, the other has not."""

    @idempotent
    @function_tool(needs_approval=True)
    async def pay_with_key(who: str) -> str:
        """Pay."""
        await asyncio.sleep(0.02)
        bank.pay(who, idempotency_key())
        await asyncio.sleep(0.02)
        return "paid"

    @function_tool(needs_approval=True)
    async def pay_without_key(who: str) -> str:
        """Pay."""
        await asyncio.sleep(0.02)
        bank.pay(who, None)
        await asyncio.sleep(0.02)
        return "paid"

    return Agent("cashier", tools=[pay_with_key, pay_without_key])


def asking_model(tool: str, who: str) -> ScriptedModel:
    """A model that asks for one payment."""
    return ScriptedModel(
        [[function_call(tool, {"who": who}, call_id="call_1")], [assistant_message("A colleague looks at it.")]]
    )


@asynccontextmanager
async def open_engine(folder: Path, bank: Bank) -> AsyncIterator[tuple[TurnEngine, LaneStore, SdkRunner]]:
    """Open an engine on the folder, as one replica would."""
    set_tracing_disabled(True)
    async with open_embedded_shop(folder / "shop.sqlite3") as shop, open_file_store(folder) as store:
        runner = make_runner(build_agent(bank), OfflineModel(), shop, store)
        async with TurnEngine(
            store=store,
            runner=runner,
            identity=PhoneResolver("US"),
            senders=[FakeSender()],
            bus=EventBus({}),
            limits=LIMITS,
        ) as engine:
            yield engine, store, runner


def make_runner(agent: Agent[Any], model: Any, shop: Any, store: LaneStore) -> SdkRunner:
    return SdkRunner(
        only(agent),
        models=OneModel(model, call_timeout=5),
        callers=CallerContexts(shop, store, region="US"),
        ledger=store,
        limits=RunLimits(turn_timeout=10),
        workflow_name="fire",
        tracing=False,
    )


async def work(folder: Path) -> None:
    bank = Bank(folder)
    async with open_engine(folder, bank) as (engine, store, _):
        pending = (await store.approvals(status=ApprovalStatus.PENDING, limit=200)).items
        await asyncio.gather(
            *(
                engine.decide(
                    one.subject,
                    Decision(one.id, Verdict.APPROVE, actor=f"staff {n}", decided_at=0),
                    key=f"decision:{one.id}",
                    not_after=one.expires_at,
                )
                for one in pending
                for n in range(5)
            )
        )
        while await _busy(store):
            await asyncio.sleep(0.02)


async def _busy(store: LaneStore) -> bool:
    for status in (ApprovalStatus.PENDING, ApprovalStatus.EXECUTING):
        if (await store.approvals(status=status, limit=1)).items:
            return True
    counts = await store.counts()
    return counts.oldest_pending_entry_seconds > 0


def main() -> None:
    folder = Path(sys.argv[1])
    configure_logging(level="error")
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(work(folder))
                code = 0
            finally:
                os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    main()
