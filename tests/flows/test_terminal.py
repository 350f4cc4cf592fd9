"""``tandem chat`` and ``tandem show`` against a running development gateway, each a process of its own.

Also what such a server leaves in its state folder: files for their owner alone, and a damaged database set aside.
"""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ..kit.command import tandem
from ..kit.process import GatewayProcess, gateway_process
from ..kit.serving import free_port
from ..kit.waiting import until

pytestmark = pytest.mark.promise("O3")

JOHN = "+15551234567"
WHERE = "Where is my order ORD_12345?"
STATE = Path("data/conversation-states")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with gateway_process(tmp_path, free_port(), {"COALESCE_MS": "0"}) as gateway:
        yield gateway


async def run(
    folder: Path, *arguments: str, lines: tuple[str, ...] = (), port: str
) -> subprocess.CompletedProcess[str]:
    stdin = "".join(f"{line}\n" for line in lines)
    done = await asyncio.to_thread(tandem, *arguments, folder=folder, stdin=stdin, env={"PORT": port})
    if done.stderr.startswith("settings: "):  # where they are and where the data is: tests/field/test_starting.py
        done.stderr = done.stderr.partition("\n")[2]
    return done


def port_of(gateway: GatewayProcess) -> str:
    return gateway.url.rpartition(":")[2]


async def test_a_chat_is_answered_and_begins_with_what_was_said_before(served: GatewayProcess, tmp_path: Path) -> None:
    first = await run(tmp_path, "chat", "--from", JOHN, lines=(WHERE, "thanks"), port=port_of(served))
    said = first.stdout.splitlines()
    assert (first.returncode, first.stderr) == (0, "")
    assert [line.partition(":")[0] for line in said] == ["you", "agent", "you", "agent"]
    assert "shipped" in said[1]
    second = await run(tmp_path, "chat", "--from", JOHN, lines=("hello again",), port=port_of(served))
    history = second.stdout.splitlines()
    assert (second.returncode, second.stderr) == (0, "")
    assert history[0] == f"  [sms] customer: {WHERE}"
    assert history[-2] == "you: hello again"
    assert history[-1].startswith("agent: ")
    assert [line for line in history[:-2] if line.startswith(("you", "agent"))] == []


async def test_a_server_stopped_after_a_chat_ends_without_an_error(served: GatewayProcess, tmp_path: Path) -> None:
    """The chat's last question for news still waits in the server then."""
    await run(tmp_path, "chat", "--from", JOHN, lines=(WHERE,), port=port_of(served))
    assert await served.terminate() == 0
    assert "error" not in [line.partition("[")[2][:5] for line in served.log.read_text("utf-8").splitlines()]


async def test_a_conversation_is_shown_while_the_gateway_runs(served: GatewayProcess, tmp_path: Path) -> None:
    await run(tmp_path, "chat", "--from", JOHN, lines=(WHERE,), port=port_of(served))
    shown = await run(tmp_path, "show", "(555) 123-4567", port=port_of(served))
    lines = shown.stdout.splitlines()
    assert (shown.returncode, shown.stderr) == (0, "")
    assert lines[0].startswith("phone_15551234567   since ")
    assert lines[1] == f"  [sms] customer: {WHERE}"
    assert any(line.startswith("  [sms]   tool ") for line in lines)
    assert "shipped" in lines[-1]
    whole = await run(tmp_path, "show", "phone_15551234567", "--json", port=port_of(served))
    record = json.loads(whole.stdout)
    assert set(record) == {"conversation", "waiting", "timeline", "replies"}
    assert record["conversation"]["turns_taken"] == 1


async def test_what_became_of_a_request_is_shown_and_heads_the_next_chat(
    served: GatewayProcess, tmp_path: Path
) -> None:
    """The note of the decision is structure in the history; both commands have to put it in words."""
    await run(tmp_path, "chat", "--from", JOHN, lines=("I want my money back for order 12345",), port=port_of(served))
    token = (tmp_path / STATE / "staff-token").read_text("utf-8").strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(served.url, headers=headers) as session:
        decided = {"decisions": [{"approvalId": "next", "approved": True}]}
        async with session.post("/approvals", json=decided) as answer:
            assert answer.status == 200

        async def told() -> bool:
            async with session.get("/approvals", params={"status": "executed"}) as listed:
                return bool((await listed.json())["approvals"])

        await until(told)
    shown = await run(tmp_path, "show", "phone_15551234567", port=port_of(served))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "  [sms] system: Note from the staff desk: " in shown.stdout
    again = await run(tmp_path, "chat", "--from", JOHN, lines=(WHERE,), port=port_of(served))
    assert (again.returncode, again.stderr) == (0, "")
    assert "Note from the staff desk: " in again.stdout


async def test_somebody_who_never_wrote_has_nothing_to_show(served: GatewayProcess, tmp_path: Path) -> None:
    done = await run(tmp_path, "show", "+15559999999", port=port_of(served))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "phone_15559999999: nothing is stored.\n")


async def test_without_a_gateway_a_chat_says_so(tmp_path: Path) -> None:
    port = str(free_port())
    done = await run(tmp_path, "chat", "--from", JOHN, lines=("hello",), port=port)
    wanted = f"No gateway listens on port {port}; start one with `make run` or `tandem serve`."
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tandem cannot do this:\n  - {wanted}\n"


async def test_without_a_store_there_is_nothing_to_show(tmp_path: Path) -> None:
    done = await run(tmp_path, "show", JOHN, port="9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tandem: There is no store yet. (there is no {STATE}/tandem.db)\n"


@pytest.mark.parametrize("command", ["chat", "show"])
async def test_what_is_no_number_is_refused(tmp_path: Path, command: str) -> None:
    arguments = ("--from", "nobody") if command == "chat" else ("no body!",)
    done = await run(tmp_path, command, *arguments, port="9")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == (2 if command == "chat" else 1)
    assert "Traceback" not in done.stderr


async def test_what_a_development_server_keeps_is_for_its_owner_only(served: GatewayProcess, tmp_path: Path) -> None:
    await run(tmp_path, "chat", "--from", JOHN, lines=("hello",), port=port_of(served))
    folder = tmp_path / STATE
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}
    assert stat.S_IMODE((folder / "hints").stat().st_mode) == 0o700
    files = ["tandem.db", "tandem.db-wal", "tandem.db-shm", "tandem.lock", "signing-secret", "staff-token"]
    assert found == dict.fromkeys(files, 0o600)
    shop = [path for path in (tmp_path / "data").iterdir() if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in shop} == {0o600}


async def test_a_server_sets_a_damaged_database_aside_and_everybody_is_told(tmp_path: Path) -> None:
    folder = tmp_path / STATE
    folder.mkdir(mode=0o700, parents=True)
    (folder / "tandem.db").write_bytes(b"certainly no database" * 1000)
    async with gateway_process(tmp_path, free_port(), {}) as gateway, aiohttp.ClientSession() as session:
        async with session.get(f"{gateway.url}/status") as response:
            assert (await response.json())["setAside"] == 1
        checked = await run(tmp_path, "check", port=port_of(gateway))
    assert checked.returncode == 0
    (line,) = [line for line in checked.stdout.splitlines() if line.startswith("notice   set aside: ")]
    assert f"{STATE}/tandem.db.damaged-" in line
