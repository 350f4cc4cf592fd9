"""One call of a model, without tools and without memory: for what is written or judged beside a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from agents import Agent, ModelProvider, ModelSettings, RunConfig, Runner


@dataclass(frozen=True, slots=True)
class Written:
    """Answer of a model, and the tokens that it cost."""

    text: str
    tokens: int


class OneCall:
    """Asks a model under fixed instructions. ``model`` None is the default one; ``max_tokens`` bounds the answer."""

    def __init__(
        self, models: ModelProvider, *, name: str, instructions: str, max_tokens: int, model: str | None = None
    ) -> None:
        settings = ModelSettings(max_tokens=max_tokens)
        self._agent = Agent(name=name, instructions=instructions, model=model, model_settings=settings)
        self._config = RunConfig(model_provider=models, tracing_disabled=True)

    async def __call__(self, given: str) -> Written:
        """Return what the model writes. Raises a TurnError when it does not answer."""
        result = await Runner.run(self._agent, given, run_config=self._config, max_turns=1)
        return Written(str(result.final_output), result.context_wrapper.usage.total_tokens)
