"""Caching resolver over a customer source: it never fails, keeps its deadline, and rests when the
source is down. Behind every answer stands the telephone number.

The subject names the lane, so it should stay the same. What an outage can do to that, in this order:

* An answer is used for five minutes without asking again, also "nobody knows this number".
* When the source cannot say, the last answer of this process is used for a day.
* Only somebody whom this process has not met is served under the telephone number. With the first answer afterwards
  that lane is joined to the known one: ``Resolution.earlier`` names it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import structlog
from cachetools import LRUCache, TTLCache

from ..errors import IdentityError, IdentityUnavailable, IdentityUnreadable, MalformedRequest
from ..model import Address, Channel, Route, SubjectId
from .base import NO_METADATA, Metadata, Resolution, SubjectResolver, read_metadata
from .breaker import Breaker, May
from .phone import PhoneResolver
from .source_answers import Kept, checked

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 300.0
STALE_SECONDS: Final = 86_400.0
TROUBLE_SECONDS: Final = 5.0
"""How long nobody waits for an answer about a number that failed a moment ago: a call asks twice within a second."""
LONGEST_LOOKUP: Final = 10.0
"""A slow answer still comes in useful: for the next message."""
MOST_ANSWERS: Final = 5_000

Question = tuple[SubjectId, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class _Lookup:
    """A question under way. ``late`` once it took longer than anybody waits."""

    began: float
    probe: bool
    late: bool = False
    task: asyncio.Task[Resolution | None] = field(init=False)


class CachingResolver:
    """Fulfils :class:`~tandem.identity.base.Identity` over a source. Use it with ``async with``.

    ``deadline`` is in seconds; ``clock`` gives monotonic ones. ``most`` answers are kept.
    """

    def __init__(
        self,
        source: SubjectResolver,
        phone: PhoneResolver,
        *,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_ANSWERS,
    ) -> None:
        self._source = source
        self._phone = phone
        self._deadline = deadline
        self._clock = clock
        self._breaker = Breaker()
        self._answers: LRUCache[Question, Kept] = LRUCache(most)
        self._subjects: LRUCache[SubjectId, Resolution] = LRUCache(most)
        self._troubled: TTLCache[Question, None] = TTLCache(most, TROUBLE_SECONDS, clock)
        self._running: dict[Question, _Lookup] = {}
        self._unreadable: Question | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [lookup.task for lookup in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- fulfils Identity -------------------------------------------------------------------------------

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Find the subject behind an address within the deadline. Raises MalformedRequest; nothing else, ever."""
        return await self._find(address, session, metadata, waits=True)

    async def resolve_cached(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """As :meth:`resolve`, without waiting; the answer is there for whoever asks a moment later."""
        return await self._find(address, session, metadata, waits=False)

    async def facts(self, route: Route, subject: SubjectId) -> Mapping[str, Any]:
        """Return what is known of a customer. Who is on the phone does not wait for it."""
        known = self._subjects.get(subject)
        if known is None and route.channel is not Channel.VOICE:
            # Their text came in at another replica, or before a restart.
            try:
                found = await self._find(route.customer, subject, NO_METADATA, waits=True)
            except MalformedRequest:
                return {}
            known = found if found.subject == subject else None
        return known.facts if known else {}

    def known(self, subject: SubjectId) -> Resolution | None:
        """Return what the source last said of a subject here."""
        return self._subjects.get(subject)

    # --- asking -----------------------------------------------------------------------------------------

    async def _find(self, address: Address, session: str, metadata: Metadata, *, waits: bool) -> Resolution:
        base = await self._phone.resolve(address, session=session)
        metadata = read_metadata(metadata) if metadata else NO_METADATA
        question = base.subject, frozenset(metadata.items())
        kept = self._answers.get(question)
        if kept is not None and self._clock() < kept.fresh:
            return kept.resolution
        lookup = self._running.get(question) or self._begin(question, base, address, session, metadata)
        if waits and lookup is not None and not lookup.probe and not lookup.late:
            left = max(0.0, lookup.began + self._deadline - self._clock())
            await asyncio.wait({lookup.task}, timeout=left)
            if lookup.task.done() and not lookup.task.cancelled() and (found := lookup.task.result()) is not None:
                return found
        kept = self._answers.get(question)
        return kept.resolution if kept is not None and self._clock() < max(kept.fresh, kept.stale) else base

    def _begin(
        self, question: Question, base: Resolution, address: Address, session: str, metadata: Metadata
    ) -> _Lookup | None:
        """Ask the source, unless it rests or failed on this question a moment ago."""
        if question in self._troubled:
            return None
        now = self._clock()
        may = self._breaker.may(now)
        if may is May.NOT:
            return None
        lookup = self._running[question] = _Lookup(now, may is May.PROBE)

        def answer() -> Awaitable[Resolution]:
            return self._source.resolve(address, session=session, metadata=metadata)

        asking = self._ask(question, lookup, base, answer)
        lookup.task = asyncio.create_task(asking, name="identity-lookup")
        asyncio.get_running_loop().call_later(self._deadline, self._too_late, question, lookup)
        return lookup

    async def _ask(
        self, question: Question, lookup: _Lookup, base: Resolution, answer: Callable[[], Awaitable[Resolution]]
    ) -> Resolution | None:
        """Wait for the source and keep what it says; None when it cannot say."""
        try:
            async with asyncio.timeout(LONGEST_LOOKUP):
                found = checked(await answer(), base)
        except Exception as error:
            # The edge to a source, which may be anybody's code and may fail in any way.
            self._failed(question, lookup, error)
            return None
        finally:
            self._running.pop(question, None)
        if not lookup.late and self._breaker.succeeded():
            log.warning("identity_source_back")
        self._keep(question, base, found)
        return found

    def _keep(self, question: Question, base: Resolution, found: Resolution) -> None:
        now = self._clock()
        missed = found.subject == base.subject
        stale = -1.0 if missed else now + STALE_SECONDS
        self._answers[question] = Kept(found, now + FRESH_SECONDS, stale)
        self._subjects[found.subject] = found
        self._troubled.pop(question, None)

    def _too_late(self, question: Question, lookup: _Lookup) -> None:
        if not lookup.task.done():
            self._failed(question, lookup, IdentityUnavailable("(too slow)"))
            lookup.late = True

    def _failed(self, question: Question, lookup: _Lookup, error: Exception) -> None:
        now = self._clock()
        self._troubled[question] = None
        if lookup.late:
            return  # counted when it became late
        if isinstance(error, IdentityUnreadable):
            # One customer's broken record must not close the source to all the others.
            again, self._unreadable = question == self._unreadable, question
            if again and not lookup.probe:
                return
        rest = error.retry_in if isinstance(error, IdentityUnavailable) else None
        opened = self._breaker.failed(now, probe=lookup.probe, rest=rest)
        reason = error.code if isinstance(error, IdentityError) else type(error).__name__
        if opened:
            log.error("identity_source_down", reason=reason)
        elif not lookup.probe:
            log.warning("identity_lookup_failed", reason=reason)
