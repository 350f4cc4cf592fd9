"""The lane store: every promise of it, and the rule that keeps each. ``tests/contracts`` checks them over any storage.

A *lane* is everything about one subject: waiting entries, the conversation, replies, timeline, effects.
Anyone may append entries; only the holder of the lane's *lease* may run a turn and commit.

A method loads what its rule needs, lets the rule decide (lane.py, outbox.py, upkeep.py) and applies what that wrote;
:class:`~.storage.Storage` does it again when another writer was faster. Rules that hold for every method:

* **Durable**: what a method answered survives ``kill -9`` of this process (and of the machine, where the store can).
* **Repeatable**: every write carries a token made by the caller (``token``, ``holder``, the ids inside a change). The
  same token again gets the first answer and changes nothing: drivers repeat commands after a cut connection.
* **The store's clock**: leases, deadlines and times use the store server's clock.
* **Errors**: :class:`~tandem.errors.StoreUnavailable` (and no driver's) when it does not answer within seconds.
* **Any id**: subject ids, keys and texts are arbitrary non-empty strings without NUL; they never become file names,
  SQL or scripts. They are valid Unicode: a lone surrogate, which UTF-8 cannot carry, is a ValueError.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from ..entries import Entry
from ..errors import TandemError
from ..model import Channel, Outgoing, ReplyStatus, SubjectId, TimelineEvent
from . import kinds, lane, merging, outbox
from .housekeeping import Housekeeping
from .reading import NOTHING
from .rows import Name, Want
from .values import Change, Claim, Committed, Effect, Receipt, Settlement

TIDY_SECONDS: Final = 1.0
LISTEN_LIMIT: Final = 100
WANTS_CLAIM: Final = Want(
    rows=frozenset({(kinds.CONVERSATION, ""), (kinds.OPT_OUT, "")}),
    kinds=frozenset({kinds.WAITING, kinds.UNSETTLED, kinds.SNAPSHOT}),
)


def wants_keys(entries: Sequence[Entry]) -> Want:
    """Return what accepting these entries needs."""
    return Want(rows=frozenset((kind, entry.key) for entry in entries for kind in (kinds.WAITING, kinds.KEY)))


def wants_commit(change: Change, token: str) -> Want:
    """Return what a commit needs."""
    names: list[Name] = [(kinds.ANSWER, token), *((kinds.REPLY, one.id) for one in change.replies)]
    return Want(frozenset(names), frozenset({kinds.WAITING, kinds.UNSETTLED}))


def wants_status(reply_id: str) -> Want:
    """Return what a status callback needs."""
    return Want(rows=frozenset({(kinds.UNSETTLED, reply_id), (kinds.REPLY, reply_id)}))


class LaneStore(Housekeeping):
    """See the module's docstring. Backends are opened by their module's ``open_…`` context manager."""

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """Append entries to a lane, needing no lease; all are durable when this returns.

        * A key already in the lane, waiting or consumed, is DUPLICATE, unless it was put there with this ``token``
          (then the first answer is repeated).
        * With ``not_after``, a new key that arrives when the store's clock is past it is LATE and not stored, in the
          same atomic step.
        * Receipts are in the order of ``entries``; the same key twice in one call: the second is a duplicate
          of the first (late both, when the first is late).
        * ``earlier`` is None when the earlier entry cannot be read.
        """
        if not_after is not None:
            self.storage.forget(subject)  # a deadline is the store's clock's, not one that was reckoned on
        # A claim follows: with what it wants at hand it is one round trip, and faster than those who were hinted at.
        rule = partial(lane.accept, entries=entries, token=token, not_after=not_after)
        return await self.storage.step({subject: wants_keys(entries)}, rule, ahead=WANTS_CLAIM)

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """Take the lane's lease for ``seconds``, or return None while another holder's lease runs.

        * ``holder`` is new for every claim, never a replica's name. The same holder claiming again gets the same
          fence, as long as it still holds the lane (also when the lease ran out and nobody took it); the lease runs
          anew and no try is raised.
        * ``accept`` entries are accepted in the same step (token = holder), whether or not the lease is granted.
        * Granting raises ``tries`` of the first waiting entry by one.
        * Where only opt-outs are left of a lane, or its record is unreadable, a new conversation carries them.
        * An unreadable conversation, or an unreadable entry, is set aside in the same step and never blocks the lane.
        * A call that is cancelled on its way gives the lane back.
        """
        wanted = replace(WANTS_CLAIM, rows=WANTS_CLAIM.rows | wants_keys(accept).rows)
        rule = partial(lane.claim, holder=holder, seconds=seconds, entries=accept)
        claiming = asyncio.ensure_future(self.storage.step({subject: wanted}, rule))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            giving_back = asyncio.ensure_future(self._give_back(claiming))
            self._tidying.add(giving_back)
            giving_back.add_done_callback(self._tidying.discard)
            raise

    async def _give_back(self, claiming: asyncio.Future[Claim | None]) -> None:
        with suppress(TandemError):
            claim = await claiming
            if claim is not None:
                await self.release(claim, forgive=True)

    async def tidy(self) -> None:
        """Wait for lanes that are being given back, before the store is closed."""
        if self._tidying:
            await asyncio.wait(self._tidying, timeout=TIDY_SECONDS)

    async def renew(self, claim: Claim, *, seconds: float) -> None:
        """Extend the lease from now.

        Raises LeaseLost when the lane has another fence or the lease was released (so that a late renewal does not
        block the lane); an expired lease that nobody took is taken back.
        """
        await self.storage.step({claim.subject: NOTHING}, partial(lane.renew, held=claim, seconds=seconds))

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """Give the lease back; nothing happens when it is lost already.

        ``forgive`` undoes the claim's last try: the one that the claim, or its latest commit, raised.
        """
        await self.storage.step({claim.subject: NOTHING}, partial(lane.release, held=claim, forgive=forgive))

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """Write a change atomically and give the lease back, unless entries wait.

        * Raises LeaseLost, and writes nothing, when the lane's fence is not the claim's. A lease that ran out, and that
          nobody took, may still commit.
        * A repeated ``token`` is answered first of all, for at least ten minutes, even when others committed since.
        * When entries wait, they are returned and the lease is kept for as long as it lasted, first entry's ``tries``
          raised as by a claim; otherwise the lease is released in the same step.
        * With ``deliver`` (seconds), each line that received replies and that nobody delivers is claimed under the
          claim's holder for ``replica`` as by :meth:`next_reply`, and its first reply returned in ``outgoing``.
        * A line that this holder delivers already counts as delivered by somebody: its reply is not handed out twice.
        * A record larger than a MiB loses its oldest turns; where that does not suffice, RecordTooLarge.
        * Approvals of the conversation are indexed for :meth:`approvals`. One that the conversation no longer carries
          keeps its last state there, but pending becomes VOID: nobody can decide it.
        """
        rule = partial(lane.commit, held=claim, change=change, token=token, deliver=deliver, replica=replica)
        return await self.storage.step({claim.subject: wants_commit(change, token)}, rule)

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """Move everything of ``old`` into the lane of ``new``, in one atomic step: one person turned out to be both.

        * Conversations are joined (:func:`~.merging.joined`); keys, effects, replies, timeline, approvals, tickets and
          set-aside records change lanes, those of ``new`` winning where both have one of the same id.
        * A row ``joined`` is on the timeline of ``new``, a row ``moved`` is all that is left of ``old``.
        * Where only opt-outs are left of ``old``, these move.
        * False, and nothing is changed, when ``old`` has neither. Repeating a call that moved answers True.
        * Raises LeaseLost, changing nothing, while either lane is held, or ``old`` has a call, entries that wait,
          replies that are unsettled or an approval that is being carried out: later.
        """
        if old == new:
            raise ValueError("a lane cannot be merged with itself")
        wants = {old: merging.WANTS_LEFT, new: WANTS_CLAIM}
        return await self.storage.step(wants, partial(merging.merge, token=token))

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """Record that a side effect is about to happen.

        NEW: go ahead (also for the same token again, as long as it is unfinished). DONE: it happened, here is its
        result. UNKNOWN: somebody began it and never finished; it may have happened.
        """
        wanted = Want(rows=frozenset({(kinds.EFFECT, key), (kinds.RESULT, key)}))
        rule = partial(lane.effect_begin, key=key, token=token)
        return await self.storage.step({subject: wanted}, rule, blind=True)

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """Record the result of an effect, begun or not; the first result stays."""
        await self.storage.step({subject: NOTHING}, partial(lane.effect_finish, key=key, result=result), blind=True)

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """Take a line (subject and channel) for ``seconds`` and its oldest waiting reply, ``tries`` raised by one.

        None when the line is empty, rests until a retry, or is held by another holder. The same holder asking again
        gets the same reply with the same ``tries``, claimed for ``seconds`` from now, unless a status callback settled
        it: then the line's next. An unreadable reply is set aside and the line goes on.

        None, too, while an entry waits that silences the channel (:class:`~tandem.entries.Entry`).

        The VOICE line of a subject whose call is at another replica than ``replica`` (:meth:`presence`) gives None and
        stays as it is, whoever holds it: only where the socket is can it be said.
        """
        rule = partial(outbox.next_reply, channel=channel, holder=holder, seconds=seconds, replica=replica)
        return await self.storage.step({subject: outbox.WANTS_LINES}, rule)

    async def settle(
        self, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, *, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """Record an attempt's end and return the line's next reply, claimed for ``seconds``; None frees the line.

        A reply that is settled already (status not WAITING), or held by another holder since, keeps its state; the
        settlement's timeline rows are then not written. A holder that still holds the line goes on with its next
        reply; one that does not gets None, also when the line is free, and so does an attempt (``tries``) that its
        own holder has begun anew since. A line that is ``replica``'s no more (see :meth:`next_reply`) is freed.
        """
        settle = partial(outbox.settle, outgoing=outgoing, settlement=settlement)
        rule = partial(settle, seconds=seconds, replica=replica)
        return await self.storage.step({subject: outbox.WANTS_LINES}, rule)

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
        timeline: Sequence[TimelineEvent] = (),
    ) -> bool:
        """Store what a status callback says and return whether it moved the reply.

        Order: WAITING < FAILED, BLOCKED, SENT < UNDELIVERED < DELIVERED < READ; a reply never moves backwards, and
        equal is no move: a repeated callback writes nothing and answers False. A WAITING reply moves too (its
        create's answer was lost) and is then settled.
        """
        told = partial(outbox.delivery_status, reply_id=reply_id, status=status, timeline=timeline)
        rule = partial(told, provider_id=provider_id, error_code=error_code)
        return await self.storage.step({subject: wants_status(reply_id)}, rule)

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """Note that ``replica`` holds the socket of a subject's ``call``, for ``seconds`` from now.

        * The latest call of this counts: another replica, or another call, takes over. With ``renew`` it counts only
          while nobody else took over, so that a socket which is dead already does not take its call back.
        * ``seconds=0`` ends it for the ``call`` and ``replica`` that hold it, and does nothing for anybody else.
        * Erased with the subject. A lane is not purged while somebody is present in it; what ran out goes with any
          purge.
        """
        rule = partial(lane.presence, call=call, replica=replica, seconds=seconds, renew=renew)
        await self.storage.step({subject: NOTHING}, rule)

    # --- hints ------------------------------------------------------------------------------------------

    async def notify(self, subject: SubjectId) -> None:
        """Hint to other processes that a lane has work. Losing a hint costs seconds, never a message."""
        await self.storage.notify(subject)

    async def listen(self) -> AsyncIterator[SubjectId]:
        """Yield hints of other processes until cancelled; without hints, look for what is due again and again.

        Begins with what is due, as the hints of the time before were not heard.
        """
        hints = self.storage.hints()
        if hints is not None:
            async with aclosing(hints):
                async for hint in hints:
                    for subject in await self._work() if hint is None else (hint,):
                        yield subject
        while True:
            await asyncio.sleep(self._poll_seconds)
            for subject in await self._work():
                yield subject

    async def _work(self) -> Sequence[SubjectId]:
        due = await self.due(limit=LISTEN_LIMIT)
        return tuple(dict.fromkeys((*due.lanes, *(subject for subject, _ in due.lines))))
