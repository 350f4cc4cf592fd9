"""Kinds of rows and how their records are written, and the indexes by which lanes are found.

A record reads ``{"format": 1, "record": {…}}``. A reader that knows format n lifts an older record step by step through
the upgrade functions of its kind; a newer one, or one that does not fit, is an UnreadableRecord. Opaque parts (history
items, customer context, timeline data) are JSON values that nobody looks into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json

from ..entries import Entry
from ..errors import UnreadableRecord
from ..model import Approval, Conversation, StoredReply, Ticket, TimelineEvent
from .values import Committed, ConversationHead, Erasure

T = TypeVar("T")

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a record's fields in one format and returns them in the next."""


class Kind(str, Generic[T]):
    """A kind of rows: its name in the store, and the type of its records.

    ``upgrades[n]`` turns format n into n + 1; ``format`` is what is written today.
    """

    def __new__(cls, name: str, *_: Any, **__: Any) -> Kind[T]:
        """Make the name."""
        return super().__new__(cls, name)

    def __init__(
        self, name: str, record: type[T], *, format: int = 1, upgrades: Mapping[int, Upgrade] | None = None
    ) -> None:
        self._record = record
        self._format = format
        self._upgrades = dict(upgrades or {})

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._record)

    def write(self, value: T) -> str:
        """Return the JSON text of a record.

        Raises ValueError for what JSON text cannot carry: a lone surrogate, a field of another type than declared.
        """
        record = self._adapter.dump_json(value, warnings="error").decode()
        return f'{{"format":{self._format},"record":{record}}}'

    def read(self, text: str | bytes) -> T:
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


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, and the token of the call that brought it."""

    token: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Begun:
    """A side effect that somebody began."""

    token: str


# --- kinds of rows: what the key is ---------------------------------------------------------------------------

CONVERSATION: Final = Kind("conversation", Conversation)
GLANCE: Final = Kind("glance", ConversationHead)
"""What the list of conversations shows of one."""
OPT_OUT: Final = "opt_out"
"""On which channels the customer wrote STOP: outlives the conversation. These three kinds have the key ""."""
WAITING: Final = Kind("waiting", StoredEntry)
KEY: Final = Kind("key", StoredEntry)
"""Entries by their keys: those that wait, and those that were consumed, which stay against duplicates."""
UNSETTLED: Final = Kind("unsettled", StoredReply)
REPLY: Final = Kind("reply", StoredReply)
"""Replies by their ids: those still to be sent, and the settled ones."""
TIMELINE: Final = Kind("timeline", TimelineEvent)
APPROVAL: Final = Kind("approval", Approval)
TICKET: Final = Kind("ticket", Ticket)
SNAPSHOT: Final = "snapshot"
"""Paused runs by their digests, once each; the records of their approvals name them."""
EFFECT: Final = Kind("effect", Begun)
RESULT: Final = "result"
"""Side effects by their keys: begun by this token, and ended with this result."""
ANSWER: Final = Kind("answer", Committed)
"""Answers of recent commits by their tokens."""
ASIDE: Final = "aside"
"""What could not be read or failed too often, for people to look at."""
AUDIT: Final = Kind("audit", Erasure)
SECRET: Final = "secret"  # noqa: S105 (a kind)
"""Rows of the store itself: proofs of erasures, and the key that their hashes are made with."""

OF_A_LANE: Final = (
    CONVERSATION, GLANCE, OPT_OUT, WAITING, KEY, UNSETTLED, REPLY, TIMELINE, APPROVAL, TICKET, SNAPSHOT, EFFECT, RESULT,
    ANSWER, ASIDE,
)  # fmt: skip
BY_ID: Final = (APPROVAL, TICKET)
"""Kinds whose rows are found by their key alone."""

# --- indexes: what an entry's sort is ---------------------------------------------------------------------------

DUE: Final = "due"
"""Lanes with work, by when nobody covers it; ``lines`` the same for lines (key: the channel)."""
LINES: Final = "lines"
OLDEST_ENTRY: Final = "oldest_entry"
OLDEST_REPLY: Final = "oldest_reply"
RECENT: Final = "recent"
"""Conversations, by their last change."""
APPROVALS: Final = "approvals"
"""Approvals by expiry; ``approvals:pending`` and so on those of one status."""
TICKETS: Final = "tickets"
"""Tickets by when an answer was promised; ``tickets:open`` and so on those of one status."""
AGE: Final = "age"
"""Lanes by the day when they were last touched."""
SWEEP: Final = "sweep"
"""Lanes with keys, effects or set-aside records of a day (key: the day)."""
SET_ASIDE: Final = "set_aside"
LARGE: Final = "large"
"""Lanes whose conversation is large, by its size."""

DAY: Final = 86400.0


def erased_key(key: str) -> str:
    """Return what stands for the provider's id of an erased message (ours have a colon): a captured webhook of it
    carries a good signature for ever, and must not be answered as if it were new.
    """
    return f"erased-{hashlib.sha256(key.encode()).hexdigest()}"
