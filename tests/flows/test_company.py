"""A company in its own words: what customers hear and the agent is told of it, and how it changes meanwhile."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tandem.agents.support import build_support_agent
from tandem.app import open_gateway
from tandem.conversation import phrases
from tandem.conversation.translations import load_translations
from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import until
from .test_voice import dial, echo

pytestmark = pytest.mark.promise("G9")

COLLEAGUE = "+15550007777"
ALWAYS = "Mon-Sun 00:00-24:00"
TOOLS = """\
name = "Garden Tools"
greeting = "Hello! You have reached Garden Tools."
hours = "{hours}"
instructions = "Spare parts are free of charge."

[escalation]
transfer = "I will put you through to our workshop."
call_back = "The workshop is busy, and calls you back."
closed = "The workshop is closed, and calls you back."

[voice]
hints = "secateurs"
"""


def company(folder: Path, text: str = TOOLS.format(hours=ALWAYS)) -> dict[str, str]:
    (folder / "company.toml").write_text(text, "utf-8")
    return {"COMPANY_FILE": str(folder / "company.toml")}


def closed_now() -> str:
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    return f"{days[(datetime.now(UTC) + timedelta(days=3)).weekday()]} 09:00-17:00"


async def status(it: Running) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(f"{it.url}/status") as answer:
        found: dict[str, Any] = (await answer.json())["configuration"]
        return found


def instructions(model: ModelServer) -> str:
    return str(model.requests[-1]["instructions"])


async def test_the_agent_is_told_of_the_company_behind_its_own_instructions(tmp_path: Path) -> None:
    (tmp_path / "more.md").write_text("Say that Sundays are quiet.\n", "utf-8")
    model = ModelServer([Answer("Hello.")])
    async with running(tmp_path, model, INSTRUCTIONS_FILE=str(tmp_path / "more.md"), **company(tmp_path)) as it:
        await it.ask("hello")
        assert (await status(it))["company"] == "Garden Tools"
    told = instructions(model)
    before, _, rest = told.partition("# This company\n\n")
    own, _, now = rest.partition("\n\n# Now")
    assert before.startswith("You are the customer service agent of this company.")
    assert own == (
        f"The company is called Garden Tools. People are there {ALWAYS} (time zone UTC): now.\n\n"
        "Spare parts are free of charge.\n\nSay that Sundays are quiet."
    )
    assert "by text message" in now


async def test_without_a_company_the_agent_is_told_what_it_was_always_told(tmp_path: Path) -> None:
    model = ModelServer([Answer("Hello.")])
    async with running(tmp_path, model) as it:
        await it.ask("hello")
        assert (await status(it))["company"] is None
    assert "# This company" not in instructions(model)
    assert build_support_agent(None).name == "Customer Service Agent"


async def test_callers_hear_the_companys_own_words(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), **company(tmp_path)) as it, dial(it) as call:
        await call.ask("hello")
        await call.press("0#")
        await call.wait_heard("The workshop is busy, and calls you back.")
    assert call.heard().startswith("Hello John! You have reached Garden Tools.")
    assert 'hints="secateurs"' in str(call.happened("webhook")[0]["body"])


async def test_opening_hours_are_those_of_people(tmp_path: Path) -> None:
    world = company(tmp_path, TOOLS.format(hours=closed_now())) | {"HUMAN_TRANSFER_NUMBER": COLLEAGUE}
    async with running(tmp_path, ModelServer(echo), **world) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_heard("The workshop is closed, and calls you back.")
        assert call.happened("dial") == []


async def test_within_them_the_caller_is_put_through_in_the_companys_words(tmp_path: Path) -> None:
    world = company(tmp_path) | {"HUMAN_TRANSFER_NUMBER": COLLEAGUE}
    async with running(tmp_path, ModelServer(echo), **world) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_over()
    assert "I will put you through to our workshop." in call.heard()
    assert COLLEAGUE in str(call.happened("dial"))


async def test_hours_of_the_number_for_transfers_go_before_the_companys(tmp_path: Path) -> None:
    world = company(tmp_path) | {"HUMAN_TRANSFER_NUMBER": COLLEAGUE, "HUMAN_TRANSFER_HOURS": closed_now()}
    async with running(tmp_path, ModelServer(echo), **world) as it, dial(it) as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_heard("The workshop is closed, and calls you back.")


async def test_callers_in_another_language_hear_their_own(tmp_path: Path) -> None:
    world = company(tmp_path) | {"VOICE_LANGUAGE": "multi", "VOICE_LANGUAGES": '[{"code": "en-US"}, {"code": "es-ES"}]'}
    async with running(tmp_path, ModelServer(echo), **world) as it, dial(it) as call:
        await call.wait_silent()
        await call.say("hola", "es-ES")
        await call.wait_heard("You said: hola")
        await call.press("0#")
        await call.wait_heard(load_translations().say(phrases.CALL_BACK, "es").text)
    assert "The workshop" not in call.heard()


async def test_a_change_is_taken_in_while_calls_and_texts_go_on(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer("Hello."))
    async with running(tmp_path, model, **company(tmp_path)) as it:
        await it.ask("hello")
        company(tmp_path, 'name = "Roof Tools"\ngreeting = "Good day! Roof Tools."\n')

        async def changed() -> bool:
            return (await status(it))["company"] == "Roof Tools"

        await until(changed)
        await it.ask("hello again")
        assert "The company is called Roof Tools." in instructions(model)
        assert "Spare parts" not in instructions(model)
        async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
            await call.wait_heard("Good day John! Roof Tools.")


async def test_while_it_cannot_be_read_the_last_good_one_serves_and_says_so(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer("Hello."))
    with capture_logs() as lines:
        async with running(tmp_path, model, **company(tmp_path)) as it:
            company(tmp_path, 'name = "Roof Tools"\nname = "Twice"\n')

            async def noticed() -> bool:
                return bool((await status(it))["companyProblem"])

            await until(noticed)
            await it.ask("hello")
            found = await status(it)
            assert "The company is called Garden Tools." in instructions(model)
            os.unlink(tmp_path / "company.toml")
            await until(gone(it))
            company(tmp_path, 'name = "Roof Tools"\n')

            async def mended() -> bool:
                return (await status(it))["companyProblem"] is None

            await until(mended)
            assert (await status(it))["company"] == "Roof Tools"
    reason = f"{tmp_path}/company.toml, line 2: Cannot overwrite a value."
    assert (found["company"], found["companyProblem"]) == ("Garden Tools", reason)
    said = [line for line in lines if line["event"] == "company_unreadable"]
    assert [line["problems"] for line in said] == [
        [reason],
        [f"{tmp_path}/company.toml cannot be read (No such file or directory)."],
    ]


def gone(it: Running) -> Any:
    async def look() -> bool:
        return "cannot be read" in str((await status(it))["companyProblem"])

    return look


async def test_at_start_one_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path / "state"), **company(tmp_path, 'greting = "Hello!"\n')}
    with pytest.raises(ConfigurationError) as refused:
        async with open_gateway(load_settings(env, env_file=None)):
            pass
    assert refused.value.problems == (f"{tmp_path}/company.toml, line 1: greting is not known; greeting may be meant.",)
