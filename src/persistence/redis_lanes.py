"""Lanes in the Redis store: the lease and what its holder commits. What a script handed out is read here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..entries import Entry, Waiting
from ..errors import LeaseLost, UnreadableRecord
from ..model import Channel, Conversation, Outgoing, SubjectId
from .codec import APPROVAL, CONVERSATION, REPLY, TICKET, TIMELINE
from .heads import write_head
from .redis_entries import entry_rows, rows, split_waiting
from .redis_link import Argument, RedisLink
from .redis_outbox import first_readable
from .values import Change, Claim, Committed


async def claim(
    link: RedisLink, subject: SubjectId, holder: str, seconds: float, accept: Sequence[Entry] = ()
) -> Claim | None:
    """See :meth:`LaneStore.claim`."""
    answer = await link.run("claim", link.lane(subject), holder, seconds, *entry_rows(accept))
    if answer is None:
        return None
    fence, now, stored, opted_out, unreadable, found = answer
    waiting, damaged = split_waiting(found)
    try:
        conversation = read_conversation(*stored)
        whole = True
    except UnreadableRecord:
        conversation, whole = None, False
    held = Claim(subject, holder, fence, float(now), conversation, waiting, bool(unreadable) or not whole)
    if damaged or not whole:
        version = stored[1] if not whole else None
        held = replace(held, waiting=await _pass_over(link, held, damaged, token="", whole=not whole, version=version))
    if conversation is None and opted_out is not None:
        held = replace(held, conversation=_only_opted_out(subject, held.now, opted_out))
    return held


def read_conversation(record: bytes | None, version: bytes | None, at: bytes | None) -> Conversation | None:
    """Return a stored conversation with what the store set, None where there is none. Raises UnreadableRecord."""
    if record is None and version is None:
        return None
    try:
        found = CONVERSATION.decode(record or b"")
        return replace(found, version=int(version or b""), updated_at=float(at or b""))
    except ValueError as error:
        raise UnreadableRecord("(Conversation: version or time)") from error


def _only_opted_out(subject: SubjectId, now: float, opted_out: bytes) -> Conversation:
    """Return a conversation that knows of nothing but opt-outs."""
    channels = tuple(Channel(channel) for channel in opted_out.decode().split(","))
    return Conversation(subject, created_at=now, updated_at=now, opted_out=channels)


async def _pass_over(
    link: RedisLink,
    held: Claim,
    damaged: Sequence[bytes],
    *,
    token: str,
    whole: bool = False,
    version: bytes | None = None,
) -> tuple[Waiting, ...]:
    """Set aside what could not be read, in the claim's name, and return what waits now."""
    found = await link.run(
        "pass_over",
        link.lane(held.subject),
        held.fence,
        held.holder,
        token,
        "1" if whole else "",
        version,
        *rows([(key,) for key in damaged]),
    )
    return held.waiting if found is None else split_waiting(found)[0]


async def renew(link: RedisLink, claim: Claim, seconds: float) -> None:
    """See :meth:`LaneStore.renew`."""
    if not await link.run("renew", link.lane(claim.subject), claim.fence, claim.holder, seconds):
        raise LeaseLost


async def release(link: RedisLink, claim: Claim, forgive: bool = False) -> None:
    """See :meth:`LaneStore.release`."""
    await link.run("release", link.lane(claim.subject), claim.fence, claim.holder, "1" if forgive else "")


async def commit(
    link: RedisLink, claim: Claim, change: Change, token: str, deliver: float | None = None, replica: str = ""
) -> Committed:
    """See :meth:`LaneStore.commit`."""
    lane = link.lane(claim.subject)
    answer = await link.run("commit", lane, *commit_arguments(claim, change, token, deliver, replica))
    if answer is None:
        raise LeaseLost
    version, found, taken = answer
    waiting, damaged = split_waiting(found)
    if damaged:
        waiting = await _pass_over(link, replace(claim, waiting=waiting), damaged, token=token)
    outgoing: list[Outgoing] = []
    for row in taken:
        one = await first_readable(link, lane, row, holder=claim.holder, seconds=deliver or 0.0, replica=replica)
        if one is not None:
            outgoing.append(one)
    return Committed(version, waiting, tuple(outgoing))


def commit_arguments(
    held: Claim, change: Change, token: str, deliver: float | None, replica: str = ""
) -> Iterator[Argument]:
    """Spell out a commit in the order in which the script reads it."""
    yield from (held.fence, held.holder, token, deliver, replica, change.wake_at)
    conversation = change.conversation
    opted_out = ",".join(conversation.opted_out)
    yield from (conversation.version, conversation.last_channel, opted_out)
    yield from (CONVERSATION.encode(conversation), write_head(conversation))
    yield from chain(
        rows([(one.id, one.status, one.expires_at, APPROVAL.encode(one)) for one in conversation.approvals]),
        rows([(key,) for key in change.consumed]),
        rows([(key,) for key in change.set_aside]),
        rows([(TIMELINE.encode(event),) for event in change.timeline]),
        rows([(one.id, one.status, TICKET.encode(one)) for one in change.tickets]),
        rows([(channel,) for channel in change.blocked]),
        rows([(one.id, one.route.channel, REPLY.encode(one)) for one in change.replies]),
    )
