"""Scenario files: what is read, and what is said of those that cannot be."""

from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.evaluation.reading import SHIPPED, check_tools, read_scenarios
from tandem.evaluation.scenario import Scenario

pytestmark = pytest.mark.promise("G6")


def read(folder: Path, text: str) -> tuple[Scenario, ...]:
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    return read_scenarios([folder])


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        read(folder, text)
    return raised.value.problems


def test_values_are_what_they_look_like(tmp_path: Path) -> None:
    """YAML 1.1 would read a number, a truth value, a time and a date."""
    (one,) = read(
        tmp_path,
        """
        - name: plain
          from: +15559876543
          turns: [no, 12:30, say it on 2026-11-30]
          expect:
            tools: [order_status, {process_refund: {amount: 20, order_id: /12345/}}]
            says: shipped
        """,
    )
    assert [turn.say for turn in one.turns] == ["no", "12:30", "say it on 2026-11-30"]
    assert (one.number, one.group, one.expect.says) == ("+15559876543", "own", ("shipped",))
    assert [(call.tool, call.arguments) for call in one.expect.tools] == [
        ("order_status", {}),
        ("process_refund", {"amount": 20, "order_id": "/12345/"}),
    ]


def test_one_scenario_need_not_be_a_list(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "name: alone\nturns: [hello]\nstaff: approve")
    assert one.staff["*"].decide == "approve"


WRONG = {
    "no YAML": ("- name: [", "line 1: this is no YAML"),
    "a key twice": ("- name: a\n  name: b\n  turns: [x]", "line 1: this is no YAML ('name' stands there twice)"),
    "an alias": ("- {name: a, turns: [&x hello, *x]}", "line 1: this is no YAML (aliases are not taken; write it out)"),
    "a tag that does not fit": ("- {name: a, turns: [!!int x]}", "it cannot be read (ValueError)"),
    "a date that is none": ("- {name: a, turns: [!!timestamp x]}", "it cannot be read (AttributeError)"),
    "too many brackets": ("[" * 2000, "it cannot be read (RecursionError)"),
    "a list of words": ("- hello", "scenario 1: it: input should be a valid dictionary"),
    "an unknown key": ("- {name: a, turns: [x], expects: {}}", "expects is not known; expect may be meant."),
    "an unknown key inside": (
        "- {name: a, turns: [x], expect: {aprovals: [y]}}",
        "expect.aprovals is not known; approvals may be meant.",
    ),
    "a number that is none": (
        "- {name: a, turns: [x], from: nobody}",
        "from must be a telephone number",
    ),
    "neither turns nor a customer": ("- {name: a}", "it needs turns or a customer, and not both"),
    "both": ("- {name: a, turns: [x], customer: {goal: y}}", "it needs turns or a customer, and not both"),
    "keys by text": ("- {name: a, turns: [{press: '1'}]}", "which needs the phone"),
    "two things in one turn": (
        "- {name: a, turns: [{say: x, press: '1'}]}",
        "turns must be each one of",
    ),
    "an interruption of nothing": ("- {name: a, channel: phone, turns: [{say: x, when_heard: y}]}", "its first turn"),
    "a tool that must and must not": (
        "- {name: a, turns: [x], expect: {tools: [y], not_tools: [y]}}",
        "y must and must not be called",
    ),
    "a tool where none may be": (
        "- {name: a, turns: [x], expect: {tools: [y], not_tools: ['*']}}",
        "y must and must not be called",
    ),
    "words that must and must not": (
        "- {name: a, turns: [x], expect: {says: Yes, never_says: yes}}",
        "'yes' must and must not be said",
    ),
    "a request that waits and is decided": (
        "- {name: a, turns: [x], staff: approve, expect: {approvals: [{tool: y, status: pending}]}}",
        "y must still wait at the end, but staff decide about it",
    ),
    "a request that is executed by nobody": (
        "- {name: a, turns: [x], expect: {approvals: [{tool: y, status: executed}]}}",
        "y must be executed, but staff decide nothing about it",
    ),
    "more turns than are allowed": ("- {name: a, turns: [x, y], expect: {turns: 1}}", "it has 2 turns"),
    "a rubric offline": ("- {name: a, offline: true, turns: [x], expect: {rubric: z}}", "it is offline, but a model"),
    "no regular expression": (
        "- {name: a, turns: [x], expect: {says: '/(/'}}",
        "are a regular expression (",
    ),
    "a language that is not known": (
        "- {name: a, turns: [x], expect: {language: xx}}",
        "one that can be told: en",
    ),
    "an order of nobody": (
        "- {name: a, turns: [x], shop: {orders: {ORD_1: {lines: []}}}}",
        "order ORD_1 belongs to no customer",
    ),
    "a hidden number that writes": ("- {name: a, from: anonymous, turns: [x]}", "can call, and not write"),
    "a name twice": ("[{name: a, turns: [x]}, {name: a, turns: [y]}]", "there is another scenario of the name 'a'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, name: str) -> None:
    text, expected = WRONG[name]
    (said,) = problems(tmp_path, text)
    assert said.startswith(str(tmp_path / "own.yaml"))
    assert expected in said


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "first.yaml").write_text("- name: [", encoding="utf-8")
    assert len(problems(tmp_path, "[{name: a}, {name: b, turns: [x], far: 1}]")) == 3


def test_a_place_without_scenarios_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no scenarios are there"):
        read_scenarios([tmp_path / "nowhere"])


def test_a_tool_that_the_agent_does_not_have_is_named(tmp_path: Path) -> None:
    scenarios = read(tmp_path, "- {name: a, turns: [x], expect: {tools: [process_refnd], not_tools: ['*x']}}")
    with pytest.raises(ConfigurationError) as raised:
        check_tools(scenarios, ["process_refund", "*x"])
    assert raised.value.problems == ("a: the agent has no tool 'process_refnd'; is 'process_refund' meant?",)


def test_the_readme_says_how_many_are_shipped() -> None:
    shipped = read_scenarios([SHIPPED])
    attacks = [one for one in shipped if one.group == "attacks"]
    offline = [one for one in shipped if one.offline]
    page = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    said = f"{len(attacks)} of the {len(shipped)} shipped scenarios attack it; {len(offline)} need no account:"
    assert said in page
