"""Met in the field, "Trust and exposure": what anybody can reach is bounded, and tells nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tandem.simulator.wire import new_sid, sign
from tandem.web.connections import Connections

from ..kit.gateway import ACCOUNT, JANE, JOHN, OURS, TOKEN, Running, running
from ..kit.process import GatewayProcess, gateway_process
from ..kit.serving import free_port, serve
from ..kit.tables import each
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("F5")
STAFF = {"STAFF_TOKENS": "mia:mia-token-123456789"}
BEARER = {"Authorization": "Bearer mia-token-123456789"}
TWILIO = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
SAMPLE = {"APP_ENV": "production", "ALLOW_SAMPLE_DATA": "true", "PUBLIC_BASE_URL": "https://gateway.example", **STAFF}
PRODUCTION = {**SAMPLE, **TWILIO, "HOST": "127.0.0.1"}
ATTACKER = "127.0.0.2"
"""Another address of the loopback interface."""
MOST = 30


@asynccontextmanager
async def small(folder: Path, **extra: str) -> AsyncIterator[GatewayProcess]:
    """Run a gateway that takes few connections; one attacker at another loopback address."""
    env = {"MAX_CONNECTIONS": str(MOST), "MAX_CONNECTIONS_PER_ADDRESS": str(MOST), "COALESCE_MS": "0", **extra}
    async with gateway_process(folder, free_port(), env) as gateway:
        yield gateway


def port_of(gateway: GatewayProcess) -> int:
    return int(gateway.url.rpartition(":")[2])


async def attack(gateway: GatewayProcess, first: bytes, *, source: str = ATTACKER) -> socket.socket:
    """Open a connection from the attacker's address and send something."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.bind((source, 0))
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, ("127.0.0.1", port_of(gateway)))
    await loop.sock_sendall(one, first)
    return one


async def ready(gateway: GatewayProcess) -> int:
    async with aiohttp.ClientSession() as probe, probe.get(f"{gateway.url}/health/ready") as answer:
        return answer.status


INCOMPLETE = {
    "nothing": b"",
    "half a header": b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "half a body": b"POST /sms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nBody=",
    "no end of chunks": b"POST /sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n",
    "half a handshake": b"GET /conversation-relay/x HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: ",
    "answers that nobody reads": b"GET /pages/phone/call.js HTTP/1.1\r\nHost: x\r\n\r\n" * 1000,
    "empty lines": b"\r\n\r\n",
}


async def dropped_by(gateway: GatewayProcess) -> int:
    """Return how many connections were dropped so far."""
    async with aiohttp.ClientSession() as operator, operator.get(f"{gateway.url}/status") as answer:
        return int((await answer.json())["droppedConnections"])


async def test_readiness_answers_under_connections_that_never_finish(tmp_path: Path) -> None:
    """They come from another address, and from that of the probe."""
    dropped, found = 0, {}
    async with small(tmp_path) as gateway:
        for name, source in itertools.product(INCOMPLETE, (ATTACKER, "127.0.0.1")):
            held = [await attack(gateway, INCOMPLETE[name], source=source) for _ in range(3 * MOST)]
            answers = [await ready(gateway) for _ in range(5)]
            descriptors = len(os.listdir(f"/proc/{gateway.process.pid}/fd")) if sys.platform == "linux" else 0
            for one in held:
                one.close()
            before, dropped = dropped, await dropped_by(gateway)
            found[name, source] = (set(answers), descriptors < MOST + 60, dropped - before >= MOST)
        await until(lambda: "connections_dropped" in gateway.log.read_text("utf-8"))
        async with aiohttp.ClientSession() as operator, operator.get(f"{gateway.url}/metrics") as answer:
            figures = await answer.text()
    assert {which: told for which, told in found.items() if told != ({200}, True, True)} == {}
    counted = re.search(r"^tandem_dropped_connections_total (\S+)$", figures, re.MULTILINE)
    assert counted is not None
    assert float(counted[1]) >= dropped


async def test_one_address_cannot_take_the_connections_of_others(tmp_path: Path) -> None:
    async with small(tmp_path, MAX_CONNECTIONS="200") as gateway:
        polite = [await attack(gateway, b"", source="127.0.0.3") for _ in range(5)]
        held = [await attack(gateway, INCOMPLETE["half a header"]) for _ in range(10 * MOST)]
        try:
            loop = asyncio.get_running_loop()
            for one in polite:
                await loop.sock_sendall(one, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                async with asyncio.timeout(PATIENCE):
                    assert (await loop.sock_recv(one, 12)) == b"HTTP/1.1 200"
        finally:
            for one in (*polite, *held):
                one.close()


HEADERS = b"GET /health HTTP/1.1\r\nHost: x\r\n"
ENDLESS = {
    "small headers": (HEADERS, b"X-A: b\r\n" * 2000, b"431"),
    "one long header": (HEADERS + b"X-A: ", b"b" * 16_000, b"431"),
    "a long address": (b"GET /", b"b" * 16_000, b"431"),
    "trailers": (b"POST /sms HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 2000, b"400"),
    "a body that nobody wants": (
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"b" * 16_000, b"404",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("first", "rest", "status"), ENDLESS.values(), ids=ENDLESS)
async def test_forty_megabytes_on_one_connection_are_not_taken(
    tmp_path: Path, first: bytes, rest: bytes, status: bytes
) -> None:
    async with small(tmp_path) as gateway:
        before = resident(gateway)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        sent, answer = 0, b""
        writer.write(first)
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while sent < 40_000_000:
                    writer.write(rest)
                    await writer.drain()
                    sent += len(rest)
        with suppress(ConnectionError):  # reset before the answer was read
            answer = await reader.read(12)
        writer.transport.abort()
        assert answer in (b"HTTP/1.1 " + status, b"")
        assert sent < 20_000_000  # the system's own buffers hold some megabytes
        assert resident(gateway) - before < 20_000
        assert await ready(gateway) == 200


async def test_headers_after_a_body_are_refused(tmp_path: Path) -> None:
    """No provider sends them, and they would be one more place for megabytes."""
    async with small(tmp_path) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        writer.write(b"POST /sms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBody=\r\n0\r\n")
        writer.write(b"X-After: 1\r\n\r\n")
        assert await reader.read(12) == b"HTTP/1.1 400"
        writer.close()


def resident(gateway: GatewayProcess) -> int:
    """Return the process's memory, kB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{gateway.process.pid}/status").read_text("ascii"))
    assert found
    return int(found[1])


UNENDED = {name: first for name, first in INCOMPLETE.items() if name != "answers that nobody reads"}


@each("first", UNENDED.values())
async def test_a_request_that_is_never_complete_is_ended_by_the_clock(first: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("done" if await Request(scope, receive).body() else "empty")(scope, receive, send)

    http, _ = Connections(MOST, MOST, seconds=0.05).protocols()
    async with serve(app, http=http) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(first)
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read())[:12] in (b"HTTP/1.1 408", b"")
        writer.close()


async def test_a_complete_request_takes_as_long_as_it_takes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await Response("done")(scope, receive, send)

    http, _ = Connections(MOST, MOST, seconds=0.05).protocols()
    async with serve(app, http=http) as url, aiohttp.ClientSession(url) as session:
        for _ in range(2):  # and so does the next one on the same connection
            async with session.post("/", data=b"x" * 50_000) as answer:
                assert await answer.text() == "done"


async def test_a_socket_that_never_sends_its_setup_is_closed(tmp_path: Path) -> None:
    """It is waited for no longer than for a silent caller: twice their patience."""

    async def closed(it: Running, session: aiohttp.ClientSession, sender: str, *frames: str) -> bool:
        form = {"CallSid": new_sid("CA"), "From": sender, "To": OURS}
        signed = {"X-Twilio-Signature": sign(f"{it.url}/voice", form, TOKEN)}
        async with session.post(f"{it.url}/voice", data=form, headers=signed) as answer:
            (url,) = re.findall(r'url="(wss://[^"]+)"', await answer.text())
        signed = {"X-Twilio-Signature": sign(url, {}, TOKEN)}
        async with session.ws_connect(url.replace("wss://", "http://"), headers=signed) as socket:
            for frame in frames:
                await socket.send_str(frame)
            return (await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.CLOSE

    sent = [(JOHN,), (JANE, "{"), ("+15557770000", '{"type":"prompt","voicePrompt":"hi","last":true}')]
    async with running(tmp_path, SILENCE_SECONDS="0.1") as it, aiohttp.ClientSession() as session:
        assert await asyncio.gather(*(closed(it, session, *one) for one in sent)) == [True] * 3
        await until(lambda: not len(it.gateway.calls))


# --- figures -------------------------------------------------------------------------------------------------


async def test_metrics_and_details_of_the_status_need_a_token_in_production(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, free_port(), PRODUCTION) as gateway, aiohttp.ClientSession() as session:
        for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401), (BEARER, 200)):
            async with session.get(f"{gateway.url}/metrics", headers=headers) as answer:
                assert answer.status == status
            async with session.get(f"{gateway.url}/status", headers=headers) as answer:
                assert answer.status == 200
                assert ("configuration" in await answer.json()) is (status == 200)
        for path in ("/health", "/health/ready"):
            async with session.get(f"{gateway.url}{path}") as answer:
                assert answer.status == 200


async def test_a_partners_token_does_not_show_them(tmp_path: Path) -> None:
    """It opens tickets, and does no more."""
    tokens = "mia:mia-token-123456789:read,crm:crm-token-123456789:tickets"
    env = {**PRODUCTION, "STAFF_TOKENS": tokens}
    async with gateway_process(tmp_path, free_port(), env) as gateway, aiohttp.ClientSession(gateway.url) as session:
        for name, status in (("mia", 200), ("crm", 401)):
            headers = {"Authorization": f"Bearer {name}-token-123456789"}
            async with session.get("/metrics", headers=headers) as answer:
                assert answer.status == status


async def test_the_inner_port_needs_no_token(tmp_path: Path) -> None:
    inner = free_port()
    env = {**PRODUCTION, "METRICS_PORT": str(inner)}
    async with gateway_process(tmp_path, free_port(), env) as gateway, aiohttp.ClientSession() as session:
        for url, status in ((f"http://127.0.0.1:{inner}", 200), (gateway.url, 401)):
            # What a request says of itself changes nothing.
            async with session.get(f"{url}/metrics", headers={"Host": f"127.0.0.1:{inner}"}) as answer:
                assert answer.status == status


async def test_a_development_server_shows_them_to_its_own_machine_alone(tmp_path: Path) -> None:
    outside: tuple[dict[str, str], ...] = (
        {"X-Forwarded-For": "203.0.113.9"},
        {"Host": "tunnel.example"},
        # Found by trying, not reported.
        {"Via": "1.1 proxy"},
        {"True-Client-IP": "203.0.113.9"},
        {"X-Forwarded-Server": "proxy.example"},
        {"X-Cluster-Client-IP": "203.0.113.9"},
        {"Host": "127.0.0.1:evil.example"},
    )
    async with running(tmp_path) as it, aiohttp.ClientSession(it.url) as session:
        for headers, status in (({}, 200), *((headers, 401) for headers in outside)):
            async with session.get("/metrics", headers=headers) as answer:
                assert answer.status == status


# --- a server of one's own -----------------------------------------------------------------------------------


@asynccontextmanager
async def factory(folder: Path, env: dict[str, str]) -> AsyncIterator[GatewayProcess]:
    """``uvicorn --factory tandem.app:create_app``, as somebody runs it who does not read far."""
    port, log = free_port(), folder / "uvicorn.log"
    command = (sys.executable, "-m", "uvicorn", "--factory", "tandem.app:create_app", "--port", str(port))
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=output, stderr=output, env={"PATH": os.environ["PATH"], **env}
        )
    gateway = GatewayProcess(process, f"http://127.0.0.1:{port}", log)
    try:
        await gateway.ready()
        yield gateway
    finally:
        if gateway.runs:
            await gateway.kill()


async def test_a_server_of_ones_own_logs_no_paths_and_trusts_no_forwarded_address(tmp_path: Path) -> None:
    async with factory(tmp_path, PRODUCTION) as gateway, aiohttp.ClientSession(gateway.url) as session:
        for path in ("/conversations/phone_15551234567", "/customers/john.doe@email.com", "/conversation-relay/t0k3n"):
            async with session.get(path, headers=BEARER) as answer:
                assert answer.status >= 400
        statuses = []
        for attempt in range(15):
            headers = {"X-Forwarded-For": f"203.0.113.{attempt}", "X-Tandem-Page": "1", "Origin": gateway.url}
            headers |= {"Content-Type": "application/json"}
            async with session.post("/staff/session", json={"token": "wrong"}, headers=headers) as answer:
                statuses.append(answer.status)
        assert 429 in statuses
        await gateway.terminate()  # uvicorn ends by the signal itself
        said = gateway.log.read_text("utf-8")
    assert [word for word in ("phone_1555", "john.doe", "t0k3n", "GET /", "POST /", "203.0.113") if word in said] == []
