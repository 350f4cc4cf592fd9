"""Reports of trials: lines for the terminal, JUnit's XML for build servers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as Xml

from .result import Score, pass_hat
from .trial import Trial

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SIGNS = {"passed": "ok", "failed": "FAILED", "error": "ERROR"}


def agents_of(found: Sequence[Score]) -> list[str]:
    """Return the agents that were tried, the one on trial first."""
    return list(dict.fromkeys(score.agent for score in found))


def line_of(trial: Trial) -> str:
    """Return a trial as it is told while the others go on."""
    cost = f"{trial.seconds:6.1f} s" + (f" {trial.tokens:7,} tokens" if trial.tokens else "")
    first = f"{SIGNS[trial.state]:7}{cost}  {trial.scenario}"
    return "\n".join((first, *(f"         {problem}" for problem in trial.problems)))


def summary(found: Sequence[Score]) -> Iterator[str]:
    """Yield what is to be said of each agent at the end."""
    for agent in agents_of(found):
        own = [score for score in found if score.agent == agent]
        trials = [trial for score in own for trial in score.trials]
        passed = sum(score.state == "passed" for score in own)
        tokens = sum(trial.tokens for trial in trials)
        slowest = max((trial.slowest for trial in trials), default=0.0)
        yield f"{agent}: {passed} of {len(own)} scenarios passed, {len(trials)} conversations"
        rates = ", ".join(f"pass^{k} {rate:.0%}" for k, rate in pass_hat(own).items())
        yield f"  {rates or 'nothing could be run'}; slowest answer {slowest:.2f} s; {tokens:,} tokens"


def compared(found: Sequence[Score]) -> Iterator[str]:
    """Yield the scenarios in which two agents differ."""
    agents = agents_of(found)
    passed = {(score.scenario, score.agent): f"{score.passed}/{len(score.trials)}" for score in found}
    for name in dict.fromkeys(score.scenario for score in found):
        counts = [passed.get((name, agent), "-") for agent in agents]
        if len(set(counts)) > 1:
            yield f"  {name}: " + ", ".join(f"{agent} {count}" for agent, count in zip(agents, counts, strict=True))


def junit(found: Sequence[Score]) -> str:
    """Return the trials as JUnit writes tests: a suite per agent, a case per trial."""
    root = Xml.Element("testsuites", name="tandem eval")
    for agent in agents_of(found):
        trials = [trial for score in found if score.agent == agent for trial in score.trials]
        counts = {state: str(sum(trial.state == state for trial in trials)) for state in SIGNS}
        seconds = f"{sum(trial.seconds for trial in trials):.2f}"
        suite = Xml.SubElement(
            root, "testsuite", name=agent, tests=str(len(trials)), failures=counts["failed"], errors=counts["error"],
            time=seconds,
        )  # fmt: skip
        for trial in trials:
            _case(suite, trial)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: Xml.Element, trial: Trial) -> None:
    name = f"{trial.scenario} #{trial.number}"
    case = Xml.SubElement(suite, "testcase", classname=trial.group, name=name, time=f"{trial.seconds:.2f}")
    if trial.state != "passed":
        kind = "failure" if trial.state == "failed" else "error"
        problem = Xml.SubElement(case, kind, message=_NO_XML.sub("", trial.problems[0]))
        problem.text = _NO_XML.sub("", "\n".join(trial.problems))
    out = Xml.SubElement(case, "system-out")
    out.text = _NO_XML.sub("", "\n".join(f"{line.who}: {line.text}" for line in trial.lines))
