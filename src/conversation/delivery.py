"""The outbox: hands each customer's replies to the provider, in order, each one once.

A reply is claimed durably before the network is touched. An attempt whose end nobody recorded (a crash, a lost
answer) is looked up at the provider before anything is sent again.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

import structlog

from ..errors import DeliveryError, DeliveryRefused, DeliveryUnclear, StoreUnavailable
from ..model import Channel, Outgoing, Reply, ReplyStatus, Route, Source, SubjectId, TimelineEvent, Tone
from ..persistence.base import LaneStore, Settlement
from .base import Carrier

log = structlog.get_logger(__name__)

Line = tuple[SubjectId, Channel]
GivenUp = Callable[[SubjectId, Reply, int], Awaitable[None]]

MAX_TRIES = 12
"""Attempts before a reply is given up; with the backoff below that is about four minutes."""
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 30.0
UNCLEAR_WAIT = 3.0
OPTED_OUT = 21610
"""Twilio's code for a recipient who wrote STOP (twilio.com/docs/api/errors/21610)."""


class Delivery:
    """Sends one line (subject and channel) at a time; several lines run side by side."""

    def __init__(self, store: LaneStore, *, lease: float) -> None:
        self._store = store
        self._carriers: dict[Channel, Carrier] = {}
        self._lease = lease
        self._adopted: dict[Line, Outgoing] = {}
        self.given_up: GivenUp | None = None
        """Called for a reply that the provider refused for good; set by the engine."""

    def add(self, carrier: Carrier) -> None:
        """Let a carrier take the replies of its channels. Adapters come after the engine that they feed."""
        self._carriers.update(dict.fromkeys(carrier.channels, carrier))

    def compose(self, channel: Channel, text: str) -> tuple[str, ...]:
        """Return the provider messages that carry an answer on a channel."""
        return self._carriers[channel].compose(text)

    def other_way(self, route: Route) -> Route | None:
        """Return another channel's way to the same customer, or None."""
        return self._carriers[route.channel].other_way(route)

    def adopt(self, subject: SubjectId, outgoing: Outgoing) -> Line:
        """Take over a reply that a commit claimed already; run the returned line to send it."""
        line = (subject, outgoing.reply.route.channel)
        self._adopted[line] = outgoing
        return line

    async def run(self, line: Line) -> float | None:
        """Send what a line has to send; return the seconds until it wants to be run again."""
        subject, channel = line
        outgoing = self._adopted.pop(line, None)
        try:
            if outgoing is None:
                holder = uuid.uuid4().hex
                outgoing = await self._store.next_reply(subject, channel, holder=holder, seconds=self._lease)
            while outgoing is not None:
                settlement = await self._attempt(subject, outgoing)
                outgoing = await self._store.settle(subject, outgoing, settlement, seconds=self._lease)
                if settlement.retry_in is not None:
                    return settlement.retry_in
        except StoreUnavailable:
            return self._lease
        return None

    async def _attempt(self, subject: SubjectId, outgoing: Outgoing) -> Settlement:
        sending = asyncio.ensure_future(self._reach(subject, outgoing))
        try:
            while not (await asyncio.wait({sending}, timeout=self._lease / 3))[0]:
                reply = outgoing.reply
                await self._store.next_reply(
                    subject, reply.route.channel, holder=outgoing.holder, seconds=self._lease
                )  # the same holder asking again keeps the line
        finally:
            sending.cancel()
        try:
            return Settlement(ReplyStatus.SENT, provider_id=sending.result())
        except DeliveryError as error:
            settlement = _after(error, outgoing)
            if settlement.status is not ReplyStatus.WAITING and error.provider_code and self.given_up:
                await self.given_up(subject, outgoing.reply, error.provider_code)
            return settlement

    async def _reach(self, subject: SubjectId, outgoing: Outgoing) -> str:
        reply = outgoing.reply
        carrier = self._carriers[reply.route.channel]
        if outgoing.tries > 1:
            stored = await self._store.replies(subject)
            known = frozenset(row.provider_id for row in stored if row.provider_id)
            found = await carrier.find(reply, known=known)
            if found is not None:
                return found
        return await carrier.send(reply)


def _after(error: DeliveryError, outgoing: Outgoing) -> Settlement:
    """Decide what follows a failed attempt: another one, later, or the end."""
    code = error.provider_code
    if error.retryable and outgoing.tries < MAX_TRIES:
        bound = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0**outgoing.tries)
        wait = random.uniform(bound / 2, bound)  # noqa: S311 - jitter, not a secret
        if isinstance(error, DeliveryUnclear):
            # Its status callback may come yet, and the provider may still be busy with it.
            wait = max(wait, UNCLEAR_WAIT)
        return Settlement(ReplyStatus.WAITING, error_code=code, retry_in=wait)
    blocked = isinstance(error, DeliveryRefused) and code == OPTED_OUT
    reply = outgoing.reply
    event = TimelineEvent(
        name="reply_blocked" if blocked else "reply_failed",
        source=Source.SYSTEM,
        tone=Tone.ERROR,
        channel=reply.route.channel,
        turn=reply.turn,
        data={"reply": reply.id, "code": code, "reason": error.code},
    )
    log.warning("reply_given_up", reason=error.code, provider_code=code, tries=outgoing.tries)
    return Settlement(ReplyStatus.BLOCKED if blocked else ReplyStatus.FAILED, error_code=code, timeline=(event,))
