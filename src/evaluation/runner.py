"""Tries scenarios: each conversation in a world of its own, one after the other, each result kept at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ..agents.models import ModelAccess, open_models
from ..errors import ConfigurationError, ModelUnavailable, TandemError, TurnError
from ..settings import Settings
from ..shop.trial import payments, states
from ..wiring import model_source
from .played import PlayedCustomer, judged
from .result import digest, read_trials, written
from .rules import broken
from .scenario import Scenario
from .talk import Talk
from .trial import Trial
from .world import open_world

NO_MODEL = "the model service does not answer"


@dataclass(frozen=True, slots=True)
class Plan:
    """Conversations to be tried. ``agents`` are settings by the name in the report, the one on trial first.

    ``max_turns`` bounds a played customer, ``max_seconds`` one conversation, ``max_tokens`` all of them together.
    """

    scenarios: Sequence[Scenario]
    agents: Mapping[str, Settings]
    results: Path
    runs: int = 1
    seed: int | None = None
    resume: bool = False
    max_turns: int = 12
    max_seconds: float = 120.0
    max_tokens: int | None = None
    customer_model: str | None = None
    judge_model: str | None = None


class Trials:
    """Runs a plan. ``done`` holds every trial so far, also when it was stopped; ``stopped`` says why."""

    def __init__(self, plan: Plan, tell: Callable[[Trial], None]) -> None:
        self._plan = plan
        self._tell = tell
        self.done: list[Trial] = []
        self.stopped = ""

    def planned(self) -> list[tuple[Scenario, str, int]]:
        """Return the trials of the plan in their order: by seed, else as the files have them."""
        scenarios = list(self._plan.scenarios)
        if self._plan.seed is not None:
            random.Random(self._plan.seed).shuffle(scenarios)  # noqa: S311 - an order, no secret
        return [
            (scenario, agent, number)
            for scenario in scenarios
            for number in range(1, self._plan.runs + 1)
            for agent in self._plan.agents
        ]

    async def run(self) -> None:
        """Try everything that was not tried yet. Raises ConfigurationError where an agent cannot be served."""
        plan = self._plan
        before = read_trials(plan.results) if plan.resume else {}
        plan.results.parent.mkdir(parents=True, exist_ok=True)
        marks = {agent: _about(plan, settings) for agent, settings in plan.agents.items()}
        async with AsyncExitStack() as stack:
            models = await stack.enter_async_context(open_models(model_source(next(iter(plan.agents.values())))))
            # What is known already is written anew, because a line may have been cut off when it was stopped.
            plan.results.write_text("".join(map(written, before.values())), encoding="utf-8")
            file = stack.enter_context(plan.results.open("a", encoding="utf-8"))
            for scenario, agent, number in self.planned():
                mark = digest(scenario, marks[agent])
                trial = before.get((scenario.name, agent, number))
                if trial is None or trial.digest != mark or trial.state == "error":
                    if self._spent():
                        return
                    trial = await self._tried(scenario, agent, number, mark, models)
                    file.write(written(trial))
                    file.flush()
                self.done.append(trial)
                self._tell(trial)
                if NO_MODEL in trial.problems:
                    self.stopped = f"{NO_MODEL}; --resume goes on from here"
                    return

    def _spent(self) -> bool:
        """Tell whether the tokens are used up."""
        spent = sum(trial.tokens + trial.other_tokens for trial in self.done)
        if self._plan.max_tokens is None or spent < self._plan.max_tokens:
            return False
        self.stopped = f"{spent} tokens are used, and {self._plan.max_tokens} were allowed; --resume goes on from here"
        return True

    async def _tried(self, scenario: Scenario, agent: str, number: int, mark: str, models: ModelAccess) -> Trial:
        """Have one conversation and judge it."""
        plan, began = self._plan, time.perf_counter()
        trial = Trial(scenario.name, scenario.group, agent, number, mark)
        rng = random.Random(f"{plan.seed}:{scenario.name}:{number}")  # noqa: S311 - whims of a customer, no secret
        try:
            await self._converse(scenario, plan.agents[agent], trial, rng, models)
            if ModelUnavailable.code in trial.errors:
                raise ModelUnavailable
            trial.problems += broken(scenario.expect, trial)
            if scenario.expect.rubric and not trial.problems:
                trial.problems += await judged(models, scenario, trial, plan.judge_model)
            trial.state = "failed" if trial.problems else "passed"
        except ModelUnavailable:
            trial.problems.append(NO_MODEL)
            trial.state = "error"
        except ConfigurationError:
            raise
        except (TurnError, TandemError, ValueError, AssertionError) as error:
            trial.problems.append(f"it could not be tried: {error}")
            trial.state = "error"
        trial.seconds = round(time.perf_counter() - began, 2)
        return trial

    async def _converse(
        self, scenario: Scenario, settings: Settings, trial: Trial, rng: random.Random, models: ModelAccess
    ) -> None:
        """Have a conversation, and take in what it left behind."""
        plan = self._plan
        async with open_world(settings, scenario.shop, scenario.number, ours=scenario.to) as world:
            try:
                async with asyncio.timeout(plan.max_seconds), Talk(world, scenario, trial, rng) as talk:
                    if scenario.customer is None:
                        await talk.play_script(scenario.turns)
                    else:
                        played = PlayedCustomer(models, scenario, scenario.customer, trial, plan.customer_model)
                        await talk.play(scenario.customer, played, most=plan.max_turns)
            except TimeoutError:
                trial.problems.append(f"it was not over after {plan.max_seconds:g} seconds")
            trial.read(await world.timeline())
            trial.tickets = tuple(reversed(await world.store.tickets(world.subject)))
            trial.orders, trial.payments = await states(world.shop_file), await payments(world.shop_file)
            sent = (one.to for one in world.twilio.messages if not one.inbound)
            trial.texts_to = tuple(number for number in sent if number != world.number)


def _about(plan: Plan, settings: Settings) -> str:
    """Return what decides how trials go besides their scenario; secrets are no part of it."""
    return "\n".join(_lines(plan, settings))


def _lines(plan: Plan, settings: Settings) -> Iterator[str]:
    for name in sorted(Settings.of_agent() - {"openai_api_key"}):
        value = getattr(settings, name)
        held = value.read_text("utf-8", "replace") if isinstance(value, Path) and value.is_file() else ""
        yield f"{name}={value!r}{held}"
    yield f"offline={settings.openai_api_key is None}"
    yield f"{plan.seed} {plan.max_turns} {plan.max_seconds} {plan.customer_model} {plan.judge_model}"
