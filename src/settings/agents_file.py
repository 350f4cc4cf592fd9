"""The agents of the gateway: those of ``AGENTS_FILE``, or the one of ``AGENT_PATH``, or the built-in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..agents.agent_choice import AgentChoice, Occasion, Rule, only
from ..agents.agent_rules import check_hosted
from ..agents.support import build_support_agent, load_agent, load_chooser
from ..channels.voice.options_hook import IncomingCall
from ..channels.voice.voice_options import VoiceOptions
from ..conversation.opening_hours import OpeningHours
from ..errors import ConfigurationError
from ..model import Address, Channel
from .company import CompanyFile
from .kinds import AgentPath, Hours, Phone, Zone
from .settings import Settings
from .toml_file import TomlFile, read_text, read_toml

_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)
TEXT: Final = frozenset(Channel) - {Channel.VOICE}


class AgentTable(BaseModel):
    """One agent: ``[agents.name]``. Without ``path`` it is the built-in one, called by its name in the file."""

    model_config = _CONFIG

    path: AgentPath | None = None
    """An agent in Python, module:attribute."""
    instructions: Path | None = None
    """Text file with further instructions of the built-in agent; beside the agents file, unless its path is whole."""
    about: Annotated[str, Field(max_length=500)] = ""
    """When another agent should hand over to this one."""
    handoffs: tuple[str, ...] = ()
    """Names of the agents that it may hand a conversation to."""
    model: str | None = None
    """Name of its model; AGENT_MODEL, where it names none itself."""
    voice: dict[str, Any] = {}
    """Options of calls that it answers, as in the company file."""


class RuleTable(BaseModel):
    """One rule: ``[[rules]]``. All of its conditions must hold."""

    model_config = _CONFIG

    agent: str | None = None
    """The agent that answers."""
    choose: AgentPath | None = None
    """Your function that names it, module:attribute; None: the next rule is tried."""
    number: Phone | None = None
    """The number of ours that was texted or called."""
    channel: Literal["sms", "whatsapp", "rcs", "voice", "text"] | None = None
    """The channel; text is all of them but voice."""
    hours: Hours = ""
    """When, such as Mon-Fri 09:00-17:30."""
    zone: Zone = "UTC"
    """Time zone of those hours."""

    def conditions(self) -> Rule:
        """Return the rule without its function."""
        channels = TEXT if self.channel == "text" else frozenset({Channel(self.channel)}) if self.channel else None
        hours = OpeningHours.parse(self.hours, self.zone) if self.hours else None
        return Rule(self.agent or "", self.number, channels, hours)


class AgentsTable(BaseModel):
    """The whole file."""

    model_config = _CONFIG

    default: str
    """The agent that answers where no rule holds."""
    agents: Annotated[dict[str, AgentTable], Field(min_length=1)]
    rules: tuple[RuleTable, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayAgents:
    """The agents, which of them answers, and with which options of calls."""

    choice: AgentChoice
    voice: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    async def options(self, call: IncomingCall) -> Mapping[str, Any]:
        """Return the options that differ for the agent that answers a call."""
        if not any(self.voice.values()):
            return {}
        caller, called = Address.parse(call.caller), Address.parse(call.called)
        name = await self.choice.name_for(Occasion(Channel.VOICE, caller, called, datetime.now(UTC)))
        return self.voice.get(name, {})


def open_agents(settings: Settings, company: CompanyFile) -> GatewayAgents:
    """Return the agents that serve. Raises ConfigurationError with a sentence for each fault."""
    if settings.agents_file is not None:
        agents = _of_file(read_toml(settings.agents_file), settings, company)
    elif settings.agent_path:
        agents = GatewayAgents(only(load_agent(settings.agent_path)))
    else:
        agents = GatewayAgents(only(_built_in(settings, company, settings.workflow_name)))
    check_hosted(*agents.choice.all, mode=settings.openai_api_mode)
    return agents


def _built_in(settings: Settings, company: CompanyFile, name: str, further: str = "", model: str | None = None) -> Any:
    def about(now: float) -> str:
        return f"{company.about(now)}\n\n{further}".strip()

    threshold = int(settings.refund_approval_threshold * 100)
    return build_support_agent(
        model or settings.agent_model,
        name=name,
        refund_threshold_cents=threshold,
        company=about if further else company.about,
    )


def _of_file(file: TomlFile, settings: Settings, company: CompanyFile) -> GatewayAgents:
    table = file.as_model(AgentsTable)
    problems = list(_misfits(file, table, company.current().voice))
    agents: dict[str, Any] = {}
    for name, one in table.agents.items():
        try:
            agents[name] = _agent(file, name, one, settings, company)
        except ConfigurationError as error:
            where = ("agents", name, "path" if one.path else "instructions")
            problems += [file.wrong(where, _told(sentence)) for sentence in error.problems]
    rules = list[Rule]()
    for place, rule in enumerate(table.rules):
        try:
            choose = load_chooser(rule.choose) if rule.choose else None
            rules.append(replace(rule.conditions(), choose=choose))
        except ConfigurationError as error:
            problems += [file.wrong(("rules", place, "choose"), _told(sentence)) for sentence in error.problems]
    if problems:
        raise ConfigurationError(problems)
    for name, one in table.agents.items():
        new = [agents[other] for other in one.handoffs]
        names = {agent.name for agent in new}
        known = [other for other in agents[name].handoffs if _name(other) not in names]
        agents[name].handoffs = [*known, *new]
    return GatewayAgents(AgentChoice(agents, table.default, rules), {n: one.voice for n, one in table.agents.items()})


def _agent(file: TomlFile, name: str, table: AgentTable, settings: Settings, company: CompanyFile) -> Any:
    if table.path:
        agent = load_agent(table.path)
        agent.model = table.model or agent.model
    else:
        further = read_text(file.path.parent / table.instructions) if table.instructions else ""
        agent = _built_in(settings, company, name, further, table.model)
    agent.handoff_description = table.about or agent.handoff_description
    return agent


def _misfits(file: TomlFile, table: AgentsTable, voice: VoiceOptions) -> Iterator[str]:
    """Say what does not fit together: names of agents, options of calls, rules that are never asked."""

    def unknown(name: str | None, *where: int | str) -> Iterator[str]:
        if name is not None and name not in table.agents:
            yield file.wrong(where, f"there is no agent {name!r}; there are {', '.join(table.agents)}")

    yield from unknown(table.default, "default")
    for name, one in table.agents.items():
        if one.path and one.instructions:
            yield file.wrong(("agents", name, "instructions"), "instructions and path do not go together")
        for other in one.handoffs:
            yield from unknown(other, "agents", name, "handoffs")
        try:
            voice.changed(one.voice)
        except ValidationError as error:
            yield from file.complaints(error, VoiceOptions, below=("agents", name, "voice"))
    for place, rule in enumerate(table.rules):
        if (rule.agent is None) == (rule.choose is None):
            yield file.wrong(("rules", place), "a rule names one of agent and choose")
        yield from unknown(rule.agent, "rules", place, "agent")
    yield from _contradictions(file, table.rules)


def _contradictions(file: TomlFile, tables: tuple[RuleTable, ...]) -> Iterator[str]:
    """Name rules that are never asked, because an earlier one answers all of their occasions."""
    for place, table in enumerate(tables):
        for before, earlier in enumerate(tables[:place]):
            if earlier.choose is None and earlier.conditions().covers(table.conditions()):
                asked = table.agent or table.choose
                yield file.wrong(
                    ("rules", place),
                    f"rule {place + 1} ({asked}) is never asked: rule {before + 1} ({earlier.agent}) takes all of it",
                )
                break


def _told(sentence: str) -> str:
    """Return a sentence about a value without the setting that it would stand in, and without its end."""
    return sentence.removeprefix("AGENT_PATH=").rstrip(".")


def _name(handoff: Any) -> str:
    """Return the name of the agent that a handoff goes to; it is an agent, or the SDK's own description of one."""
    return str(getattr(handoff, "agent_name", None) or handoff.name)
