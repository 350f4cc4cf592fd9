"""The smoke script: right gateways pass it, wrong ones fail at the step that says what is wrong."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tandem.commands.smoke import smoke
from tandem.errors import ConfigurationError
from tandem.settings import Settings, load_settings

from ..kit.command import tandem
from ..kit.process import gateway_process
from ..kit.serving import free_port, serve
from ..kit.tables import each
from ..kit.waiting import until

pytestmark = pytest.mark.promise("X3")

FAST = ("--speed", "1000")
STEPS = ["up", "signatures", "text", "approval", "calls", "quiet", "bounds", "end"]


def taken(said: str, outcome: str = "ok") -> list[str]:
    return re.findall(rf"^{outcome} +(\w+)", said, re.MULTILINE)


async def test_a_development_gateway_passes_twice(tmp_path: Path) -> None:
    port = free_port()
    async with gateway_process(tmp_path, port, {}):
        for _ in range(2):
            env = {"PORT": str(port)}
            done = await asyncio.to_thread(tandem, "smoke", f"http://127.0.0.1:{port}", *FAST, folder=tmp_path, env=env)
            assert (done.returncode, taken(done.stdout)) == (0, STEPS), done.stdout + done.stderr


@pytest.mark.heavy
async def test_replicas_pass_while_one_is_stopped_and_one_killed(tmp_path: Path) -> None:
    """Through a balancer that is none: three gateways at one port would need a proxy, which make proxies has."""
    env = {
        "APP_ENV": "production", "ALLOW_SAMPLE_DATA": "true", "HOST": "127.0.0.1", "DRAIN_SECONDS": "1",
        "PUBLIC_BASE_URL": "https://support.example", "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "of-this-test", "TWILIO_PHONE_NUMBER": "+15550001111",
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{free_port()}", "STAFF_TOKENS": "smoke:a-staff-token-of-this-test",
    }  # fmt: skip
    ports = [free_port() for _ in range(3)]
    async with (
        gateway_process(tmp_path, ports[0], env, name="a") as stays,
        gateway_process(tmp_path, ports[1], env, name="b") as drained,
        gateway_process(tmp_path, ports[2], env, name="c") as killed,
    ):
        ends = ("--drain", str(drained.process.pid), "--kill", str(killed.process.pid))
        done = await asyncio.to_thread(tandem, "smoke", stays.url, *ends, *FAST, folder=tmp_path, env=env)
        assert (done.returncode, taken(done.stdout)) == (0, [*STEPS[:6], "drain", "kill", *STEPS[6:]]), done.stdout
        await until(lambda: not drained.runs and not killed.runs)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a development server; the made-up shop is in the working folder."""
    monkeypatch.chdir(tmp_path)
    return load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path)}, env_file=None)


async def test_what_is_no_gateway_fails_at_the_first_step(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(Starlette()) as url:
        assert await smoke(settings, url, calls=1) == 1
    assert taken(capsys.readouterr().out, "FAIL") == ["up"]


async def test_a_gateway_that_checks_no_signature_fails(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ("/health", "/health/ready", "/sms")
    routes = [Route(path, lambda _: PlainTextResponse(), methods=["GET", "POST"]) for path in paths]
    async with serve(Starlette(routes=routes)) as url:
        assert await smoke(settings, url, calls=1) == 1
    assert taken(capsys.readouterr().out, "FAIL") == ["signatures"]


PRODUCTION = {
    "APP_ENV": "production", "ALLOW_SAMPLE_DATA": "true", "TWILIO_AUTH_TOKEN": "t",
    "PUBLIC_BASE_URL": "https://support.example", "STAFF_TOKENS": "smoke:a-staff-token-of-this-test",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
}  # fmt: skip


@each(
    ("more", "sentence"),
    [
        ({}, "let TWILIO_API_BASE_URL of the gateways be a free port here"),
        ({"SHOP_BASE_URL": "https://shop.example"}, "made-up shop"),
    ],
)
async def test_real_accounts_and_shops_are_left_alone(more: dict[str, str], sentence: str) -> None:
    settings = load_settings({**PRODUCTION, **more}, env_file=None)
    with pytest.raises(ConfigurationError, match=sentence):
        await smoke(settings, "http://127.0.0.1:1", calls=1)
