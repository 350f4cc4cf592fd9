"""Met in the field, "Starting and running": what is set, what is made up, and which data is used, is always said."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.agents.models import open_client
from tandem.errors import ConfigurationError
from tandem.settings import Settings, load_settings
from tandem.settings.parts import read_parts
from tandem.web.http_client import proxy_for

from ..kit.command import SECONDS, tandem
from ..kit.gateway import JOHN, running
from ..kit.model_server import Answer, ModelServer
from ..kit.process import gateway_process
from ..kit.segment_server import WRITE_KEY, SegmentServer
from ..kit.serving import free_port, listen, port_of, serve
from ..kit.tables import each
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F5")
REFUND = "I want my money back for order 12345"
PRODUCTION = {
    "APP_ENV": "production",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "a-token-of-twilio",
    "PUBLIC_BASE_URL": "https://gateway.example",
    "STAFF_TOKENS": "mia:mia-token-123456789",
}
REAL = {
    "OPENAI_API_KEY": "a-key-of-the-model",
    "SHOP_BASE_URL": "https://shop.example",
    "KNOWLEDGE_DIR": "articles",
}


def problems(env: dict[str, str], file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(env, env_file=file)
    return raised.value.problems


def from_file(folder: Path, text: str, **env: str) -> Settings:
    file = folder / ".env"
    file.write_text(text, "utf-8")
    return load_settings(env, env_file=file)


@pytest.mark.promise("V30")
def test_several_workers_are_refused_where_the_pretend_twilio_lives_in_one() -> None:
    (problem,) = problems({"WORKERS": "2"})
    assert (
        problem
        == "WORKERS must be 1 as long as TWILIO_ACCOUNT_SID is not set: the pretend Twilio lives in one process."
    )
    assert load_settings({"WORKERS": "2", **PRODUCTION, **REAL}, env_file=None).workers == 2


@pytest.mark.promise("V30")
def test_the_option_of_the_command_goes_before_the_setting(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WORKERS=1", "utf-8")
    for given in ("65", "two"):
        refused = tandem("serve", "--workers", given, folder=tmp_path)
        assert (refused.returncode, refused.stderr.count("WORKERS")) == (1, 1)


async def test_the_proxy_that_the_environment_names_is_the_way_to_every_other_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set[str]()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.add((await reader.readline()).decode().split(" HTTP")[0])
        writer.close()

    async with await asyncio.start_server(proxy, sock=(listener := listen())):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port_of(listener)}")
        monkeypatch.setenv("NO_PROXY", "near.example")
        far = {
            "OPENAI_BASE_URL": "https://model.example/v1", "TWILIO_API_BASE_URL": "https://twilio.example",
            "SHOP_BASE_URL": "https://shop.example", "CRM_BASE_URL": "https://crm.example",
        }  # fmt: skip
        async with running(tmp_path, ModelServer([]), SUBJECT_RESOLVER="crm", CRM_API_KEY="key", **far) as it:
            await it.say("hello")
            await until(lambda: asked >= {f"CONNECT {url.split('/')[2]}:443" for url in far.values()})
    assert [proxy_for(url) for url in ("https://near.example/v1", "https://localhost")] == [None, None]


# --- what is made up ----------------------------------------------------------------------------------------


def test_production_without_model_shop_and_articles_is_refused_each_with_its_sentence() -> None:
    assert [sentence.partition(":")[0] for sentence in problems(PRODUCTION)] == [
        f"{name} must be set in production" for name in REAL
    ]
    assert all("ALLOW_SAMPLE_DATA=true" in sentence for sentence in problems(PRODUCTION))


@each("name", REAL)
def test_one_of_them_alone_is_refused_too(name: str) -> None:
    given = {**PRODUCTION, **REAL, name: ""}
    (sentence,) = problems(given)
    assert sentence.startswith(f"{name} must be set in production: without it ")
    assert load_settings({**PRODUCTION, **REAL}, env_file=None).notices == ()


@each("allowed", ["true", "1", "Yes", "on"])
def test_made_up_data_is_served_when_asked_for_by_name_and_said_at_every_start(allowed: str) -> None:
    notices = load_settings({**PRODUCTION, "ALLOW_SAMPLE_DATA": allowed}, env_file=None).notices
    assert [notice.split()[0] for notice in notices] == list(REAL)
    assert any("ALLOW_SAMPLE_DATA" in one for one in problems({**PRODUCTION, "ALLOW_SAMPLE_DATA": "no"}))


def test_a_production_process_says_so_and_does_not_start(tmp_path: Path) -> None:
    done = tandem("serve", folder=tmp_path, env=PRODUCTION | {"PORT": str(free_port())})
    assert (done.returncode, done.stdout) == (1, "")
    assert [name for name in REAL if f"  - {name} must be set in production" not in done.stderr] == []


# --- settings as people write them --------------------------------------------------------------------------


def test_a_name_counts_in_any_case(tmp_path: Path) -> None:
    settings = from_file(tmp_path, "\ufeffport=3193\nMax_Turns = 5\nexport coalesce_ms=0\n", log_level="debug")
    assert (settings.port, settings.max_turns, settings.coalesce_ms, settings.log_level) == (3193, 5, 0, "debug")
    assert settings.notices == ()


@pytest.mark.parametrize(
    "text",
    [
        "PORT=3193\r\nMAX_TURNS=5\r\n",
        "PORT='3193' # mine\nMAX_TURNS=\"5\"",
        "  PORT  =  3193  \n\n\nmax_turns=5",
        "PORT=3193\nMAX_TURNS=5\nPORT=",
    ],
    ids=["of another system", "in quotes", "with blanks", "emptied below"],
)
def test_a_file_is_read_however_it_was_written(tmp_path: Path, text: str) -> None:
    settings = from_file(tmp_path, text)
    assert (settings.port, settings.max_turns, settings.notices) == (3193, 5, ())


def test_a_file_that_is_no_text_or_no_file_is_a_problem(tmp_path: Path) -> None:
    wide, folder = tmp_path / "wide.env", tmp_path / ".env"
    wide.write_bytes("PORT=3193".encode("utf-16"))
    folder.mkdir()
    assert problems({}, wide) == (f"{wide} cannot be read as a text file.",)
    assert problems({}, folder) == (f"{folder} cannot be read as a text file.",)


def test_of_two_spellings_in_the_environment_the_one_in_capitals_counts() -> None:
    assert load_settings({"port": "1", "PORT": "2"}, env_file=None).port == 2
    assert load_settings({"PORT": "2", "port": "1"}, env_file=None).port == 2


def test_what_changes_nothing_is_reported_with_file_and_line(tmp_path: Path) -> None:
    text = "# mine\nPORT=1\n\nOPENAI_KEY=x\nPORT: 5\nFOO=1\nPORT=3\n"
    settings = from_file(tmp_path, text)
    file = tmp_path / ".env"
    assert settings.port == 3
    assert list(settings.notices) == [
        f"{file}, line 5, changes nothing: a line is NAME=value.",
        f"PORT is set twice; {file}, line 7, counts.",
        f"OPENAI_KEY ({file}, line 4) is not a setting of this version and changes nothing; is OPENAI_API_KEY meant?",
        f"FOO ({file}, line 6) is not a setting of this version and changes nothing.",
    ]


@each(("level", "means"), [("warn", "warning"), ("WARN", "warning"), ("verbose", "debug"), ("fatal", "error")])
def test_another_systems_level_of_the_log_is_understood(level: str, means: str) -> None:
    settings = load_settings({"LOG_LEVEL": level}, env_file=None)
    assert settings.log_level == means
    assert settings.notices == (f"LOG_LEVEL={level.lower()} is called {means} now.",)


EARLIER = """\
OPENAI_API_KEY=your_openai_api_key_here
TWILIO_ACCOUNT_SID=your_twilio_account_sid
TWILIO_AUTH_TOKEN=your_twilio_auth_token
TWILIO_PHONE_NUMBER=your_twilio_phone_number
TWILIO_WEBSOCKET_URL=<wss address of your tunnel>
TWILIO_MESSAGING_SERVICE_SID=MGxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
STATE_PERSISTENCE_DIR=./data/conversation-states
PERSISTENCE_ADAPTER=file
SEGMENT_WRITE_KEY=your-segment-write-key
NODE_ENV=development
START_CHANNELS=sms,voice
PORT=3001
PORT_VOICE=3002
LOG_LEVEL=warn
"""


def test_the_earlier_systems_example_file_starts(tmp_path: Path) -> None:
    settings = from_file(tmp_path, EARLIER)
    assert (settings.openai_api_key, settings.twilio_account_sid, settings.segment_write_key) == (None, None, None)
    assert (settings.port, settings.log_level) == (3001, "warning")
    assert len([notice for notice in settings.notices if "placeholder" in notice]) == 7
    assert len([notice for notice in settings.notices if "not used any more" in notice]) == 3


def test_a_real_value_is_no_placeholder() -> None:
    real = {"OPENAI_API_KEY": "sk-proj-myxxkey", "WORKFLOW_NAME": "Your Shop", "TWILIO_ACCOUNT_SID": "AC" + "1" * 32}
    settings = load_settings(real | {"TWILIO_AUTH_TOKEN": "yours-truly-3f9a"}, env_file=None)
    assert (settings.notices, settings.workflow_name) == ((), "Your Shop")


async def test_with_its_write_key_alone_segment_is_told_and_not_asked(tmp_path: Path) -> None:
    segment = SegmentServer()
    async with serve(segment.app) as url:
        extra = {"SUBJECT_RESOLVER": "segment", "SEGMENT_WRITE_KEY": WRITE_KEY, "SEGMENT_API_URL": url}
        async with running(tmp_path, ModelServer([Answer("Hello.")]), **extra) as it:
            assert await it.ask("hello") == "Hello."
            assert await it.conversation()
            (notice,) = it.settings.notices
        await until(lambda: segment.events)
    assert notice.startswith("SEGMENT_PROFILE_API_TOKEN and SEGMENT_SPACE_ID are not set: Segment is told")


@each("half", ["SEGMENT_PROFILE_API_TOKEN", "SEGMENT_SPACE_ID"])
def test_half_of_what_a_look_up_needs_is_still_a_problem(half: str) -> None:
    given = {"SUBJECT_RESOLVER": "segment", "SEGMENT_WRITE_KEY": WRITE_KEY, half: "x"}
    assert len(problems(given)) == 1


# --- which settings and which data --------------------------------------------------------------------------


async def test_everybody_says_which_settings_and_which_data_they_use(tmp_path: Path) -> None:
    """A checkout's .env is not read from a folder below it: that is said, too."""
    port = str(free_port())
    (tmp_path / ".env").write_text(f"PORT={port}\n", "utf-8")
    below = tmp_path / "examples"
    below.mkdir()
    file = Path("data/conversation-states/tandem.db")
    here = f"settings: {tmp_path}/.env and the environment, which goes first; data: {tmp_path / file}"
    alone = f"the environment alone; there is no .env in {below}, and {tmp_path}/.env is not read from there"
    async with gateway_process(tmp_path, int(port), {}) as gateway:
        said = gateway.log.read_text("utf-8")
        assert f"  settings  {tmp_path}/.env and the environment" in said
        assert f"  data      {tmp_path / file}\n" in said
        assert f"  shop      {tmp_path}/data/shop.sqlite3 (a made-up shop)" in said
        chat = await asyncio.to_thread(tandem, "chat", "--from", JOHN, folder=tmp_path, stdin="hello\n")
        assert (chat.returncode, chat.stderr) == (0, f"{here}\n")
    shown = tandem("show", JOHN, "--json", folder=tmp_path)
    assert (shown.returncode, shown.stderr, shown.stdout[:1]) == (0, f"{here}\n", "{")
    wrong = tandem("show", JOHN, folder=below)
    assert wrong.returncode == 1
    assert f"settings: {alone}; data: {below / file}\n" in wrong.stderr
    checked = tandem("check", folder=below)
    assert f"ok       settings: all fit; from {alone}\n" in checked.stdout
    assert f"ok       data: kept in {below / file}\n" in checked.stdout


# --- starting ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("makefile", "how"), [(True, "make run"), (False, "tandem serve")])
def test_a_port_in_use_is_said_with_one_that_is_free(tmp_path: Path, makefile: bool, how: str) -> None:
    if makefile:
        (tmp_path / "Makefile").touch()
    with listen() as taken:
        taken.listen()
        port = port_of(taken)
        done = tandem("serve", folder=tmp_path, env={"PORT": str(port)})
    found = re.fullmatch(rf"tandem cannot start:\n  - Port {port} is in use; try PORT=(\d+) {how}\.\n", done.stderr)
    assert found
    assert int(found[1]) > port
    assert done.returncode == 1


def test_an_inner_port_in_use_is_called_by_its_setting(tmp_path: Path) -> None:
    with listen() as taken:
        taken.listen()
        env = {"PORT": str(free_port()), "METRICS_PORT": str(port_of(taken))}
        done = tandem("serve", folder=tmp_path, env=env)
    assert f"  - Port {env['METRICS_PORT']} is in use; try METRICS_PORT=" in done.stderr
    assert problems({"PORT": "4000", "METRICS_PORT": "4000"})[0].startswith("METRICS_PORT must be another port")


@pytest.mark.parametrize("proxy", ["http://proxy.example:port", "socks5h://127.0.0.1:1080"])
async def test_a_proxy_that_cannot_be_used_is_told(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigurationError) as raised:
        async with open_client("test-key", None):
            pass
    assert "ALL_PROXY must each be an address such as http://" in raised.value.problems[0]


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    env = {"SSL_CERT_FILE": "gone.pem", "OPENAI_API_KEY": "test-key", "PORT": str(free_port())}
    done = tandem("serve", folder=tmp_path, env=env, fresh=True)
    told = "  - SSL_CERT_FILE must name a file of certificates (FileNotFoundError when it was read).\n"
    assert (done.returncode, done.stderr.endswith(told), "Traceback" in done.stderr) == (1, True, False)


@each("bound", ["MAX_CONNECTIONS", "MAX_CONNECTIONS_PER_ADDRESS"])
def test_more_calls_than_connections_are_noticed(bound: str) -> None:
    (notice,) = load_settings({"MAX_CALLS": "300", bound: "300"}, env_file=None).notices
    assert notice.startswith("MAX_CALLS is 300, but only 300 connections")


HOSTS = ["not a host", "127.0.0.1:3001", "http://localhost", "999.1.1.1", "-x", "a..b", "x" * 70, "[::1", "кафе!"]


@each("host", HOSTS)
def test_what_is_no_host_is_told_with_all_the_rest(host: str) -> None:
    assert [one.partition(" must be ")[::2] for one in problems({"HOST": host, "PORT": "x"})] == [
        ("HOST", "an address of this machine such as 127.0.0.1, 0.0.0.0 or ::1, or its name."),
        ("PORT", "a whole number from 0 to 65535, not 'x'."),
    ]


@each(
    ("host", "read"),
    [("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0"), ("localhost", "localhost"), ("a-b.example", "a-b.example")],
)
def test_a_host_is_read_as_people_write_it(host: str, read: str) -> None:
    assert load_settings({"HOST": host}, env_file=None).host == read


def test_all_that_is_wrong_with_files_and_code_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "company.toml").write_text("nmae = 'x'\n")
    (tmp_path / "phrases").mkdir()
    (tmp_path / "phrases/nl.toml").write_text("EMPTY = 'leeg'\n")
    (tmp_path / "replies.toml").write_text("Hi = 5\n")
    (tmp_path / "prices.toml").write_text("currency = 'x'\n")
    env = {
        "COMPANY_FILE": "company.toml", "AGENT_PATH": "nowhere:agent", "PHRASES_DIR": "phrases", "PORT": "0",
        "REPLIES_FILE": "replies.toml", "VOICE_OPTIONS_PATH": "nowhere:options", "PRICES_FILE": "prices.toml",
    }  # fmt: skip
    done = tandem("serve", folder=tmp_path, env=env)
    told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("  - "))
    wanted = ["company.toml, line 1", "AGENT_PATH=nowhere", "PHRASES_DIR: nl.toml", "REPLIES_FILE:", "VOICE_OPTIONS",
              "prices.toml, line 1"]  # fmt: skip
    assert (done.returncode, [one for one in wanted if one not in told]) == (1, [])


NAMED = {
    "COMPANY_FILE": "company.toml", "INSTRUCTIONS_FILE": "more.txt", "AGENTS_FILE": "agents.toml",
    "PRICES_FILE": "prices.toml", "REPLIES_FILE": "replies.toml", "PHRASES_DIR": "nl.toml",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket"])
@pytest.mark.parametrize("name", NAMED)
def test_what_is_no_file_is_answered_and_not_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / NAMED[name]
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mknod(path, stat.S_IFSOCK | 0o600)
    settings = load_settings({name: str(tmp_path if name == "PHRASES_DIR" else path)}, env_file=None)
    with pytest.raises(ConfigurationError) as raised:
        read_parts(settings)
    assert [NAMED[name] in said and "cannot be read" in said for said in raised.value.problems] == [True]


def test_an_article_that_is_no_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "real.md").write_text("# Real\n\nWords.\n")
    done = tandem("check", folder=tmp_path, env={"KNOWLEDGE_DIR": str(tmp_path)})
    assert f"knowledge: 1 articles ({tmp_path})" in done.stdout


def test_a_folder_without_any_article_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "returns.docx").write_text("Returns take a week.\n")
    done = tandem("check", folder=tmp_path, env={"KNOWLEDGE_DIR": str(tmp_path)})
    assert f"notice   knowledge: 0 articles ({tmp_path})" in done.stdout


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_one_sentence(tmp_path: Path, host: str) -> None:
    done = tandem("serve", folder=tmp_path, env={"HOST": host, "PORT": str(free_port())})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 2)
    assert f"  - HOST and PORT: {host}:" in done.stderr


def test_the_packages_own_folder_as_import_path_is_answered_in_one_sentence(tmp_path: Path) -> None:
    source = Path(sys.modules["tandem"].__file__ or "").resolve().parent
    done = tandem("serve", folder=tmp_path, env={"PYTHONPATH": str(source), "PORT": "0"}, fresh=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        f"  - {source} is an import path of Python and hides libraries; unset PYTHONPATH, and run it from elsewhere."
    ]
    inside = tandem("show", JOHN, folder=source, env={"PORT": "0"}, fresh=True)
    assert "Traceback" not in inside.stderr
    assert f"{source} is an import path" in inside.stderr


def test_a_python_in_which_nothing_can_work_is_answered_in_one_sentence(tmp_path: Path) -> None:
    """Found by trying: a folder that was deleted meanwhile, and docstrings that were optimised away."""
    gone = tmp_path / "gone"
    gone.mkdir()
    inside = (sys.executable, "-c", "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.argv[1], sys.argv[1:])")
    done = subprocess.run(
        [*inside, sys.executable, "-m", "tandem", "check"], cwd=gone, capture_output=True, text=True, check=False,
        timeout=SECONDS, env={"PATH": os.environ["PATH"], "PORT": "0"},
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[1:]) == (
        1, ["  - The folder that this is run from is gone; run it from another one."],
    )  # fmt: skip
    done = tandem("serve", folder=tmp_path, env={"PYTHONOPTIMIZE": "2", "PORT": "0"}, fresh=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)
    assert "PYTHONOPTIMIZE=2 takes away" in done.stderr


@pytest.mark.parametrize("folder", ["d? #1%20", "a&b=c;d", "ordner ü", "'q\"", "-x"])
def test_a_folder_of_any_name_holds_the_data(tmp_path: Path, folder: str) -> None:
    """Found by trying: the data's path is part of addresses of SQLite."""
    place = tmp_path / folder
    place.mkdir()
    made = tandem("cleanup", folder=place)
    shown = tandem("check", folder=place, env={"PORT": "0"})
    assert (made.stderr.count("Traceback"), shown.returncode) == (0, 0)
    assert [one.name for one in tmp_path.iterdir()] == [folder]


def test_the_version_is_told(tmp_path: Path) -> None:
    done = tandem("--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "tandem 0.1.0\n")


def test_a_checkout_that_was_renamed_makes_its_environment_anew(tmp_path: Path) -> None:
    """Its commands hold the path that they were installed in. make is asked what it would do, and does nothing."""
    folder = tmp_path / "before"
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy(Path(__file__).parents[2] / "Makefile", folder)
    (folder / ".venv/pyvenv.cfg").write_text(
        f"home = /usr/bin\ncommand = /usr/bin/python3 -m venv --clear {folder}/.venv\n"
    )
    for name in ("requirements.lock", "pyproject.toml", ".venv/bin/python", ".venv/.runtime"):
        (folder / name).touch()
    assert "-m venv" not in _plan(folder)
    moved = folder.rename(tmp_path / "after")
    assert "-m venv --clear .venv" in _plan(moved)


def _plan(folder: Path) -> str:
    done = subprocess.run(
        ["make", "--dry-run", "run"], cwd=folder, capture_output=True, text=True, check=True, timeout=SECONDS,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return done.stdout


# --- the demo, again ------------------------------------------------------------------------------------------


async def test_the_demos_refund_can_be_shown_again(tmp_path: Path) -> None:
    port, env = str(free_port()), {"COALESCE_MS": "0"}
    async with gateway_process(tmp_path, int(port), env) as gateway:
        for _ in range(2):
            chat = await asyncio.to_thread(
                tandem, "chat", "--from", JOHN, folder=tmp_path, stdin=f"{REFUND}\n", env={"PORT": port}
            )
            assert "already been refunded" not in chat.stdout
            await approve(gateway.url, tmp_path)
            reset = await asyncio.to_thread(tandem, "demo", "--reset", folder=tmp_path)
            assert (reset.returncode, reset.stderr) == (0, "")


async def approve(url: str, folder: Path) -> None:
    token = (folder / "data/conversation-states/staff-token").read_text("utf-8").strip()
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as session:

        async def listed(status: str) -> list[Any]:
            async with session.get("/approvals", params={"status": status}) as answer:
                return list((await answer.json())["approvals"])

        done = len(await listed("executed"))
        body = {"decisions": [{"approvalId": "next", "approved": True}]}
        async with session.post("/approvals", json=body) as answer:
            assert answer.status == 200, await answer.text()
        await until(lambda: _more(listed, done))


async def _more(listed: Any, done: int) -> bool:
    return len(await listed("executed")) > done


async def test_the_page_lets_the_demo_begin_anew_for_whoever_is_signed_in_here(tmp_path: Path) -> None:
    async with gateway_process(tmp_path, free_port(), {}) as gateway, aiohttp.ClientSession(gateway.url) as session:
        token = (tmp_path / "data/conversation-states/staff-token").read_text("utf-8").strip()
        signed = {"Authorization": f"Bearer {token}"}
        forwarded = signed | {"X-Forwarded-For": "203.0.113.9"}
        for headers, status in (({}, 401), (forwarded, 404), (signed, 204)):
            async with session.post("/demo/reset", headers=headers) as answer:
                assert answer.status == status


@pytest.mark.parametrize("env", [PRODUCTION | REAL, {"SHOP_BASE_URL": "https://shop.example"}])
def test_only_a_made_up_shop_is_reset(tmp_path: Path, env: dict[str, str]) -> None:
    done = tandem("demo", "--reset", folder=tmp_path, env=env)
    assert done.returncode == 1
    assert "needs the made-up shop" in done.stderr
