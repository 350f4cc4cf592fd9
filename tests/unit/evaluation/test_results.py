"""Figures and reports of trials."""

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tandem.evaluation.page import page
from tandem.evaluation.report import compared, junit, line_of, summary
from tandem.evaluation.result import pass_hat, read_trials, scores, written
from tandem.evaluation.trial import Call, State, TranscriptLine, Trial

pytestmark = pytest.mark.promise("G6")
EVIL = "<script>alert(1)</script>\x07 ]]> & \U0001f600"


def trial(scenario: str, state: State = "passed", *, number: int = 1, agent: str = "ours") -> Trial:
    return Trial(
        scenario=scenario,
        group="orders",
        agent=agent,
        number=number,
        digest="abc",
        state=state,
        problems=[] if state == "passed" else [f"{EVIL} was said"],
        lines=[TranscriptLine("customer", EVIL, "text"), TranscriptLine("agent", "Hello", "text", 0.5)],
        calls=(Call("order_status", {"order_id": EVIL}, "done"),),
        turns=1,
        tokens=120,
        seconds=1.25,
        waits=[0.5],
    )


def test_pass_hat_is_the_chance_that_all_of_k_pass() -> None:
    states: list[State] = ["passed", "passed", "failed", "passed"]
    found = scores([
        *(trial("a", state, number=number) for number, state in enumerate(states, 1)),
        *(trial("b", number=number) for number in range(1, 5)),
    ])  # fmt: skip
    assert pass_hat(found) == pytest.approx({1: 0.875, 2: 0.75, 3: 0.625, 4: 0.5})


def test_what_could_not_be_run_is_neither_good_nor_bad() -> None:
    found = scores([trial("a"), trial("b", "error")])
    assert pass_hat(found) == {1: 1.0}
    assert [score.state for score in found] == ["passed", "error"]
    assert pass_hat(scores([trial("b", "error")])) == {}


def test_results_are_read_as_they_were_written_but_for_a_line_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    first, second = trial("a\u2028\x85"), trial("b", "failed", number=2)
    assert read_trials(file) == {}
    file.write_bytes((written(first) + written(second) + written(trial("c"))[:40] + "é").encode()[:-1])
    assert read_trials(file) == {first.key: first, second.key: second}


def test_the_terminal_is_told_each_trial_and_where_agents_differ() -> None:
    trials = [trial("a"), trial("a", "failed", agent="theirs"), trial("b"), trial("b", agent="theirs")]
    assert line_of(trials[1]).splitlines()[0].startswith("FAILED")
    found = scores(trials)
    lines = list(summary(found))
    assert lines[0] == "ours: 2 of 2 scenarios passed, 2 conversations"
    assert "pass^1 50%" in lines[3]
    assert list(compared(found)) == ["  a: ours 1/1, theirs 0/1"]


def test_junit_is_xml_whatever_was_said() -> None:
    root = Xml.fromstring(junit(scores([trial("a"), trial("b", "failed"), trial("c", "error")])))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert [case.get("name") for case in suite] == ["a #1", "b #1", "c #1"]
    assert [[child.tag for child in case] for case in suite] == [
        ["system-out"],
        ["failure", "system-out"],
        ["error", "system-out"],
    ]


def test_the_page_holds_words_as_text_and_states_in_words() -> None:
    made = page(scores([trial("a"), trial("b", "failed")]), at=0.0, note="1 conversation was not tried")
    assert "<script" not in made
    assert "&lt;script&gt;" in made
    assert made.count(">FAILED<") == 2  # in the table, and at the conversation
    assert "1 conversation was not tried" in made
    assert "http" not in made.replace("http-equiv", "")  # nothing is fetched
