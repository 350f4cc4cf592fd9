"""The part of a lane store that joins and deletes lanes, and keeps books for staff."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from ..errors import StoreUnavailable
from ..model import SubjectId
from . import kinds, redaction, staff_acts, upkeep
from .conversations import WANTS_CONVERSATION
from .reading import NOTHING
from .rows import LaneIndex, Want
from .search import Searching
from .values import Folding, Hour, PurgeReport, Reminder, SavedView

T = TypeVar("T")

_DELETED: Final = ("conversations", "timeline", "replies", "keys", "effects", "tickets", "set_aside")


class Housekeeping(Searching):
    """Purges, folds, erases: one lane at a time, so that each may be broken off and run again."""

    async def purge(self, *, older_than: float, dry_run: bool = False) -> PurgeReport:
        """Delete what nothing touched for ``older_than`` seconds: conversations with timeline and settled replies,
        deduplication keys (never younger than 7 days), effects.

        Never: a lane with a pending approval, an open ticket, a waiting entry, an unsettled reply, a time to wake or a
        running lease; a fence. Keys, effects and set-aside records go by their own age, also in a busy lane; the rest
        goes with its lane, which every granted claim, commit, new entry, settlement and status touches. The report has
        conversations, timeline, replies, keys, effects, tickets, set_aside. A failing step is counted and ends it.
        """
        deleted = dict.fromkeys(_DELETED, 0)
        try:
            now = await self.storage.now()
            before, keys_before = now - older_than, now - max(older_than, upkeep.KEY_SECONDS)
            async for one in self._listed(LaneIndex.SWEEP, upto=before):
                rule = partial(upkeep.sweep, before=before, keys_before=keys_before, day=one.sort)
                wanted = upkeep.wants_sweep(before, keys_before)
                _add(deleted, await self._upkeep(one.subject, wanted, rule, dry_run=dry_run))
            async for one in self._listed(LaneIndex.AGE, upto=before):
                purge = partial(upkeep.purge, before=before)
                _add(deleted, await self._upkeep(one.subject, upkeep.WANTS_PURGE, purge, dry_run=dry_run, house=True))
            if not dry_run:
                await self._forget(kinds.ACT, LaneIndex.ACTS, now - staff_acts.KEPT_SECONDS)
                await self._forget(kinds.HOUR, LaneIndex.HOURS, now - staff_acts.HOURS_KEPT_SECONDS)
        except StoreUnavailable:
            return PurgeReport(deleted, failed=1)
        if not dry_run:
            await self.storage.after_purge()
        return PurgeReport(deleted)

    async def fold(self, folded: Folding, *, older_than: float, dry_run: bool = False) -> int:
        """Replace what nothing changed for ``older_than`` seconds by ``folded`` of it, in idle lanes; count them."""
        before, count = await self.storage.now() - older_than, 0
        async for one in self._listed(LaneIndex.AGE, upto=before):
            rule = partial(upkeep.fold, before=before, folded=folded)
            count += await self._upkeep(one.subject, WANTS_CONVERSATION, rule, dry_run=dry_run)
        return count

    async def _upkeep(
        self, subject: SubjectId, wanted: Want, rule: Callable[..., T], *, dry_run: bool, house: bool = False
    ) -> T:
        if dry_run:
            return await self._look(subject, wanted, rule)
        return await self.storage.step({subject: wanted, **({upkeep.NOBODY: NOTHING} if house else {})}, rule)

    async def _forget(self, kind: str, index: str, before: float) -> None:
        async for one in self._listed(index, upto=before):
            rule = partial(staff_acts.forget, kind=kind, index=index, key=one.key)
            await self.storage.step({one.subject: NOTHING}, rule)

    async def erase(self, subject: SubjectId, *, actor: str = "") -> int:
        """Delete every trace of a subject but its fence; return the number of records deleted.

        * One audit row stays, which a purge leaves alone: the time, ``actor`` (who asked), the number, and for the
          subject a hash of it, keyed with a random key of the store's that it never gives out. Of erasures that found
          nothing, the last one's. By these rows an import knows whom to leave out.
        * Raises LeaseLost, and deletes nothing, while the lane is held.
        """
        await self.storage.step({upkeep.NOBODY: upkeep.WANTS_SECRET}, upkeep.make_secret)
        wants = {subject: upkeep.WANTS_ERASE, upkeep.NOBODY: upkeep.WANTS_HOUSE}
        deleted = await self.storage.step(wants, partial(upkeep.erase, actor=actor))
        await self.storage.after_erasure()
        return deleted

    async def redact(self, subject: SubjectId, number: str) -> int:
        """Take a number, and what was written to it, out of a lane; return how many records. Raises LeaseLost."""
        rule = partial(redaction.redact, number=redaction.pattern_of(number))
        redacted = await self.storage.step({subject: redaction.WANTS_REDACT}, rule)
        await self.storage.after_erasure()
        return redacted

    # --- books for staff --------------------------------------------------------------------------------

    async def look(self, actor: str, subject: SubjectId | None, *, writing: bool, seconds: float) -> None:
        """Note that a colleague has a conversation on the screen for ``seconds`` from now, or (None) none any more."""
        rule = partial(staff_acts.look, actor=actor, subject=subject, writing=writing, seconds=seconds)
        await self.storage.step({upkeep.NOBODY: NOTHING}, rule, blind=True)

    async def note_colleague(self, name: str, *, identity: str) -> bool:
        """Note that a colleague signed in under a name; False, and nothing is noted, when it is another identity's."""
        rule = partial(staff_acts.note_colleague, name=name, identity=identity)
        return await self.storage.step({upkeep.NOBODY: Want(rows=frozenset({(kinds.COLLEAGUE, name)}))}, rule)

    async def colleagues(self) -> tuple[str, ...]:
        """Return the names under which colleagues signed in during the last :data:`.acts.COLLEAGUE_SECONDS`."""
        now, known = await self._own(kinds.COLLEAGUE)
        return tuple(sorted(one.name for one in known if one.at + staff_acts.COLLEAGUE_SECONDS > now))

    async def saved_views(self) -> tuple[SavedView, ...]:
        """Return the views that colleagues saved, by name."""
        _, found = await self._own(kinds.SAVED_VIEW)
        return tuple(sorted(found, key=lambda one: one.name.casefold()))

    async def save_view(self, view: SavedView) -> bool:
        """Keep a view in place of the one of its name, or delete it when it has no query; False for one too many."""
        wanted = Want(kinds=frozenset({kinds.SAVED_VIEW}))
        return await self.storage.step({upkeep.NOBODY: wanted}, partial(staff_acts.save_view, view=view))

    async def reminders(self, *, limit: int) -> tuple[Reminder, ...]:
        """Return whom conversations ask to look at them by now, the longest asked first."""
        found = await self.storage.scan(LaneIndex.REMINDERS, upto=await self.storage.now(), limit=limit)
        return tuple(Reminder(one.key, one.subject, one.sort) for one in found)

    async def note_hour(self, hour: Hour, *, process: str) -> None:
        """Keep what a process counted in an hour, in place of what it had counted before.

        A purge deletes it after :data:`.acts.HOURS_KEPT_SECONDS`.
        """
        rule = partial(staff_acts.book_hour, hour=hour, process=process)
        await self.storage.step({upkeep.NOBODY: NOTHING}, rule, blind=True)


def _add(deleted: dict[str, int], more: dict[str, int] | None) -> None:
    for name, count in (more or {}).items():
        deleted[name] += count
