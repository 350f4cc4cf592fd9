"""Run ``tandem smoke`` at every place that we ship: a fresh clone, the wheel in an empty folder, each proxy recipe.

A single gateway is killed with ``kill -9``, started again and asked again; behind a proxy, one of three is stopped and
one killed while calls are on the line (:mod:`scripts.proxies`). Clone and wheel are installed as an operator does, from
the package registry. Everything is on loopback and in a temporary folder. Ends with 1 when a place is wrong.

    python scripts/smoke.py                         # make smoke; some ten minutes
    python scripts/smoke.py nginx haproxy caddy     # make proxies
    python scripts/smoke.py --faults caddy          # break a recipe on purpose: the smoke script must notice
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' kit

from scripts import proxies
from tests.kit.process import GatewayProcess
from tests.kit.serving import free_port
from tests.kit.wheel import released

INSTALL_SECONDS = 900.0
SMOKE_SECONDS = 240.0
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")
"""Variables of this process that would reach into what is installed there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway that is installed in a folder: the command that serves, and the one that smokes."""

    folder: Path
    serve: Sequence[str]
    tandem: Path


def environment(port: int) -> Mapping[str, str]:
    """Return what an operator's shell has, and a free port; nothing else is set."""
    ours = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**ours, "PORT": str(port)}


def run(command: Sequence[str | Path], folder: Path, port: int, seconds: float = INSTALL_SECONDS) -> str:
    """Run a command to its end and return what it said. Raises RuntimeError when it fails."""
    done = subprocess.run(  # noqa: S603 (our own commands)
        command, cwd=folder, env=environment(port), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=seconds,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def cloned(folder: Path, port: int) -> Place:
    """Clone the last commit of this checkout; ``make run`` installs what is missing."""
    run(("git", "clone", "--quiet", str(proxies.ROOT), "clone"), folder, port)
    return Place(folder / "clone", ("make", "run"), folder / "clone/.venv/bin/tandem")


def installed(folder: Path, port: int) -> Place:
    """Build the wheel, install it with its dependencies, and let ``tandem init`` fill an empty folder."""
    built, _ = released()
    (wheel,) = built.glob("*.whl")
    run((sys.executable, "-m", "venv", "venv"), folder, port)
    run((folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", wheel), folder, port)
    tandem, home = folder / "venv/bin/tandem", folder / "gateway"
    home.mkdir()
    run((tandem, "init", "--yes", "--agent", "--articles"), home, port)
    return Place(home, (str(tandem), "serve"), tandem)


@asynccontextmanager
async def serving(place: Place, port: int) -> AsyncIterator[GatewayProcess]:
    """Run a place's gateway, in a process group of its own, which is gone at the end."""
    log = place.folder / "smoke.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *place.serve, cwd=place.folder, env=environment(port), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    gateway = GatewayProcess(process, f"http://127.0.0.1:{port}", log)
    try:
        await gateway.ready(INSTALL_SECONDS)
        yield gateway
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def alone(place: Callable[[Path, int], Place]) -> str:
    """Install a gateway, smoke, kill it, start it again, smoke again, stop it; return what was said."""
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="tandem-smoke-") as folder:
        port = free_port()
        it = await asyncio.to_thread(place, Path(folder), port)
        for stops in (signal.SIGKILL, signal.SIGTERM):
            async with serving(it, port) as gateway:
                command = (it.tandem, "smoke", gateway.url)
                said.append(await asyncio.to_thread(run, command, it.folder, port, SMOKE_SECONDS))
                os.killpg(gateway.process.pid, stops)
                await gateway.process.wait()
    return "".join(said)


async def behind(proxy: str) -> str:
    """Smoke through a proxy with three gateways behind it. Raises RuntimeError when it fails."""
    code, said = await proxies.run(proxy)
    if code:
        raise RuntimeError(said)
    return said


PLACES: Mapping[str, Callable[[], Awaitable[str]]] = {
    "clone": lambda: alone(cloned),
    "wheel": lambda: alone(installed),
    **{name: lambda name=name: behind(name) for name in proxies.RECIPES},  # type: ignore[misc]
}


async def broken(proxy: str) -> str:
    """Smoke through a recipe with each of its faults. Raises RuntimeError when one is not noticed where it must be."""
    noticed: list[str] = []
    for step, before, after in proxies.FAULTS[proxy]:
        _, said = await proxies.run(proxy, (before, after))
        if re.findall(r"^FAIL  (\w+)", said, re.MULTILINE) != [step]:
            raise RuntimeError(f"broken at {before!r}: {step} must fail\n{said}")
        noticed.append(f"broken at {before!r}: {step} fails\n")
    return "".join(noticed)


async def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", action="store_true", help="break the recipes of proxies on purpose")
    parser.add_argument("names", nargs="*", metavar="PLACE", help=f"of {', '.join(PLACES)}; all of them unless given")
    chosen = parser.parse_args()
    wanted = chosen.names or list(proxies.RECIPES if chosen.faults else PLACES)
    if strange := set(wanted) - set(proxies.RECIPES if chosen.faults else PLACES):
        parser.error(f"unknown: {', '.join(sorted(strange))}")
    wrong = 0
    for name in wanted:
        if name in proxies.RECIPES and not shutil.which(name):
            print(f"--- {name}: not installed here, so not run", flush=True)
            continue
        began = time.monotonic()
        try:
            verdict, said = "right", await (broken(name) if chosen.faults else PLACES[name]())
        except (RuntimeError, AssertionError, OSError, TimeoutError, subprocess.TimeoutExpired) as error:
            wrong, verdict, said = wrong + 1, "WRONG", f"{type(error).__name__}: {error}\n"
        print(f"--- {name}: {verdict}, {time.monotonic() - began:.0f} s\n{said}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
