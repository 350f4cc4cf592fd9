"""The turn engine: whatever happened to a subject becomes turns of the one agent, one at a time, each exactly once.

An entry is durable before it is acted on. The worker that holds the lane's lease runs the turn and writes history,
replies, timeline and consumed entries in one commit, so a crash at any moment leaves the previous or the next state.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from ..entries import Decision, Entry, Hold, SpokenPrompt, StaffAct, TextFromAnother, TextReceived, Undelivered
from ..errors import StoreUnavailable
from ..events import EventName
from ..identity.base import Identity
from ..model import Channel, Reply, ReplyStatus, Source, SubjectId, TimelineEvent, Tone
from ..persistence.base import LaneStore
from ..persistence.values import Outcome, Receipt
from .base import AgentRunner, EngineLimits, FetchPictures, Sender
from .delivery import Delivery
from .event_bus import EventBus
from .lane_merging import MergingResolver
from .lane_worker import LaneWorker
from .outages import OutageTickets, StoreOutage
from .preemptive import PreemptiveTurns
from .reply_composer import ReplyComposer
from .schedule import Schedule
from .speech_stream import SpeechStream, SpeechStreams
from .summary import Summarise, Summarising
from .text_screening import silencing
from .translations import Translations
from .turn_maker import TurnMaker

SWEEP_SECONDS = 0.4
"""How often a replica looks for work that another one left behind, or does not get round to."""
SWEEP_LIMIT = 100
GRACE = 0.1
"""Seconds for which work is left to the replica that accepted it, beyond the wait for the rest of a burst."""


class TurnEngine:
    """Runs lanes and their outboxes. Use it with ``async with``; channels call :meth:`accept`."""

    def __init__(
        self,
        *,
        store: LaneStore,
        runner: AgentRunner,
        identity: Identity,
        senders: Iterable[Sender],
        bus: EventBus,
        limits: EngineLimits,
        summarise: Summarise | None = None,
        pictures: FetchPictures | None = None,
        translations: Translations | None = None,
    ) -> None:
        self.replica = uuid.uuid4().hex
        """Names this process to the store, which hands out what is to be said in a call where its socket is."""
        self.lease = limits.lease
        """Seconds for which something is held without a sign of life."""
        self._store = store
        self._bus = bus
        self._limits = limits
        self.identity = MergingResolver(identity, store, bus)
        """Finds the subject of an address, for channels and staff."""
        senders = tuple(senders)
        self.composer = ReplyComposer(senders, translations)
        self.speeches = SpeechStreams()
        """The voices of spoken turns; the voice channel adds one per prompt."""
        self.outage = StoreOutage()
        """Channels tell it of reads that failed."""
        self._early = PreemptiveTurns(runner.run, store.found_by_turns, limits)
        turns = TurnMaker(runner, self._early.run, self.composer, limits, find_ticket=store.ticket, pictures=pictures)
        bus.add("outage-tickets", OutageTickets(store.ticket, self.act).hear)
        self._folding = Summarising(summarise, self.wake, timeout=limits.fold_timeout)
        self._delivery = Delivery(
            store,
            senders,
            lease=limits.lease,
            replica=self.replica,
            bus=bus,
            workers=limits.workers,
            given_up=self._given_up,
            hand_on=self._hand_on,
        )
        self._worker = LaneWorker(
            store,
            turns,
            self.speeches,
            limits,
            self._delivery.adopt,
            self.outage,
            bus,
            self._folding,
            self.replica,
        )
        self._lanes: Schedule[SubjectId] = Schedule("lane", self._worker.run, workers=limits.workers)
        self._lines = self._delivery.lines
        self._stack = AsyncExitStack()
        self._draining = False
        self._callers: set[SubjectId] = set()
        self._watchers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._bus)
        await self._stack.enter_async_context(self.identity)
        await self._stack.enter_async_context(self._folding)
        await self._stack.enter_async_context(self._lines)
        await self._stack.enter_async_context(self._lanes)
        self._watchers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_watching()
        self._early.close()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._stack.aclose()

    @property
    def running(self) -> int:
        """Return how many lanes have a turn that runs here."""
        return self._lanes.running

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str | None = None, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """Make entries durable and see that a turn takes them up; the answer of :meth:`LaneStore.accept`.

        What may be the first of a burst of texts waits a moment. Holding the agent stops a text turn here in which no
        tool has begun.
        """
        entries = [silencing(one) if isinstance(one.body, TextReceived | SpokenPrompt) else one for one in entries]
        with self.outage.noticed():
            receipts = await self._store.accept(subject, entries, token=token or uuid.uuid4().hex, not_after=not_after)
        if any(receipt.outcome is Outcome.ACCEPTED for receipt in receipts):
            body = entries[0].body
            if isinstance(body, Hold) and body.on:
                self._worker.preempt(subject)
            at_once = isinstance(body, Decision | StaffAct)
            self._lanes.wake(subject, after=0.0 if at_once else self._limits.coalesce)
            await self._store.notify(subject)
        return receipts

    async def decide(self, subject: SubjectId, decision: Decision, *, key: str, not_after: float | None) -> Receipt:
        """Make a decision durable, unless there is one already (DUPLICATE) or its time is over (LATE)."""
        (receipt,) = await self.accept(subject, [Entry(key, decision)], not_after=not_after)
        return receipt

    async def act(self, subject: SubjectId, act: StaffAct, key: str) -> Receipt:
        """Make what staff do durable, unless ``key`` did it already (DUPLICATE), and see that it is carried out."""
        (receipt,) = await self.accept(subject, [Entry(key, act)])
        return receipt

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
    ) -> bool:
        """Store what the provider says about a reply; a message that never arrived shows on the timeline."""
        events: tuple[TimelineEvent, ...] = ()
        if status in (ReplyStatus.UNDELIVERED, ReplyStatus.FAILED):
            data = {"reply": reply_id, "code": error_code}
            events = (TimelineEvent(EventName.REPLY_UNDELIVERED, Source.SYSTEM, tone=Tone.ERROR, data=data),)
        moved = await self._store.delivery_status(
            subject, reply_id, status, provider_id=provider_id, error_code=error_code, timeline=events
        )
        if moved:
            self._bus.tell(subject, events)
            self._bus.tell_of(subject, EventName.REPLY_STATUS, reply=reply_id, status=status.value)
        if moved and events:
            stored = next((row for row in await self._store.replies(subject) if row.reply.id == reply_id), None)
            if stored is not None:
                await self._given_up(subject, stored.reply, error_code or 0)
        return moved

    async def _given_up(self, subject: SubjectId, reply: Reply, code: int) -> None:
        """Let the lane draw conclusions from a refused reply."""
        entry = Entry(f"undelivered:{reply.id}", Undelivered(reply, code))
        await self._store.accept(subject, [entry], token=uuid.uuid4().hex)
        self._lanes.wake(subject)

    async def _hand_on(self, reply: Reply) -> None:
        """Put a text to another customer into that customer's own lane; repeating it does nothing."""
        found = await self.identity.resolve(reply.route.customer, session=reply.id)
        entry = Entry(f"from_another:{reply.id}", TextFromAnother(reply.route, reply.text))
        await self.accept(found.subject, [entry], token=reply.id)

    async def hear(self, subject: SubjectId, entries: Sequence[Entry]) -> None:
        """Let what a caller said be answered now: it goes before texts, and is accepted with the lane's claim.

        Where a turn runs here already, it waits for it, unless that is a text turn in which no tool has begun: that
        one is cancelled and run again afterwards. Raises StoreUnavailable.
        """
        if self._draining:
            for entry in entries:
                self.speeches.fail(entry.key)
            return
        entries = list(map(silencing, entries))
        if self._worker.offer(subject, entries):
            await self._store.accept(subject, entries, token=uuid.uuid4().hex)
            self._worker.preempt(subject)
        self._lanes.wake(subject, urgent=True)

    def begin_early(self, subject: SubjectId, key: str, body: SpokenPrompt, speech: SpeechStream) -> None:
        """Begin the turn of a caller who may have finished; :meth:`hear` with the same key makes it one."""
        if not self._draining:
            self._early.begin(subject, key, body, speech)

    def drop_early(self, subject: SubjectId) -> None:
        """Give up a turn that was begun too early."""
        self._early.drop(subject)

    def wake(self, subject: SubjectId) -> None:
        """Look at a lane now: something about it changed."""
        self._lanes.wake(subject)

    def arrived(self, subject: SubjectId) -> None:
        """Look for what is to be said to a caller: the store knows now that their call is here."""
        self._callers.add(subject)
        self._lines.wake((subject, Channel.VOICE))
        self._bus.tell_of(subject, EventName.CALL_ARRIVED)

    def departed(self, subject: SubjectId) -> None:
        """Take note that a caller is here no more, as the store knows."""
        self._callers.discard(subject)
        self._bus.tell_of(subject, EventName.CALL_DEPARTED)

    async def drain(self, seconds: float) -> bool:
        """Finish running turns and deliveries, start nothing new; return whether all ended within ``seconds``.

        What was accepted and not begun stays in the store for the next process.
        """
        self._draining = True
        self._stop_watching()
        deadline = asyncio.get_running_loop().time() + seconds
        lanes = await self._lanes.drain(seconds)
        lines = await self._lines.drain(max(0.0, deadline - asyncio.get_running_loop().time()))
        return lanes and lines

    # --- work that others left behind -------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            try:
                due = await self._store.due(
                    limit=SWEEP_LIMIT, replica=self.replica, grace=self._limits.coalesce + GRACE
                )
                for subject in due.lanes[: self._lanes.room]:
                    self._lanes.wake(subject)
                for line in due.lines:
                    self._lines.wake(line)
                if self.outage.lasts:
                    with self.outage.noticed():
                        await self._store.ping()
            except StoreUnavailable as error:
                self.outage.begin(error)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _listen(self) -> None:
        """Hear of what is to be said in a call that is here. All else that others accept, they run themselves."""
        while True:
            try:
                async for subject in self._store.listen():
                    if subject in self._callers:
                        self._lines.wake((subject, Channel.VOICE))
            except StoreUnavailable:
                await asyncio.sleep(SWEEP_SECONDS)

    def _stop_watching(self) -> None:
        for task in self._watchers:
            task.cancel()
