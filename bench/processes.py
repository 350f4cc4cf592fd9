"""The processes that take part, and what each has used of the processor. None outlives the benchmark."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

STOP_SECONDS = 3.0


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run Python with these arguments; stopped by its id at the end, however that comes. Its output can be read.

    It leads a session of its own: Ctrl-C reaches the benchmark alone, which then stops everybody.
    """
    started = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, start_new_session=True, limit=2**24,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield started
    finally:
        await _stop(started)


async def _stop(running: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        running.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await running.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            running.kill()
        await running.wait()


async def first_line(running: asyncio.subprocess.Process) -> str:
    """Return the first line that a process prints. Raises RuntimeError when it ends without one."""
    if running.stdout is None:
        raise ValueError("its output goes to a file")
    line = (await running.stdout.readline()).decode().strip()
    if not line:
        raise RuntimeError("a part of the benchmark did not start")
    return line


async def tell(running: asyncio.subprocess.Process, command: Mapping[str, Any]) -> Any:
    """Have a process obey a command; return its answer. Raises RuntimeError when it has ended."""
    if running.stdin is None or running.stdout is None:
        raise ValueError("not connected")
    running.stdin.write(json.dumps(command).encode() + b"\n")
    line = await running.stdout.readline()
    if not line:
        raise RuntimeError("a part of the benchmark ended")
    return json.loads(line)


async def input_ends() -> None:
    """Return when standard input ends: whoever started this process is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def cpu_seconds(pid: int) -> float | None:
    """Return what a process has used of the processor, all threads; None where the system does not tell (no /proc)."""
    try:
        # Nanoseconds; /proc/PID/stat counts in steps of 10 ms, too coarse for a turn.
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, ValueError, IndexError):
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def family(pid: int) -> list[int]:
    """Return a process and those that it has started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *map(int, children)]


def cpu_of_family(pid: int) -> float | None:
    """Return what a process and those that it has started have used of the processor; None where it is not told."""
    used = [cpu_seconds(one) for one in family(pid)]
    return None if None in used else sum(one or 0.0 for one in used)


def proportional_megabytes(pid: int) -> float:
    """Return the memory of a process, of shared pages its part; NaN where the system does not tell."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1000
    except (OSError, StopIteration):
        return float("nan")


def resident_megabytes(pid: int) -> float | None:
    """Return the memory of a process that is in use; None where the system does not tell (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
