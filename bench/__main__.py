"""Measure a gateway on this machine: ``make bench``. Some six minutes, on loopback and in a temporary folder only.

``python -m bench text``, ``voice``, ``filter``, ``knowledge``, ``profile`` and ``identity`` measure a part;
``stores`` (two minutes) and ``scale`` (ten minutes: workers and replicas over each store) only when they are named.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from . import acknowledgement, identity, knowledge, profile, stream, throughput, turns, voice
from .figures import table
from .voice import Say
from .world import world

LONGEST = 540.0
"""Seconds after which the benchmark gives up; ``scale``, whose layouts may take 90 each, has five times as many."""


async def _measure(folder: Path, parts: Sequence[str]) -> None:
    started = time.monotonic()
    print(f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    for part in parts:
        (folder / part).mkdir()
        print(f"\n{await (_PARTS | _ALONE)[part](folder / part, _say)}", flush=True)
    _say(f"done in {time.monotonic() - started:.0f} s")


async def _text(folder: Path, say: Say) -> str:
    say("starting a gateway, a model server and the SDK alone")
    async with world(folder) as running:
        say(f"leading {turns.CONVERSATIONS * len(turns.STAGES)} conversations to turns {turns.STAGES}")
        await turns.prepare(running)
        say("measuring turns")
        samples = await turns.measure(running)
        body = await running.last_body()
        say("measuring throughput")
        through = await throughput.measure(running, body)
        say("measuring acknowledgements")
        acknowledged = await acknowledgement.measure(running, folder)
    return "\n\n".join((
        table(f"1. Acknowledgement, while the model takes {acknowledgement.MODEL_SECONDS:.0f} s", acknowledged),
        table("2. One turn at a time (medians; COALESCE_MS=0)", turns.rows(samples)),
        table("3. Throughput, one gateway process, file store, a model that answers at once", through),
    ))  # fmt: skip


async def _filter(folder: Path, say: Say) -> str:
    say("measuring the filter of spoken answers")
    return table("The filter of spoken answers", stream.rows())


_PARTS: dict[str, Callable[[Path, Say], Awaitable[str]]] = {
    "text": _text,
    "voice": voice.measure,
    "filter": _filter,
    "knowledge": knowledge.measure,
    "profile": profile.measure,
    "identity": identity.measure,
}


async def _stores(folder: Path, say: Say) -> str:
    from . import store_time  # it needs the stores' servers, which nothing above does

    return await store_time.measure(folder, say)


async def _scale(folder: Path, say: Say) -> str:
    from . import scale

    return await scale.measure(folder, say)


_ALONE: dict[str, Callable[[Path, Say], Awaitable[str]]] = {"stores": _stores, "scale": _scale}


async def _main(parts: Sequence[str]) -> None:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        async with asyncio.timeout(LONGEST * (5 if "scale" in parts else 1)):
            await _measure(Path(folder), parts)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} … {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(_PARTS)
    if not set(chosen) <= set(_PARTS | _ALONE):
        sys.exit(f"parts: {', '.join(_PARTS | _ALONE)}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_main(chosen))
    except KeyboardInterrupt:
        sys.exit(130)
    except asyncio.CancelledError:
        sys.exit(143)
    except (RuntimeError, AssertionError) as error:  # the latter: a gateway that did not start, and why
        sys.exit(str(error))
    except TimeoutError:
        sys.exit("This machine is too slow or too busy: the benchmark was not done in time.")
