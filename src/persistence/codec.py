"""Record ⇄ JSON text, the same for every backend, with a format number and an upgrade path.

A stored record reads ``{"format": 1, "record": {…}}``. A reader that knows format n lifts an older record step by
step through the upgrade functions of its kind; a newer one, or one that does not fit, is an UnreadableRecord.
Opaque parts (history items, customer context, timeline data) are JSON values that nobody looks into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json

from ..entries import Entry
from ..errors import UnreadableRecord
from ..model import Approval, Conversation, Reply, Ticket, TimelineEvent
from .values import Committed

T = TypeVar("T")

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a record's fields in one format and returns them in the next."""


class Codec(Generic[T]):
    """One kind of record. ``upgrades[n]`` turns format n into n + 1; ``format`` is what is written today."""

    def __init__(self, record: type[T], *, format: int = 1, upgrades: Mapping[int, Upgrade] | None = None) -> None:
        self._record = record
        self._format = format
        self._upgrades = dict(upgrades or {})

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._record)

    def encode(self, value: T) -> str:
        """Return the JSON text of a record.

        Raises ValueError for what JSON text cannot carry: a lone surrogate, a field of another type than declared.
        """
        record = self._adapter.dump_json(value, warnings="error").decode()
        return f'{{"format":{self._format},"record":{record}}}'

    def decode(self, text: str | bytes) -> T:
        """Return the record that a JSON text holds, lifted from an older format where needed.

        Raises UnreadableRecord when the text is damaged, of a newer format, or of a format without upgrade.
        """
        try:
            stored = from_json(text)
            found, record = stored["format"], stored["record"]
            while found != self._format:
                record = self._upgrades[found](record)
                found += 1
            return self._adapter.validate_python(record)
        # An upgrade function meets data of unknown shape: whatever it stumbles over, the record is unreadable.
        except Exception as error:
            raise UnreadableRecord(f"({self._record.__name__}: {type(error).__name__})") from error


CONVERSATION: Final = Codec(Conversation)
ENTRY: Final = Codec(Entry)
REPLY: Final = Codec(Reply)
APPROVAL: Final = Codec(Approval)
TIMELINE: Final = Codec(TimelineEvent)
TICKET: Final = Codec(Ticket)
COMMITTED: Final = Codec(Committed)
