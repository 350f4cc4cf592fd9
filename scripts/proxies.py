"""The proxy recipes of deploy/proxies, each with three gateways behind it, and ``tandem smoke`` through it.

One gateway is stopped and one killed while calls are on the line. Of a recipe, only the addresses are replaced.
``scripts/smoke.py`` runs them.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' kit

from tests.kit.process import GatewayProcess, gateway_process
from tests.kit.serving import free_port

ROOT = Path(__file__).resolve().parents[1]
REPLICAS, CALLS = 3, 3
SMOKE_SECONDS = 240.0
START_SECONDS = 15.0
MOVED = re.compile(r"(\d+) of \d+ calls were connected again")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A proxy. ``command`` starts it in the foreground; ``listens`` and ``binds`` are its line, here and there."""

    file: str
    command: Sequence[str]
    listens: str
    binds: str


RECIPES: Mapping[str, Recipe] = {
    "nginx": Recipe(
        "nginx.conf",
        ("nginx", "-p", "{folder}", "-c", "{file}", "-g", "daemon off; pid {folder}/pid; error_log stderr;"),
        "listen 8080;",
        "listen 127.0.0.1:{port};",
    ),
    "haproxy": Recipe("haproxy.cfg", ("haproxy", "-db", "-f", "{file}"), "bind :8080", "bind 127.0.0.1:{port}"),
    "caddy": Recipe(
        "Caddyfile",
        ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}"),
        "\n:8080 {",
        "\nhttp://127.0.0.1:{port} {",
    ),
}
FAULTS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    "nginx": (
        ("calls", "proxy_set_header Upgrade $http_upgrade;", ""),
        ("quiet", "proxy_read_timeout 2h;", "proxy_read_timeout 1s;"),
        ("text", "proxy_pass http://gateways;", "rewrite ^(.*)$ $1?via=proxy break; proxy_pass http://gateways;"),
    ),
    "haproxy": (
        ("quiet", "timeout tunnel 2h", "timeout tunnel 1s"),
        ("text", "default_backend gateways", "http-request set-query via=proxy\n    default_backend gateways"),
    ),
    "caddy": (
        ("calls", "lb_policy least_conn", "lb_policy least_conn\n\t\theader_up -Upgrade"),
        ("text", "request_body {", "rewrite * {path}?via=proxy\n\trequest_body {"),
    ),
}
"""What is broken on purpose: the step that must fail, a text of the recipe, and what stands there instead."""


def settings(twilio: int) -> dict[str, str]:
    """Return the settings of the gateways: production, with everything made up on this machine."""
    return {
        "APP_ENV": "production",
        "ALLOW_SAMPLE_DATA": "true",
        "HOST": "127.0.0.1",
        "PUBLIC_BASE_URL": "https://support.example",
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "a-token-of-this-run-only",
        "TWILIO_PHONE_NUMBER": "+15550001111",
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{twilio}",
        "STAFF_TOKENS": "smoke:a-staff-token-of-this-run",
        "DRAIN_SECONDS": "2",
        "RATE_LIMIT_PER_MINUTE": "0",
    }


def written(recipe: Recipe, folder: Path, port: int, gateways: Sequence[int], fault: tuple[str, str] | None) -> Path:
    """Write a recipe with the addresses of this run, and perhaps a fault."""
    text = (ROOT / "deploy/proxies" / recipe.file).read_text("utf-8")
    swaps = [(recipe.listens, recipe.binds.replace("{port}", str(port)))]
    swaps += [(f"gateway-{n}:3001", f"127.0.0.1:{gateway}") for n, gateway in enumerate(gateways, start=1)]
    for before, after in [*swaps, *([fault] if fault else [])]:
        if text.count(before) != 1:
            raise SystemExit(f"{recipe.file}: {before!r} is there {text.count(before)} times, not once")
        text = text.replace(before, after)
    file = folder / recipe.file
    file.write_text(text, "utf-8")
    return file


@asynccontextmanager
async def proxy(recipe: Recipe, folder: Path, port: int, file: Path) -> AsyncIterator[None]:
    """Run a proxy until the body is left."""
    command = [part.format(folder=folder, file=file) for part in recipe.command]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=env, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not _listens(port):
                if process.returncode is not None:
                    raise RuntimeError(f"it did not start: {log.read_text('utf-8', 'replace')}")
                await asyncio.sleep(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1.0)
        return tried.connect_ex(("127.0.0.1", port)) == 0


async def run(name: str, fault: tuple[str, str] | None = None) -> tuple[int, str]:
    """Run the smoke script through a proxy; return its exit code and what it said."""
    recipe, twilio, port = RECIPES[name], free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix=f"tandem-{name}-") as place:
        folder, env = Path(place), settings(twilio)
        async with AsyncExitStack() as stack:
            gateways: list[GatewayProcess] = []
            for number in range(REPLICAS):
                started = gateway_process(folder, free_port(), env, name=f"gateway-{number}", fresh=True)
                gateways.append(await stack.enter_async_context(started))
            ports = [int(one.url.rpartition(":")[2]) for one in gateways]
            await stack.enter_async_context(proxy(recipe, folder, port, written(recipe, folder, port, ports, fault)))
            code, said = await _smoke(folder, env, port, gateways)
            if code and not fault:
                logs = [folder / "proxy.log", *(one.log for one in gateways)]
                said += "".join(f"\n--- {log.name}\n{log.read_text('utf-8', 'replace')[-60_000:]}" for log in logs)
            return code, said


async def _smoke(
    folder: Path, env: Mapping[str, str], port: int, gateways: Sequence[GatewayProcess]
) -> tuple[int, str]:
    stopped, killed = (str(one.process.pid) for one in gateways[:2])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tandem", "smoke", f"http://127.0.0.1:{port}", "--calls", str(CALLS),
        "--drain", stopped, "--kill", killed, cwd=folder, env={"PATH": os.environ["PATH"], **env},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SMOKE_SECONDS):
            said = (await process.communicate())[0].decode()
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, f"the smoke script took longer than {SMOKE_SECONDS:.0f} seconds"
    moved = [int(count) for count in MOVED.findall(said)]
    if process.returncode == 0 and (len(moved) != 2 or 0 in moved):
        return 1, f"{said}No call was connected again: the calls were not spread over the gateways."
    return process.returncode or 0, said
