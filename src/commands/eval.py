"""``tandem eval``: tries the agent on scenarios, and says what it did wrong."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..agents.mcp_tools import open_mcp_tools
from ..agents.model_probe import models_of
from ..agents.tool_gate import put_gates
from ..errors import ConfigurationError
from ..evaluation.page import page
from ..evaluation.reading import SHIPPED, check_tools, read_scenarios
from ..evaluation.recorded import recorded
from ..evaluation.report import compared, junit, line_of, summary
from ..evaluation.result import Score, scores
from ..evaluation.runner import Plan, Trials
from ..evaluation.scenario import Scenario
from ..identity.factory import subjects_named
from ..persistence.factory import open_store
from ..settings import Settings
from ..settings.agents_file import open_agents
from ..settings.company import open_company
from ..telemetry.logs import configure_logging
from .places import tell_places
from .show import harmless

OWN_FOLDER = Path("evals")
"""Scenarios of one's own, in the working folder."""
LOG = "log"
BUILT_IN = "the support agent"


async def evaluate(settings: Settings, options: Namespace) -> int:
    """Try scenarios; return 0 when all passed, 1 when some failed. Raises ConfigurationError for what cannot be run.

    2 is returned when something could not be tried: the model service was away, or the tokens were used up.
    """
    if options.offline:
        settings = settings.model_copy(update={"openai_api_key": None})
    scenarios = _chosen(settings, options)
    agents = _agents(settings, options.compare)
    await _check(scenarios, agents.values())
    out: Path = options.out
    _quiet(settings, out / LOG)
    trials = Trials(
        Plan(
            scenarios,
            agents,
            out / "results.jsonl",
            runs=options.runs,
            seed=options.seed,
            resume=options.resume,
            max_turns=options.max_turns,
            max_seconds=options.max_seconds,
            max_tokens=options.max_tokens,
            customer_model=options.customer_model,
            judge_model=options.judge_model,
        ),
        lambda trial: print(harmless_lines(line_of(trial)), flush=True),
    )
    try:
        await trials.run()
    finally:  # also when it was stopped by Ctrl-C: what was tried is kept and shown
        found = scores(trials.done)
        stopped = trials.stopped or _left(trials)
        _write(out, found, stopped)
    own = next(iter(agents))
    states = {score.state for score in found if score.agent == own}
    return 2 if stopped or "error" in states else 1 if "failed" in states else 0


def harmless_lines(text: str) -> str:
    """Return lines for a terminal, without what would act on it."""
    return "\n".join(map(harmless, text.split("\n")))


def _chosen(settings: Settings, options: Namespace) -> Sequence[Scenario]:
    """Return the scenarios that are to be tried. Raises ConfigurationError where there are none."""
    paths = [Path(path) for path in options.paths]
    if not paths and OWN_FOLDER.is_dir():
        paths = [OWN_FOLDER]
    if not paths and settings.agent_path:
        raise ConfigurationError(
            [f"There is no folder {OWN_FOLDER}: name your scenarios. Those that are shipped are for the support agent."]
        )
    scenarios = read_scenarios(paths or [SHIPPED])
    if options.only:
        scenarios = tuple(one for one in scenarios if options.only in (one.name, one.group))
        if not scenarios:
            raise ConfigurationError([f"--only: there is no scenario and no group {options.only!r}."])
    offline = tuple(one for one in scenarios if one.offline)
    if options.offline:
        if not offline:
            raise ConfigurationError(["None of these scenarios is marked `offline: true`."])
        return offline
    return scenarios


def _agents(settings: Settings, other: str | None) -> Mapping[str, Settings]:
    agents = {settings.agent_path or str(settings.agents_file or BUILT_IN): settings}
    if other is not None:
        if other in agents:
            raise ConfigurationError([f"--compare: {other} is the agent that is tried."])
        agents[other] = settings.model_copy(update={"agent_path": other, "agents_file": None})
    return agents


async def _check(scenarios: Sequence[Scenario], tried: Iterable[Settings]) -> None:
    """Raise ConfigurationError for agents that cannot be served, a key that lacks, and tools that none of them has."""
    known: set[str] = set()
    for settings in tried:
        agents = open_agents(settings, open_company(settings)).choice.all
        if settings.openai_api_key is None:
            _check_without_key(scenarios, any(models_of(agents, None)))
        async with open_mcp_tools(*agents):
            known |= put_gates(*agents).keys()
    check_tools(scenarios, known)


def _check_without_key(scenarios: Sequence[Scenario], agents_need_one: bool) -> None:
    """Raise ConfigurationError where canned rules would answer scenarios that are not made for them."""
    needy = [one for one in scenarios if not one.offline and (agents_need_one or one.needs_model)]
    if needy:
        raise ConfigurationError([
            f"OPENAI_API_KEY is not set, and {len(needy)} of {len(scenarios)} scenarios need a model. "
            "`tandem eval --offline` tries those that need none."
        ])  # fmt: skip


def _quiet(settings: Settings, folder: Path) -> None:
    """Let the log go into files: what the agent does is told by the report."""
    configure_logging(production=True, folder=folder, secrets=settings.secrets(), to_terminal=False)


def _left(trials: Trials) -> str:
    left = len(trials.planned()) - len(trials.done)
    return f"{left} conversations were not tried; --resume goes on from here" if left else ""


def _write(out: Path, found: Sequence[Score], stopped: str) -> None:
    """Write the reports, and say in short how it went and where they are."""
    if not found:
        return
    (out / "report.html").write_text(page(found, at=time.time(), note=stopped), encoding="utf-8")
    (out / "junit.xml").write_text(junit(found), encoding="utf-8")
    lines = ["", *summary(found), *compared(found)]
    lines += [f"stopped: {stopped}"] if stopped else []
    lines.append(f"report: {(out / 'report.html').absolute()}")
    print("\n".join(lines), flush=True)


async def record(settings: Settings, spelling: str) -> int:
    """Print a stored conversation as a scenario; return the exit code."""
    tell_places(settings)
    async with open_store(settings, create=False) as store:
        for subject in await subjects_named(settings, spelling):
            conversation = await store.conversation(subject)
            if conversation is not None and conversation.history:
                print(recorded(conversation, await store.timeline(subject)), end="")
                return 0
    print("Of this customer no conversation is stored.", file=sys.stderr)
    return 1
