"""Everything around one gateway process: the pretend Twilio and its customers, the model server, the other sides."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from tandem.simulator.wire import new_sid, sign
from tests.kit.gateway import ACCOUNT, OURS, TOKEN, surroundings
from tests.kit.process import GatewayProcess, gateway_process

from .processes import cpu_of_family, family, first_line, process, proportional_megabytes, tell
from .wire import Connection, free_port, listen, request, response

CREATED = response(json.dumps({"sid": "SM" + "0" * 32, "status": "queued"}).encode(), status="201 Created")
NONE_FOUND = response(json.dumps({"messages": [], "next_page_uri": None}).encode())
REPLY_SECONDS = 20.0


class NoReply(RuntimeError):
    """A text was not answered in time."""


class PretendTwilio:
    """Takes the messages that the gateway creates and tells whoever waits for one."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def __call__(self, head: bytes, body: bytes) -> bytes:
        """Answer a request of the gateway: it creates a message, or looks for one that an earlier gateway began."""
        arrived = time.perf_counter()
        if head.startswith(b"GET"):
            return NONE_FOUND
        to = parse_qs(body.decode())["To"][0]
        waiting = self._waiting.pop(to, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(arrived)
        return CREATED

    def next_message(self, number: str) -> asyncio.Future[float]:
        """Return when (by ``perf_counter``) the next message to a number arrives."""
        self._waiting[number] = asyncio.get_running_loop().create_future()
        return self._waiting[number]


@dataclass(slots=True)
class World:
    """A gateway that runs, and what it is measured with."""

    gateway: GatewayProcess
    port: int
    twilio: PretendTwilio
    model_port: int
    other: asyncio.subprocess.Process
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
            raise NoReply(f"no reply within {REPLY_SECONDS:.0f} s; the gateway said:\n{self.said()}")
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
        if status == 503:
            raise NoReply("the store did not answer in time")
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

    async def alone(self, do: str, body: str, **more: Any) -> Any:
        """Have another side do the same; see :mod:`.alone`."""
        return await tell(self.other, {"do": do, "body": body, **more})

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self._connections.values():
            connection.close()

    def said(self) -> str:
        """Return the end of the gateway's log."""
        return self.gateway.log.read_text(errors="replace")[-2000:]

    def cpu(self) -> float | None:
        """Return what the gateway has used of the processor, with all of its workers, in seconds."""
        return cpu_of_family(self.gateway.process.pid)

    def memory(self) -> float:
        """Return the megabytes that the gateway uses, of shared ones its part."""
        return sum(proportional_megabytes(pid) for pid in family(self.gateway.process.pid))


@asynccontextmanager
async def open_gateway(
    folder: Path, model_port: int, twilio_port: int, **more: str
) -> AsyncIterator[tuple[GatewayProcess, int]]:
    """Run a gateway that keeps its files in ``folder``; yield it with its port once it is ready.

    ``more`` are further settings.
    """
    port = free_port()
    twilio, model = (f"http://127.0.0.1:{one}" for one in (twilio_port, model_port))
    env = {
        "LOG_LEVEL": "warning", "RATE_LIMIT_PER_MINUTE": "0", "MAX_SPOKEN_TURNS_PER_HOUR": "0",
        "STATE_PERSISTENCE_DIR": str(folder / "state"),
        **surroundings(twilio, model, f"http://127.0.0.1:{port}"), **more,
    }  # fmt: skip
    async with gateway_process(folder, port, env, fresh=True) as gateway:
        yield gateway, port


@asynccontextmanager
async def world(folder: Path, **more: str) -> AsyncIterator[World]:
    """Start everything; the gateway keeps its files in ``folder``. All of it is gone afterwards.

    ``more`` are further settings.
    """
    async with AsyncExitStack() as stack:
        twilio = PretendTwilio()
        server, twilio_port = await listen(twilio)
        stack.callback(server.close)
        model = await stack.enter_async_context(process("-m", "bench.model_server"))
        model_port = int(await first_line(model))
        other = await stack.enter_async_context(process("-m", "bench.alone", str(model_port)))
        gateway, port = await stack.enter_async_context(open_gateway(folder, model_port, twilio_port, **more))
        await first_line(other)
        running = World(gateway, port, twilio, model_port, other)
        yield running
        running.hang_up()
