"""``tandem serve``: the server process, and how it stops without cutting anything off."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import quote

import structlog
import uvicorn
import uvloop

from ..app import Gateway, open_gateway
from ..errors import ConfigurationError
from ..settings import Settings
from ..settings.development import simulated, staff_tokens
from ..staff.auth import ready_curls
from ..web.connections import Connections
from ..wiring import OFFLINE, open_log
from .places import places

log = structlog.get_logger(__name__)

MAX_FRAME = 65_536
"""Bytes of a WebSocket frame; ConversationRelay's are far smaller."""
PING_SECONDS = 20.0
"""Twilio needs no keepalive, but load balancers do."""


BEAT, DRAIN, STOP = b".", b"d", b"s"
"""What worker and parent tell each other: I serve; finish what runs and end; end at once."""
BEAT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One of several processes of a server: its number, the ``link`` to its parent, and the folder of the ``figures``
    that all of them share. ``before`` says how the worker ended that it takes the place of.
    """

    number: int
    link: socket.socket
    figures: Path
    before: str = ""


def listen(settings: Settings) -> list[socket.socket]:
    """Return the open sockets: of the port, and of the port for metrics. Raises ConfigurationError."""
    listeners = [_listen(settings.host, settings.port)]
    if settings.metrics_port:
        listeners.append(_listen(settings.host, settings.metrics_port, setting="METRICS_PORT"))
    return listeners


def serve(settings: Settings, listeners: Sequence[socket.socket], worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish running turns. Raises ConfigurationError."""
    if worker is not None:
        structlog.contextvars.bind_contextvars(worker=worker.number)  # before there is a loop: all of it inherits that
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listeners, worker))


async def _serve(settings: Settings, listeners: Sequence[socket.socket], worker: Worker | None) -> None:
    port = int(listeners[0].getsockname()[1])
    open_log(settings)
    if worker is not None and worker.before:
        log.error("worker_replaced", ended=worker.before)
    connections = Connections(settings.max_connections, settings.max_connections_per_address)
    http, websocket = connections.protocols()
    opened = open_gateway(
        settings,
        port=port,
        figures=worker.figures if worker else None,
        dropped_connections=lambda: connections.dropped,
    )
    async with opened as gateway:
        config = uvicorn.Config(
            gateway.app(),
            http=http,
            ws=websocket,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            ws_max_size=MAX_FRAME,
            ws_ping_interval=PING_SECONDS,
        )
        server = _Server(config, gateway, settings, worker.link if worker else None)
        if worker is None:
            print(banner(settings, port), flush=True)
        await server.serve(sockets=list(listeners))
    log.info("stopped")


class _Server(uvicorn.Server):
    """uvicorn would close the door at the first signal; ours finishes the work behind it while HTTP is still served.

    A worker, which has a ``link``, hears from its parent when it shall not even do that.
    """

    def __init__(
        self, config: uvicorn.Config, gateway: Gateway, settings: Settings, link: socket.socket | None
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._production = settings.production
        self._seconds = settings.drain_seconds
        self._link = link
        self._draining: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and let the parent know, then the log."""
        await super().startup(sockets)
        if self._link is not None:
            self._link.setblocking(False)
            self._loop.add_reader(self._link.fileno(), self._obey, self._link)
            self._beat(self._link)
        port = sockets[0].getsockname()[1] if sockets else None
        log.info("started", port=port, production=self._production, pid=os.getpid())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal; a second one stops at once.

        It does not stop a worker: a terminal or systemd signals all processes, and the parent passes it on besides.
        """
        if self._draining is not None and self._link is None:
            super().handle_exit(sig, frame)
            return
        self._loop.call_soon_threadsafe(self._start_drain)

    def _obey(self, link: socket.socket) -> None:
        """Do what the parent says; where it has gone, there is no reason to go on."""
        try:
            said = link.recv(64)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._loop.remove_reader(link.fileno())
        if STOP in said:
            self.should_exit = self.force_exit = True
        else:
            self._start_drain()

    def _beat(self, link: socket.socket) -> None:
        self._gateway.health.note()
        with suppress(OSError):  # the parent is stopped, or gone
            link.send(BEAT)
        self._loop.call_later(BEAT_SECONDS, self._beat, link)

    def _start_drain(self) -> None:
        if self._draining is None:
            self._draining = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        log.info("draining", seconds=self._seconds)
        try:
            log.info("drained", in_time=await self._gateway.drain(self._seconds))
        finally:  # whatever goes wrong, a server that was told to stop stops
            self.should_exit = True


def _listen(host: str, port: int, *, setting: str = "PORT") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, because asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # From here on connections wait in the kernel instead of being refused while the gateway opens.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigurationError([_not_listening(family, host, port, setting, error)]) from error
    return listener


def _not_listening(family: int, host: str, port: int, setting: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        how = "make run" if Path("Makefile").is_file() else "tandem serve"
        return f"Port {port} is in use; try {setting}={_next_free(family, host, port)} {how}."
    if error.errno == errno.EACCES:
        return f"Port {port} is for the administrator only; choose one from 1024 on."
    return f"HOST and {setting}: {host}:{port} cannot be listened on ({error.strerror or type(error).__name__})."


def _next_free(family: int, host: str, port: int) -> int:
    """Return the next port that nobody has now."""
    for other in range(port + 1, min(port + 50, 65_536)):
        with suppress(OSError), socket.socket(family) as tried:
            tried.bind((host, other))
            return other
    return 0


def _own_name() -> str:
    """Return how this command was called, as it can be called again from the same folder."""
    name = os.path.relpath(sys.argv[0])
    return name if name.endswith("tandem") and not name.startswith("..") else "tandem"


def banner(settings: Settings, port: int) -> str:
    """Return what an operator is told once the server serves."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    lines = [f"Tandem is listening on {address}", "", *(f"  {line}" for line in places(settings)), ""]
    if not settings.production:
        lines += [*_doors(settings, port), ""]
    if agent := settings.agent_path or settings.agents_file:
        lines.append(f"  agent     {agent}")
    if settings.openai_api_key is None:
        lines.append(f"  model     {OFFLINE}; set OPENAI_API_KEY for a real one")
    if simulated(settings):
        port_first = f"PORT={port} " if port != 3001 else ""
        lines.append("  twilio    pretend account; nothing leaves this machine")
        lines.append(f'  terminal  {port_first}{_own_name()} chat --from "+15551234567"')
    return "\n".join(lines).rstrip() + "\n"


def _doors(settings: Settings, port: int) -> list[str]:
    """Say where a development server's pages are, and how to get in."""
    address = f"http://127.0.0.1:{port}"
    page, name = ("", "open") if simulated(settings) else ("staff", "desk")
    what = "a customer's phone beside the staff desk" if simulated(settings) else "the staff desk"
    if settings.staff_tokens:
        # A given token stays where it is kept; only one that this start made is shown.
        return [f"  {name}      {address}/{page}", f"            {what}; sign in with a token of STAFF_TOKENS"]
    token = next(iter(staff_tokens(settings).values()))
    _, approving = ready_curls(address, token)
    return [
        # Behind "#", so that no browser sends it and no log keeps it.
        f"  {name}      {address}/{page}#token={quote(token)}",
        f"            {what}; the link signs in",
        "",
        f"  token     {token}",
        "  approve   what waits longest, without a page:",
        f"            {approving}",
    ]
