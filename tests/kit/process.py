"""The gateway as a real process, to be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tandem.commands.workers import MEMORY, clear

from .forked import Forked, fork
from .waiting import PATIENCE


@dataclass(slots=True)
class GatewayProcess:
    """``tandem serve`` in a process of its own."""

    process: asyncio.subprocess.Process | Forked
    url: str
    log: Path

    async def kill(self) -> None:
        """``kill -9``: no chance to clean up."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.stop()
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    def stop(self) -> None:
        """SIGTERM; return at once."""
        self.process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Keep it from doing anything, as a machine that is out of breath."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self.process.send_signal(signal.SIGCONT)

    async def ready(self, patience: float = 60.0) -> None:
        """Wait until it takes work; ``patience`` is how long that may take, seconds."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(patience):
            while True:
                if not self.runs:
                    raise AssertionError(self.log.read_text())
                try:
                    async with session.get(f"{self.url}/health/ready") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)

    @property
    def runs(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.process.returncode is None


@asynccontextmanager
async def gateway_process(
    folder: Path,
    port: int,
    env: Mapping[str, str],
    *,
    name: str = "gateway",
    patience: float = 60.0,
    fresh: bool = False,
    output: int | None = None,
) -> AsyncIterator[GatewayProcess]:
    """Start a gateway in ``folder`` and wait until it is ready; it is killed at the end if it still runs.

    What it says is in the file ``name``.log there. ``patience`` is how long its start may take, seconds. It is forked
    from a process that has imported it; a ``fresh`` one is started as an operator does, which shows also how its
    interpreter ends. Either says what it says to the descriptor ``output``, if that is given.
    """
    log = folder / f"{name}.log"
    env = {"PATH": os.environ["PATH"], "PORT": str(port), **env}
    process = await (_fresh(folder, log, env, output) if fresh else _forked(folder, log, env, output))
    gateway = GatewayProcess(process, f"http://127.0.0.1:{port}", log)
    try:
        await gateway.ready(patience)
        yield gateway
    finally:
        if process.returncode is None:
            await gateway.kill()
        clear(MEMORY)


async def _fresh(folder: Path, log: Path, env: Mapping[str, str], output: int | None) -> asyncio.subprocess.Process:
    with log.open("ab") as file:
        output = file.fileno() if output is None else output
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tandem", "serve", cwd=folder, stdout=output, stderr=output, env=env
        )


async def _forked(folder: Path, log: Path, env: Mapping[str, str], output: int | None) -> Forked:
    said = log if output is None else Path(f"/proc/{os.getpid()}/fd/{output}")
    return Forked(
        await asyncio.to_thread(fork, ["serve"], folder=folder, env=env, stdin=None, stdout=said, stderr=said)
    )
