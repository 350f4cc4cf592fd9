"""Evidence: what a conversation left behind, as the rules and the reports read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..events import EventName
from ..model import TimelineEvent, Tone


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One line of a transcript. ``who`` is customer, agent, staff, or note (what is said by neither)."""

    who: str
    text: str
    channel: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the agent made, and how it went: done, failed, or waits (for a colleague)."""

    tool: str
    arguments: Mapping[str, Any]
    how: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A request to staff, and how it stands."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    status: str


@dataclass(frozen=True, slots=True)
class TicketSeen:
    """A ticket that was opened."""

    title: str
    priority: str
    escalation: bool


@dataclass(slots=True)
class Evidence:
    """Findings about a conversation; they grow while the conversation goes on.

    ``orders`` are status and cents paid back, ``payments`` order and cents, ``waits`` the seconds until each answer
    began.
    """

    lines: list[TranscriptLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    calls: tuple[Call, ...] = ()
    requests: tuple[Request, ...] = ()
    errors: tuple[str, ...] = ()
    turns: int = 0
    tokens: int = 0
    other_tokens: int = 0
    """Tokens of the pretend customer and the judge."""
    waits: list[float] = field(default_factory=list)
    tickets: tuple[TicketSeen, ...] = ()
    orders: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    payments: tuple[tuple[str, int], ...] = ()
    texts_to: tuple[str, ...] = ()

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


def requests_of(events: Iterable[TimelineEvent]) -> tuple[Request, ...]:
    """Return the requests to staff as they stand now, in the order in which they were made."""
    found: dict[str, Request] = {}
    for event in events:
        if "approval" in event.data and "status" in event.data:
            data = event.data
            found[data["approval"]] = Request(data["approval"], data["tool"], data["arguments"], data["status"])
    return tuple(found.values())
