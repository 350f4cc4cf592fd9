"""Met in the field: every other test names tables and keys of its own, so here the shipped names are used.

One real process per storage, with nothing set but where the server is; a text and an approval pass through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from ..kit.command import tandem
from ..kit.gateway import JOHN
from ..kit.postgres_server import postgres_server
from ..kit.process import gateway_process
from ..kit.redis_server import redis_server
from ..kit.serving import free_port
from .test_starting import REFUND, approve

pytestmark = pytest.mark.promise("F5", "P1")
SUBJECT = "phone_15551234567"


@pytest.fixture(params=["file", "redis", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the settings that say where the storage is, and nothing else."""
    if request.param == "file":
        yield {}
    elif request.param == "redis":
        (tmp_path / "redis").mkdir()
        with redis_server(tmp_path / "redis") as redis:
            yield {"PERSISTENCE_ADAPTER": "redis", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
    else:
        with postgres_server() as postgres:
            asyncio.run(_make_database(postgres.url))
            yield {"PERSISTENCE_ADAPTER": "postgres", "POSTGRES_PORT": str(urlsplit(postgres.url).port)}


async def _make_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE runstates")
    await connection.close()


async def test_a_text_and_an_approval_pass_under_the_shipped_names(storage: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    env = {**storage, "PORT": str(free_port())}
    for start in range(2):  # and once more over what the first start made
        async with gateway_process(folder, int(env["PORT"]), env) as gateway:
            lines = f"Where is my order 12345?\n{REFUND}\n"
            chat = await asyncio.to_thread(tandem, "chat", "--from", JOHN, folder=folder, stdin=lines, env=env)
            said = [line for line in chat.stdout.splitlines() if line.startswith("agent: ")]
            assert (chat.returncode, len(said)) == (0, 2)
            assert "shipped" in said[0] if start == 0 else "refunded" in said[0]
            if start == 0:
                await approve(gateway.url, folder)
            assert await gateway.terminate() == 0
    shown = tandem("show", SUBJECT, folder=folder, env=env)
    assert (shown.returncode, shown.stdout.count(f"customer: {REFUND}")) == (0, 2)
    assert "REF_" in shown.stdout
    cleaned = tandem("cleanup", folder=folder, env=env)
    assert (cleaned.returncode, cleaned.stderr) == (0, "")
    erased = tandem("erase", SUBJECT, "--yes", folder=folder, env=env)
    assert erased.returncode == 0
    assert tandem("show", SUBJECT, folder=folder, env=env).returncode == 1
