"""The callers of the voice benchmark, in a process of their own: ``python -m bench.callers GATEWAY_PORT MODEL_PORT``.

Reads commands from standard input, one JSON object a line, and answers each with one. ``dial`` and ``hang_up`` open
calls and end them; ``talk`` has all of them talk for a while, ``barge`` has them speak over answers, ``finish`` makes
calls of one turn each. Beside the calls that talk, bare clients read the same model server: the floor.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import uvloop

from .relay_socket import TURN_SECONDS, Caller, Told
from .stamps import STAMP, between, stamp
from .wire import Connection, request

ANSWER_SECONDS = 1.1
"""How long an answer takes, from the prompt to its last token."""
TOKENS_BEFORE = 5
"""Tokens that a caller hears before they speak over the rest."""
QUIET_AFTER = 0.15
BREATH_SECONDS = 0.2
"""Nobody speaks in the millisecond in which an answer's last token arrives."""
DIALLING = 16


class _Bare(asyncio.Protocol):
    """Asks the model server without a gateway, and reads its stream as raw bytes."""

    def __init__(self) -> None:
        self.told = Told()
        self.over = asyncio.get_running_loop().create_future()
        self._rest = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, wire: bytes) -> None:
        self._asked = time.monotonic()
        self._transport.write(wire)

    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic()
        text, end = self._rest + data.decode(), 0
        for found in STAMP.finditer(text):
            end = found.end()
            if not self.told.request:
                self.told.request = found[1]
                self.told.asked = -between(found[1], self._asked)
            else:
                self.told.delays.append(between(found[1], arrived))
        self._rest = text[end:][-64:]
        if text.endswith("0\r\n\r\n") and not self.over.done():
            self._transport.close()
            self.over.set_result(None)


class _Callers:
    def __init__(self, gateway: int, model: int) -> None:
        self._gateway = gateway
        self._model = model
        self._calls: dict[str, list[Caller]] = {}
        self._webhooks: asyncio.Queue[Connection] = asyncio.Queue()

    async def obey(self, command: dict[str, Any]) -> Any:
        match command.pop("do"):
            case "dial":
                return await self._dial(command["numbers"])
            case "talk":
                return await self._talk(**command)
            case "barge":
                return await self._barge(command["times"])
            case "finish":
                return await self._finish(command["numbers"], command["parallel"])
            case _:
                return await self._hang_up()

    async def _call(self, number: str) -> Caller:
        webhooks = await self._webhooks.get()
        try:
            if webhooks.closed:
                webhooks = await Connection.open(self._gateway)
            caller = Caller(self._gateway, number)
            await caller.dial(webhooks)
            return caller
        finally:
            self._webhooks.put_nowait(webhooks)

    async def open(self) -> None:
        for _ in range(DIALLING):
            self._webhooks.put_nowait(await Connection.open(self._gateway))

    async def _dial(self, numbers: dict[str, list[str]]) -> int:
        for group, those in numbers.items():
            self._calls[group] = list(await asyncio.gather(*map(self._call, those)))
        return sum(map(len, self._calls.values()))

    async def _hang_up(self) -> int:
        calls, self._calls = [call for group in self._calls.values() for call in group], {}
        await asyncio.gather(*(call.hang_up() for call in calls))
        return len(calls)

    async def _talk(self, seconds: float, pause: float, body: str, bare: int) -> dict[str, list[list[Any]]]:
        """Let every call talk; return per group, and for ``bare`` clients, each turn's figures."""
        end = time.monotonic() + seconds
        told: dict[str, list[Told]] = {group: [] for group in (*self._calls, "bare")}

        async def talk(caller: Caller, group: str, wait: float) -> None:
            await asyncio.sleep(wait)
            while time.monotonic() < end:
                told[group].append(await caller.ask())
                breath = max(pause, BREATH_SECONDS) * random.uniform(0.9, 1.1)  # noqa: S311 - jitter, not a secret
                await asyncio.sleep(min(breath, end - time.monotonic()))

        async def read(wait: float) -> None:
            await asyncio.sleep(wait)
            while time.monotonic() < end:
                told["bare"].append(await self._read(body))

        calls = [(call, group) for group, those in self._calls.items() for call in those]
        random.shuffle(calls)
        step = (pause + ANSWER_SECONDS) / max(1, len(calls))
        talking = [talk(call, group, step * place) for place, (call, group) in enumerate(calls)]
        await asyncio.gather(*talking, *(read(0.3 * place) for place in range(bare)))
        return {group: [[one.asked, one.delays] for one in those] for group, those in told.items()}

    async def _read(self, body: str) -> Told:
        _, reader = await asyncio.get_running_loop().create_connection(_Bare, "127.0.0.1", self._model)
        reader.ask(request("POST", "/v1/responses", self._model, body.encode(), "Content-Type: application/json\r\n"))
        await reader.over
        return reader.told

    async def _barge(self, times: int) -> dict[str, list[float]]:
        """Speak over answers, at any moment between two tokens: seconds to the last token, and to the model's end."""
        last: list[float] = []
        interrupted: dict[str, float] = {}

        async def barge(caller: Caller) -> None:
            for _ in range(times):
                heard: list[float] = []
                enough = asyncio.Event()

                def on_token(arrived: float, heard: list[float] = heard, enough: asyncio.Event = enough) -> None:
                    heard.append(arrived)
                    if len(heard) == TOKENS_BEFORE:
                        enough.set()

                caller.on_token = on_token
                caller.begin()
                async with asyncio.timeout(TURN_SECONDS):
                    await enough.wait()
                await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - a moment, not a secret
                sent = caller.socket.send(
                    {"type": "interrupt", "utteranceUntilInterrupt": stamp(0).strip(), "durationUntilInterruptMs": 90}
                )
                interrupted[caller.told.request] = sent
                await asyncio.sleep(QUIET_AFTER)
                last.append(max(0.0, *(arrived - sent for arrived in heard)))

        await asyncio.gather(*(barge(call) for those in self._calls.values() for call in those))
        model = await Connection.open(self._model)
        closed = json.loads((await model.send(request("GET", "/closed", self._model)))[1])
        model.close()
        ends = [closed[stamped] - sent for stamped, sent in interrupted.items() if stamped in closed]
        return {"last": last, "closed": ends, "never": [float(len(interrupted) - len(ends))]}

    async def _finish(self, numbers: Sequence[str], parallel: int) -> int:
        waiting = list(numbers)

        async def one_after_the_other() -> None:
            while waiting:
                caller = await self._call(waiting.pop())
                await caller.ask()
                await caller.hang_up()

        await asyncio.gather(*(one_after_the_other() for _ in range(parallel)))
        return len(numbers)


async def _main(gateway: int, model: int) -> None:
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    callers = _Callers(gateway, model)
    await callers.open()
    gc.disable()  # a collection here would be measured as the gateway's delay
    print("ready", flush=True)
    while line := await reader.readline():
        print(json.dumps(await callers.obey(json.loads(line))), flush=True)
        gc.collect()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1]), int(sys.argv[2])))
