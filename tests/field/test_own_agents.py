"""Met in the field by people who bring an agent of their own: what the SDK offers works, or is refused at start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agents import (
    Agent,
    FileSearchTool,
    GuardrailFunctionOutput,
    HostedMCPTool,
    InputGuardrail,
    LocalShellTool,
    OutputGuardrail,
    RunContextWrapper,
    StopAtTools,
    WebSearchTool,
    function_tool,
)
from agents.mcp import MCPServerStdio
from pydantic import BaseModel
from structlog.testing import capture_logs

from tandem.agents.caller_context import CallerContext
from tandem.app import open_gateway
from tandem.conversation import phrases
from tandem.errors import ConfigurationError
from tandem.settings import Settings, load_settings
from tandem.simulator.call import SimulatedCall

from ..kit.colleague import staffed
from ..kit.gateway import JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("A15", "G4")

CARD = "4111 1111 1111 1111"
Named = Callable[[Agent[Any]], str]


@pytest.fixture
def named() -> Iterator[Named]:
    """Put an agent where ``AGENT_PATH`` finds it, and return what to set that to."""
    module = ModuleType("agents_of_a_test")
    sys.modules[module.__name__] = module

    def name(agent: Agent[Any]) -> str:
        module.agent = agent  # type: ignore[attr-defined]
        return f"{module.__name__}:agent"

    yield name
    del sys.modules[module.__name__]


def settings_of(folder: Path, **extra: str) -> Settings:
    return load_settings({"STATE_PERSISTENCE_DIR": str(folder / "state")} | extra, env_file=None)


def dial(it: Running) -> SimulatedCall:
    return it.twilio.call(JOHN, to=OURS, chars_per_second=1e6)


async def taken(it: Running, count: int) -> Any:
    """Return the history once it holds so many turns: a caller hears an answer before it is stored."""

    async def there() -> bool:
        return len((await it.conversation()).history) == count

    await until(there)
    return (await it.conversation()).history


def script(*answers: Answer) -> ModelServer:
    return ModelServer(list(answers))


# --- a context of its own ---------------------------------------------------------------------------------------


class SeatContext(BaseModel):
    """What an airline's agents remember of a passenger."""

    confirmation: str | None = None
    seat: str | None = None


@dataclass
class SeatData:
    confirmation: str | None = None
    seat: str | None = None


@function_tool
async def take_seat(context: RunContextWrapper[Any], seat: str) -> str:
    """Take a seat."""
    context.context.seat = seat
    return f"{context.context.channel.value} {context.context.confirmation} {seat}"


@function_tool
async def which_seat(context: RunContextWrapper[Any]) -> str:
    """Say which seat."""
    return f"seat {context.context.seat}"


TAKE, ASK = Answer(calls=[("take_seat", {"seat": "12A"})]), Answer(calls=[("which_seat", {})])


@pytest.mark.promise("G3")
@pytest.mark.parametrize("kind", [SeatContext, SeatData])
async def test_tools_find_the_context_class_that_their_agent_names_and_what_they_left_in_it(
    tmp_path: Path, named: Named, kind: type[Any]
) -> None:
    path = named(Agent[kind](name="Seats", tools=[take_seat, which_seat], model="m"))  # type: ignore[valid-type]
    model = script(TAKE, Answer("Done."), ASK, Answer("12A."))
    async with running(tmp_path, model, AGENT_PATH=path) as it:
        assert await it.ask("take 12A") == "Done."
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, model, AGENT_PATH=path) as it:
        await it.ask("which seat?")
        outputs = [
            item["output"] for turn in (await it.conversation()).history for item in turn.items if "output" in item
        ]
    assert outputs == ["sms None 12A", "seat 12A"]


async def test_without_a_class_any_attribute_may_be_set_and_an_unset_one_is_named_in_the_log(
    tmp_path: Path, named: Named
) -> None:
    path = named(Agent("Seats", tools=[which_seat], model="m"))
    with capture_logs() as lines:
        async with running(tmp_path, script(ASK, Answer("I do not know.")), AGENT_PATH=path) as it:
            assert await it.ask("which seat?") == "I do not know."
    (raised,) = [line for line in lines if line["event"] == "tool_raised"]
    assert "has no 'seat'" in raised["reason"]


@function_tool
async def impostor(context: RunContextWrapper[CallerContext]) -> str:
    """Claim to be somebody else."""
    context.context.phone = "+15559876543"
    return "done"


async def test_what_the_channel_proved_cannot_be_set(tmp_path: Path, named: Named) -> None:
    path = named(Agent("Seats", tools=[impostor], model="m"))
    with capture_logs() as lines:
        model = script(Answer(calls=[("impostor", {})]), Answer("No."))
        async with running(tmp_path, model, AGENT_PATH=path) as it:
            await it.ask("be Jane")
    (raised,) = [line for line in lines if line["event"] == "tool_raised"]
    assert "'phone' is what the channel proved" in raised["reason"]


class Demanding(BaseModel):
    confirmation: str


# --- answers that are data --------------------------------------------------------------------------------------


class Reply(BaseModel):
    """What an agent answers, and how sure it is."""

    answer: str
    confidence: float


class Sole(BaseModel):
    wording: str
    score: int


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Reply, '{"answer": "By Tuesday.", "confidence": 0.9}'),
        (Reply, '```json\n{"answer": "By Tuesday.", "confidence": 0.9}\n```'),
        (Sole, '{"wording": "By Tuesday.", "score": 3}'),
    ],
)
async def test_of_a_structured_output_the_customer_is_told_the_answer(
    tmp_path: Path, named: Named, kind: type[Any], said: str
) -> None:
    path = named(Agent("Data", output_type=kind, model="m"))
    async with running(tmp_path, script(Answer(said), Answer(said)), AGENT_PATH=path) as it:
        assert await it.ask("when?") == "By Tuesday."
        async with dial(it) as call:
            assert await call.ask("when?") == "By Tuesday."
            history = await taken(it, 2)
    assert [turn.items[-1]["content"] for turn in history] == ["By Tuesday."] * 2


@function_tool
async def timetable() -> str:
    """Say when."""
    return "Every day at ten."


@function_tool
async def as_data() -> dict[str, Any]:
    """Say when, as data."""
    return {"message": "Every day at ten.", "trains": 3}


@function_tool
async def as_json() -> str:
    """Say when, as JSON."""
    return '{"text": "Every day at ten.", "trains": 3}'


@pytest.mark.parametrize("tool", [timetable, as_data, as_json])
@pytest.mark.parametrize("stop", ["first", "named"])
async def test_what_a_tool_says_in_the_models_place_is_texted_and_spoken(
    tmp_path: Path, named: Named, tool: Any, stop: str
) -> None:
    behaviour: Any = "stop_on_first_tool" if stop == "first" else StopAtTools(stop_at_tool_names=[tool.name])
    path = named(Agent("Times", tools=[tool], tool_use_behavior=behaviour, model="m"))
    called = Answer(calls=[(tool.name, {})])
    async with running(tmp_path, script(called, called), AGENT_PATH=path) as it:
        assert await it.ask("when?") == "Every day at ten."
        async with dial(it) as call:
            assert await call.ask("when?") == "Every day at ten."
            history = await taken(it, 2)
    assert [turn.items[-1] for turn in history] == [{"role": "assistant", "content": "Every day at ten."}] * 2


@function_tool
async def no_words() -> dict[str, Any]:
    """Give data without a word in it."""
    return {"trains": 3, "late": [1, 2]}


async def test_data_without_words_is_never_read_out(tmp_path: Path, named: Named) -> None:
    path = named(Agent("Times", tools=[no_words], tool_use_behavior="stop_on_first_tool", model="m"))
    with capture_logs() as lines:
        async with running(tmp_path, script(Answer(calls=[("no_words", {})])), AGENT_PATH=path) as it:
            assert await it.ask("when?") == phrases.FAILURE
    assert "final_output_without_words" in [line["event"] for line in lines]


# --- guardrails of the agent ------------------------------------------------------------------------------------


def tripping(word: str) -> Any:
    async def guard(context: Any, agent: Any, said: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=word in str(said))

    return guard


@pytest.mark.parametrize("side", ["input", "output"])
async def test_a_guardrail_of_the_agent_declines_politely_before_a_word_is_said(
    tmp_path: Path, named: Named, side: str
) -> None:
    agent: Agent[Any] = Agent("Careful", model="m", tools=[timetable])
    if side == "input":
        agent.input_guardrails.append(InputGuardrail(guardrail_function=tripping("poison")))
    else:
        agent.output_guardrails.append(OutputGuardrail(guardrail_function=tripping("arsenic")))
    model = ModelServer(lambda body: Answer("Take arsenic." if "poison" in str(body["input"][-1]) else "Good day."))
    async with running(tmp_path, model, AGENT_PATH=named(agent)) as it:
        assert await it.ask("hello") == "Good day."
        assert await it.ask("which poison?") == phrases.REFUSED
        async with dial(it) as call:
            assert await call.ask("which poison is it?") == phrases.REFUSED
            assert "arsenic" not in str(call.received)
        tickets = await it.store.tickets((await it.conversation()).subject)
    assert tickets == ()


# --- tools ------------------------------------------------------------------------------------------------------


@function_tool
async def book(seat: str) -> str:
    """Book a seat."""
    if seat == "1A":
        raise ValueError(f"Seat 1A is taken; 2A is free. The card {CARD} was not charged.")
    raise ConnectionError("secret host db-17")


@pytest.mark.parametrize(
    ("seat", "shown", "hidden"), [("1A", "Seat 1A is taken; 2A is free.", CARD), ("9Z", "The tool failed", "db-17")]
)
async def test_the_model_reads_why_a_tool_refuses_and_nothing_from_inside(
    tmp_path: Path, named: Named, seat: str, shown: str, hidden: str
) -> None:
    model = script(Answer(calls=[("book", {"seat": seat})]), Answer("Sorry."))
    async with running(tmp_path, model, AGENT_PATH=named(Agent("Seats", tools=[book], model="m"))) as it:
        await it.ask("book it")
    assert shown in model.inputs[1][-1]["output"]
    assert hidden not in str(model.inputs)


# --- agents as tools --------------------------------------------------------------------------------------------


async def test_tools_of_an_agent_that_is_a_tool_are_masked_and_run_once(tmp_path: Path, named: Named) -> None:
    charged: list[str] = []

    @function_tool
    async def charge(what: str) -> str:
        """Charge."""
        charged.append(what)
        return f"charged {CARD}"

    inner = Agent("Till", tools=[charge], model="m")
    agent = Agent("Front", tools=[inner.as_tool("ask_till", "Ask the till.")], model="m")
    model = script(
        Answer(calls=[("ask_till", {"input": "charge it"})]),
        Answer(calls=[("charge", {"what": "seat"})]),
        Answer("Charged."),
        Answer("All done."),
    )
    async with staffed(tmp_path, model, AGENT_PATH=named(agent)) as (it, mia):
        assert await it.ask("charge the seat") == "All done."
        rows = [row["data"]["tool"] for row in (await mia.shown())["timeline"] if row["name"] == "tool"]
        known = await it.store.effect_known((await it.conversation()).subject, "no such key")
    assert charged == ["seat"]
    assert rows == ["charge", "ask_till"]
    assert CARD not in str(model.requests)
    assert not known


# --- handoffs ---------------------------------------------------------------------------------------------------


@pytest.mark.promise("G2")
async def test_whoever_was_handed_the_conversation_keeps_it_until_it_is_handed_back(
    tmp_path: Path, named: Named
) -> None:
    seats = Agent("Seats", instructions="You are the seat desk.", model="m")
    triage = Agent("Triage", instructions="You are the triage.", handoffs=[seats], model="m")
    seats.handoffs.append(triage)
    path = named(triage)
    model = script(
        Answer(calls=[("transfer_to_seats", {})]),
        Answer("Which seat?"),
        Answer("12A it is."),
        Answer(calls=[("transfer_to_triage", {})]),
        Answer("Anything else?"),
        Answer("Goodbye then."),
    )
    async with running(tmp_path, model, AGENT_PATH=path) as it:
        await it.ask("I want another seat")
        await it.ask("12A")
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, model, AGENT_PATH=path) as it:
        async with dial(it) as call:
            await call.ask("back to the start please")
            await taken(it, 3)
        await it.ask("no")
    asked = ["seat" if "seat desk" in request["instructions"] else "triage" for request in model.requests]
    assert asked == ["triage", "seat", "seat", "seat", "triage", "triage"]


# --- MCP servers ------------------------------------------------------------------------------------------------

SERVER = '''
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("desk")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def look(what: str) -> str:
    """Look something up."""
    return f"{what}: card 4111 1111 1111 1111"


@server.tool()
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


server.run()
'''


def with_server(folder: Path, **options: Any) -> Agent[Any]:
    file = folder / "desk_server.py"
    file.write_text(SERVER)
    desk = MCPServerStdio(params={"command": sys.executable, "args": [str(file)]}, name="desk", **options)
    return Agent("Desk", mcp_servers=[desk], model="m")


async def test_tools_of_an_mcp_server_wait_for_staff_are_masked_and_run_once(tmp_path: Path, named: Named) -> None:
    agent = with_server(
        tmp_path, client_session_timeout_seconds=20, require_approval={"always": {"tool_names": ["pay"]}}
    )
    model = script(
        Answer(calls=[("look", {"what": "fee"}), ("pay", {"amount": 5})]),
        Answer("A colleague decides."),
        Answer("Paid."),
    )
    async with staffed(tmp_path, model, AGENT_PATH=named(agent)) as (it, mia):
        assert await it.ask("pay the fee") == "A colleague decides."
        await mia.decide(await mia.waiting_approval("pay"), approved=True)
        await it.hear(2)
        (done,) = (await mia.shown())["approvals"]
    assert (done["status"], done["result"]) == ("executed", "paid 5")
    assert "fee: card" in str(model.inputs[1])
    assert CARD not in str(model.requests)


async def test_an_mcp_server_that_does_not_answer_stops_the_start(tmp_path: Path, named: Named) -> None:
    gone = MCPServerStdio(params={"command": sys.executable, "args": ["-c", "raise SystemExit(1)"]}, name="gone")
    with pytest.raises(ConfigurationError, match="the MCP server 'gone' does not answer"):
        async with open_gateway(
            settings_of(tmp_path, AGENT_PATH=named(Agent("Desk", mcp_servers=[gone]))),
            shop_file=tmp_path / "shop.sqlite3",
        ):
            pass


# --- refused at start -------------------------------------------------------------------------------------------


class Wordless(BaseModel):
    score: int


@pytest.mark.parametrize(
    ("agent", "mode", "sentence"),
    [
        (Agent("A", output_type=Wordless), "responses", "output_type Wordless has no field that is the answer"),
        (Agent("A", output_type=list[str]), "responses", "has no field that is the answer"),
        (Agent[Demanding](name="A"), "responses", "a context Demanding, which cannot be made without arguments"),
        (Agent("A", tools=[WebSearchTool()]), "chat_completions", "takes OPENAI_API_MODE=responses"),
        (Agent("A", tools=[FileSearchTool(vector_store_ids=["v"])]), "chat_completions", "OPENAI_API_MODE=responses"),
        (
            Agent(
                "A",
                tools=[HostedMCPTool(tool_config={"type": "mcp", "server_label": "d", "require_approval": "never"})],
            ),
            "responses",
            "past approvals, masking and the ledger of effects",
        ),
        (Agent("A", tools=[LocalShellTool(executor=print)]), "responses", "is a LocalShellTool, which is not run here"),
        (
            Agent("A", tools=[Agent("B", tools=[LocalShellTool(executor=print)]).as_tool("b", "B")]),
            "responses",
            "is a LocalShellTool, which is not run here",
        ),
    ],
)
async def test_what_cannot_be_served_is_refused_at_start_and_by_check(
    tmp_path: Path, named: Named, agent: Agent[Any], mode: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from tandem.commands.check import check

    settings = settings_of(tmp_path, AGENT_PATH=named(agent), OPENAI_API_MODE=mode)
    with pytest.raises(ConfigurationError, match=sentence.replace("(", r"\(")):
        async with open_gateway(settings, shop_file=tmp_path / "shop.sqlite3"):
            pass
    assert await check(online=False, load=lambda: settings) == 1
    assert sentence in capsys.readouterr().out


async def test_hosted_tools_are_served_by_the_service_that_has_them(tmp_path: Path, named: Named) -> None:
    path = named(Agent("A", tools=[WebSearchTool()], model="m"))
    async with running(tmp_path, script(Answer("Found it.")), AGENT_PATH=path) as it:
        assert await it.ask("search") == "Found it."
