"""Pictures and documents that tools attach: they go with the answer to a text, and are texted to a caller."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from agents import Agent, RunContextWrapper, function_tool

from tandem.agents.caller_context import CallerContext, media_address
from tandem.agents.tools.effects import in_commit
from tandem.channels.twilio import open_twilio_rest
from tandem.simulator.wire import SimMessage

from ..kit.colleague import Colleague, names, staffed
from ..kit.gateway import ACCOUNT, JOHN, OURS, TOKEN, Running
from ..kit.model_server import Answer, ModelServer
from ..kit.tables import each
from ..kit.waiting import until

pytestmark = pytest.mark.promise("G5")

PASS, MAP = "https://files.example/boarding-pass.pdf?key=1", "https://files.example/map.png"
ELEVEN = [f"https://files.example/{number}.png" for number in range(11)]
OFFERED, HERE = Answer("A colleague looks at it."), Answer("Here you are.")
NOT_SENT = "The tool refused: This caller cannot be texted now, so nothing was sent. Tell them what it says."


@in_commit
@function_tool
async def show(context: RunContextWrapper[CallerContext], addresses: list[str]) -> str:
    """Show files to the customer."""
    for address in addresses:
        context.context.attach(address)
    return "shown"


@function_tool(needs_approval=True)
async def hand_out(context: RunContextWrapper[CallerContext], address: str) -> str:
    """Hand out a file. Waits for a colleague."""
    context.context.attach(address)
    return "handed out"


@pytest.fixture(autouse=True)
def agent() -> Iterator[None]:
    module = ModuleType("files_of_a_test")
    module.agent = Agent("Files", tools=[show, hand_out], model="m")  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    yield
    del sys.modules[module.__name__]


def model(*answers: Answer) -> ModelServer:
    return ModelServer(list(answers))


def shows(*addresses: str) -> Answer:
    return Answer(calls=[("show", {"addresses": list(addresses)})])


def served(folder: Path, script: ModelServer, **env: str) -> Any:
    return staffed(folder, script, AGENT_PATH="files_of_a_test:agent", **env)


def sent(messages: Sequence[SimMessage]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.body, one.media_urls) for one in messages]


async def outputs(it: Running) -> list[str]:
    turns = (await it.conversation()).history
    return [str(item["output"]) for turn in turns for item in turn.items if "output" in item]


@pytest.mark.parametrize(
    ("addresses", "kept", "refused"),
    [
        ([PASS, MAP, PASS], (PASS, MAP), ""),
        (ELEVEN, tuple(ELEVEN[:10]), "10 pictures and documents go with an answer; this one was left out."),
        (["http://files.example/a.png"], (), "needs a public https address"),
    ],
    ids=["two", "eleven", "not https"],
)
async def test_they_go_with_the_answer_to_a_text(
    tmp_path: Path, addresses: list[str], kept: tuple[str, ...], refused: str
) -> None:
    async with served(tmp_path, model(shows(*addresses), HERE, Answer("Bye."))) as (it, _):
        await it.ask("my boarding pass?")
        await it.ask("thanks")
        assert sent(it.twilio.sent_to(JOHN)) == [("Here you are.", kept), ("Bye.", ())]
        (told,) = await outputs(it)
    assert refused in told
    assert bool(refused) == told.startswith("The tool refused: ")


async def test_whatsapp_takes_one_per_message(tmp_path: Path) -> None:
    async with served(tmp_path, model(shows(PASS, MAP), HERE)) as (it, _):
        await it.twilio.text(f"whatsapp:{JOHN}", "my pass?", to=f"whatsapp:{OURS}")
        assert sent(await it.twilio.wait_for(f"whatsapp:{JOHN}", 2)) == [("Here you are.", (PASS,)), ("", (MAP,))]
        await it.twilio.settle()


async def test_a_caller_is_texted_them_and_one_without_a_number_is_not(tmp_path: Path) -> None:
    script = model(shows(PASS), HERE, shows(PASS), HERE, shows(MAP), Answer("I cannot show it to you."))
    async with served(tmp_path, script, MAX_TEXTS_PER_HOUR="1") as (it, _):
        async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("my pass?") == "Here you are."
            assert sent(await it.twilio.wait_for(JOHN)) == [("", (PASS,))]
            await call.ask("again?")  # more than texts of an hour
        async with it.twilio.call("anonymous", to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("a map?") == "I cannot show it to you."

        async def ended() -> bool:
            return len(await outputs(it)) == 2

        await until(ended)
        told = await outputs(it)
        await it.twilio.settle()
        assert len(it.twilio.sent_to(JOHN)) == 1
    assert told == ["shown", NOT_SENT]
    assert script.inputs[-1][-1]["output"] == NOT_SENT  # the caller without a number


async def test_what_a_colleague_agreed_to_goes_with_the_outcome(tmp_path: Path) -> None:
    script = model(Answer(calls=[("hand_out", {"address": PASS})]), OFFERED, HERE)
    async with served(tmp_path, script) as (it, mia):
        await it.ask("my pass?")
        await mia.decide(await mia.waiting_approval("hand_out"), approved=True)
        await it.hear(2)
        assert sent(it.twilio.sent_to(JOHN)) == [("A colleague looks at it.", ()), ("Here you are.", (PASS,))]


async def test_a_customer_who_opted_out_gets_none(tmp_path: Path) -> None:
    script = model(shows(PASS), Answer("I cannot text it to you."))
    async with served(tmp_path, script) as (it, mia):
        await it.say("STOP")
        await happened(mia, "opted_out")
        async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("my pass?") == "I cannot text it to you."
        assert script.inputs[-1][-1]["output"] == NOT_SENT
        await it.twilio.settle()
        assert [one.media for one in it.twilio.sent_to(JOHN)] == []


async def happened(mia: Colleague, name: str) -> None:
    await mia.until(lambda shown: name in names(shown))


async def test_the_provider_is_asked_as_its_protocol_says(tmp_path: Path) -> None:
    async with (
        served(tmp_path, model()) as (it, _),
        open_twilio_rest(
            account_sid=ACCOUNT, username=ACCOUNT, password=TOKEN, base_url=it.settings.twilio_api_base_url
        ) as rest,
        aiohttp.ClientSession(headers={"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}) as http,
    ):
        sid = await rest.create_message(to=JOHN, from_=OURS, body="", media=[PASS, MAP])
        (listed,) = await rest.list_messages(to=JOHN, since=0.0)
        assert (listed.sid, listed.body, listed.media) == (sid, "", 2)
        codes = []
        for media in ([], ELEVEN, ["ftp://files.example/a"]):
            form = [("To", JOHN), ("From", OURS), *(("MediaUrl", one) for one in media)]
            url = f"{it.settings.twilio_api_base_url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
            async with http.post(url, data=form) as answer:
                codes.append((await answer.json())["code"])
    assert codes == [21602, 21623, 21620]


@each(
    "url",
    [
        "http://files.example/a.png", "ftp://files.example/a.png", "//files.example/a.png", "a.png", "", "https://",
        "https://localhost/a.png", "https://john:secret@files.example/a.png", "https://files.example/a b.png",
        "https://files.example/ä.png", "https://files.example/a\n.png", "https://[::1/a.png",
        f"https://files.example/{'a' * 2000}",
    ],
)  # fmt: skip
def test_an_address_that_no_provider_fetches_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="needs a public https address"):
        media_address(url)
    assert media_address(PASS) == PASS
