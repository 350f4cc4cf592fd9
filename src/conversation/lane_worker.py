"""One lane at a time: claim it, run what waits, commit, give it back. The only place that holds leases."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import structlog

from ..entries import Entry, Heard, Hold, SpokenPrompt, TextReceived, Waiting
from ..errors import LeaseLost, StoreUnavailable
from ..events import EventName
from ..model import Channel, Conversation, Outgoing, Reply, Route, Source, SubjectId, TimelineEvent, Tone
from ..persistence.base import LaneStore
from ..persistence.values import Change, Claim, Committed
from ..telemetry.logs import subject_label
from ..telemetry.traces import store_span, turn_span
from .base import EngineLimits, Steering
from .event_bus import EventBus
from .history import begin
from .outages import StoreOutage
from .outreach import due_entries
from .speech_stream import SpeechStreams
from .spoken_turn import left_unspoken
from .summary import FOLD_AGAIN, Summarising
from .turn_maker import TurnMaker

log = structlog.get_logger(__name__)

COMMIT_PATIENCE = 60.0
"""Seconds for which a finished turn waits for the store to come back before it is left to be run again."""
CALLER_WAITS = 0.1
"""Seconds after which a lane that another worker holds is tried again while a caller waits for an answer."""


@dataclass(slots=True)
class _Running:
    """A turn under way in this process."""

    task: asyncio.Task[Change]
    steering: Steering
    preemptible: bool
    preempted: bool = False


class LaneWorker:
    """Runs lanes; ``hand_over`` is given the replies that a commit claimed for delivery."""

    def __init__(
        self,
        store: LaneStore,
        turns: TurnMaker,
        speeches: SpeechStreams,
        limits: EngineLimits,
        hand_over: Callable[[SubjectId, Outgoing, float], None],
        outage: StoreOutage,
        bus: EventBus,
        folding: Summarising,
        replica: str,
    ) -> None:
        self._store = store
        self._replica = replica
        self._turns = turns
        self._speeches = speeches
        self._limits = limits
        self._hand_over = hand_over
        self._outage = outage
        self._bus = bus
        self._folding = folding
        self._held: set[SubjectId] = set()
        self._running: dict[SubjectId, _Running] = {}
        self._offered: dict[SubjectId, list[Entry]] = {}

    def offer(self, subject: SubjectId, entries: Sequence[Entry]) -> bool:
        """Keep entries for the lane's next claim, which accepts them; True when the lane is held here and they must be
        accepted now.
        """
        if subject in self._held:
            return True
        self._offered.setdefault(subject, []).extend(entries)
        return False

    def preempt(self, subject: SubjectId) -> None:
        """Cancel a text turn that has done nothing yet, so that a caller need not wait for it."""
        running = self._running.get(subject)
        if running is not None and running.preemptible and not running.steering.tools_begun:
            running.preempted = True
            running.task.cancel()

    async def run(self, subject: SubjectId) -> float | None:
        """Run everything that waits in a lane; the worker's edge for store trouble.

        Returns the seconds after which the lane wants to be looked at again, or None.
        """
        self._held.add(subject)
        offered = self._offered.pop(subject, [])
        try:
            claim = await self._store.claim(
                subject, holder=uuid.uuid4().hex, seconds=self._limits.lease, accept=offered
            )
            if claim is None:
                # Who holds it takes up what came meanwhile; where they die, the sweep finds it.
                return CALLER_WAITS if self._speeches.waiting(subject) else None
            try:
                async with self._lease(claim):
                    return await self._drain(claim)
            except asyncio.CancelledError:
                # A turn that shutdown cuts off did not fail; only a failing one uses up a try.
                await self._give_back(claim, forgive=True)
                raise
        except LeaseLost:
            log.warning("lease_lost")
        except StoreUnavailable as error:
            self._outage.begin(error)
            for entry in offered:
                self._speeches.fail(entry.key)
            return self._limits.lease
        finally:
            self._held.discard(subject)
        return None

    async def _drain(self, claim: Claim) -> float | None:
        known = self._folding.adopt(claim.subject, claim.conversation)
        conversation = begin(known, claim.subject, self._limits, now=claim.now)
        waiting = await self._expire(conversation, claim)
        if not waiting:
            version, waiting = await self._idle(claim, conversation)
            if not waiting:
                return None
            conversation = replace(conversation, version=version)
        set_aside = TimelineEvent(EventName.RECORD_SET_ASIDE, Source.SYSTEM, tone=Tone.ERROR)
        events = (set_aside,) if claim.unreadable else ()
        while waiting:
            began = time.perf_counter()
            batch = self._batch(waiting)
            if await self._is_for_another(claim.subject, batch[-1].entry):
                await self._store.release(claim, forgive=True)
                return None
            with turn_span(claim.subject):
                change = await self._make(claim, conversation, batch)
                if change is None:
                    waiting = await self._store.waiting(claim.subject)
                    continue
                change = replace(change, timeline=(*events, *change.timeline))
                committing = asyncio.get_running_loop().time()
                committed = await self._commit(claim, change)
                self._bus.tell(claim.subject, change.timeline, seconds=time.perf_counter() - began)
                for key in self._speeches.keys() & change.consumed:
                    self._speeches.drop(key)
                for outgoing in committed.outgoing:
                    self._hand_over(claim.subject, outgoing, committing)
            if _spoken(change.replies) and not _spoken(one.reply for one in committed.outgoing):
                await self._hint(claim.subject)  # the call is at another replica
            conversation = replace(change.conversation, version=committed.version, updated_at=committed.at)
            events, waiting = (), committed.waiting
        return self._limits.fold_after if conversation.unfolded else None

    async def _is_for_another(self, subject: SubjectId, entry: Entry) -> bool:
        """Tell whether a caller waits for the answer to this at another replica, where alone it can be spoken."""
        if not isinstance(entry.body, SpokenPrompt) or self._speeches.get(entry.key) is not None:
            return False
        there = await self._store.present(subject)
        return there is not None and there.replica != self._replica and there.call == entry.body.call

    async def _hint(self, subject: SubjectId) -> None:
        """Let other replicas look at a lane and its lines now; without it they do so in a moment."""
        with suppress(StoreUnavailable):
            await self._store.notify(subject)

    async def _idle(self, claim: Claim, conversation: Conversation) -> tuple[int, tuple[Waiting, ...]]:
        """Give back a lane in which nothing waits; first keep a new summary, or let one be made.

        Returns the version, and what has arrived meanwhile: the lane is then still held.
        """
        if claim.conversation is None or not claim.conversation.unfolded:
            await self._store.release(claim)
            return conversation.version, ()
        due = conversation.wake_at(now=claim.now, after=FOLD_AGAIN)
        committed = await self._commit(claim, Change(conversation, wake_at=due))
        if conversation.unfolded:
            self._folding.begin(conversation)
        return committed.version, committed.waiting

    async def _make(self, claim: Claim, conversation: Conversation, batch: tuple[Waiting, ...]) -> Change | None:
        """Run one turn in a task of its own; None when a caller's words cut in and it is to be run again."""
        steering = Steering(speech=self._speeches.get(batch[-1].entry.key))
        kinds = [one.entry.body.kind for one in batch]
        log.debug("turn_began", subject=subject_label(claim.subject), entries=kinds, tries=batch[0].tries)
        made = self._turns.make(conversation, batch, now=claim.now, steering=steering)
        running = _Running(asyncio.ensure_future(made), steering, preemptible=_route(batch[-1]) is not None)
        self._running[claim.subject] = running
        try:
            return await running.task
        except asyncio.CancelledError:
            if running.preempted and running.task.cancelled():
                return None
            running.task.cancel()
            raise
        finally:
            del self._running[claim.subject]
            if running.task.done() and not running.task.cancelled() and running.task.exception() is not None:
                await self._give_back(claim, forgive=False)

    async def _expire(self, conversation: Conversation, claim: Claim) -> tuple[Waiting, ...]:
        """Return what waits, with what the clock has to say: a request's time is over, a follow-up's has come.

        The former has the key of every other decision about that approval: whichever was stored first counts.
        """
        due = conversation.due_at
        if due is None or due > claim.now:
            return claim.waiting
        entries = due_entries(conversation, claim.now)
        await self._store.accept(claim.subject, entries, token=claim.holder)
        return await self._store.waiting(claim.subject)

    def _batch(self, waiting: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
        """Return the entries of the next turn, behind all that tells how earlier answers were heard: what is asked now
        may depend on it.
        """
        facts = tuple(one for one in waiting if isinstance(one.entry.body, Heard))
        others = tuple(one for one in waiting if one not in facts) if facts else waiting
        return (*facts, *self._next(others, tries=waiting[0].tries)) if others else facts

    def _next(self, waiting: tuple[Waiting, ...], *, tries: int) -> tuple[Waiting, ...]:
        """Return what is taken up next: staff holding the agent, or letting it go on, goes first, then what a caller on
        the line said; a burst of texts over one route is one turn; everything else is taken alone, in order. ``tries``
        are those of the first in line.
        """
        for one in waiting:
            if isinstance(one.entry.body, Hold):
                return (one,)
        for one in waiting:
            if isinstance(one.entry.body, SpokenPrompt) and self._speeches.get(one.entry.key) is not None:
                return (*left_unspoken(waiting, one.entry.body, self._speeches), one)
        first = waiting[0]
        route = _route(first)
        if route is None or self._limits.coalesce <= 0 or tries > 1:
            return (first,)
        return tuple(itertools.takewhile(lambda one: _route(one) == route, waiting))

    async def _commit(self, claim: Claim, change: Change) -> Committed:
        """Commit, and when the store's answer fails to come, again with the same token: the turn ran only once."""
        token, waited, pause = uuid.uuid4().hex, 0.0, 0.1
        while True:
            try:
                with self._outage.noticed(), store_span("commit"):
                    return await self._store.commit(
                        claim, change, token=token, deliver=self._limits.lease, replica=self._replica
                    )
            except StoreUnavailable:
                if waited >= COMMIT_PATIENCE:
                    raise
                await asyncio.sleep(pause)
                waited, pause = waited + pause, min(pause * 2, 2.0)

    async def _give_back(self, claim: Claim, *, forgive: bool) -> None:
        try:
            await self._store.release(claim, forgive=forgive)
        except StoreUnavailable:
            log.warning("lease_not_released")

    @asynccontextmanager
    async def _lease(self, claim: Claim) -> AsyncIterator[None]:
        """Renew the lease while the body runs, and end the body with LeaseLost once another worker has the lane."""
        try:
            async with asyncio.timeout(None) as deadline:
                renewer = asyncio.create_task(self._renew(claim, deadline))
                try:
                    yield
                finally:
                    renewer.cancel()
        except TimeoutError as error:
            if deadline.expired():
                raise LeaseLost from error
            raise

    async def _renew(self, claim: Claim, deadline: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(self._limits.lease * 0.3)
            try:
                await self._store.renew(claim, seconds=self._limits.lease)
            except LeaseLost:
                with suppress(RuntimeError):  # the body has ended this moment, and gave the lease back itself
                    deadline.reschedule(asyncio.get_running_loop().time())
                return
            except StoreUnavailable:
                log.warning("lease_not_renewed")


def _route(waiting: Waiting) -> Route | None:
    """Return the way back for a text, None for an entry of another kind."""
    body = waiting.entry.body
    return body.route if isinstance(body, TextReceived) else None


def _spoken(replies: Iterable[Reply]) -> bool:
    """Tell whether any of these is to be said in a call."""
    return any(reply.route.channel is Channel.VOICE for reply in replies)
