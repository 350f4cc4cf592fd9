"""Everything around one gateway process: the pretend Twilio and its customers, the model server, the other sides."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from tandem.simulator.wire import new_sid, sign

from .processes import cpu_seconds, first_line, process
from .wire import Answer, Connection, free_port, listen, request, response

ACCOUNT, TOKEN, OURS = "AC" + "1" * 32, "bench-auth-token", "+15550001111"
CREATED = response(json.dumps({"sid": "SM" + "0" * 32, "status": "queued"}).encode(), status="201 Created")
START_SECONDS = 30.0
REPLY_SECONDS = 20.0


class PretendTwilio:
    """Takes the messages that the gateway creates and tells whoever waits for one."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def __call__(self, head: bytes, body: bytes) -> Answer:
        """Answer a request of the gateway, which creates a message."""
        arrived = time.perf_counter()
        to = parse_qs(body.decode())["To"][0]
        waiting = self._waiting.pop(to, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(arrived)
        return 0.0, CREATED

    def next_message(self, number: str) -> asyncio.Future[float]:
        """Return when (by ``perf_counter``) the next message to a number arrives."""
        self._waiting[number] = asyncio.get_running_loop().create_future()
        return self._waiting[number]


@dataclass(slots=True)
class World:
    """A gateway that runs, and what it is measured with."""

    gateway: asyncio.subprocess.Process
    port: int
    twilio: PretendTwilio
    model_port: int
    other: asyncio.subprocess.Process
    log: Path
    texts: int = 0
    _connections: dict[str, Connection] = field(default_factory=dict)

    async def connection(self, name: str, port: int) -> Connection:
        """Return the connection of that name; a new one when the other side has closed it, as servers do when idle."""
        connection = self._connections.get(name)
        if connection is None or connection.closed:
            connection = self._connections[name] = await Connection.open(port)
        return connection

    async def text(self, number: str) -> float:
        """Text the gateway; return the seconds until it acknowledged."""
        return (await self._send(number))[1]

    async def turn(self, number: str) -> float:
        """Text the gateway; return the seconds until the reply reached the pretend Twilio."""
        arrival = self.twilio.next_message(number)
        started, _ = await self._send(number)
        done, _ = await asyncio.wait({arrival}, timeout=REPLY_SECONDS)
        if not done:
            raise RuntimeError(f"no reply within {REPLY_SECONDS:.0f} s; the gateway said:\n{self.said()}")
        return arrival.result() - started

    async def _send(self, number: str) -> tuple[float, float]:
        """Return when a text was sent and how long its acknowledgement took, without the time to make and sign it."""
        self.texts += 1  # no two texts are the same: repeated ones are taken for a machine's and not answered
        body = {
            "MessageSid": new_sid("SM"), "AccountSid": ACCOUNT, "From": number, "To": OURS, "NumMedia": "0",
            "Body": f"Where is my order ORD_{self.texts:05}, and when will it be here?", "FromCountry": "US",
            "ApiVersion": "2010-04-01",
        }  # fmt: skip
        signature = sign(f"http://127.0.0.1:{self.port}/sms", body, TOKEN)
        headers = f"Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: {signature}\r\n"
        wire = request("POST", "/sms", self.port, urlencode(body).encode(), headers)
        connection = await self.connection(number, self.port)
        started = time.perf_counter()
        status, _ = await connection.send(wire)
        if status != 200:
            raise RuntimeError(f"the gateway answered {status}")
        return started, time.perf_counter() - started

    async def nothing(self) -> float:
        """Ask the gateway for what costs it nothing; return the seconds that this took."""
        connection = await self.connection("nothing", self.port)
        started = time.perf_counter()
        await connection.send(request("GET", "/health", self.port))
        return time.perf_counter() - started

    async def model_takes(self, seconds: float) -> None:
        """Set how long the model takes from now on."""
        connection = await self.connection("model", self.model_port)
        await connection.send(request("POST", "/delay", self.model_port, str(seconds).encode()))

    async def last_body(self) -> str:
        """Return the body of the latest request to the model."""
        connection = await self.connection("model", self.model_port)
        return (await connection.send(request("GET", "/last", self.model_port)))[1].decode()

    async def alone(self, do: str, body: str, **more: Any) -> dict[str, float]:
        """Have another side do the same; see :mod:`.alone`."""
        if self.other.stdin is None or self.other.stdout is None:
            raise ValueError("not connected")
        self.other.stdin.write(json.dumps({"do": do, "body": body, **more}).encode() + b"\n")
        answer: dict[str, float] = json.loads(await self.other.stdout.readline())
        return answer

    def said(self) -> str:
        """Return the end of the gateway's log."""
        return self.log.read_text(errors="replace")[-2000:]

    def cpu(self) -> float | None:
        """Return what the gateway has used of the processor, in seconds."""
        return cpu_seconds(self.gateway.pid)


@asynccontextmanager
async def open_gateway(
    folder: Path, model_port: int, twilio_port: int, **more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int, Path]]:
    """Run a gateway that keeps its files in ``folder``; yield it with its port and its log once it is ready.

    ``more`` are further settings.
    """
    port, log = free_port(), folder / "gateway.log"
    env = {
        "PATH": os.environ.get("PATH", ""), "PORT": str(port), "COALESCE_MS": "0", "LOG_LEVEL": "warning",
        "RATE_LIMIT_PER_MINUTE": "0",
        "STATE_PERSISTENCE_DIR": str(folder / "state"), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{twilio_port}",
        "OPENAI_API_KEY": "key", "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1", "TRACING_ENABLED": "false",
        **more,
    }  # fmt: skip
    async with process(["-m", "tandem", "serve"], folder=folder, env=env, log=log) as gateway:
        await _ready(gateway, port, log)
        yield gateway, port, log


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Start everything; the gateway keeps its files in ``folder``. All of it is gone afterwards."""
    async with AsyncExitStack() as stack:
        twilio = PretendTwilio()
        server, twilio_port = await listen(twilio)
        stack.callback(server.close)
        model = await stack.enter_async_context(process(["-m", "bench.model_server"]))
        model_port = int(await first_line(model))
        other = await stack.enter_async_context(process(["-m", "bench.alone", str(model_port)]))
        gateway, port, log = await stack.enter_async_context(open_gateway(folder, model_port, twilio_port))
        await first_line(other)
        running = World(gateway, port, twilio, model_port, other, log)
        yield running
        for connection in running._connections.values():
            connection.close()


async def _ready(gateway: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            if gateway.returncode is not None:
                said = await asyncio.to_thread(log.read_text)
                raise RuntimeError(f"the gateway did not start:\n{said}")
            try:
                connection = await Connection.open(port)
                status, _ = await connection.send(request("GET", "/health/ready", port))
                connection.close()
                if status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.05)
