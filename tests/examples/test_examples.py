"""Each example runs, as somebody would start it from its folder."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tandem.evaluation.reading import read_scenarios
from tandem.evaluation.runner import Plan, Trials
from tandem.settings import load_settings

from ..kit.colleague import staffed
from ..kit.examples import EXAMPLES
from ..kit.gateway import running
from ..kit.model_server import Answer, ModelServer
from ..kit.serving import serve

pytestmark = pytest.mark.promise("P1", "A15", "L2")


async def test_a_tool_of_ones_own_that_only_looks(folder):
    model = ModelServer([Answer(calls=[("points_balance", {})]), Answer("You have none yet.")])
    async with running(folder("tool"), model, AGENT_PATH="points:agent") as gateway:
        assert await gateway.ask("how many points do I have?") == "You have none yet."
    assert model.inputs[1][-1]["output"] == '{"points": 0}'


async def test_a_tool_of_ones_own_that_waits_for_a_colleague(folder):
    model = ModelServer(
        [
            Answer(calls=[("give_points", {"points": 50, "reason": "late parcel"})]),
            Answer("A colleague looks at it."),
            Answer("You have 50 points now."),
        ]
    )
    home = folder("tool")
    async with staffed(home, model, AGENT_PATH="points:agent") as (it, mia):
        assert await it.ask("my parcel was late") == "A colleague looks at it."
        assert not (home / "tool" / "points.jsonl").exists()
        await mia.decide(await mia.waiting_approval("give_points"), approved=True)
        assert (await it.hear(2))[1] == "You have 50 points now."
    (gift,) = (json.loads(line) for line in (home / "tool" / "points.jsonl").read_text().splitlines())
    assert (gift["customer"], gift["points"]) == ("CUST_12345", 50)


@pytest.mark.promise("H5")
async def test_a_tool_of_ones_own_tells_staff_what_it_cannot_do(folder):
    gift = {"points": 5000, "reason": "late parcel"}
    model = ModelServer([Answer(calls=[("give_points", gift)]), Answer("A colleague decides."), Answer("Enjoy them.")])
    async with staffed(folder("tool"), model, AGENT_PATH="points:agent") as (it, mia):
        await it.ask("my parcel was late")
        yes = {"approvalId": (await mia.waiting_approval("give_points"))["id"], "approved": True}
        refused = await mia.post("/approvals", {"decisions": [yes]}, status=400)
        assert "From 1 to 1000 points, with an account." in str(refused)
        await mia.post("/approvals", {"decisions": [{**yes, "arguments": {**gift, "points": 500}}]})
        assert (await it.hear(2))[1] == "Enjoy them."


@pytest.mark.promise("A8")
async def test_articles_of_ones_own(folder):
    home = folder("knowledge")
    async with running(home, KNOWLEDGE_DIR=str(home / "knowledge")) as gateway:
        answer = await gateway.ask("how long is a gift card valid?")
        assert answer.startswith("A gift card is valid for three years.")
        assert (await gateway.ask("is there a lift in Berlin?")).startswith("Open from Monday to Saturday")


async def test_a_store_of_ones_own(folder):
    home = folder("store")
    async with running(home, PERSISTENCE_ADAPTER="journal_store:open_journal_store") as gateway:
        assert await gateway.ask("where is my order?") == "Order 12345 has shipped with UPS, tracking TRK_ABC123."
        assert len((await gateway.conversation()).history) == 1
    async with running(home, PERSISTENCE_ADAPTER="journal_store:open_journal_store") as gateway:
        assert len((await gateway.conversation()).history) == 1
    assert (home / "state" / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def the_workshop(folder: Path) -> None:
    """Write the page's own agent and scenarios into a folder, as a newcomer would copy them."""
    page = (EXAMPLES.parent / "docs/agents.md").read_text("utf-8")
    (folder / "evals").mkdir()
    for name, before, after in (
        ("workshop.py", "in `workshop.py`:\n\n", "\n**3."),
        ("evals/workshop.yaml", "in `evals/workshop.yaml`:\n\n", "\n`tandem eval --runs"),
    ):
        lines = page.partition(before)[2].partition(after)[0]
        (folder / name).write_text(textwrap.dedent(lines), "utf-8")


async def test_the_agent_in_ten_minutes(tmp_path, folder, monkeypatch):
    the_workshop(tmp_path)
    monkeypatch.chdir(tmp_path)
    model = ModelServer(
        [
            Answer(calls=[("free_slots", {})]),
            Answer("Monday or Tuesday?"),
            Answer(calls=[("book_repair", {"slot": "Tuesday 14:00", "machine": "mower"})]),
            Answer("A colleague looks at it."),
            Answer("See you on Tuesday."),
            Answer("You have."),
        ]
    )
    async with staffed(tmp_path, model, AGENT_PATH="workshop:agent") as (it, mia):
        assert await it.ask("my mower is broken, when can I come?") == "Monday or Tuesday?"
        assert await it.ask("Tuesday, please") == "A colleague looks at it."
        await mia.decide(await mia.waiting_approval("book_repair"), approved=True)
        assert (await it.hear(3))[2] == "See you on Tuesday."
        await it.ask("do I have a booking?")
    assert {tool["name"] for tool in model.requests[0]["tools"]} == {
        "free_slots", "book_repair", "escalate_to_human", "withdraw_request",
    }  # fmt: skip
    assert model.inputs[1][-1]["output"] == "Monday 9:00, Tuesday 14:00"
    assert model.requests[0]["instructions"].endswith("They have no booking.")
    assert model.requests[-1]["instructions"].endswith("They have booked Tuesday 14:00 for their mower.")


def a_good_bookkeeper(request: dict[str, Any]) -> Answer:
    """Answer as a model does that follows the workshop's instructions."""
    last = request["input"][-1]
    if last.get("type") == "function_call_output":
        return Answer("A colleague looks at it." if "colleague" in last["output"] else f"Free: {last['output']}")
    words = str(last["content"])
    if "was rejected" in words:
        return Answer("I am sorry, the mechanic is ill.")
    for day, slot in (("Tuesday", "Tuesday 14:00"), ("Monday", "Monday 9:00")):
        if day in words and "staff desk" not in words:
            return Answer(calls=[("book_repair", {"slot": slot, "machine": "mower"})])
    return Answer(calls=[("free_slots", {})]) if "when" in words.lower() else Answer("We look forward to it.")


@pytest.mark.promise("G6")
async def test_the_scenarios_of_the_agent_in_ten_minutes(tmp_path, folder, monkeypatch):
    """Twice each: nothing of one conversation may be left in the next."""
    the_workshop(tmp_path)
    monkeypatch.chdir(tmp_path)
    async with serve(ModelServer(a_good_bookkeeper).app) as url:
        env = {"AGENT_PATH": "workshop:agent", "OPENAI_API_KEY": "a-key", "OPENAI_BASE_URL": f"{url}/v1"}
        agents = {"workshop": load_settings(env, env_file=None)}
        plan = Plan(read_scenarios([Path("evals")]), agents, tmp_path / "results.jsonl", runs=2)
        trials = Trials(plan, lambda trial: None)
        await trials.run()
    assert [(trial.scenario, trial.problems) for trial in trials.done if trial.state != "passed"] == []
    assert len(trials.done) == 10
