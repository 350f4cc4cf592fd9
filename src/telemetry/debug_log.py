"""Log of every event, with ``LOG_LEVEL=debug``: its name and figures, and never a word that somebody said."""

from __future__ import annotations

import re
from collections.abc import Collection

import structlog

from ..events import Happened
from .logs import subject_label

log = structlog.get_logger(__name__)

TOLD = frozenset(
    {"approval", "code", "error", "kind", "outcome", "priority", "reply", "status", "ticket", "tone", "verdict"}
)
"""Fields whose texts are ours: names of states, codes and ids. Of all others only figures are told."""
IDENTIFIER = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class DebugLog:
    """A listener that logs every event. ``tools`` are those there are: a model may make up a name out of anything."""

    def __init__(self, tools: Collection[str]) -> None:
        self._tools = frozenset(tools)

    async def hear(self, happened: Happened) -> None:
        """Log an event."""
        event = happened.event
        told = {name: value for name, value in event.data.items() if self._may_be_told(name, value)}
        log.debug(
            str(event.name),
            subject=subject_label(happened.subject),
            channel=event.channel.value if event.channel else None,
            turn=event.turn,
            source=event.source.value,
            **{name: value for name, value in told.items() if name not in {"subject", "channel", "turn", "source"}},
        )

    def _may_be_told(self, name: str, value: object) -> bool:
        if name == "tool":
            return value in self._tools
        if isinstance(value, str):
            return name in TOLD and IDENTIFIER.fullmatch(value) is not None
        return value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and name.endswith("tokens"))
