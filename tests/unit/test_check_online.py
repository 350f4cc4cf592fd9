"""`tandem check --online`: what others say, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tandem.channels.twilio_account import RETRIES
from tandem.commands.check import check
from tandem.settings import Settings, load_settings

from ..kit.customers import known_at
from ..kit.gateway import ACCOUNT, OURS, TOKEN, running
from ..kit.serving import free_port, serve
from ..kit.twilio_account import AccountApi, SimAccount

pytestmark = pytest.mark.promise("O3")

KEY = ("SK" + "1" * 32, "key-secret-4711")
SERVICE = "MG" + "1" * 32
Found = dict[str, tuple[str, str]]


def pointed_at(url: str) -> dict[str, str]:
    return {
        "sms_url": f"{url}/sms{RETRIES}",
        "sms_fallback_url": f"{url}/sms/fallback",
        "voice_url": f"{url}/voice",
        "voice_fallback_url": f"{url}/voice/fallback",
        "status_callback": f"{url}/sms/status",
    }


@asynccontextmanager
async def twilio(url: str) -> AsyncIterator[tuple[SimAccount, str]]:
    """Run a pretend Twilio whose number points at ``url``, and give its account and its address."""
    account = SimAccount(ACCOUNT)
    account.add_number(OURS, **pointed_at(url))
    async with serve(Starlette(routes=list(AccountApi(account, {(ACCOUNT, TOKEN), KEY}).routes()))) as address:
        yield account, address


def settings_with(folder: Path, twilio_url: str, public: str, **extra: str) -> Settings:
    env = {
        "STATE_PERSISTENCE_DIR": str(folder / "looked-at"),
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": OURS,
        "TWILIO_API_BASE_URL": twilio_url,
        "PUBLIC_BASE_URL": public,
    }
    return load_settings(env | extra, env_file=None)


async def look(settings: Settings, capsys: pytest.CaptureFixture[str]) -> tuple[int, Found]:
    capsys.readouterr()
    code = await check(online=True, load=lambda: settings)
    found = {}
    for line in capsys.readouterr().out.splitlines():
        state, _, rest = line.partition(" ")
        item, _, text = rest.strip().partition(": ")
        found[item] = (state, text)
    return code, found


def states(found: Found, *items: str) -> list[str]:
    return [found[item][0] for item in items]


@pytest.mark.promise("O7")
async def test_a_gateway_that_is_connected_has_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as gateway, twilio(gateway.url) as (_, address):
        code, found = await look(settings_with(tmp_path, address, gateway.url), capsys)
    items = ("auth token", "number", "webhooks", "public address", "signature")
    assert (code, states(found, *items)) == (0, ["ok"] * 5)
    assert found["model"] == ("skipped", "OPENAI_API_KEY is not set: canned rules answer")


async def test_nothing_is_said_of_the_customer_or_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as gateway, twilio(gateway.url) as (account, address):
        before = {sid: dict(row) for sid, row in account.numbers.items()}
        await look(settings_with(tmp_path, address, gateway.url), capsys)
        assert account.numbers == before
        assert (await gateway.store.recent(limit=1)).items == ()


async def test_without_an_account_everything_is_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = await look(load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path)}, env_file=None), capsys)
    assert (code, states(found, "twilio account", "public address", "model")) == (0, ["skipped"] * 3)


async def test_a_gateway_with_another_token_is_not_this_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path, TWILIO_AUTH_TOKEN="another-token") as gateway, twilio(gateway.url) as (_, address):
        code, found = await look(settings_with(tmp_path, address, gateway.url), capsys)
    assert (code, states(found, "public address", "signature")) == (1, ["ok", "problem"])


async def test_something_else_at_the_address_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    async with (
        serve(Starlette(routes=[Route("/health", hello)])) as other,
        twilio(other) as (_, address),
    ):
        code, found = await look(settings_with(tmp_path, address, other), capsys)
    assert (code, states(found, "public address", "signature")) == (1, ["problem", "skipped"])
    assert "Something else answers" in found["public address"][1]


async def test_nobody_at_the_address_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with twilio(nobody) as (_, address):
        code, found = await look(settings_with(tmp_path, address, nobody), capsys)
    assert (code, found["public address"][0]) == (1, "problem")
    assert "start the gateway" in found["public address"][1]


# --- the account ------------------------------------------------------------------------------------------

HERE = "http://127.0.0.1:9"


async def test_each_wrong_token_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (_, address):
        both = settings_with(tmp_path, address, HERE, TWILIO_AUTH_TOKEN=f"{TOKEN},old-token")
        code, found = await look(both, capsys)
    assert (code, states(found, "auth token", "second auth token", "number")) == (1, ["ok", "problem", "ok"])


async def test_wrong_credentials_are_a_problem_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with twilio(HERE) as (_, address):
        code, found = await look(settings_with(tmp_path, address, HERE, TWILIO_AUTH_TOKEN="wrong"), capsys)
    assert (code, states(found, "auth token", "number")) == (1, ["problem", "problem"])
    assert "compare TWILIO_ACCOUNT_SID" in found["auth token"][1]


async def test_a_standard_api_key_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (_, address):
        keyed = settings_with(tmp_path, address, HERE, TWILIO_API_KEY_SID=KEY[0], TWILIO_API_KEY_SECRET=KEY[1])
        _, found = await look(keyed, capsys)
    assert states(found, "auth token", "number", "webhooks") == ["ok", "ok", "ok"]


async def test_a_wrong_api_key_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (_, address):
        keyed = settings_with(tmp_path, address, HERE, TWILIO_API_KEY_SID=KEY[0], TWILIO_API_KEY_SECRET="wrong")
        _, found = await look(keyed, capsys)
    assert states(found, "auth token", "number") == ["ok", "problem"]


async def test_a_trial_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (account, address):
        account.type = "Trial"
        _, found = await look(settings_with(tmp_path, address, HERE), capsys)
    assert "verified numbers" in found["auth token"][1]


async def test_a_suspended_account_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (account, address):
        account.status = "suspended"
        _, found = await look(settings_with(tmp_path, address, HERE), capsys)
    assert found["auth token"] == ("problem", "The account is suspended or closed; its console says why.")


async def test_a_number_of_somebody_else_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (_, address):
        _, found = await look(settings_with(tmp_path, address, HERE, TWILIO_PHONE_NUMBER="+15550002222"), capsys)
    assert found["number"][0] == "problem"
    assert "it has …1111" in found["number"][1]


async def test_webhooks_that_lead_elsewhere_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (account, address):
        for row in account.numbers.values():
            row |= {"sms_url": "https://old.example/sms", "voice_application_sid": "AP1"}
        code, found = await look(settings_with(tmp_path, address, HERE), capsys)
    assert code == 1
    assert found["webhooks"] == (
        "problem",
        f"SmsUrl, VoiceApplicationSid not as they should be; run `tandem connect --url {HERE}`.",
    )


async def test_webhooks_without_retries_are_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (account, address):
        for row in account.numbers.values():
            row["sms_url"] = f"{HERE}/sms"
        _, found = await look(settings_with(tmp_path, address, HERE), capsys)
    assert found["webhooks"][0] == "ok"
    assert "no retries" in found["webhooks"][1]


@pytest.mark.parametrize(("defers", "state"), [(True, "ok"), (False, "problem")])
async def test_a_service_that_keeps_texts_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], defers: bool, state: str
) -> None:
    async with twilio(HERE) as (account, address):
        account.add_service(SERVICE, numbers=[OURS], use_inbound_webhook_on_number=defers)
        _, found = await look(settings_with(tmp_path, address, HERE, TWILIO_MESSAGING_SERVICE_SID=SERVICE), capsys)
    assert found["messaging service"][0] == state


async def test_an_unknown_service_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with twilio(HERE) as (_, address):
        code, found = await look(settings_with(tmp_path, address, HERE, TWILIO_MESSAGING_SERVICE_SID=SERVICE), capsys)
    assert (code, found["messaging service"][0]) == (1, "problem")


# --- the model service ------------------------------------------------------------------------------------


def model_service(
    *names: str, retrieves: bool = True, lists: bool = True, status: int = 200, code: str | None = None
) -> Starlette:
    """A service with these models, which may lack one way or the other of asking for them."""

    def model(name: str) -> dict[str, object]:
        return {"id": name, "object": "model", "created": 1, "owned_by": "somebody"}

    def no() -> Response:
        return JSONResponse({"error": {"message": "no such thing"}}, 404)

    async def one(request: Request) -> Response:
        if status != 200:
            return JSONResponse({"error": {"message": "no", "code": code}}, status)
        name = request.path_params["name"]
        return JSONResponse(model(name)) if retrieves and name in names else no()

    async def listing(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [model(name) for name in names]}) if lists else no()

    return Starlette(routes=[Route("/v1/models", listing), Route("/v1/models/{name:path}", one)])


@pytest.mark.parametrize(
    ("service", "state", "said"),
    [
        (model_service("small", "large"), "ok", "good for small"),
        (model_service("small", retrieves=False), "ok", "good for small"),
        (model_service("large"), "problem", "no access to small"),
        (model_service(retrieves=False, lists=False), "skipped", "does not say whether it has small"),
        (model_service(status=401), "problem", "refuses OPENAI_API_KEY (401)"),
        (model_service(status=401, code="invalid_api_key"), "problem", "OPENAI_API_KEY (401 invalid_api_key)"),
        (model_service(status=429), "problem", "limit or its credit"),
        (model_service(status=429, code="insufficient_quota"), "problem", "(429 insufficient_quota): the credit"),
        (model_service(status=503, code="no such customer: John"), "problem", "answers 503; look"),
        (model_service(status=500), "problem", "answers 500"),
    ],
)
async def test_the_model_service_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], service: Starlette, state: str, said: str
) -> None:
    async with serve(service) as url:
        env = {
            "STATE_PERSISTENCE_DIR": str(tmp_path / "state"),
            "OPENAI_API_KEY": "sk-test-4711",
            "OPENAI_BASE_URL": f"{url}/v1",
            "AGENT_MODEL": "small",
        }
        _, found = await look(load_settings(env, env_file=None), capsys)
    assert found["model"][0] == state
    assert said in found["model"][1]


async def test_a_model_service_that_is_away_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"OPENAI_API_KEY": "sk-test-4711", "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"}
    code, found = await look(
        load_settings(env | {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}, env_file=None), capsys
    )
    assert (code, found["model"][0]) == (1, "problem")
    assert "sk-test-4711" not in found["model"][1]


async def test_without_an_agent_no_model_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = {"OPENAI_API_KEY": "sk-test-4711", "AGENT_PATH": "no_such_module:agent"}
    _, found = await look(
        load_settings(env | {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}, env_file=None), capsys
    )
    assert found["model"] == ("skipped", "the agent comes first")


@pytest.mark.parametrize("kind", ["segment", "crm"])
async def test_the_source_of_customers_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    async with known_at(kind) as known:
        _, found = await look(load_settings(known.env, env_file=None), capsys)
        assert found["customers online"][0] == "ok"
        wrong = known.env | {"CRM_API_KEY": "wrong", "SEGMENT_PROFILE_API_TOKEN": "wrong"}
        code, found = await look(load_settings(wrong, env_file=None), capsys)
    state, text = found["customers online"]
    assert (code, state) == (1, "problem")
    assert "(HTTP 401)" in text
