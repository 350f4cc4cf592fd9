"""Who measures the engine: told at once and in the same task, so whatever it does must take microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import ReplyStatus, TimelineEvent


class Observer(Protocol):
    """Counts what happens. Fulfilled by :class:`tandem.telemetry.metrics.Metrics`; must never raise."""

    def committed(self, rows: Sequence[TimelineEvent], seconds: float) -> None:
        """Note a commit: its timeline, and how long it took from taking up the entries to the store's answer."""
        ...

    def delivered(self, status: ReplyStatus) -> None:
        """Note what became of an attempt to send a reply, or what the provider says of one."""
        ...


class NullObserver:
    """Measures nothing."""

    def committed(self, rows: Sequence[TimelineEvent], seconds: float) -> None:
        """See :class:`Observer`."""

    def delivered(self, status: ReplyStatus) -> None:
        """See :class:`Observer`."""
