"""The outbox: hands each customer's replies to the provider, in order, each one once.

A reply is claimed durably before the network is touched. An attempt whose end nobody recorded (a crash, a lost
answer) is looked up at the provider before anything is sent again.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from ..errors import DeliveryError, DeliveryRefused, DeliveryUnclear, StoreUnavailable
from ..model import Channel, Outgoing, Reply, ReplyStatus, Route, Source, SubjectId, TimelineEvent, Tone
from ..persistence.base import LaneStore, Settlement
from .base import Carrier

log = structlog.get_logger(__name__)

Line = tuple[SubjectId, Channel]
GivenUp = Callable[[SubjectId, Reply, int], Awaitable[None]]

PATIENCE_SECONDS = 4 * 3600.0
"""How long a reply is tried before it is given up: longer than a provider's outage."""
SENT_AGAIN = 1
"""How often a reply is sent again while nobody knows whether it exists."""
LOOKS = 5
"""How often it is looked for after that, before it is given up."""
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
        self._not_created: set[str] = set()
        self._unclear: Counter[str] = Counter()
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
            sid = sending.result()
            sent_again = self._unclear.pop(outgoing.reply.id, 0) > 1
            self._not_created.discard(outgoing.reply.id)
            events = (_event("reply_sent_again", outgoing.reply, Tone.WARNING),) if sent_again else ()
            return Settlement(ReplyStatus.SENT, provider_id=sid, timeline=events)
        except DeliveryError as error:
            settlement = self._after(error, outgoing)
            if settlement.status is not ReplyStatus.WAITING and error.provider_code and self.given_up:
                await self.given_up(subject, outgoing.reply, error.provider_code)
            return settlement

    async def _reach(self, subject: SubjectId, outgoing: Outgoing) -> str:
        """Send a reply, unless an earlier attempt whose end nobody knows turns out to have sent it."""
        reply = outgoing.reply
        carrier = self._carriers[reply.route.channel]
        if outgoing.tries > 1 and reply.id not in self._not_created:
            self._unclear[reply.id] = max(self._unclear[reply.id], 1)
            stored = await self._store.replies(subject)
            known = frozenset(row.provider_id for row in stored if row.provider_id)
            found = await carrier.find(reply, known=known)
            if found is not None:
                self._unclear.pop(reply.id, None)
                return found
            if self._unclear[reply.id] > SENT_AGAIN:
                raise DeliveryUnclear("It was sent again already.")
            self._unclear[reply.id] += 1
        self._not_created.discard(reply.id)
        return await carrier.send(reply)

    def _after(self, error: DeliveryError, outgoing: Outgoing) -> Settlement:
        """Decide what follows a failed attempt: another one, later, or the end."""
        reply, code = outgoing.reply, error.provider_code
        unclear = isinstance(error, DeliveryUnclear)
        if unclear:
            self._unclear[reply.id] += 1
        else:
            self._not_created.add(reply.id)
        if outgoing.tries == 1:
            log.warning("reply_not_sent", reason=error.code, provider_code=code)
        hopeless = time.time() - reply.created_at > PATIENCE_SECONDS or self._unclear[reply.id] > SENT_AGAIN + LOOKS
        if error.retryable and not hopeless:
            bound = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(outgoing.tries, 12))
            wait = random.uniform(bound / 2, bound)  # noqa: S311 - jitter, not a secret
            # After an unclear end its status callback may come yet, and the provider may still be busy with it.
            return Settlement(
                ReplyStatus.WAITING, error_code=code, retry_in=max(wait, UNCLEAR_WAIT) if unclear else wait
            )
        self._not_created.discard(reply.id)
        self._unclear.pop(reply.id, None)
        blocked = isinstance(error, DeliveryRefused) and code == OPTED_OUT
        event = _event("reply_blocked" if blocked else "reply_failed", reply, Tone.ERROR, code=code, reason=error.code)
        log.warning("reply_given_up", reason=error.code, provider_code=code, tries=outgoing.tries)
        status = ReplyStatus.BLOCKED if blocked else ReplyStatus.FAILED
        return Settlement(status, error_code=code, timeline=(event,))


def _event(name: str, reply: Reply, tone: Tone, **data: object) -> TimelineEvent:
    return TimelineEvent(
        name=name,
        source=Source.SYSTEM,
        tone=tone,
        channel=reply.route.channel,
        turn=reply.turn,
        data={"reply": reply.id, **data},
    )
