"""What the customer profile and the guardrails cost a turn: wall time and processor time, file store, sample shop."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from tandem.agents.caller_context import CallerContexts
from tandem.conversation.base import TurnRequest
from tandem.conversation.summary import digest, shown
from tandem.guardrails.language import professional
from tandem.guardrails.pii import mask, mask_value
from tandem.model import Address, Channel, Conversation, Route, Source, SubjectId, TimelineEvent, Turn
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Change
from tandem.shop.embedded import open_embedded_shop

from .figures import Row, ms, percentile, table

ROUNDS = 500
TARGET = 0.001
CUSTOMER = SubjectId("phone_15551234567")
ROUTE = Route(Channel.VOICE, Address("tel", "+15551234567"), Address("tel", "+15550001111"))
SAID = "Where is my order 12345, and when will it be here? I was told that it comes on Tuesday."
ANSWER = (
    "Your order 12345 has shipped with UPS. The tracking number is TRK_ABC123. If it does not arrive by Friday, let us "
    "know, and we will look into it together. Is there anything else that I can do for you today?"
)


async def measure(folder: Path, say: Callable[[str], None]) -> str:
    """Measure both parts of a turn, and return the table."""
    say("measuring profile, summary and guardrails")
    past = Turn(1, Channel.SMS, 0.0, ({"role": "user", "content": SAID}, {"role": "assistant", "content": ANSWER}))
    async with open_embedded_shop(folder / "shop.sqlite3") as shop, open_file_store(folder / "state") as store:
        claim = await store.claim(CUSTOMER, holder="bench", seconds=5)
        if claim is None:
            raise RuntimeError("somebody else has the lane")
        now = Conversation(CUSTOMER, claim.now, claim.now, routes={Channel.VOICE: ROUTE}, history=(past,))
        rows = tuple(TimelineEvent("tool", Source.AGENT, data={"tool": "order_status", "n": n}) for n in range(20))
        await store.commit(claim, Change(now, timeline=rows), token=uuid.uuid4().hex)
        callers = CallerContexts(shop, store, region="US")
        request = TurnRequest(now, ROUTE, (SAID,), 2, claim.now, key="SM1")

        async def profile() -> object:
            return await callers.profiles.block(request, callers.caller(now, ROUTE, claim.now).phone)

        async def guardrails() -> object:
            said = mask(SAID).text
            return mask_value({"role": "user", "content": said}), mask(professional(ANSWER).text)

        full = digest("", [past] * 60)

        async def memory() -> object:
            return shown(full)

        async def whole() -> object:
            return await profile(), await guardrails(), await memory()

        measured = [
            await _row("customer profile, gathered and written", profile),
            await _row("guardrails on a question and its answer", guardrails),
            await _row("summary of what came before, written", memory),
            await _row("all of it", whole, target=TARGET),
        ]
    return table("Profile, summary and guardrails, per turn", measured)


async def _row(what: str, do: Callable[[], Awaitable[object]], *, target: float | None = None) -> Row:
    for _ in range(20):
        await do()
    times = []
    cpu = time.process_time()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await do()
        times.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) / ROUNDS
    middle = percentile(times, 0.5)
    figure = f"{ms(middle)}, p95 {ms(percentile(times, 0.95))}, processor {ms(cpu)}"
    return Row(what, figure, *(("< 1 ms", middle < target) if target else ()))
