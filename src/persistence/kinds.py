"""Kinds of rows that a lane has, and the types of their records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..entries import Entry
from ..model import Approval, Conversation, StoredReply, Ticket, TimelineEvent
from .state import Kind
from .values import Act, Committed, ConversationHead, Erasure, Hour, Looker


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry, and the token of the call that brought it."""

    token: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Begun:
    """A side effect that was begun."""

    token: str


# --- kinds of rows: what the key is ---------------------------------------------------------------------------

CONVERSATION: Final = Kind("conversation", Conversation)
GLANCE: Final = Kind("glance", ConversationHead)
"""What the list of conversations shows of one."""
OPT_OUT: Final = "opt_out"
"""On which channels the customer wrote STOP: outlives the conversation. These three kinds have the key ""."""
WAITING: Final = Kind("waiting", StoredEntry, swept=True)
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
EFFECT: Final = Kind("effect", Begun, swept=True)
RESULT: Final = "result"
"""Side effects by their keys: begun by this token, and ended with this result."""
ANSWER: Final = Kind("answer", Committed)
"""Answers of recent commits by their tokens."""
ANNOUNCEMENT: Final = Kind("announcement", TimelineEvent)
"""Events that another system is to be told of, by their ids and attempts."""
ASIDE: Final = "aside"
"""What could not be read or failed too often, for people to look at."""
ACT: Final = Kind("act", Act)
"""What staff did, by the keys of the timeline's rows; in the store's own lane, what is left of lanes that went."""
HOUR: Final = Kind("hour", Hour)
LOOKER: Final = Kind("looker", Looker)
AUDIT: Final = Kind("audit", Erasure)
SECRET: Final = "secret"  # noqa: S105 (a kind)
"""Rows of the store itself: figures, what colleagues look at, proofs of erasures, and the key of their hashes."""

OF_A_LANE: Final = (
    CONVERSATION, GLANCE, OPT_OUT, WAITING, KEY, UNSETTLED, REPLY, TIMELINE, APPROVAL, TICKET, SNAPSHOT, EFFECT, RESULT,
    ANSWER, ASIDE, ANNOUNCEMENT, ACT,
)  # fmt: skip
BY_ID: Final = (APPROVAL, TICKET)
"""Kinds whose rows are found by their key alone."""
