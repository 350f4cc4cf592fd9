"""``tandem call`` by a script: a real server, a real socket, offline rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..kit.command import tandem
from ..kit.process import GatewayProcess, gateway_process
from ..kit.serving import free_port

pytestmark = pytest.mark.promise("O3")

FAST = ("call", "--from", "+15551234567", "--speed", "200")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with gateway_process(tmp_path, free_port(), {}) as gateway:
        yield gateway


async def script(gateway: GatewayProcess, folder: Path, *lines: str, fresh: bool = False) -> tuple[int, list[str]]:
    """Call with these lines as the input; return the exit code and what was printed."""
    env = {"PORT": gateway.url.rpartition(":")[2]}
    text = "".join(f"{line}\n" for line in lines)
    done = await asyncio.to_thread(tandem, *FAST, folder=folder, stdin=text, env=env, fresh=fresh)
    assert len(done.stderr.splitlines()) == 1  # where settings and data are
    return done.returncode, done.stdout.splitlines()


async def test_a_script_is_a_dialogue(served: GatewayProcess, tmp_path: Path) -> None:
    code, lines = await script(served, tmp_path, "Where is my order ORD_12345?", "/hangup", "never said", fresh=True)
    assert (code, lines[1], lines[-1]) == (0, "you: Where is my order ORD_12345?", "  (the call is over)")
    assert [line.partition(":")[0] for line in lines[:3]] == ["agent", "you", "agent"]
    assert "shipped" in lines[2]
    assert "never said" not in "\n".join(lines)


async def test_the_end_of_the_input_hangs_up(served: GatewayProcess, tmp_path: Path) -> None:
    code, lines = await script(served, tmp_path, "/lang es-ES", "/nothing")
    assert (code, lines[-1]) == (0, "  (the call is over)")
    assert any("/press KEYS" in line for line in lines)


async def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    done = await asyncio.to_thread(tandem, *FAST, folder=tmp_path, env={"PORT": str(free_port())})
    assert (done.returncode, "No gateway listens on port" in done.stderr) == (1, True)


async def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    done = await asyncio.to_thread(tandem, "call", "--from", "nobody", folder=tmp_path)
    assert (done.returncode, "'nobody' is no telephone number" in done.stderr) == (1, True)
