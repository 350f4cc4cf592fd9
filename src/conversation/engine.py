"""The turn engine: whatever happened to a subject becomes turns of the one agent, one at a time, each exactly once.

An entry is durable before anybody acts on it. Whoever holds the lane's lease runs the turn and writes history,
replies, timeline and consumed entries in one commit, so a crash at any moment leaves the previous or the next state.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog

from ..errors import LeaseLost, StoreUnavailable
from ..model import (
    Channel,
    Conversation,
    Decision,
    Entry,
    Reply,
    ReplyStatus,
    Route,
    Source,
    SubjectId,
    TextReceived,
    TimelineEvent,
    Tone,
    Undelivered,
    Verdict,
    Waiting,
)
from ..persistence.base import Change, Claim, Committed, LaneStore, Outcome, Receipt
from . import approvals
from .base import AgentRunner, EngineLimits
from .delivery import Delivery, Line
from .history import fresh
from .schedule import Schedule
from .turns import ACTED_ON, TurnMaker

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 2.0
"""How often a replica looks for work that another one left behind."""
SWEEP_LIMIT = 100
COMMIT_PATIENCE = 60.0
"""Seconds for which a finished turn waits for the store to come back before it is left to be run again."""


class TurnEngine:
    """Runs lanes and their outboxes. Use it with ``async with``; channels call :meth:`accept`."""

    def __init__(self, *, store: LaneStore, runner: AgentRunner, delivery: Delivery, limits: EngineLimits) -> None:
        self._store = store
        self._delivery = delivery
        delivery.given_up = self._given_up
        self._limits = limits
        self._turns = TurnMaker(runner, delivery, limits)
        self._lanes: Schedule[SubjectId] = Schedule("lane", self._run_lane, workers=limits.workers)
        self._lines: Schedule[Line] = Schedule("line", delivery.run, workers=limits.workers)
        self._stack = AsyncExitStack()
        self._watchers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._lines)
        await self._stack.enter_async_context(self._lanes)
        self._watchers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._listen())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_watching()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await self._stack.aclose()

    async def accept(self, subject: SubjectId, entries: Sequence[Entry], *, token: str) -> tuple[Receipt, ...]:
        """Make entries durable and see that a turn takes them up; the answer of :meth:`LaneStore.accept`."""
        receipts = await self._store.accept(subject, entries, token=token)
        if any(receipt.outcome is Outcome.ACCEPTED for receipt in receipts):
            self._lanes.wake(subject, after=self._limits.coalesce)
            await self._store.notify(subject)
        return receipts

    async def decide(self, subject: SubjectId, decision: Decision, *, key: str, not_after: float | None) -> Receipt:
        """Make a decision durable, unless there is one already (DUPLICATE) or its time is over (LATE)."""
        entry = Entry(key, decision)
        (receipt,) = await self._store.accept(subject, [entry], token=uuid.uuid4().hex, not_after=not_after)
        if receipt.outcome is Outcome.ACCEPTED:
            self._lanes.wake(subject)
            await self._store.notify(subject)
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
            events = (TimelineEvent(name="reply_undelivered", source=Source.SYSTEM, tone=Tone.ERROR, data=data),)
        moved = await self._store.delivery_status(
            subject, reply_id, status, provider_id=provider_id, error_code=error_code, timeline=events
        )
        if moved and error_code in ACTED_ON:
            stored = next((row for row in await self._store.replies(subject) if row.reply.id == reply_id), None)
            if stored is not None:
                await self._given_up(subject, stored.reply, error_code)
        return moved

    async def _given_up(self, subject: SubjectId, reply: Reply, code: int) -> None:
        """Let the lane draw conclusions from a refused reply."""
        if code in ACTED_ON:
            entry = Entry(f"undelivered:{reply.id}", Undelivered(reply, code))
            await self._store.accept(subject, [entry], token=uuid.uuid4().hex)
            self._lanes.wake(subject)

    def wake(self, subject: SubjectId) -> None:
        """Look at a lane now: something about it changed."""
        self._lanes.wake(subject)

    async def drain(self, seconds: float) -> bool:
        """Finish running turns and deliveries, start nothing new; return whether all ended within ``seconds``.

        What was accepted and not begun stays in the store for the next process.
        """
        self._stop_watching()
        deadline = asyncio.get_running_loop().time() + seconds
        lanes = await self._lanes.drain(seconds)
        lines = await self._lines.drain(max(0.0, deadline - asyncio.get_running_loop().time()))
        return lanes and lines

    # --- a lane -----------------------------------------------------------------------------------------

    async def _run_lane(self, subject: SubjectId) -> float | None:
        """Run everything that waits in a lane; the worker's edge for store trouble."""
        try:
            claim = await self._store.claim(subject, holder=uuid.uuid4().hex, seconds=self._limits.lease)
            if claim is None:
                return self._limits.lease
            async with self._lease(claim):
                await self._drain_lane(claim)
        except LeaseLost:
            log.warning("lease_lost")
        except StoreUnavailable:
            return self._limits.lease
        return None

    async def _drain_lane(self, claim: Claim) -> None:
        conversation = self._begin(claim)
        waiting = await self._expire(conversation, claim)
        if not waiting:
            await self._store.release(claim)
            return
        events = (_set_aside_event(),) if claim.unreadable else ()
        while waiting:
            batch = self._batch(waiting)
            try:
                change = await self._turns.make(conversation, batch, now=claim.now)
            except BaseException as error:
                # A turn that shutdown cuts off did not fail; only a failing one uses up a try.
                await self._give_back(claim, forgive=isinstance(error, asyncio.CancelledError))
                raise
            change = replace(change, timeline=(*events, *change.timeline))
            committed = await self._commit(claim, change)
            for outgoing in committed.outgoing:
                self._lines.wake(self._delivery.adopt(claim.subject, outgoing))
            conversation = replace(change.conversation, version=committed.version)
            events, waiting = (), committed.waiting

    async def _expire(self, conversation: Conversation, claim: Claim) -> tuple[Waiting, ...]:
        """Return what waits, with a decision of the clock's for each approval whose time is over.

        It has the key of every other decision about that approval: whichever was stored first counts.
        """
        late = approvals.expired(conversation, claim.now)
        if not late:
            return claim.waiting
        entries = [
            Entry(f"decision:{one.id}", Decision(one.id, Verdict.EXPIRE, actor="clock", decided_at=claim.now))
            for one in late
        ]
        await self._store.accept(claim.subject, entries, token=claim.holder)
        return await self._store.waiting(claim.subject)

    def _begin(self, claim: Claim) -> Conversation:
        conversation = claim.conversation
        if conversation is None:
            return Conversation(subject=claim.subject, created_at=claim.now, updated_at=claim.now)
        limits = self._limits
        return fresh(
            conversation, now=claim.now, state_max_age=limits.state_max_age, context_max_age=limits.context_max_age
        )

    def _batch(self, waiting: tuple[Waiting, ...]) -> tuple[Waiting, ...]:
        """Return the entries of the next turn: a burst of texts over one route, or the first entry alone."""
        first = waiting[0]
        route = _route(first)
        if route is None or self._limits.coalesce <= 0 or first.tries > 1:
            return (first,)
        return tuple(itertools.takewhile(lambda one: _route(one) == route, waiting))

    async def _commit(self, claim: Claim, change: Change) -> Committed:
        """Commit, and when the store's answer fails to come, again with the same token: the turn ran only once."""
        token, waited, pause = uuid.uuid4().hex, 0.0, 0.1
        while True:
            try:
                return await self._store.commit(claim, change, token=token, deliver=self._limits.lease)
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
        """Renew the lease while the body runs, and end the body with LeaseLost once somebody else has the lane."""
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
                deadline.reschedule(asyncio.get_running_loop().time())
                return
            except StoreUnavailable:
                log.warning("lease_not_renewed")

    # --- work that others left behind -------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            try:
                due = await self._store.due(limit=SWEEP_LIMIT)
                for subject in due.lanes:
                    self._lanes.wake(subject, after=self._limits.coalesce)
                for line in due.lines:
                    self._lines.wake(line)
            except StoreUnavailable:
                log.warning("store_unavailable")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                async for subject in self._store.listen():
                    self._lanes.wake(subject)
                    for channel in Channel:
                        self._lines.wake((subject, channel))
            except StoreUnavailable:
                await asyncio.sleep(SWEEP_SECONDS)

    def _stop_watching(self) -> None:
        for task in self._watchers:
            task.cancel()


def _route(waiting: Waiting) -> Route | None:
    """Return the way back for a text, None for a decision."""
    body = waiting.entry.body
    return body.route if isinstance(body, TextReceived) else None


def _set_aside_event() -> TimelineEvent:
    return TimelineEvent(name="record_set_aside", source=Source.SYSTEM, tone=Tone.ERROR)
