"""What the list of conversations shows of one, worked out when it is committed and stored beside its record. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import UnreadableRecord
from ..model import ApprovalStatus, Channel, Conversation, Priority, SubjectId
from .codec import Codec
from .values import ConversationHead

PREVIEW_CHARS: Final = 120
_SPOKEN_BY: Final = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Glance:
    """What a head says beyond subject, version, time and channel, which the stores keep by themselves."""

    preview: str = ""
    escalation: Priority | None = None
    paused: bool = False
    pending: int = 0
    version: int = 0
    last_channel: Channel = Channel.SMS


_GLANCE: Final = Codec(Glance)


def glance(conversation: Conversation) -> Glance:
    """Return what a list shows of a conversation."""
    return Glance(
        preview=_preview(conversation),
        escalation=conversation.escalation,
        paused=conversation.paused,
        pending=sum(one.status is ApprovalStatus.PENDING for one in conversation.approvals),
        version=conversation.version,
        last_channel=conversation.last_channel,
    )


def _preview(conversation: Conversation) -> str:
    """Return the last words of either side in one line; history is masked already."""
    for turn in reversed(conversation.history):
        for item in reversed(turn.items):
            said = item.get("content")
            line = " ".join(said.split()) if item.get("role") in _SPOKEN_BY and isinstance(said, str) else ""
            if line:
                return line if len(line) <= PREVIEW_CHARS else f"{line[: PREVIEW_CHARS - 1].rstrip()}…"
    return ""


def write_head(conversation: Conversation) -> str:
    """Return the text that is stored beside a conversation's record."""
    return _GLANCE.encode(glance(conversation))


def read_glance(subject: SubjectId, updated_at: float, stored: str | None) -> ConversationHead:
    """Return a row of the list; what cannot be read is empty."""
    try:
        seen = _GLANCE.decode(stored) if stored else Glance()
    except UnreadableRecord:
        seen = Glance()
    return ConversationHead(
        subject,
        seen.version,
        updated_at,
        seen.last_channel,
        preview=seen.preview,
        escalation=seen.escalation,
        paused=seen.paused,
        pending=seen.pending,
    )


def read_head(
    subject: SubjectId, version: int, updated_at: float, last_channel: str, stored: str | bytes | None
) -> ConversationHead:
    """Return a row of the list. What an older version did not store, or cannot be read, is empty."""
    try:
        seen = _GLANCE.decode(stored) if stored else Glance()
    except UnreadableRecord:
        seen = Glance()
    return ConversationHead(
        subject,
        version,
        updated_at,
        Channel(last_channel),
        preview=seen.preview,
        escalation=seen.escalation,
        paused=seen.paused,
        pending=seen.pending,
    )
