"""`tandem check`, the part that asks nobody."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from tandem.commands.check import check
from tandem.persistence.file import open_file_store
from tandem.settings import load_settings

from ..kit.command import tandem
from ..kit.examples import importable

pytestmark = pytest.mark.promise("O3")

TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "auth-token-4711",
    "TWILIO_PHONE_NUMBER": "+15550001111",
    "PUBLIC_BASE_URL": "https://gateway.example",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Lines:
    """Runs a check and gives what was found, by item."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.code: int | None = None

    async def of(self, env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        self.code = await check(online=False, load=lambda: load_settings(env, env_file=None))
        found = {}
        for line in self._capsys.readouterr().out.splitlines():
            state, _, rest = line.partition(" ")
            item, _, text = rest.strip().partition(": ")
            found[item] = (state, text)
        return found


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return Lines(capsys)


async def test_a_fresh_folder_has_no_problem(lines: Lines) -> None:
    found = await lines.of({})
    assert lines.code == 0
    assert {item: state for item, (state, _) in found.items()} == {
        "settings": "ok",
        "data": "ok",
        "twilio settings": "skipped",
        "agent": "ok",
        "voice": "ok",
        "a person": "skipped",
        "customers": "ok",
        "state folder": "ok",
        "store": "ok",
        "sample shop": "ok",
        "knowledge": "ok",
        "model": "skipped",
        "online": "skipped",
    }


async def test_nothing_is_made(lines: Lines, tmp_path: Path) -> None:
    await lines.of({"LOG_DIR": "logs"})
    assert os.listdir(tmp_path) == []


@pytest.mark.promise("O6")
async def test_every_wrong_setting_has_its_line(tmp_path: Path) -> None:
    done = tandem("check", folder=tmp_path, env={"PORT": "abc", "APP_ENV": "production", "AGENT_PATH": "nocolon"})
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    assert [line.split()[2] for line in lines if line.startswith("problem")] == [
        "AGENT_PATH",
        "PORT",
        "TWILIO_AUTH_TOKEN",
        "PUBLIC_BASE_URL",
        "STAFF_TOKENS",
        "OPENAI_API_KEY",
        "SHOP_BASE_URL",
        "KNOWLEDGE_DIR",
    ]
    assert lines[-1].startswith("skipped  everything else")


async def test_what_the_server_notices_is_noticed(lines: Lines) -> None:
    found = await lines.of({"NODE_ENV": "production"})
    assert (lines.code, found["settings"][0]) == (0, "notice")


async def test_an_account_alone_is_not_enough(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    code = await check(online=False, load=lambda: load_settings({"TWILIO_ACCOUNT_SID": "AC1"}, env_file=None))
    said = [line.split()[3] for line in capsys.readouterr().out.splitlines() if line.startswith("problem")]
    assert (code, said) == (1, ["TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER", "PUBLIC_BASE_URL"])


async def test_a_whole_account_is_enough(lines: Lines) -> None:
    assert (await lines.of(TWILIO))["twilio settings"][0] == "ok"


AGENT = """
from agents import Agent
from tandem.agents.offline.model import OfflineModel

served, whole = Agent(name="Served"), Agent(name="Whole", model=OfflineModel())
"""


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({}, "OPENAI_API_KEY is not set: canned rules answer"),
        ({"AGENT_PATH": "keyless:served"},
         "OPENAI_API_KEY is not set: canned rules answer, and call none of your own tools"),
        ({"AGENT_PATH": "keyless:whole"}, "the agent brings one of its own, which nothing asks"),
        ({"OPENAI_API_KEY": "a-key"}, None),
    ],
)  # fmt: skip
async def test_who_answers_without_a_key_is_said(
    lines: Lines, tmp_path: Path, env: dict[str, str], text: str | None
) -> None:
    (tmp_path / "keyless.py").write_text(AGENT, "utf-8")
    with importable(tmp_path):
        assert (await lines.of(env)).get("model") == (text and ("skipped", text))


async def test_an_agent_that_does_not_load_is_a_problem(lines: Lines) -> None:
    state, text = (await lines.of({"AGENT_PATH": "no_such_module:agent"}))["agent"]
    assert (lines.code, state) == (1, "problem")
    assert "cannot be found" in text


async def test_an_approval_that_cannot_wait_is_a_problem(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "agent_within.py").write_text(
        "from agents import Agent, function_tool\n"
        "@function_tool(needs_approval=True)\n"
        "def pay(amount: int) -> str:\n"
        "    return 'paid'\n"
        "inner = Agent(name='Inner', tools=[pay])\n"
        "agent = Agent(name='Outer', tools=[inner.as_tool(tool_name='ask', tool_description='asks')])\n"
    )
    state, text = (await lines.of({"AGENT_PATH": "agent_within:agent"}))["agent"]
    assert (lines.code, state) == (1, "problem")
    assert "ask (an agent as a tool) asks for approval" in text


async def test_a_folder_that_cannot_be_written_to_is_a_problem(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    found = await lines.of({"STATE_PERSISTENCE_DIR": "state/conversations", "LOG_DIR": "state"})
    assert lines.code == 1
    assert [found[item][0] for item in ("state folder", "log folder")] == ["problem", "problem"]


async def test_a_store_is_opened(lines: Lines, tmp_path: Path) -> None:
    async with open_file_store(tmp_path / "state"):
        pass
    found = await lines.of({"STATE_PERSISTENCE_DIR": "state"})
    assert found["store"] == ("ok", "opens; conversations: 0, set aside: 0")


async def test_a_file_set_aside_after_damage_is_noticed(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/tandem.db").write_bytes(b"certainly no database" * 1000)
    async with open_file_store(tmp_path / "state"):
        pass
    found = await lines.of({"STATE_PERSISTENCE_DIR": "state"})
    assert (lines.code, found["store"][1]) == (0, "opens; conversations: 0, set aside: 1")
    assert found["set aside"][0] == "notice"
    assert "tandem.db.damaged-" in found["set aside"][1]


async def test_a_state_folder_that_others_may_look_into_is_noticed(lines: Lines, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    state, text = (await lines.of({"STATE_PERSISTENCE_DIR": "state"}))["state folder"]
    assert (lines.code, state) == (0, "notice")
    assert "has mode 0755" in text


async def test_a_store_of_a_newer_version_is_a_problem(lines: Lines, tmp_path: Path) -> None:
    newer = sqlite3.connect(tmp_path / "tandem.db")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    found = await lines.of({"STATE_PERSISTENCE_DIR": "."})
    assert (lines.code, found["store"][0]) == (1, "problem")


async def test_where_customers_are_known_is_said(lines: Lines) -> None:
    crm = {"SUBJECT_RESOLVER": "crm", "CRM_BASE_URL": "https://crm.example", "CRM_API_KEY": "hush-hush"}
    assert (await lines.of(crm))["customers"] == ("ok", "known by the CRM at https://crm.example")


@pytest.mark.promise("I3")
async def test_a_resolver_that_cannot_be_loaded_is_a_problem(lines: Lines) -> None:
    state, text = (await lines.of({"SUBJECT_RESOLVER": "nowhere_at_all:Resolver"}))["customers"]
    assert (lines.code, state) == (1, "problem")
    why = "names the module 'nowhere_at_all', which cannot be found from "
    assert text.startswith(f"SUBJECT_RESOLVER=nowhere_at_all:Resolver {why}")


@pytest.mark.promise("A8")
async def test_articles_are_counted_and_broken_ones_named(
    lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "good.md").write_text("Whales are mammals.")
    (tmp_path / "articles" / "bad.md").write_bytes(b"\xff")
    load = lambda: load_settings({"KNOWLEDGE_DIR": "articles"}, env_file=None)  # noqa: E731
    assert await check(online=False, load=load) == 0
    said = [line.split(maxsplit=2)[2] for line in capsys.readouterr().out.splitlines() if " knowledge: " in line]
    assert said == ["bad.md is left out: it is no UTF-8 text", "1 articles (articles)"]


async def test_a_folder_of_articles_that_is_not_there_is_a_problem(lines: Lines) -> None:
    found = await lines.of({"KNOWLEDGE_DIR": "nowhere"})
    assert (lines.code, found["knowledge"][0]) == (1, "problem")


async def test_with_a_shop_over_http_there_is_no_sample_shop(lines: Lines) -> None:
    assert "sample shop" not in await lines.of({"SHOP_BASE_URL": "https://shop.example/api"})
