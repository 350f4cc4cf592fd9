"""Words from before what the agent remembers, as far as the store still has them. Pure.

The window of a conversation is all that the agent reads; what left it is in the summary. The customer's words are kept
with the keys against duplicates, and ours with what became of each text; the answers of old calls are kept nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..entries import SpokenPrompt, StaffMessage, TextReceived, Waiting
from ..model import Conversation, ReplyStatus, StoredReply
from .answers import written

KEPT: Final = 2000
"""Entries and replies of one customer that are looked at, the newest."""
_WORST_FIRST: Final = (
    ReplyStatus.FAILED, ReplyStatus.BLOCKED, ReplyStatus.UNDELIVERED, ReplyStatus.WAITING, ReplyStatus.SENT,
    ReplyStatus.DELIVERED, ReplyStatus.READ,
)  # fmt: skip


def memory_begins(conversation: Conversation) -> float | None:
    """Return when the first turn that the agent remembers began, None when it remembers none."""
    turns = (*conversation.unfolded, *conversation.history)
    return turns[0].at if turns else None


def earlier_words(
    conversation: Conversation,
    consumed: Sequence[Waiting],
    replies: Sequence[StoredReply],
    *,
    before: float | None,
    limit: int,
) -> tuple[list[dict[str, Any]], float | None]:
    """Return messages from before the agent's memory, oldest first, and before when still earlier ones are."""
    begins = memory_begins(conversation)
    end = min(math.inf if one is None else one for one in (begins, before))
    found = [*_theirs(conversation, consumed), *_ours(replies, consumed)]
    found = sorted((one for one in found if one[0] < end), key=lambda one: one[0])
    first = max(len(found) - limit, 0)
    while 0 < first < len(found) and found[first - 1][0] == found[first][0]:
        first -= 1  # the parts of one answer stay together
    return [{**shown, "at": written(at)} for at, shown in found[first:]], found[first][0] if first else None


def delivery(replies: Sequence[StoredReply], turn: int) -> dict[str, Any] | None:
    """Return what became of the texts of a turn, the worst of it; None when there was none."""
    own = [one for one in replies if one.reply.turn == turn]
    if not own:
        return None
    worst = min(own, key=lambda one: _WORST_FIRST.index(one.status))
    return {"status": worst.status.value, "errorCode": worst.error_code}


def _theirs(conversation: Conversation, consumed: Sequence[Waiting]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield words of the customer that no remembered turn holds, and the names of what came with them."""
    remembered = _first_words(conversation)
    for one in consumed:
        body = one.entry.body
        if isinstance(body, TextReceived | SpokenPrompt) and not any(body.text in said for said in remembered):
            channel = body.route.channel.value
            files = list(body.files) if isinstance(body, TextReceived) else []
            shown = {"kind": "customer", "channel": channel, "text": body.text, "media": files, "delivery": None}
            yield one.accepted_at, shown


def _first_words(conversation: Conversation) -> list[str]:
    """Return the customer's words in the first turn that is remembered: they came before it began."""
    turns = (*conversation.unfolded, *conversation.history)[:1]
    return [str(item.get("content")) for turn in turns for item in turn.items if item.get("role") == "user"]


def _ours(replies: Sequence[StoredReply], consumed: Sequence[Waiting]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield what was sent; whose words they were is told by the entries, where a colleague wrote them."""
    bodies = (one.entry.body for one in consumed)
    actors = {body.text: body.actor for body in bodies if isinstance(body, StaffMessage)}
    for one in replies:
        reply, actor = one.reply, actors.get(one.reply.text)
        who = {"kind": "staff", "actor": actor} if actor else {"kind": "agent"}
        shown = {**who, "channel": reply.route.channel.value, "text": "\n".join((reply.text, *reply.media)).strip()}
        yield reply.created_at, {**shown, "delivery": {"status": one.status.value, "errorCode": one.error_code}}
