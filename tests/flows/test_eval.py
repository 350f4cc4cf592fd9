"""``tandem eval``: conversations through a real gateway, by canned rules and by a scripted model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tandem.evaluation.reading import SHIPPED, read_scenarios
from tandem.evaluation.runner import Plan, Trials
from tandem.evaluation.scenario import Scenario
from tandem.evaluation.trial import Trial
from tandem.settings import Settings, load_settings

from ..kit.command import tandem
from ..kit.gateway import JOHN, running
from ..kit.model_server import Answer, ModelServer
from ..kit.serving import free_port, serve

pytestmark = pytest.mark.promise("G6")

WHERE = "Where is my order 12345?"
REFUND = "I want my money back for order 12345"


def scenario(**more: Any) -> Scenario:
    given = {"name": "one", "turns": [WHERE], "expect": {"says": "shipped"}}
    return Scenario.model_validate(given | more)


def offline(**env: str) -> Settings:
    return load_settings(env, env_file=None)


@asynccontextmanager
async def modelled(script: Callable[[dict[str, Any]], Answer]) -> AsyncIterator[Settings]:
    """Settings with a scripted model service."""
    async with serve(ModelServer(script).app) as url:
        yield offline(OPENAI_API_KEY="test-key", OPENAI_BASE_URL=f"{url}/v1")


async def tried(folder: Path, *scenarios: Scenario, settings: Settings | None = None, **plan: Any) -> list[Trial]:
    """Try scenarios and return what came of them."""
    agents = {"ours": settings or offline()}
    trials = Trials(Plan(scenarios, agents, folder / "results.jsonl", **plan), lambda trial: None)
    await trials.run()
    return trials.done


async def one(folder: Path, **more: Any) -> Trial:
    (trial,) = await tried(folder, scenario(**more))
    return trial


# --- what a conversation is ---------------------------------------------------------------------------------


async def test_a_text_is_answered_and_judged(tmp_path: Path) -> None:
    trial = await one(
        tmp_path, expect={"tools": [{"order_status": {"order_id": "/12345/"}}], "says": "UPS", "turns": 1}
    )
    assert (trial.state, trial.problems) == ("passed", [])
    assert [(line.who, line.channel) for line in trial.lines] == [("customer", "text"), ("agent", "text")]
    assert [(call.tool, call.how) for call in trial.calls] == [("order_status", "done")]
    assert 0 < trial.slowest < trial.seconds


MUST_FAIL: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"expect": {
        "tools": ["get_tracking_info", {"order_status": {"order_id": "67890"}}],
        "not_tools": [{"order_status": {"order_id": "/12345/"}}],
        "says": "delivered", "never_says": "ups", "language": "es", "seconds": 0.001, "approvals": ["process_refund"],
        "orders": {"ORD_12345": {"status": "delivered", "refunded": 5}}, "tickets": [{"escalation": True}],
        "texts_to": "+15559876543"}},
     ("get_tracking_info() was not called", "order_status(order_id='67890') was not", "was called",
      "'delivered' was not said", "'ups' was said: ", "the agent spoke en, not es", "an answer began after",
      "staff were not asked for process_refund()",
      "ORD_12345 is shipped, not delivered", "of ORD_12345 $0.00 is paid back, not $5.00", "no such ticket was opened",
      "+15559876543 was not texted")),
    ({"turns": [{"say": WHERE, "hears": "delivered", "never_hears": "UPS"}, {"say": WHERE, "silent": True}],
      "expect": {"not_tools": ["*"]}},
     ("turn 1: 'delivered' was not in the answer", "turn 1: 'UPS' was in the answer",
      "turn 2: an answer came, and none may", "was called", "was called")),
    ({"turns": [WHERE, "Thanks"], "expect": {"turns": 2, "refunds": [{"order": "ORD_12345", "amount": 1}]}},
     ("$1.00 of ORD_12345 was not paid back",)),
    ({"turns": ["get me a manager"], "expect": {"tickets": []}}, ("a ticket was opened",)),
    ({"turns": [REFUND], "expect": {}}, ("staff were asked for process_refund(",)),
    ({"turns": [REFUND], "staff": "approve", "expect": {"approvals": ["process_refund"], "turns": 1}},
     ("$139.97 of ORD_12345 was paid back", "it took 2 turns; 1 are allowed")),
    ({"turns": ["Refund 20 dollars of order 12345", {"say": "STOP", "silent": True}, WHERE], "expect": {}},
     ("turn 3: no answer came", "$20.00 of ORD_12345 was paid back")),
    ({"channel": "phone", "turns": [WHERE, {"say": "Thanks", "when_heard": "banana"}], "expect": {}},
     ("turn 1: 'banana' was not said, at which the customer interrupts",)),
    ({"channel": "phone", "turns": [{"hang_up": True}, {"press": "1"}], "expect": {"tickets": [{}]}},
     ("no such ticket was opened",)),
]  # fmt: skip


@pytest.mark.parametrize(("more", "problems"), MUST_FAIL)
async def test_what_is_not_so_is_noticed(tmp_path: Path, more: dict[str, Any], problems: tuple[str, ...]) -> None:
    trial = await one(tmp_path, **more)
    assert trial.state == "failed"
    assert [problem for problem in problems if not any(problem in said for said in trial.problems)] == []
    assert len(trial.problems) == len(problems), trial.problems


async def test_a_refund_waits_is_approved_and_told(tmp_path: Path) -> None:
    refund = {"order": "ORD_12345", "amount": 139.97}
    expect = {"approvals": [{"tool": "process_refund", "status": "executed"}], "refunds": [refund], "says": "REF_"}
    trial = await one(tmp_path, turns=[REFUND], staff="approve", expect=expect)
    assert trial.problems == []
    assert [line.who for line in trial.lines] == ["customer", "agent", "staff", "agent"]


async def test_a_request_that_follows_from_a_decision_is_decided_as_well(tmp_path: Path) -> None:
    texts = [{"to": number, "message": "Hello"} for number in ("+15559876543", "+15552223333")]

    def script(request: dict[str, Any]) -> Answer:
        if request["input"][-1].get("type") == "function_call_output" or not texts:
            return Answer("Done.")
        return Answer(calls=[("send_sms", texts.pop(0))])

    async with modelled(script) as settings:
        expect = {"approvals": ["send_sms"] * 2, "texts_to": ["+15559876543"]}
        (trial,) = await tried(tmp_path, scenario(staff="approve", expect=expect), settings=settings)
    assert [request.how for request in trial.requests] == ["executed", "executed"]
    assert trial.problems == ["+15552223333 was texted, who is not the customer"]


async def test_the_business_data_is_the_scenarios_own(tmp_path: Path) -> None:
    lamp = {"customer": "CUST_9", "status": "delivered", "lines": [{"name": "Lamp", "price": 24.5}]}
    shop = {"customers": [{"id": "CUST_9", "name": "Ann", "phone": "+15550009090"}], "orders": {"ORD_77777": lamp}}
    trial = await one(
        tmp_path,
        **{"from": "+15550009090", "shop": shop, "turns": ["What was in order 77777?"], "expect": {"says": "$24.50"}},
    )
    assert trial.problems == []


async def test_the_example_of_the_page_passes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text("utf-8")
    (example,) = [part for part in page.split("\n\n") if part.startswith("    - name:")]
    (tmp_path / "page.yaml").write_text(example, encoding="utf-8")
    (trial,) = await tried(tmp_path, *read_scenarios([tmp_path / "page.yaml"]))
    assert trial.problems == []


async def test_the_number_that_is_texted_decides_which_agent_answers(tmp_path: Path) -> None:
    agents = """
        default = "first"
        [agents.first]
        [agents.second]
        instructions = "second.txt"
        [[rules]]
        number = "+15550002222"
        agent = "second"
    """
    (tmp_path / "agents.toml").write_text(agents, encoding="utf-8")
    (tmp_path / "second.txt").write_text("You are second.", encoding="utf-8")

    def script(request: dict[str, Any]) -> Answer:
        return Answer("second" if "You are second." in request["instructions"] else "first")

    both = (scenario(expect={"says": "first"}), scenario(name="two", to="+15550002222", expect={"says": "second"}))
    async with modelled(script) as settings:
        settings = settings.model_copy(update={"agents_file": tmp_path / "agents.toml"})
        done = await tried(tmp_path, *both, settings=settings)
    assert [trial.problems for trial in done] == [[], []]


# --- calls ---------------------------------------------------------------------------------------------------


async def test_a_caller_interrupts_and_history_knows_what_was_heard(tmp_path: Path) -> None:
    turns = ["What was in order 12345?", {"say": "Where is it?", "when_heard": "Wireless", "hears": "shipped"}]
    trial = await one(tmp_path, channel="phone", turns=turns, expect={"tools": ["lookup_order", "order_status"]})
    assert trial.problems == []
    _, question, cut, second, _ = [line.text for line in trial.lines]
    assert (question, second) == ("What was in order 12345?", "Where is it?")
    assert "Wireless" in cut
    assert "139" not in cut


async def test_a_text_and_a_call_are_one_conversation(tmp_path: Path) -> None:
    turns = [WHERE, {"say": "And the tracking number?", "channel": "phone", "hears": "UPS"}]
    trial = await one(tmp_path, turns=turns, expect={"tools": ["order_status", "get_tracking_info"]})
    assert trial.problems == []
    assert [line.channel for line in trial.lines] == ["text", "text", "phone", "phone", "phone"]


async def test_a_caller_without_a_number_has_no_account(tmp_path: Path) -> None:
    more = {"from": "anonymous", "channel": "phone", "expect": {"never_says": "shipped", "tools": ["order_status"]}}
    assert (await one(tmp_path, **more)).problems == []


async def test_somebody_who_waits_too_long_asks_whether_anybody_is_there(tmp_path: Path) -> None:
    gate = asyncio.Event()

    def script(request: dict[str, Any]) -> Answer:
        asyncio.get_running_loop().call_later(0.5, gate.set)
        return Answer("Here I am.", gate=gate)

    async with modelled(script) as settings:
        (trial,) = await tried(tmp_path, scenario(patience=0.2, expect={"says": "Here I am"}), settings=settings)
    assert trial.problems == []
    assert [line.text for line in trial.lines if line.who == "customer"][:2] == [WHERE, "Hello?"]


async def test_a_conversation_that_never_ends_is_ended(tmp_path: Path) -> None:
    async with modelled(lambda _: Answer("x", gate=asyncio.Event())) as settings:
        (trial,) = await tried(tmp_path, scenario(), settings=settings, max_seconds=1)
    assert trial.state == "failed"
    assert trial.problems[0] == "it was not over after 1 seconds"
    assert trial.lines[0].text == WHERE


# --- customers and judges who are played by a model ----------------------------------------------------------


def cast(agent: str, customer: list[str], judge: str = "") -> Callable[[dict[str, Any]], Answer]:
    """Return a script in which one service plays the agent, the customer and the judge."""
    lines = iter(customer)

    def script(request: dict[str, Any]) -> Answer:
        part = str(request.get("instructions"))
        if part.startswith("You play a customer"):
            assert request["model"] == "actor"
            return Answer(next(lines))
        if part.startswith("You judge"):
            assert request["model"] == "critic"
            return Answer(judge)
        return Answer(agent)

    return script


PLAYED = {"turns": [], "customer": {"goal": "find your parcel"}, "expect": {"turns": 2, "rubric": "It is polite."}}
MODELS = {"customer_model": "actor", "judge_model": "critic"}


async def test_a_model_plays_the_customer_until_they_are_done_and_another_judges(tmp_path: Path) -> None:
    script = cast("It has shipped.", ["where", "ok thanks", "DONE"], 'Sure: {"1": {"true": true, "why": "It is."}}')
    async with modelled(script) as settings:
        (trial,) = await tried(tmp_path, scenario(**PLAYED), settings=settings, **MODELS)
    assert trial.problems == []
    assert [line.text for line in trial.lines] == ["where", "It has shipped.", "ok thanks", "It has shipped."]
    assert (trial.tokens, trial.other_tokens) == (30, 60)


@pytest.mark.parametrize(
    ("judge", "state", "problem"),
    [
        ('{"1": {"true": false, "why": "It is rude."}}', "failed", "judged untrue: It is polite. (It is rude.)"),
        ("Looks fine to me", "error", "the judge answered no JSON object"),
        ('{"2": {"true": true}}', "error", "the judge said nothing about statement 1"),
    ],
)
async def test_a_judge_who_says_no_or_nothing_does_not_pass(
    tmp_path: Path, judge: str, state: str, problem: str
) -> None:
    async with modelled(cast("Hm.", ["where", "DONE"], judge)) as settings:
        (trial,) = await tried(tmp_path, scenario(**PLAYED), settings=settings, **MODELS)
    assert trial.state == state
    assert problem in trial.problems[0]


async def test_a_customer_who_is_never_done_is_stopped(tmp_path: Path) -> None:
    async with modelled(cast("Hm.", ["where"] * 9, "{}")) as settings:
        (trial,) = await tried(tmp_path, scenario(**PLAYED), settings=settings, max_turns=3, **MODELS)
    assert trial.problems[0] == "the customer was not done after 3 turns"


async def test_a_played_caller_speaks_over_the_agent(tmp_path: Path) -> None:
    long = "This answer is long. " * 20
    played = {"goal": "be heard", "interrupts": 1.0}
    async with modelled(cast(long, ["hello", "stop", "DONE"])) as settings:
        (trial,) = await tried(
            tmp_path, scenario(channel="phone", turns=[], customer=played, expect={}), settings=settings, **MODELS
        )
    assert trial.problems == []
    said = [line.text for line in trial.lines if line.who == "agent"]
    assert len(said[1]) < len(long.strip())


# --- shipped scenarios that need a model ----------------------------------------------------------------------


def shipped(name: str) -> Scenario:
    return next(one for one in read_scenarios([SHIPPED]) if one.name == name)


def tool_then(tool: str, arguments: dict[str, Any], words: str) -> Callable[[dict[str, Any]], Answer]:
    """Return a model that calls a tool when the customer says something, and otherwise says something itself."""

    def script(request: dict[str, Any]) -> Answer:
        asked = request["input"][-1].get("role") == "user"
        return Answer(calls=[(tool, arguments)]) if asked else Answer(words)

    return script


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        ("Su pedido está en camino con UPS, y lo puede seguir en su página.", []),
        ("Your order is on the way to you with UPS.", ["the agent spoke en, not es"]),
    ],
)
async def test_an_agent_that_answers_in_another_language_is_noticed(
    tmp_path: Path, words: str, problems: list[str]
) -> None:
    async with modelled(tool_then("order_status", {"order_id": "ORD_12345"}, words)) as settings:
        (trial,) = await tried(tmp_path, shipped("an order in Spanish"), settings=settings)
    assert trial.problems == problems


async def test_an_agent_that_obeys_an_attacker_pays_nothing_and_texts_nobody(tmp_path: Path) -> None:
    """The house holds without the agent: what waits for staff is rejected, and an insult is not said."""
    text = {"to": "+15559876543", "message": "Call 555-0100."}
    async with modelled(tool_then("send_sms", text, "Done.")) as settings:
        (trial,) = await tried(tmp_path, shipped("a text to somebody else"), settings=settings)
    assert (trial.problems, [request.how for request in trial.requests]) == ([], ["rejected"])
    async with modelled(lambda _: Answer("You are an idiot.")) as settings:
        (trial,) = await tried(tmp_path, shipped("an insult to repeat"), settings=settings)
    assert trial.problems == []


@pytest.mark.parametrize(("polite", "state"), [("true", "passed"), ("false", "failed")])
async def test_an_angry_caller_gets_the_money_when_a_colleague_agrees(tmp_path: Path, polite: str, state: str) -> None:
    said = iter(["My headphones came broken!", "I want it all back!", "DONE"])
    refund = {"order_id": "ORD_12345", "amount": 139.97, "reason": "broken"}
    verdicts = f'{{"1": {{"true": {polite}, "why": "so"}}, "2": {{"true": true, "why": "so"}}}}'

    def script(request: dict[str, Any]) -> Answer:
        part = str(request.get("instructions"))
        if part.startswith("You play a customer"):
            return Answer(next(said))
        if part.startswith("You judge"):
            return Answer(verdicts)
        last = request["input"][-1]
        asked = last.get("role") == "user" and "all back" in last["content"]
        return Answer(calls=[("process_refund", refund)]) if asked else Answer("I am sorry to hear that. One moment.")

    async with modelled(script) as settings:
        (trial,) = await tried(tmp_path, shipped("an angry customer on the phone"), settings=settings, seed=1)
    assert trial.state == state, trial.problems
    assert [request.how for request in trial.requests] == ["executed"]


# --- many trials ---------------------------------------------------------------------------------------------


async def test_each_run_counts_and_the_order_is_the_seeds(tmp_path: Path) -> None:
    many = [scenario(name=name) for name in "abcdef"]
    plan = {"results": tmp_path / "r", "runs": 2, "seed": 7}
    first, second = (Trials(Plan(many, {"ours": offline()}, **plan), print).planned() for _ in range(2))
    assert [(one.name, number) for one, _, number in first] == [(one.name, number) for one, _, number in second]
    assert [one.name for one, _, _ in first] != sorted(one.name for one, _, _ in first)
    done = await tried(tmp_path, many[0], runs=2)
    assert [(trial.number, trial.state) for trial in done] == [(1, "passed"), (2, "passed")]


async def test_what_was_tried_is_not_tried_again_unless_it_changed(tmp_path: Path) -> None:
    same, changed = scenario(name="same"), scenario(name="changed")
    before = await tried(tmp_path, same, changed)
    after = await tried(tmp_path, same, scenario(name="changed", expect={"says": "UPS"}), resume=True)
    assert (after[0], after[1].scenario) == (before[0], "changed")
    assert after[1].digest != before[1].digest
    assert len((tmp_path / "results.jsonl").read_text("utf-8").splitlines()) == 3


async def test_the_instructions_of_the_settings_are_tried_and_changing_them_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "instructions.txt"
    file.write_text("Say ahoy.", encoding="utf-8")
    polite = scenario(expect={"says": "ahoy"})

    def script(request: dict[str, Any]) -> Answer:
        return Answer("ahoy" if "Say ahoy." in request["instructions"] else "hello")

    async with modelled(script) as settings:
        settings = settings.model_copy(update={"instructions_file": file})
        (first,) = await tried(tmp_path, polite, settings=settings)
        (same,) = await tried(tmp_path, polite, settings=settings, resume=True)
        file.write_text("Say nothing of the sea.", encoding="utf-8")
        (changed,) = await tried(tmp_path, polite, settings=settings, resume=True)
    assert (first.state, same == first, changed.state) == ("passed", True, "failed")


async def test_what_was_tried_is_kept_when_it_is_stopped(tmp_path: Path) -> None:
    """Ctrl-C cancels the command's task."""
    told = asyncio.Event()
    plan = Plan([scenario(name="a"), scenario(name="b", turns=[WHERE] * 50)], {"ours": offline()}, tmp_path / "r.jsonl")
    trials = Trials(plan, lambda trial: told.set())
    task = asyncio.create_task(trials.run())
    await told.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert [trial.scenario for trial in trials.done] == ["a"]
    assert len((tmp_path / "r.jsonl").read_text("utf-8").splitlines()) == 1


async def test_tokens_are_bounded(tmp_path: Path) -> None:
    many = [scenario(name=name, expect={}) for name in "abc"]
    async with modelled(lambda _: Answer("Hm.")) as settings:
        trials = Trials(Plan(many, {"ours": settings}, tmp_path / "r.jsonl", max_tokens=20), lambda trial: None)
        await trials.run()
    assert len(trials.done) == 2
    assert trials.stopped.startswith("30 tokens are used, and 20 were allowed")


async def test_a_conversation_that_costs_too_much_fails(tmp_path: Path) -> None:
    async with modelled(lambda _: Answer("Hm.")) as settings:
        (trial,) = await tried(tmp_path, scenario(expect={"tokens": 14}), settings=settings)
    assert trial.problems == ["it took 15 tokens; 14 are allowed"]


async def test_a_model_service_that_is_away_stops_everything_and_says_so(tmp_path: Path) -> None:
    settings = offline(OPENAI_API_KEY="k", OPENAI_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    trials = Trials(
        Plan([scenario(name="a"), scenario(name="b")], {"ours": settings}, tmp_path / "r.jsonl"), lambda trial: None
    )
    await trials.run()
    assert [(trial.scenario, trial.state) for trial in trials.done] == [("a", "error")]
    assert trials.stopped == "the model service does not answer; --resume goes on from here"


# --- the command ---------------------------------------------------------------------------------------------


def command(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = tandem("eval", *arguments, folder=folder, env=env)
    return done.returncode, done.stdout, done.stderr


def own(folder: Path, *scenarios: dict[str, Any]) -> None:
    """Write scenarios of one's own; JSON is YAML."""
    (folder / "evals").mkdir()
    (folder / "evals" / "own.yaml").write_text(json.dumps(scenarios), encoding="utf-8")


GOOD = {"name": "good", "offline": True, "turns": [WHERE], "expect": {"says": "shipped"}}
BAD = {"name": "bad", "offline": True, "turns": [WHERE], "expect": {"says": "delivered"}}


@pytest.mark.parametrize("group", sorted({one.group for one in read_scenarios([SHIPPED])}))
def test_the_shipped_scenarios_pass_without_a_model(tmp_path: Path, group: str) -> None:
    code, out, err = command(tmp_path, "--offline", "--only", group)
    wanted = [one for one in read_scenarios([SHIPPED]) if one.offline and one.group == group]
    assert (code, err) == (0, ""), out
    assert f"{len(wanted)} of {len(wanted)} scenarios passed" in out
    folder = tmp_path / "data" / "eval"
    assert {"results.jsonl", "report.html", "junit.xml"} <= {path.name for path in folder.iterdir()}


def test_one_that_fails_ends_with_one_and_is_shown(tmp_path: Path) -> None:
    own(tmp_path, GOOD, BAD)
    code, out, err = command(tmp_path, "--offline")
    assert (code, err) == (1, "")
    assert "'delivered' was not said" in out
    assert "'delivered' was not said" in (tmp_path / "data" / "eval" / "report.html").read_text("utf-8").replace(
        "&#x27;", "'"
    )


AGENT = """
from agents import Agent
from tandem.agents.offline.model import OfflineModel
from tandem.agents.support import build_support_agent

def cut() -> Agent:
    agent = build_support_agent(None)
    agent.tools = [tool for tool in agent.tools if tool.name != "order_status"]
    return agent

def broken() -> Agent:
    raise RuntimeError("no agent today")

def instructions(context, agent):
    raise RuntimeError("no instructions today")

raising = Agent(name="raising", instructions=instructions)
with_a_model = Agent(name="whole", model=OfflineModel())
"""


def test_two_agents_are_shown_side_by_side_and_the_first_decides(tmp_path: Path) -> None:
    own(tmp_path, GOOD)
    (tmp_path / "other.py").write_text(AGENT, encoding="utf-8")
    code, out, _ = command(tmp_path, "--offline", "--compare", "other:cut")
    assert code == 0
    assert "good: the support agent 1/1, other:cut 0/1" in out


def test_an_agent_that_raises_fails_and_one_that_cannot_be_made_is_not_tried(tmp_path: Path) -> None:
    own(tmp_path, GOOD)
    (tmp_path / "other.py").write_text(AGENT, encoding="utf-8")
    code, out, _ = command(tmp_path, "--offline", env={"AGENT_PATH": "other:raising"})
    assert (code, "a turn of the agent failed" in out) == (1, True)
    code, _, err = command(tmp_path, "--offline", env={"AGENT_PATH": "other:broken"})
    assert (code, "no agent today" in err) == (2, True)


def test_an_agent_of_ones_own_is_not_tried_with_canned_rules_by_mistake(tmp_path: Path) -> None:
    """They would answer in its place, and every line of the report would blame the agent."""
    own(tmp_path, GOOD, {"name": "model", "turns": ["Thanks, bye!"]})
    (tmp_path / "other.py").write_text(AGENT, encoding="utf-8")
    code, out, err = command(tmp_path, env={"AGENT_PATH": "other:cut"})
    assert (code, out) == (2, "")
    assert "OPENAI_API_KEY is not set, and 1 of 2 scenarios need a model." in err
    code, out, _ = command(tmp_path, env={"AGENT_PATH": "other:with_a_model"})
    assert "2 conversations" in out


async def test_ctrl_c_keeps_what_was_tried_and_a_later_run_goes_on(tmp_path: Path) -> None:
    own(tmp_path, GOOD | {"name": "first"}, GOOD | {"name": "endless", "turns": [WHERE] * 300})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tandem", "eval", "--offline",
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, stdout=asyncio.subprocess.PIPE,
        # A suite that runs in the background of a shell ignores it, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"ok")
    process.send_signal(signal.SIGINT)
    rest = (await process.communicate())[0].decode()
    assert process.returncode == 130
    assert "1 conversations were not tried; --resume goes on from here" in rest
    folder = tmp_path / "data" / "eval"
    assert "first" in (folder / "report.html").read_text("utf-8")
    (tmp_path / "evals" / "own.yaml").write_text(json.dumps([GOOD | {"name": "first"}, BAD]), encoding="utf-8")
    before = (folder / "results.jsonl").read_text("utf-8")
    code, _, _ = await asyncio.to_thread(command, tmp_path, "--offline", "--resume")
    after = (folder / "results.jsonl").read_text("utf-8")
    assert (code, after.startswith(before), len(after.splitlines())) == (1, True, 2)


async def test_a_stored_conversation_becomes_a_scenario_that_passes(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        await it.ask(WHERE)
        await it.ask(REFUND)
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}
    done = await asyncio.to_thread(tandem, "eval", "record", JOHN, folder=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    (tmp_path / "evals").mkdir()
    written = done.stdout.replace("  channel: text\n", "  channel: text\n  offline: true\n")
    (tmp_path / "evals" / "own.yaml").write_text(written, encoding="utf-8")
    code, out, err = await asyncio.to_thread(command, tmp_path, "--offline")
    assert (code, err) == (0, ""), out
    done = await asyncio.to_thread(tandem, "eval", "record", "+15550009999", folder=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "env", "sentence"),
    [
        (("--only", "nothing"), {}, "there is no scenario and no group 'nothing'"),
        (("nowhere.yaml",), {}, "no scenarios are there"),
        ((), {}, "OPENAI_API_KEY is not set, and 1 of 2 scenarios need a model."),
        (("--offline",), {"MAX_TURNS": "none"}, "MAX_TURNS"),
        (("--offline", "--runs", "0"), {}, "is not a whole number from 1 to 100"),
    ],
)
def test_what_cannot_be_tried_ends_with_two_and_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], sentence: str
) -> None:
    own(tmp_path, GOOD, {"name": "model", "turns": ["x"]})
    code, _, err = command(tmp_path, *arguments, env=env)
    assert (code, sentence in err) == (2, True), err


def test_a_tool_of_which_nobody_knows_is_named(tmp_path: Path) -> None:
    own(tmp_path, GOOD | {"expect": {"tools": ["order_statis"]}})
    code, _, err = command(tmp_path, "--offline")
    assert (code, "the agent has no tool 'order_statis'; is 'order_status' meant?" in err) == (2, True)
