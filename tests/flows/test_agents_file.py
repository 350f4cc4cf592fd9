"""Several agents behind one gateway: who answers where, handoffs that last, and files that are refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tandem.app import open_gateway
from tandem.errors import ConfigurationError
from tandem.model import Channel
from tandem.settings import load_settings
from tandem.simulator.call import SimulatedCall

from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE, until
from ..unit.test_check import Lines

pytestmark = pytest.mark.promise("G1")

BILLS, OWLS = "+15550002222", "+15550003333"
FILE = """\
default = "support"

[agents.support]
instructions = "support.md"
handoffs = ["billing"]

[agents.billing]
instructions = "billing.md"
about = "Questions about bills."
model = "bills-1"
handoffs = ["support"]

[agents.night]
path = "night_of_a_test:agent"
[agents.night.voice]
hints = "owls"

[[rules]]
number = "+1 555 000 2222"
agent = "billing"

[[rules]]
number = "+15550003333"
agent = "night"

[[rules]]
choose = "night_of_a_test:choose"

[[rules]]
channel = "voice"
agent = "night"
"""
NIGHT = '''
from agents import Agent, function_tool

@function_tool(needs_approval=True)
async def wake(name: str) -> str:
    """Wake somebody."""
    return f"{name} is awake"

agent = Agent("Owl", instructions="You are the night owl.", tools=[wake])

async def choose(occasion):
    if occasion.customer.value == "+15559876543":
        return {"sms": "night", "voice": "nobody"}[occasion.channel.value]
    if occasion.ours.value == "+15550001111" and occasion.at.year < 2000:
        return "night"
'''


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Write the files, and return the setting that names them."""
    for name in ("support", "billing"):
        (tmp_path / f"{name}.md").write_text(f"You are the {name} desk.", "utf-8")
    (tmp_path / "night_of_a_test.py").write_text(NIGHT, "utf-8")
    (tmp_path / "agents.toml").write_text(FILE, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield {"AGENTS_FILE": str(tmp_path / "agents.toml")}
    sys.modules.pop("night_of_a_test", None)


def who(request: dict[str, Any]) -> str:
    """Return which agent a request to the model is from."""
    told = str(request["instructions"])
    return next(name for name in ("support desk", "billing desk", "night owl") if name in told)


def name_themselves() -> ModelServer:
    return ModelServer(lambda request: Answer(f"Here is the {who(request)}."))


async def text(it: Running, to: str, sender: str = JOHN) -> str:
    """Text one of our numbers, and return the answer."""
    before = len(it.twilio.sent_to(sender))
    await it.twilio.text(sender, "hello", to=to)
    return (await it.hear(before + 1, number=sender))[before]


def dial(it: Running, sender: str = JOHN) -> SimulatedCall:
    return it.twilio.call(sender, to=OURS, chars_per_second=1e6)


async def turns(it: Running, count: int, number: str = JOHN) -> None:
    """Wait until so many turns are stored: a caller hears an answer before that."""

    async def there() -> bool:
        return (await it.conversation(number)).turns_taken == count

    await until(there)


async def test_the_number_the_channel_and_a_function_choose_who_answers(tmp_path: Path, world: dict[str, str]) -> None:
    model = name_themselves()
    async with running(tmp_path, model, AGENT_MODEL="common-1", **world) as it:
        assert await text(it, OURS) == "Here is the support desk."
        assert await text(it, BILLS) == "Here is the billing desk."
        assert await text(it, OURS, JANE) == "Here is the night owl."
        async with dial(it) as call:
            assert await call.ask("hello") == "Here is the night owl."
        assert 'hints="owls"' in str(call.happened("webhook")[0]["body"])
        async with aiohttp.ClientSession() as http, http.get(f"{it.url}/status") as answer:
            assert (await answer.json())["agents"] == ["support", "billing", "Owl"]
    assert [request["model"] for request in model.requests] == ["common-1", "bills-1", "common-1", "common-1"]


async def test_a_function_that_names_nobody_we_have_is_passed_over(tmp_path: Path, world: dict[str, str]) -> None:
    with capture_logs() as lines:
        async with running(tmp_path, name_themselves(), **world) as it, dial(it, JANE) as call:
            assert await call.ask("hello") == "Here is the night owl."
    failed = [line for line in lines if line["event"] == "agent_rule_failed"]
    assert {(line["rule"], line["reason"]) for line in failed} == {(3, "unknown_agent")}


async def test_a_function_that_breaks_leaves_the_customer_with_the_next_rule(
    tmp_path: Path, world: dict[str, str]
) -> None:
    (tmp_path / "night_of_a_test.py").write_text(NIGHT.replace("occasion.customer.value", "occasion.nothing"), "utf-8")
    with capture_logs() as lines:
        async with running(tmp_path, name_themselves(), **world) as it:
            assert await text(it, OURS) == "Here is the support desk."
    assert ("agent_rule_failed", "AttributeError") in [(line["event"], line.get("reason")) for line in lines]


@pytest.mark.promise("G2")
async def test_a_handoff_goes_before_the_rules_over_channels_and_restarts(
    tmp_path: Path, world: dict[str, str]
) -> None:
    asked: list[str] = []

    def script(request: dict[str, Any]) -> Answer:
        asked.append(who(request))
        words = [item["content"] for item in request["input"] if item.get("role") == "user"][-1]
        tools = {tool["name"] for tool in request["tools"]}
        if words == "my bill" and "transfer_to_billing" in tools:
            return Answer(calls=[("transfer_to_billing", {})])
        if words == "thanks" and "transfer_to_support" in tools:
            return Answer(calls=[("transfer_to_support", {})])
        return Answer("Yes.")

    model = ModelServer(script)
    async with running(tmp_path, model, **world) as it:
        await it.ask("my bill")
        async with dial(it) as call:
            await call.ask("is it high?")
            await turns(it, 2)
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, model, twilio=it.twilio, **world) as it:
        await it.ask("and now?")
        await text(it, OWLS)  # another line, whose agent does not know the bills
        await it.ask("and then?")
        await it.ask("thanks")
        async with dial(it) as call:
            await call.ask("hello")
            await turns(it, 7)
        rows = [row for row in await it.store.timeline(subject_of(JOHN)) if row.name in ("handoff", "turn")]
    support, bills, owl = "support desk", "billing desk", "night owl"
    assert asked == [support, bills, bills, bills, owl, bills, bills, support, owl]
    assert [(row.data["from"], row.data["to"]) for row in rows if row.name == "handoff"] == [
        ("support", "billing"),
        ("billing", "support"),
    ]
    assert [row.data["agent"] for row in rows if row.name == "turn"] == [
        "billing", "billing", "billing", "Owl", "billing", "support", "Owl",
    ]  # fmt: skip
    assert {row.channel for row in rows if row.name == "handoff"} == {Channel.SMS}


async def test_a_call_of_any_of_them_waits_for_staff_and_is_carried_out_after_a_restart(
    tmp_path: Path, world: dict[str, str]
) -> None:
    tokens = {"STAFF_TOKENS": "alice:alices-long-token"}
    answers = iter([Answer(calls=[("wake", {"name": "Mia"})]), Answer("A colleague looks at it."), Answer("Awake.")])
    model = ModelServer(lambda _: next(answers))
    async with running(tmp_path, model, **world, **tokens) as it:
        assert await text(it, OWLS) == "A colleague looks at it."
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, model, twilio=it.twilio, **world, **tokens) as it:
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer alices-long-token"}) as staff:
            async with staff.get(f"{it.url}/approvals") as response:
                (waiting,) = (await response.json())["approvals"]
            decision = {"decisions": [{"approvalId": waiting["id"], "approved": True}]}
            async with staff.post(f"{it.url}/approvals", json=decision) as response:
                assert response.status == 200
        assert await it.hear() == ["Awake."]
        (done,) = (await it.conversation()).approvals
    assert (done.status.value, done.result) == ("executed", "Mia is awake")


async def refusal(folder: Path, text: str) -> tuple[str, ...]:
    """Return why a gateway does not start with a file, without the file's name."""
    (folder / "agents.toml").write_text(text, "utf-8")
    env = {"STATE_PERSISTENCE_DIR": str(folder / "state"), "AGENTS_FILE": str(folder / "agents.toml")}

    with pytest.raises(ConfigurationError) as refused:
        async with open_gateway(load_settings(env, env_file=None)):
            pass
    return tuple(sentence.removeprefix(f"{folder}/agents.toml, ") for sentence in refused.value.problems)


ONE = 'default = "a"\n[agents.a]\n'


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[agents.a]\n", "line 1: default is missing."),
        ('default = "b"\n[agents.a]\n', "line 1: there is no agent 'b'; there are a."),
        ('default = "a"\n', "line 1: agents is missing."),
        (f'{ONE}modell = "m"\n', "line 3: agents.a.modell is not known; model may be meant."),
        (f'{ONE}path = "nowhere"\n', "line 3: agents.a.path must be module:attribute, such as my_agents:billing."),
        (f'{ONE}path = "nowhere:agent"\n', "line 3: nowhere:agent names the module 'nowhere', which cannot be found"),
        (f'{ONE}path = "night_of_a_test:wake"\n', "line 3: night_of_a_test:wake gives a FunctionTool, not an agents"),
        (f'{ONE}instructions = "none.md"\n', "line 3: "),
        (f'{ONE}path = "night_of_a_test:agent"\ninstructions = "support.md"\n', "line 4: instructions and path do not"),
        (f'{ONE}handoffs = ["b"]\n', "line 3: there is no agent 'b'; there are a."),
        (f'{ONE}[agents.a.voice]\nhint = "x"\n', "line 4: agents.a.voice.hint is not known; hints may be meant."),
        (f'{ONE}[[rules]]\nnumber = "+15550001111"\n', "line 3: a rule names one of agent and choose."),
        (f'{ONE}[[rules]]\nagent = "b"\n', "line 4: there is no agent 'b'; there are a."),
        (f'{ONE}[[rules]]\nagent = "a"\nhours = "always"\n', "line 5: rules.hours must be days and hours such as"),
        (f'{ONE}[[rules]]\nagent = "a"\nchannel = "fax"\n', "line 5: rules.channel: input should be 'sms', 'whatsapp'"),
        (f'{ONE}[[rules]]\nchoose = "night_of_a_test:none"\n', "line 4: night_of_a_test:none names 'none', which the"),
        (
            f'{ONE}[agents.b]\n[[rules]]\nagent = "a"\nchannel = "text"\n[[rules]]\nagent = "b"\nchannel = "sms"\n',
            "line 7: rule 2 (b) is never asked: rule 1 (a) takes all of it.",
        ),
        (
            f'{ONE}[agents.b]\n[[rules]]\nagent = "a"\nnumber = "+1 (555) 000-1111"\n'
            '[[rules]]\nagent = "b"\nnumber = "+15550001111"\n',
            "line 7: rule 2 (b) is never asked: rule 1 (a) takes all of it.",
        ),
        (
            f'{ONE}path = "night_of_a_test:agent"\n[agents.b]\npath = "night_of_a_test:agent"\n',
            "Agents 'a' and 'b' are one and the same; let a function make each.",
        ),
    ],
)
async def test_a_file_that_cannot_serve_is_refused_at_start(tmp_path: Path, text: str, sentence: str) -> None:
    (found,) = await refusal(tmp_path, text)
    assert found.startswith(sentence)


async def test_rules_that_only_overlap_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        f'{ONE}[agents.b]\n[[rules]]\nagent = "a"\nchannel = "sms"\nhours = "Mon 09:00-17:00"\n'
        '[[rules]]\nagent = "b"\nchannel = "text"\n[[rules]]\nagent = "a"\nnumber = "+15550001111"\n'
    )
    (tmp_path / "agents.toml").write_text(text, "utf-8")
    found = await Lines(capsys).of({"AGENTS_FILE": "agents.toml"})
    assert found["agents"] == ("ok", "a answers, and by 3 rules the others")


def test_two_ways_of_naming_agents_are_one_too_many() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings({"AGENTS_FILE": "agents.toml", "AGENT_PATH": "a:b"}, env_file=None)
    assert [sentence.partition(";")[0] for sentence in refused.value.problems] == [
        "AGENTS_FILE and AGENT_PATH are both set"
    ]


async def test_check_looks_at_each_of_them(
    tmp_path: Path, world: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = Lines(capsys)
    found = await lines.of(world)
    assert lines.code == 0
    assert found["agent night"] == ("ok", "Owl, 2 tools")
    assert found["agents"] == ("ok", "support answers, and by 4 rules the others")
    (tmp_path / "billing.md").unlink()
    found = await lines.of(world)
    assert (lines.code, found["agent"][0], "billing.md cannot be read" in found["agent"][1]) == (1, "problem", True)
