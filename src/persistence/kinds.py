"""Kinds of rows that a lane has, and the types of their records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from ..entries import Entry
from ..errors import UnreadableRecord
from ..model import Approval, Conversation, StoredReply, Ticket, TimelineEvent
from .rows import Indexed, Row
from .state import Kind
from .values import Act, Colleague, Committed, ConversationHead, Erasure, Hour, Looker, SavedView

T = TypeVar("T")
R = TypeVar("R", bound=Row | Indexed)


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
CODES: Final = 'words":"'
"""Behind this, the record of a glance holds codes of words (search.py)."""
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
COLLEAGUE: Final = Kind("colleague", Colleague)
SAVED_VIEW: Final = Kind("saved_view", SavedView)
AUDIT: Final = Kind("audit", Erasure)
SECRET: Final = "secret"  # noqa: S105 (a kind)
"""Rows of the store itself: figures, what colleagues look at, who they are, their views, proofs of erasures, the key of
hashes.
"""

OF_A_LANE: Final = (
    CONVERSATION, GLANCE, OPT_OUT, WAITING, KEY, UNSETTLED, REPLY, TIMELINE, APPROVAL, TICKET, SNAPSHOT, EFFECT, RESULT,
    ANSWER, ASIDE, ANNOUNCEMENT, ACT,
)  # fmt: skip


def readable(kind: Kind[T], record: str | None) -> T | None:
    """Return what a record says, None where there is none that can be read."""
    try:
        return kind.read(record or "")
    except UnreadableRecord:
        return None


def records(kind: Kind[T], rows: Iterable[R]) -> list[tuple[R, T]]:
    """Return rows of a kind with what their records say, those that can be read."""
    found = [(row, readable(kind, row.record)) for row in rows]
    return [(row, said) for row, said in found if said is not None]
