"""`tandem connect` against a pretend Twilio in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tandem.commands.connect import connect
from tandem.errors import AccountRefused, AccountUnreachable, ConfigurationError
from tandem.settings import Settings, load_settings

from ..kit.command import tandem
from ..kit.serving import free_port
from ..kit.tables import each
from ..kit.twilio_process import pretend_twilio

pytestmark = pytest.mark.promise("O3")

ACCOUNT, TOKEN = "AC" + "1" * 32, "auth-token-4711"
KEY = ("SK" + "2" * 32, "key-secret-4711")
URL = "https://gateway.example"
FRESH, DRY, TWICE, APP, SECRET, KEYED, BYTE = (f"+1555010{number:04}" for number in range(7))
STOLEN, DEFERRED, OUTSIDE, DROPPED, SERVED = (f"+1555020{number:04}" for number in range(5))
LONGER = "+49301234567"
OLD = "https://old.example/texts"
SERVICES = {
    name: "MG" + digit * 32 for name, digit in (("steals", "1"), ("defers", "2"), ("drops", "3"), ("ours", "4"))
}
WORLD = {
    "account": ACCOUNT,
    "token": TOKEN,
    "api_key": KEY,
    "numbers": [
        {"phone_number": FRESH, "sms_url": OLD, "voice_method": "GET", "friendly_name": "Support"},
        {"phone_number": DRY, "sms_url": OLD},
        {"phone_number": APP, "sms_application_sid": "AP" + "1" * 32, "trunk_sid": "TK" + "1" * 32},
        {"phone_number": SECRET, "sms_url": "https://al:hunter2@old.example/sms"},
        {"phone_number": BYTE, "capabilities": {"sms": False, "voice": False}},
        *({"phone_number": number} for number in (TWICE, KEYED, STOLEN, DEFERRED, OUTSIDE, DROPPED, SERVED, LONGER)),
    ],
    "services": [
        {"sid": SERVICES["steals"], "numbers": [STOLEN], "inbound_request_url": "https://other.example/sms"},
        {"sid": SERVICES["defers"], "numbers": [DEFERRED], "use_inbound_webhook_on_number": True},
        {"sid": SERVICES["drops"], "numbers": [DROPPED]},
        {"sid": SERVICES["ours"], "numbers": [SERVED], "inbound_request_url": f"{URL}/sms#rc=2"},
    ],
}  # fmt: skip
POINTED = {
    "sms_url": f"{URL}/sms#rc=2&rp=ct,rt,5xx",
    "sms_method": "POST",
    "sms_fallback_url": f"{URL}/sms/fallback",
    "sms_fallback_method": "POST",
    "sms_application_sid": "",
    "voice_url": f"{URL}/voice",
    "voice_method": "POST",
    "voice_fallback_url": f"{URL}/voice/fallback",
    "voice_fallback_method": "POST",
    "voice_application_sid": "",
    "trunk_sid": "",
    "status_callback": f"{URL}/sms/status",
    "status_callback_method": "POST",
}


@pytest.fixture(scope="module")
def twilio() -> Iterator[str]:
    with pretend_twilio(WORLD) as url:
        yield url


def settings(twilio: str, number: str, **extra: str) -> Settings:
    env = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": number,
        "TWILIO_API_BASE_URL": twilio,
        "PUBLIC_BASE_URL": URL,
    }
    return load_settings(env | extra, env_file=None)


async def row(twilio: str, number: str) -> dict[str, str]:
    """Ask the pretend Twilio for a number, as anybody may who has the credentials."""
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
    path = f"{twilio}/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(path, params={"PhoneNumber": number}) as response,
    ):
        (found,) = (await response.json())["incoming_phone_numbers"]
        return dict(found)


@pytest.mark.promise("O7")
async def test_every_webhook_is_pointed_here(twilio: str) -> None:
    assert await connect(settings(twilio, FRESH), URL, dry_run=False) == 0
    found = await row(twilio, FRESH)
    assert {name: found[name] for name in POINTED} == POINTED
    assert found["friendly_name"] == "Support"


async def test_a_dry_run_shows_both_and_changes_nothing(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = await row(twilio, DRY)
    assert await connect(settings(twilio, DRY), f"{URL}/", dry_run=True) == 0
    assert await row(twilio, DRY) == before
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if "SmsUrl" in line] == [["*", "SmsUrl", OLD, POINTED["sms_url"]]]
    assert lines[-1] == "5 settings would change; nothing was changed."


async def test_a_second_time_nothing_is_left_to_do(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    await connect(settings(twilio, TWICE), URL, dry_run=False)
    capsys.readouterr()
    assert await connect(settings(twilio, TWICE), URL, dry_run=False) == 0
    assert "nothing was changed" in capsys.readouterr().out


async def test_an_application_or_trunk_no_longer_stands_in_front(twilio: str) -> None:
    await connect(settings(twilio, APP), URL, dry_run=False)
    found = await row(twilio, APP)
    assert (found["sms_application_sid"], found["trunk_sid"]) == ("", "")


async def test_a_password_in_an_old_address_is_not_shown(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    await connect(settings(twilio, SECRET), URL, dry_run=True)
    shown = capsys.readouterr().out
    assert "https://…@old.example/sms" in shown
    assert "hunter2" not in shown


async def test_an_api_key_is_enough(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    keyed = settings(twilio, KEYED, TWILIO_API_KEY_SID=KEY[0], TWILIO_API_KEY_SECRET=KEY[1], TWILIO_AUTH_TOKEN="")
    assert await connect(keyed, URL, dry_run=False) == 0
    assert (await row(twilio, KEYED))["sms_url"] == POINTED["sms_url"]
    assert "set TWILIO_AUTH_TOKEN" in capsys.readouterr().out


async def test_another_public_address_is_pointed_out(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    await connect(settings(twilio, DRY, PUBLIC_BASE_URL="https://else.example"), URL, dry_run=True)
    assert f"set PUBLIC_BASE_URL={URL} and restart" in capsys.readouterr().out


async def test_a_number_that_can_do_nothing_is_pointed_out(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    await connect(settings(twilio, BYTE), URL, dry_run=True)
    assert "cannot receive texts" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "service", "said"),
    [
        (STOLEN, "steals", "calls other.example for texts to it"),
        (DROPPED, "drops", "drops texts to it"),
        (OUTSIDE, "defers", "add it to the sender pool"),
    ],
)
async def test_a_service_in_the_way_is_a_problem(
    twilio: str, capsys: pytest.CaptureFixture[str], number: str, service: str, said: str
) -> None:
    through = settings(twilio, number, TWILIO_MESSAGING_SERVICE_SID=SERVICES[service])
    assert await connect(through, URL, dry_run=False) == 1
    assert said in capsys.readouterr().out


async def test_an_unknown_service_is_a_problem(twilio: str, capsys: pytest.CaptureFixture[str]) -> None:
    through = settings(twilio, DRY, TWILIO_MESSAGING_SERVICE_SID="MG" + "9" * 32)
    assert await connect(through, URL, dry_run=True) == 1
    assert "is no messaging service of this account" in capsys.readouterr().out


@pytest.mark.parametrize(("number", "service"), [(DEFERRED, "defers"), (SERVED, "ours")])
async def test_a_service_that_passes_texts_on_is_none(
    twilio: str, capsys: pytest.CaptureFixture[str], number: str, service: str
) -> None:
    through = settings(twilio, number, TWILIO_MESSAGING_SERVICE_SID=SERVICES[service])
    assert await connect(through, URL, dry_run=False) == 0
    assert "problem" not in capsys.readouterr().out


@each(
    "url",
    [
        "http://gateway.example",
        "gateway.example",
        "https://al:secret@gateway.example",
        "https://gateway.example?x=1",
        "https://gateway.example/#x",
        "https://localhost:3001",
        "https://gateway.local",
        "https://192.168.1.4",
        "https://[::1]:3001",
    ],
)
async def test_an_address_that_twilio_cannot_use_is_refused(twilio: str, url: str) -> None:
    with pytest.raises(ConfigurationError, match="--url must be"):
        await connect(settings(twilio, DRY), url, dry_run=True)


async def test_everything_that_is_missing_is_said_at_once(twilio: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await connect(load_settings({}, env_file=None), "gateway", dry_run=True)
    assert [sentence.split()[0] for sentence in raised.value.problems] == [
        "--url",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_PHONE_NUMBER",
    ]


async def test_an_account_without_token_and_key_is_missing_one(twilio: str) -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_AUTH_TOKEN is not set, nor"):
        await connect(settings(twilio, DRY, TWILIO_AUTH_TOKEN=""), URL, dry_run=True)


async def test_a_short_code_is_sent_to_the_console(twilio: str) -> None:
    with pytest.raises(ConfigurationError, match="short code"):
        await connect(settings(twilio, "12345"), URL, dry_run=True)


async def test_an_unknown_number_is_answered_with_the_known_ones_masked(twilio: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await connect(settings(twilio, "+15550109999"), URL, dry_run=True)
    (sentence,) = raised.value.problems
    assert "…0000, …0001" in sentence
    assert "555010" not in sentence


async def test_a_number_that_only_contains_ours_is_not_ours(twilio: str) -> None:
    with pytest.raises(ConfigurationError, match="not a number of this account"):
        await connect(settings(twilio, LONGER[:-1]), URL, dry_run=True)


async def test_wrong_credentials_are_named(twilio: str) -> None:
    with pytest.raises(AccountRefused, match=r"compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.*401, code 20003"):
        await connect(settings(twilio, DRY, TWILIO_AUTH_TOKEN="wrong"), URL, dry_run=True)


async def test_another_account_is_named(twilio: str) -> None:
    other = settings(
        twilio, DRY, TWILIO_ACCOUNT_SID="AC" + "9" * 32, TWILIO_API_KEY_SID=KEY[0], TWILIO_API_KEY_SECRET=KEY[1]
    )
    with pytest.raises(AccountRefused, match=r"TWILIO_ACCOUNT_SID with the console.*404"):
        await connect(other, URL, dry_run=True)


async def test_nobody_at_home_is_said_so() -> None:
    nobody = settings(f"http://127.0.0.1:{free_port()}", DRY)
    with pytest.raises(AccountUnreachable, match="does not answer"):
        await connect(nobody, URL, dry_run=True)


def command(twilio: str, folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    given = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": DRY,
        "TWILIO_API_BASE_URL": twilio,
    }
    done = tandem("connect", *arguments, folder=folder, env=given | env)
    return done.returncode, done.stdout + done.stderr


def test_the_command_ends_with_zero(twilio: str, tmp_path: Path) -> None:
    code, said = command(twilio, tmp_path, "--url", URL, "--dry-run")
    assert (code, TOKEN in said, POINTED["voice_url"] in said) == (0, False, True)


def test_a_refusal_is_one_sentence_and_ends_with_one(twilio: str, tmp_path: Path) -> None:
    code, said = command(twilio, tmp_path, "--url", URL, TWILIO_AUTH_TOKEN="wrong-token-4711")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith("tandem: The provider refused. The credentials do not fit")
    assert "wrong-token-4711" not in said


def test_without_an_address_it_is_wrongly_called(twilio: str, tmp_path: Path) -> None:
    code, said = command(twilio, tmp_path)
    assert (code, "--url" in said) == (2, True)
