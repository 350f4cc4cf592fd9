"""Measure a gateway on this machine: ``make bench``. A minute or two, on loopback and in a temporary folder only."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from . import acknowledgement, throughput, turns
from .figures import table
from .world import world

LONGEST = 150.0
"""Seconds after which the benchmark gives up."""


async def _measure(folder: Path) -> None:
    started = time.monotonic()
    _say("starting a gateway, a model server and the SDK alone")
    async with world(folder) as running:
        _say(f"leading {turns.CONVERSATIONS * len(turns.STAGES)} conversations to turns {turns.STAGES}")
        await turns.prepare(running)
        _say("measuring turns")
        samples = await turns.measure(running)
        body = await running.last_body()
        _say("measuring throughput")
        through = await throughput.measure(running, body)
        _say("measuring acknowledgements")
        acknowledged = await acknowledgement.measure(running, folder)
    _say(f"done in {time.monotonic() - started:.0f} s")
    print(
        f"\n{os.cpu_count()} processors, {platform.system()} {platform.machine()}, Python {platform.python_version()}\n"
    )
    print(table(f"1. Acknowledgement, while the model takes {acknowledgement.MODEL_SECONDS:.0f} s", acknowledged))
    print()
    print(table("2. One turn at a time (medians; COALESCE_MS=0)", turns.rows(samples)))
    print()
    print(table("3. Throughput, one gateway process, file store, a model that answers at once", through))


async def _main() -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        async with asyncio.timeout(LONGEST):
            await _measure(Path(folder))


def _say(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main())
    except KeyboardInterrupt:
        sys.exit(130)
    except asyncio.CancelledError:
        sys.exit(143)
    except RuntimeError as error:
        sys.exit(str(error))
    except TimeoutError:
        sys.exit(f"This machine is too slow or too busy: not done after {LONGEST:.0f} s.")
