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
from collections.abc import Awaitable, Callable, Iterable

import structlog

from ..errors import DeliveryError, DeliveryRefused, DeliveryUnclear, StoreUnavailable
from ..events import EventName
from ..model import Channel, Outgoing, Reply, ReplyStatus, Source, SubjectId, TimelineEvent, Tone
from ..persistence.base import LaneStore
from ..persistence.values import Settlement
from ..telemetry.traces import Context, SpanKind, failed, here, span, store_span
from .base import Sender
from .event_bus import EventBus
from .schedule import Schedule

log = structlog.get_logger(__name__)

Line = tuple[SubjectId, Channel]
GivenUp = Callable[[SubjectId, Reply, int], Awaitable[None]]
"""Takes note, durably, of a reply that the provider refused for good, and of its code."""
HandOn = Callable[[Reply], Awaitable[None]]
"""Puts a text to somebody else into that person's own lane, once."""

PATIENCE_SECONDS = 4 * 3600.0
"""How long a reply is tried before it is given up: longer than a provider's outage."""
SENT_AGAIN = 1
"""How often a reply is sent again while nobody knows whether it exists."""
LOOKS = 5
"""How often it is looked for after that, before it is given up."""
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 30.0
UNCLEAR_WAIT = 3.0
CALL_ENDED = 1
"""Ours: what was to be said in a call came too late; it is texted."""
CALL_MOVED = 2
"""Ours: the caller is at another replica, which says what this one has not said."""
OPTED_OUT = 21610
"""Twilio's code for a recipient who wrote STOP (twilio.com/docs/api/errors/21610)."""
CERTAIN = 0.8
"""The part of a lease after which it is asked for again before anything leaves."""


class _TakenAway(Exception):
    """The line is held by another holder; ``instead`` is the reply that it holds for us now, if any."""

    def __init__(self, instead: Outgoing | None) -> None:
        super().__init__()
        self.instead = instead


class Delivery:
    """Sends one line (subject and channel) at a time; several lines run side by side.

    ``replica`` names this process to the store, which hands out what is to be said in a call where its socket is.
    """

    def __init__(
        self,
        store: LaneStore,
        senders: Iterable[Sender],
        *,
        lease: float,
        replica: str,
        bus: EventBus,
        workers: int,
        given_up: GivenUp,
        hand_on: HandOn,
    ) -> None:
        self._store = store
        self._senders = {channel: sender for sender in senders for channel in sender.channels}
        self._lease = lease
        self._replica = replica
        self._bus = bus
        self._given_up = given_up
        self._hand_on = hand_on
        self.lines: Schedule[Line] = Schedule("line", self.run, workers=workers)
        """The lines that have something to send; use it with ``async with``."""
        self._adopted: dict[Line, Outgoing] = {}
        self._since: dict[str, float] = {}
        self._turns: dict[str, Context | None] = {}
        """Traces of the turns whose replies are sent, by holder."""
        self._not_created: set[str] = set()
        self._unclear: Counter[str] = Counter()

    def adopt(self, subject: SubjectId, outgoing: Outgoing, since: float) -> None:
        """Send a reply that a commit claimed already.

        ``since`` is when the commit was begun, by the loop's clock.
        """
        line = (subject, outgoing.reply.route.channel)
        self._adopted[line] = outgoing
        self._since[outgoing.holder] = since
        self._turns[outgoing.holder] = here()
        self.lines.wake(line)

    async def run(self, line: Line) -> float | None:
        """Send what a line has to send; return the seconds until it wants to be run again."""
        subject, channel = line
        outgoing, holder = self._adopted.pop(line, None), uuid.uuid4().hex
        try:
            if outgoing is None:
                outgoing = await self._take(subject, channel, holder=holder)
            while outgoing is not None:
                holder, reply = outgoing.holder, outgoing.reply
                about = {"tandem.channel": channel.value, "tandem.reply": reply.id, "tandem.tries": outgoing.tries}
                turn = self._turns.get(holder)
                with span(f"send {channel.value}", about, kind=SpanKind.PRODUCER, within=turn) as one:
                    settlement = await self._attempt(subject, outgoing)
                    status, code = settlement.status.value, settlement.error_code
                    ended = {"status": status, "provider_code": code, "retry_in": settlement.retry_in}
                    log.debug("delivery_ended", reply=reply.id, **ended)
                    one.set_attribute("tandem.status", status)
                    if code is not None:
                        failed(str(code), one)
                    with store_span("settle"):
                        outgoing = await self._store.settle(
                            subject, outgoing, settlement, seconds=self._lease, replica=self._replica
                        )
                self._bus.tell(subject, settlement.timeline)
                self._bus.tell_of(subject, EventName.REPLY_STATUS, reply=reply.id, status=settlement.status.value)
                if settlement.error_code == CALL_MOVED:
                    await self._store.notify(subject)
                if settlement.retry_in is not None:
                    return settlement.retry_in
        except _TakenAway as lost:
            if lost.instead is None:
                return None
            self._adopted[line] = lost.instead
            return 0.0
        except StoreUnavailable:
            return self._lease
        finally:
            if line not in self._adopted:
                self._since.pop(holder, None)
                self._turns.pop(holder, None)
        return None

    async def _take(self, subject: SubjectId, channel: Channel, *, holder: str) -> Outgoing | None:
        asked = asyncio.get_running_loop().time()
        taken = await self._store.next_reply(
            subject, channel, holder=holder, seconds=self._lease, replica=self._replica
        )
        if taken is not None:
            self._since[holder] = asked
        return taken

    async def _send(self, sender: Sender, subject: SubjectId, outgoing: Outgoing) -> str:
        """Send a reply whose line is certainly ours. A process that stood still may have lost it without noticing."""
        loop, channel = asyncio.get_running_loop(), outgoing.reply.route.channel
        while loop.time() - self._since.get(outgoing.holder, 0.0) > self._lease * CERTAIN:
            kept = await self._take(subject, channel, holder=outgoing.holder)
            if kept is None or (kept.reply.id, kept.tries) != (outgoing.reply.id, outgoing.tries):
                raise _TakenAway(kept)
        return await sender.send(outgoing.reply)

    async def _attempt(self, subject: SubjectId, outgoing: Outgoing) -> Settlement:
        channel = outgoing.reply.route.channel
        log.debug("delivery_began", reply=outgoing.reply.id, channel=channel.value, tries=outgoing.tries)
        sending = asyncio.ensure_future(self._reach(subject, outgoing))
        try:
            while not (await asyncio.wait({sending}, timeout=self._lease / 3))[0]:
                # The same holder asking again keeps the line.
                kept = await self._take(subject, channel, holder=outgoing.holder)
                if kept is None and channel is Channel.VOICE and not sending.done():
                    return Settlement(ReplyStatus.WAITING, error_code=CALL_MOVED, retry_in=0.0)
        finally:
            sending.cancel()
        try:
            sid = sending.result()
            sent_again = self._unclear.pop(outgoing.reply.id, 0) > 1
            self._not_created.discard(outgoing.reply.id)
            events = (_event(EventName.REPLY_SENT_AGAIN, outgoing.reply, Tone.WARNING),) if sent_again else ()
            return Settlement(ReplyStatus.SENT, provider_id=sid, timeline=events)
        except DeliveryError as error:
            settlement = self._after(error, outgoing)
            if settlement.status is not ReplyStatus.WAITING and error.provider_code:
                await self._given_up(subject, outgoing.reply, error.provider_code)
            return settlement

    async def _reach(self, subject: SubjectId, outgoing: Outgoing) -> str:
        """Send a reply, unless an earlier attempt whose end nobody knows turns out to have sent it.

        A text to somebody else goes into that person's lane: what becomes of it, and whether they want to be written
        to at all, is theirs.
        """
        reply = outgoing.reply
        if reply.to_another:
            await self._hand_on(reply)
            return f"handed_on:{reply.id}"
        sender = self._senders[reply.route.channel]
        if outgoing.tries > 1 and reply.id not in self._not_created:
            stored = await self._store.replies(subject)
            if any(row.reply.id == reply.id and row.error_code == CALL_MOVED for row in stored):
                return await self._send(sender, subject, outgoing)
            self._unclear[reply.id] = max(self._unclear[reply.id], 1)
            known = frozenset(row.provider_id for row in stored if row.provider_id)
            try:
                found = await sender.find(reply, known=known)
            except DeliveryError as error:
                # Not looking is not knowing; that it failed says nothing of the attempt, and is none itself.
                self._unclear[reply.id] -= 1
                raise DeliveryUnclear("It could not be looked up.", provider_code=error.provider_code) from error
            if found is not None:
                self._unclear.pop(reply.id, None)
                return found
            if self._unclear[reply.id] > SENT_AGAIN:
                raise DeliveryUnclear("It was sent again already.")
            self._unclear[reply.id] += 1
        self._not_created.discard(reply.id)
        return await self._send(sender, subject, outgoing)

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
        name = EventName.REPLY_BLOCKED if blocked else EventName.REPLY_FAILED
        event = _event(name, reply, Tone.ERROR, code=code, reason=error.code)
        log.warning("reply_given_up", reason=error.code, provider_code=code, tries=outgoing.tries)
        status = ReplyStatus.BLOCKED if blocked else ReplyStatus.FAILED
        return Settlement(status, error_code=code, timeline=(event,))


def _event(name: EventName, reply: Reply, tone: Tone, **data: object) -> TimelineEvent:
    return TimelineEvent(
        name=name,
        source=Source.SYSTEM,
        tone=tone,
        channel=reply.route.channel,
        turn=reply.turn,
        data={"reply": reply.id, **data},
    )
