"""Met in the field, "Starting and running": whoever reads the log, or does not, serving and stopping go on."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from tandem.telemetry.streams import ForgivingStream

from ..flows.test_process import world
from ..kit.command import SECONDS
from ..kit.gateway import JOHN
from ..kit.model_server import Answer, ModelServer
from ..kit.process import GatewayProcess, gateway_process
from ..kit.replicas import Replicas
from ..kit.serving import free_port
from ..kit.tables import each
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("F5")
SMALL_PIPE = 4096
"""Bytes: no pipe holds less."""


def polite() -> ModelServer:
    return ModelServer(lambda _: Answer("Here I am."))


@contextmanager
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """Give a pipe's two ends, closed at the end."""
    reading, writing = os.pipe()
    with FileIO(reading, "r") as reader, FileIO(writing, "w") as writer:
        yield reader, writer


def waiting_in(reader: FileIO) -> int:
    """Return how many bytes of a pipe were not read."""
    return int.from_bytes(fcntl.ioctl(reader, termios.FIONREAD, bytes(4)), sys.byteorder)


async def serves_and_stops(it: Replicas, gateway: GatewayProcess, how: signal.Signals = signal.SIGTERM) -> None:
    it.chosen = gateway
    before = len(it.bodies())
    assert await it.text("hello") == 200
    await it.twilio.wait_for(JOHN, before + 1)
    gateway.process.send_signal(how)
    assert await asyncio.wait_for(gateway.process.wait(), PATIENCE) == 0


async def unsigned(it: Replicas, count: int) -> set[int]:
    """Make lines in the log: requests that are refused."""
    posts = (it.twilio.post("/sms", {"From": JOHN, "Body": "unsigned"}, signature="") for _ in range(count))
    return {answer.status for answer in await asyncio.gather(*posts)}


async def test_a_reader_that_leaves_costs_neither_a_text_nor_the_stop(tmp_path: Path) -> None:
    """``tandem serve 2>&1 | head -3``."""
    with pipe() as (reader, writer):
        async with world(tmp_path, polite()) as it:
            gateway = await it.start(fresh=True, output=writer.fileno(), LOG_LEVEL="debug")
            writer.close()
            for _ in range(3):
                assert await asyncio.to_thread(reader.readline)
            reader.close()
            assert await unsigned(it, 3) == {403}
            await serves_and_stops(it, gateway)


async def test_a_reader_that_pauses_holds_nobody_up(tmp_path: Path) -> None:
    """``tandem serve 2>&1 | less``: the pipe is full, and a write to it waits for ever."""
    with pipe() as (reader, writer):
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
        async with world(tmp_path, polite()) as it:
            gateway = await it.start(fresh=True, output=writer.fileno())
            for _ in range(4):
                assert await unsigned(it, 50) == {403}
            await until(lambda: waiting_in(reader) > SMALL_PIPE / 2)
            await serves_and_stops(it, gateway)


async def test_a_full_disk_under_the_log_is_told_once_and_costs_nothing(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "customer-service.log").symlink_to("/dev/full")
    async with world(tmp_path, polite()) as it:
        gateway = await it.start(LOG_DIR="logs", LOG_LEVEL="debug")
        await serves_and_stops(it, gateway)
        said = gateway.log.read_text("utf-8")
    assert said.count("log_not_written") == 1
    assert "No space left on device" in said
    assert "turn_ended" in said


async def test_full_standard_streams_cost_nothing(tmp_path: Path) -> None:
    with FileIO("/dev/full", "w") as full:
        async with world(tmp_path, polite()) as it:
            gateway = await it.start(output=full.fileno())
            await serves_and_stops(it, gateway)


def test_what_an_operators_own_tool_prints_cannot_fail() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        forgiving = ForgivingStream(stream)
        for _ in range(3):
            print("x" * 100_000, file=forgiving, flush=True)


@each(
    ("command", "merged"),
    [
        (("check",), False),
        (("check",), True),
        (("--help",), False),
        (("chat", "--from", JOHN), False),
        (("chat", "--from", JOHN), True),
    ],
)
def test_a_command_ends_quietly_when_its_reader_has_gone(
    tmp_path: Path, command: tuple[str, ...], merged: bool
) -> None:
    """``tandem check | head -1``, and ``merged`` with ``2>&1``; show and erase: tests/unit/test_only_looking.py."""
    with pipe() as (reader, writer):
        reader.close()
        done = subprocess.run(
            [sys.executable, "-m", "tandem", *command],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer if merged else subprocess.PIPE,
            timeout=SECONDS,
            check=False,
            env={"PATH": os.environ["PATH"], "PORT": str(free_port())},
        )
    assert done.returncode == 1
    assert b"Traceback" not in (done.stderr or b"")
    assert b"BrokenPipe" not in (done.stderr or b"")


async def test_a_chat_ends_when_nobody_reads_it_although_its_input_goes_on(tmp_path: Path) -> None:
    """``tandem chat … | head -1``: the answer comes to nobody, and no further line is typed."""
    port = free_port()
    env = {"PATH": os.environ["PATH"], "PORT": str(port)}
    async with gateway_process(tmp_path, port, {"COALESCE_MS": "0"}):
        with pipe() as (reader, writer):
            chat = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tandem", "chat", "--from", JOHN), cwd=tmp_path, env=env,
                stdin=asyncio.subprocess.PIPE, stdout=writer.fileno(), stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            writer.close()
            assert chat.stdin is not None
            chat.stdin.write(b"hello\n")
            await chat.stdin.drain()
            assert await asyncio.to_thread(reader.readline) == b"you: hello\n"
            reader.close()
            assert chat.stderr is not None
            said = await chat.stderr.read()
            assert await chat.wait() == 1
    assert [line.partition(b":")[0] for line in said.splitlines()] == [b"settings"]


async def test_started_without_standard_streams_it_serves(tmp_path: Path) -> None:
    """``tandem serve <&- >&- 2>&-``: a socket must not take their place. Its terminal's end is a stop like another."""
    async with world(tmp_path, polite()) as it:
        port = free_port()
        env = {"PATH": os.environ["PATH"], "PORT": str(port), **it.env}
        # This run's own terminal may have gone (nohup): a process begins with what its parent does about that.
        begin = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.closerange(0, 3)"
        command = (sys.executable, "-c", f"{begin}; os.execv(sys.argv[1], sys.argv[1:])", sys.executable)
        process = await asyncio.create_subprocess_exec(*command, "-m", "tandem", "serve", cwd=tmp_path, env=env)
        gateway = GatewayProcess(process, f"http://127.0.0.1:{port}", tmp_path / "none.log")
        try:
            await gateway.ready()
            await serves_and_stops(it, gateway, signal.SIGHUP)
        finally:
            if gateway.runs:
                await gateway.kill()
