"""One line of ``tandem check``: an item, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """State of a checked item. Only a problem makes the check fail."""

    OK = "ok"
    NOTICE = "notice"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result for one item. ``text`` says what is wrong and what to do, or why nothing was looked at."""

    state: State
    item: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:<8} {self.item}: {self.text}"


def ok(item: str, text: str) -> CheckResult:
    """Say that an item is as it should be."""
    return CheckResult(State.OK, item, text)


def notice(item: str, text: str) -> CheckResult:
    """Say what to know about an item that stops nothing."""
    return CheckResult(State.NOTICE, item, text)


def problem(item: str, text: str) -> CheckResult:
    """Say what is wrong and what to do about it."""
    return CheckResult(State.PROBLEM, item, text)


def skipped(item: str, text: str) -> CheckResult:
    """Say why an item was not looked at."""
    return CheckResult(State.SKIPPED, item, text)
