"""Trials: what was tried, and what the conversation left behind, as the rules and the reports read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..events import EventName
from ..model import Ticket, TimelineEvent, Tone

State = Literal["passed", "failed", "error"]


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line of a transcript. ``who`` is customer, agent, staff, or note (what is said by neither)."""

    who: str
    text: str
    channel: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the agent made, and how it went: done, failed, or waits (for a colleague).

    Of a request to staff it is the state that it is in, and ``approval`` its id.
    """

    tool: str
    arguments: Mapping[str, Any]
    how: str
    known: bool = True
    approval: str = ""


@dataclass(slots=True)
class Trial:
    """One conversation that was tried; it grows while the conversation goes on.

    ``digest`` tells what was tried: the scenario and the agent's settings. ``state`` error: it could not be run or
    judged, so it says nothing. ``seconds`` is how long it took, ``waits`` those until each answer began. ``orders`` are
    status and cents paid back, ``payments`` order and cents.
    """

    scenario: str = ""
    group: str = ""
    agent: str = ""
    number: int = 1
    digest: str = ""
    state: State = "passed"
    problems: list[str] = field(default_factory=list)
    lines: list[TranscriptLine] = field(default_factory=list)
    calls: tuple[Call, ...] = ()
    requests: tuple[Call, ...] = ()
    errors: tuple[str, ...] = ()
    turns: int = 0
    tokens: int = 0
    other_tokens: int = 0
    """Tokens of the pretend customer and the judge."""
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    tickets: tuple[Ticket, ...] = ()
    orders: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    payments: tuple[tuple[str, int], ...] = ()
    texts_to: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, int]:
        """Return what there is one trial of: scenario, agent and number."""
        return self.scenario, self.agent, self.number

    @property
    def slowest(self) -> float:
        """Return the longest wait for an answer's beginning, seconds."""
        return max(self.waits, default=0.0)

    def said(self, who: str = "agent") -> str:
        """Return all that the agent, or ``who``, said, a line each."""
        return "\n".join(line.text for line in self.lines if line.who == who)

    def read(self, events: Iterable[TimelineEvent]) -> None:
        """Take in what the gateway told of."""
        events = list(events)
        turns = [event.data for event in events if event.name == EventName.TURN]
        self.calls = tuple(_calls(events))
        self.requests = requests_of(events)
        self.errors = tuple(str(turn["error"]) for turn in turns if turn["error"])
        self.turns = len(turns)
        self.waits += [turn["first_words_seconds"] for turn in turns if turn["first_words_seconds"] is not None]
        self.tokens = sum(turn["input_tokens"] + turn["output_tokens"] for turn in turns)


def _calls(events: Iterable[TimelineEvent]) -> Iterable[Call]:
    for event in events:
        data = event.data
        if event.name == EventName.TOOL:
            how = "failed" if event.tone is Tone.ERROR else "done"
            yield Call(data["tool"], data["arguments"], how, known=not data.get("unknown"))
        elif event.name == EventName.APPROVAL_REQUESTED:
            yield Call(data["tool"], data["arguments"], "waits")


def requests_of(events: Iterable[TimelineEvent]) -> tuple[Call, ...]:
    """Return the requests to staff as they stand now, in the order in which they were made."""
    found: dict[str, Call] = {}
    for event in events:
        if "approval" in event.data and "status" in event.data:
            data = event.data
            found[data["approval"]] = Call(data["tool"], data["arguments"], data["status"], approval=data["approval"])
    return tuple(found.values())
