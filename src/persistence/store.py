"""The lane store over any storage: load, let a rule decide, apply. The rules: lane.py, outbox.py, upkeep.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Final, TypeVar

from ..entries import Entry
from ..errors import StoreUnavailable, TandemError
from ..model import Channel, Outgoing, ReplyStatus, SubjectId, TimelineEvent
from . import acts, kinds, lane, outbox, redaction, upkeep
from .announcements import announcing
from .merging import merge
from .reading import NOTHING, Reading
from .rows import Indexed, LaneIndex, Name, Want
from .values import Announced, Change, Claim, Committed, Due, Effect, Folding, Hour, PurgeReport, Receipt, Settlement

T = TypeVar("T")

TIDY_SECONDS: Final = 1.0
LISTEN_LIMIT: Final = 100
_CHANNELS: Final = frozenset(Channel)
PURGE_STEP: Final = 500
"""Lanes that a purge lists at once."""
_DELETED: Final = ("conversations", "timeline", "replies", "keys", "effects", "tickets", "set_aside")


# --- what a rule needs ----------------------------------------------------------------------------------------


def wants_keys(entries: Sequence[Entry]) -> Want:
    """Return what accepting these entries needs."""
    return Want(rows=frozenset((kind, entry.key) for entry in entries for kind in (kinds.WAITING, kinds.KEY)))


WANTS_CLAIM: Final = Want(
    rows=frozenset({(kinds.CONVERSATION, ""), (kinds.OPT_OUT, "")}),
    kinds=frozenset({kinds.WAITING, kinds.UNSETTLED, kinds.SNAPSHOT}),
)


def wants_claim(entries: Sequence[Entry]) -> Want:
    """Return what a claim needs that accepts these entries."""
    return replace(WANTS_CLAIM, rows=WANTS_CLAIM.rows | wants_keys(entries).rows)


def wants_commit(change: Change, token: str) -> Want:
    """Return what a commit needs."""
    names: list[Name] = [(kinds.ANSWER, token), *((kinds.REPLY, one.id) for one in change.replies)]
    return Want(frozenset(names), frozenset({kinds.WAITING, kinds.UNSETTLED}))


def wants_effect(key: str) -> Want:
    """Return what beginning an effect needs."""
    return Want(rows=frozenset({(kinds.EFFECT, key), (kinds.RESULT, key)}))


def wants_status(reply_id: str) -> Want:
    """Return what a status callback needs."""
    return Want(rows=frozenset({(kinds.UNSETTLED, reply_id), (kinds.REPLY, reply_id)}))


class Store(Reading):
    """A :class:`~.base.LaneStore`. ``announced`` chooses the events that another system is told of."""

    announced: Announced | None = None

    async def tell(self, wants: Mapping[SubjectId, Want], rule: Callable[..., T]) -> T:
        """Take a step in which events may happen."""
        return await self.storage.step(wants, announcing(rule, self.announced) if self.announced else rule)

    # --- entries and turns ------------------------------------------------------------------------------

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """See :meth:`LaneStore.accept`."""
        if not_after is not None:
            self.storage.forget(subject)  # a deadline is the store's clock's, not one that was reckoned on
        # A claim follows: with what it wants at hand it is one round trip, and faster than those who were hinted at.
        rule = partial(lane.accept, entries=entries, token=token, not_after=not_after)
        return await self.storage.step({subject: wants_keys(entries)}, rule, ahead=WANTS_CLAIM)

    async def claim(
        self, subject: SubjectId, *, holder: str, seconds: float, accept: Sequence[Entry] = ()
    ) -> Claim | None:
        """See :meth:`LaneStore.claim`; a call that is cancelled on its way gives the lane back."""
        wanted = wants_claim(accept) if accept else WANTS_CLAIM
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
        """See :meth:`LaneStore.renew`."""
        await self.storage.step({claim.subject: NOTHING}, partial(lane.renew, held=claim, seconds=seconds))

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        """See :meth:`LaneStore.release`."""
        await self.storage.step({claim.subject: NOTHING}, partial(lane.release, held=claim, forgive=forgive))

    async def commit(
        self, claim: Claim, change: Change, *, token: str, deliver: float | None = None, replica: str = ""
    ) -> Committed:
        """See :meth:`LaneStore.commit`."""
        wanted = wants_commit(change, token)
        rule = partial(lane.commit, held=claim, change=change, token=token, deliver=deliver, replica=replica)
        return await self.tell({claim.subject: wanted}, rule)

    # --- side effects -----------------------------------------------------------------------------------

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """See :meth:`LaneStore.effect_begin`."""
        rule = partial(lane.effect_begin, key=key, token=token)
        return await self.storage.step({subject: wants_effect(key)}, rule, blind=True)

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """See :meth:`LaneStore.effect_finish`."""
        await self.storage.step({subject: NOTHING}, partial(lane.effect_finish, key=key, result=result), blind=True)

    # --- outbox -----------------------------------------------------------------------------------------

    async def next_reply(
        self, subject: SubjectId, channel: Channel, *, holder: str, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.next_reply`."""
        rule = partial(outbox.next_reply, channel=channel, holder=holder, seconds=seconds, replica=replica)
        return await self.storage.step({subject: outbox.WANTS_LINES}, rule)

    async def settle(
        self, subject: SubjectId, outgoing: Outgoing, settlement: Settlement, *, seconds: float, replica: str = ""
    ) -> Outgoing | None:
        """See :meth:`LaneStore.settle`."""
        rule = partial(outbox.settle, outgoing=outgoing, settlement=settlement, seconds=seconds, replica=replica)
        return await self.tell({subject: outbox.WANTS_LINES}, rule)

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
        """See :meth:`LaneStore.delivery_status`."""
        rule = partial(
            outbox.delivery_status,
            reply_id=reply_id,
            status=status,
            provider_id=provider_id,
            error_code=error_code,
            timeline=timeline,
        )
        return await self.tell({subject: wants_status(reply_id)}, rule)

    # --- who holds a call -------------------------------------------------------------------------------

    async def presence(
        self, subject: SubjectId, *, call: str, replica: str, seconds: float, renew: bool = False
    ) -> None:
        """See :meth:`LaneStore.presence`."""
        rule = partial(lane.presence, call=call, replica=replica, seconds=seconds, renew=renew)
        await self.storage.step({subject: NOTHING}, rule)

    # --- finding work -----------------------------------------------------------------------------------

    async def due(self, *, limit: int, replica: str = "") -> Due:
        """See :meth:`LaneStore.due`."""
        now = await self.storage.now()
        names = [LaneIndex.LINES, *([f"{LaneIndex.LINES}@{replica}"] if replica else [])]
        lanes = await self.storage.scan(LaneIndex.DUE, upto=now, limit=limit)
        found = [await self.storage.scan(name, upto=now, limit=limit) for name in names]
        lines = sorted(chain(*found), key=lambda one: one.sort)
        named = dict.fromkeys((one.subject, Channel(one.key)) for one in lines if one.key in _CHANNELS)
        return Due(tuple(one.subject for one in lanes), tuple(named)[:limit])

    async def notify(self, subject: SubjectId) -> None:
        """See :meth:`LaneStore.notify`."""
        await self.storage.notify(subject)

    async def listen(self) -> AsyncIterator[SubjectId]:
        """See :meth:`LaneStore.listen`; begins with what is due, as the hints of the time before were not heard."""
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

    # --- one person, two lanes --------------------------------------------------------------------------

    async def merge(self, old: SubjectId, new: SubjectId, *, token: str) -> bool:
        """See :meth:`LaneStore.merge`."""
        return await merge(self, self.tell, old, new, token)

    # --- keeping house ----------------------------------------------------------------------------------

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """See :meth:`LaneStore.purge`; one lane at a time, so it may be broken off and run again."""
        deleted = dict.fromkeys(_DELETED, 0)
        try:
            now = await self.storage.now()
            before, keys_before = now - older_than, now - max(older_than, upkeep.KEY_SECONDS)
            async for one in self._listed(LaneIndex.SWEEP, before):
                rule = partial(upkeep.sweep, before=before, keys_before=keys_before, day=one.sort)
                wanted = upkeep.wants_sweep(before, keys_before)
                _add(deleted, await self._upkeep(one.subject, wanted, rule, dry_run=dry_run))
            async for one in self._listed(LaneIndex.AGE, before):
                purge = partial(upkeep.purge, before=before)
                _add(deleted, await self._upkeep(one.subject, upkeep.WANTS_PURGE, purge, dry_run=dry_run, house=True))
            if not dry_run:
                await self._forget(kinds.ACT, LaneIndex.ACTS, now - acts.KEPT_SECONDS)
                await self._forget(kinds.HOUR, LaneIndex.HOURS, now - acts.HOURS_KEPT_SECONDS)
        except StoreUnavailable:
            return PurgeReport(deleted, failed=1)
        if not dry_run:
            await self.storage.after_purge()
        return PurgeReport(deleted)

    async def fold(self, folded: Folding, *, older_than: float, dry_run: bool = False) -> int:
        """See :meth:`LaneStore.fold`; one lane at a time, as a purge."""
        before, count = await self.storage.now() - older_than, 0
        async for one in self._listed(LaneIndex.AGE, before):
            rule = partial(upkeep.fold, before=before, folded=folded)
            count += await self._upkeep(one.subject, upkeep.WANTS_FOLD, rule, dry_run=dry_run)
        return count

    async def _listed(self, index: str, before: float) -> AsyncIterator[Indexed]:
        after = None
        while found := await self.storage.scan(index, upto=before, limit=PURGE_STEP, after=after):
            for one in found:
                yield one
            after = found[-1].sort, found[-1].position

    async def _upkeep(
        self, subject: SubjectId, wanted: Want, rule: Callable[..., T], *, dry_run: bool, house: bool = False
    ) -> T:
        if dry_run:
            return await self._look(subject, wanted, rule)
        return await self.storage.step({subject: wanted, **({upkeep.NOBODY: NOTHING} if house else {})}, rule)

    async def _forget(self, kind: str, index: str, before: float) -> None:
        async for one in self._listed(index, before):
            rule = partial(acts.forget, kind=kind, index=index, key=one.key)
            await self.storage.step({one.subject: NOTHING}, rule)

    async def look(self, actor: str, subject: SubjectId | None, *, writing: bool, seconds: float) -> None:
        """See :meth:`LaneStore.look`."""
        rule = partial(acts.look, actor=actor, subject=subject, writing=writing, seconds=seconds)
        await self.storage.step({upkeep.NOBODY: NOTHING}, rule, blind=True)

    async def note_hour(self, hour: Hour, *, process: str) -> None:
        """See :meth:`LaneStore.note_hour`."""
        rule = partial(acts.book_hour, hour=hour, process=process)
        await self.storage.step({upkeep.NOBODY: NOTHING}, rule, blind=True)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """See :meth:`LaneStore.erase`."""
        await self.storage.step({upkeep.NOBODY: upkeep.WANTS_SECRET}, upkeep.make_secret)
        wants = {subject: upkeep.WANTS_ERASE, upkeep.NOBODY: upkeep.WANTS_HOUSE}
        deleted = await self.storage.step(wants, partial(upkeep.erase, actor=actor))
        await self.storage.after_erasure()
        return deleted

    async def redact(self, subject: SubjectId, number: str) -> int:
        """See :meth:`LaneStore.redact`."""
        rule = partial(redaction.redact, number=redaction.pattern_of(number))
        redacted = await self.storage.step({subject: redaction.WANTS_REDACT}, rule)
        await self.storage.after_erasure()
        return redacted

    async def ping(self) -> None:
        """See :meth:`LaneStore.ping`."""
        await self.storage.ping()


def _add(deleted: dict[str, int], more: dict[str, int] | None) -> None:
    for name, count in (more or {}).items():
        deleted[name] += count
