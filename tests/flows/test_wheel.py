"""What somebody gets who installs the wheel into an empty folder: no checkout, no make."""

from __future__ import annotations

import asyncio
import io
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tandem.commands.init import init
from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.settings.company import open_company

from ..kit.command import SECONDS
from ..kit.process import GatewayProcess
from ..kit.serving import free_port
from ..kit.wheel import install, released

pytestmark = pytest.mark.promise("X1")

JOHN = "+15551234567"


def run(binaries: Path, folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries / "tandem", *arguments], cwd=folder, input=stdin, capture_output=True, text=True, check=False,
        timeout=SECONDS, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.heavy
async def test_an_empty_folder_becomes_a_gateway_with_an_agent_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    (wheel,) = released()[0].glob("*.whl")
    binaries = install(wheel, tmp_path_factory.mktemp("environment") / "venv")
    assert run(binaries, tmp_path, "--version").stdout == "tandem 0.1.0\n"
    port = str(free_port())
    made = run(binaries, tmp_path, "init", "--yes", "--agent", "--articles", "--set", f"PORT={port}")
    assert (made.returncode, made.stderr) == (0, "")
    assert files(tmp_path) == [".env", "agent.py", "articles/opening-hours.md"]
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    checked = run(binaries, tmp_path, "check")
    assert checked.returncode == 0, checked.stdout
    assert "problem" not in checked.stdout
    assert "1 articles (articles)" in checked.stdout
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binaries / "tandem", "serve", cwd=tmp_path, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
        )
    gateway = GatewayProcess(process, f"http://127.0.0.1:{port}", tmp_path / "log")
    try:
        await gateway.ready()
        chat = await asyncio.to_thread(
            run, binaries, tmp_path, "chat", "--from", JOHN, stdin="Where is my order 12345?\n"
        )
        assert "shipped" in chat.stdout
        assert await gateway.terminate() == 0
    finally:
        if gateway.runs:
            await gateway.kill()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_answered_is_read_back_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sid = "AC" + "1" * 32
    answers = ("sk-a#b $c", sid, "a-token", "+1 (555) 000-1111", "https://gateway.example", "n", "y", "y")
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\n" for one in answers)))
    assert init({}, agent=None, articles=None, company=None, ask=True) == 0
    settings = load_settings({}, env_file=folder / ".env")
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-a#b $c"
    assert (settings.twilio_account_sid, settings.twilio_phone_number) == (sid, "+15550001111")
    assert (settings.agent_path, str(settings.knowledge_dir)) == (None, "articles")
    assert open_company(settings).current().name == "Example Garden Tools"
    assert len(settings.staff_tokens["staff"].get_secret_value()) == 48
    assert settings.notices == ()


def test_a_wrong_answer_writes_nothing(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="PORT must be"):
        init({"PORT": "eighty"}, agent=True, articles=True, company=True, ask=False)
    for name in ("agent.py", ".env"):
        (folder / name).touch()
        with pytest.raises(ConfigurationError, match=rf"{re.escape(name)} is there already"):
            init({}, agent=True, articles=True, company=True, ask=False)
        assert [path.name for path in folder.iterdir()] == [name]
        (folder / name).unlink()


def test_without_answers_every_setting_is_there_behind_a_sign(folder: Path) -> None:
    assert init({}, agent=False, articles=False, company=False, ask=False) == 0
    names = [line.partition("=")[0] for line in Path(".env").read_text("utf-8").splitlines() if "=" in line]
    assert "#PORT" in names
    assert all(name.startswith("#") for name in names)
    assert load_settings({}, env_file=folder / ".env").model_dump() == load_settings({}, env_file=None).model_dump()
