"""The kinds of rows that lanes have, the indexes that find them, and how their records are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..entries import Entry
from ..model import StoredReply
from .codec import Codec

# --- kinds of rows: what the key is ---------------------------------------------------------------------------

CONVERSATION: Final = "conversation"
GLANCE: Final = "glance"
"""What the list of conversations shows of one."""
OPT_OUT: Final = "opt_out"
"""On which channels the customer wrote STOP: outlives the conversation. These three kinds have the key ""."""
WAITING: Final = "waiting"
KEY: Final = "key"
"""Entries by their keys: those that wait, and those that were consumed, which stay against duplicates."""
UNSETTLED: Final = "unsettled"
REPLY: Final = "reply"
"""Replies by their ids: those still to be sent, and the settled ones."""
TIMELINE: Final = "timeline"
APPROVAL: Final = "approval"
TICKET: Final = "ticket"
SNAPSHOT: Final = "snapshot"
"""Paused runs by their digests, once each; the records of their approvals name them."""
EFFECT: Final = "effect"
RESULT: Final = "result"
"""Side effects by their keys: begun by this token, and ended with this result."""
ANSWER: Final = "answer"
"""Answers of recent commits by their tokens."""
ASIDE: Final = "aside"
"""What could not be read or failed too often, for people to look at."""
AUDIT: Final = "audit"
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

DAY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, and the token of the call that brought it."""

    token: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Begun:
    """A side effect that somebody began."""

    token: str


ENTRY: Final = Codec(StoredEntry)
STORED_REPLY: Final = Codec(StoredReply)
BEGUN: Final = Codec(Begun)
