"""What the voice benchmark runs: a gateway whose customers have talked before, a model that speaks, and callers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.entries import Entry, TextReceived
from tandem.identity.phone import PhoneResolver
from tandem.model import Address, Channel, Conversation, Route, SubjectId, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Change
from tests.kit.gateway import OURS
from tests.kit.process import GatewayProcess

from .model_server import TEXT
from .processes import cpu_of_family, first_line, process, resident_megabytes, tell
from .wire import Connection, listen, request
from .world import PretendTwilio, open_gateway

FULL_TURNS = 20
"""Turns of two items each, as a trim leaves them in the window; it holds half as many more before the next one."""
_SETTINGS = {
    "MAX_CALLS": "5000",
    "SILENCE_SECONDS": "600",
    # All callers of the bench have one address.
    "MAX_CONNECTIONS": "10000",
    "MAX_CONNECTIONS_PER_ADDRESS": "10000",
}


@dataclass(slots=True)
class VoiceWorld:
    """Everything that runs."""

    gateway: GatewayProcess
    model_port: int
    callers: asyncio.subprocess.Process
    other: asyncio.subprocess.Process

    async def call(self, do: str, **more: Any) -> Any:
        """Have the callers do something; see :mod:`.callers`."""
        return await tell(self.callers, {"do": do, **more})

    async def alone(self, body: str, parallel: int, seconds: float) -> Any:
        """Have the SDK alone stream as many answers at once; see :mod:`.alone`."""
        return await tell(self.other, {"do": "speak", "body": body, "parallel": parallel, "seconds": seconds})

    async def pace(self, first: float, gap: float) -> None:
        """Set how fast the model speaks from now on."""
        await self._model("POST", "/pace", json.dumps([first, gap]).encode())

    async def words(self, name: str) -> None:
        """Set what the model answers from now on; see :mod:`.answers`."""
        await self._model("POST", "/words", name.encode())

    async def last_body(self) -> str:
        """Return the body of the latest request to the model."""
        return (await self._model("GET", "/last")).decode()

    async def _model(self, method: str, path: str, body: bytes = b"") -> bytes:
        connection = await Connection.open(self.model_port)
        _, answer = await connection.send(request(method, path, self.model_port, body))
        connection.close()
        return answer

    def cpu(self) -> float:
        """Return what the gateway and its workers have used of the processor, in seconds; NaN where it is not told."""
        used = cpu_of_family(self.gateway.process.pid)
        return float("nan") if used is None else used

    def memory(self) -> float:
        """Return the memory of the gateway in megabytes; NaN where the system does not tell."""
        used = resident_megabytes(self.gateway.process.pid)
        return float("nan") if used is None else used


@asynccontextmanager
async def voice_world(folder: Path, experienced: Sequence[str], workers: int = 1) -> AsyncIterator[VoiceWorld]:
    """Start everything; the ``experienced`` numbers have a full history window. All of it is gone afterwards."""
    settings = _SETTINGS | {"WORKERS": str(workers)}
    await asyncio.to_thread(folder.mkdir)
    async with AsyncExitStack() as stack:
        server, twilio_port = await listen(PretendTwilio())
        stack.callback(server.close)
        model = await stack.enter_async_context(process("-m", "bench.model_server"))
        model_port = int(await first_line(model))
        other = await stack.enter_async_context(process("-m", "bench.alone", str(model_port)))
        async with open_file_store(folder / "state") as store:
            for number in experienced:
                await _remember(store, number)
        gateway, port = await stack.enter_async_context(open_gateway(folder, model_port, twilio_port, **settings))
        callers = await stack.enter_async_context(process("-m", "bench.callers", str(port), str(model_port)))
        await first_line(callers)
        await first_line(other)
        yield VoiceWorld(gateway, model_port, callers, other)


async def _remember(store: LaneStore, number: str) -> None:
    """Give a customer a past."""
    address = Address.parse(number)
    route = Route(Channel.SMS, address, Address.parse(OURS))
    subject: SubjectId = (await PhoneResolver("US").resolve(address, session="bench")).subject
    claim = await store.claim(
        subject, holder="bench", seconds=5.0, accept=[Entry(f"bench:{number}", TextReceived(route, "Hello"))]
    )
    if claim is None:
        raise RuntimeError("somebody else uses the benchmark's store")
    now = time.time()
    items = ({"role": "user", "content": "Where is my order ORD_12345?"}, {"role": "assistant", "content": TEXT})
    history = tuple(Turn(turn + 1, Channel.SMS, now, items) for turn in range(FULL_TURNS))
    past = Conversation(
        subject, now, now, turns_taken=FULL_TURNS, routes={Channel.SMS: route}, history=history, in_session=True
    )
    await store.commit(claim, Change(past, consumed=(f"bench:{number}",)), token=f"bench:{number}")
