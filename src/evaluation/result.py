"""Results: one line of JSON per conversation that was tried, and the figures that follow from them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .scenario import Scenario
from .trial import State, Trial

_TRIAL = TypeAdapter(Trial)


def digest(scenario: Scenario, about: str) -> str:
    """Return what a trial is recognised by when it is resumed; ``about`` is what else decides how it goes."""
    return hashlib.sha256(f"{scenario.model_dump_json()}\n{about}".encode()).hexdigest()[:16]


def read_trials(file: Path) -> dict[tuple[str, str, int], Trial]:
    """Return what a file of results holds; a last line that was cut off counts as not tried."""
    found = {}
    # Not splitlines(): words may hold its other ends of lines. What was cut off may end in half a character.
    for line in file.read_text("utf-8", "replace").split("\n") if file.exists() else ():
        try:
            trial = _TRIAL.validate_json(line)
        except ValidationError:
            continue
        found[trial.key] = trial
    return found


def written(trial: Trial) -> str:
    """Return a trial as its line."""
    return _TRIAL.dump_json(trial).decode() + "\n"


@dataclass(frozen=True, slots=True)
class Score:
    """Outcome of one scenario with one agent, over all its trials."""

    scenario: str
    group: str
    agent: str
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> int:
        """Return how many trials passed."""
        return sum(trial.state == "passed" for trial in self.trials)

    @property
    def state(self) -> State:
        """Return passed where all trials did, and error where one could not be run."""
        states = {trial.state for trial in self.trials}
        return "error" if "error" in states else "failed" if "failed" in states else "passed"


def scores(trials: Iterable[Trial]) -> list[Score]:
    """Return the scores in the order of their first trials."""
    grouped: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        grouped[trial.scenario, trial.agent].append(trial)
    return [Score(name, all_[0].group, agent, tuple(all_)) for (name, agent), all_ in grouped.items()]


def pass_hat(found: Sequence[Score]) -> Mapping[int, float]:
    """Return pass^k for each k: how likely it is that k trials of a scenario in a row pass, as a mean over scenarios.

    Estimated from n trials of which c passed by comb(c, k) / comb(n, k); scenarios that could not be run are left out.
    """
    counted = [(score.passed, len(score.trials)) for score in found if score.state != "error"]
    most = min((tried for _, tried in counted), default=0)
    return {k: sum(comb(c, k) / comb(n, k) for c, n in counted) / len(counted) for k in range(1, most + 1)}
