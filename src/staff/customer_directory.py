"""Customer directory: numbers and accounts of subjects, without waiting long for business data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from cachetools import TTLCache

from ..errors import StoreUnavailable
from ..identity.phone import e164, proven_number
from ..model import Conversation, SubjectId
from ..persistence.base import LaneStore
from ..persistence.reading import conversation_of
from ..shop.base import Customer, Shop

AT_ONCE = 8
"""Questions to the business data that run side by side."""
PATIENCE_SECONDS = 1.0
"""How long a list waits for names."""
KEPT_SECONDS, KEPT = 60.0, 2000
"""How long an answer is used again, and how many are."""


class CustomerDirectory:
    """Knows numbers and accounts of subjects; answers about accounts are kept for a minute."""

    def __init__(
        self,
        shop: Shop,
        store: LaneStore,
        *,
        region: str,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shop = shop
        self._store = store
        self._region = region
        self._patience = patience
        self._known: TTLCache[SubjectId, tuple[str | None, Customer | None]] = TTLCache(KEPT, KEPT_SECONDS, clock)
        self._turnstile = asyncio.Semaphore(AT_ONCE)

    async def number(self, subject: SubjectId, conversation: Conversation | None = None) -> str | None:
        """Return the telephone number of a subject in E.164, or None."""
        if subject.startswith("phone_"):
            return e164(f"+{subject.removeprefix('phone_')}", self._region)
        conversation = conversation or await conversation_of(self._store, subject)
        routes = conversation.routes.values() if conversation else ()
        found = (proven_number(route.customer, self._region) for route in routes)
        return next((number for number in found if number), None)

    async def numbers(self, subjects: Sequence[SubjectId]) -> Mapping[str, str]:
        """Return the numbers of subjects, of those that have one."""
        found: dict[str, str] = {}
        for subject in subjects:
            known, _ = self._known.get(subject, (None, None))
            if number := known or await self.number(subject):
                found[subject] = number
        return found

    async def account(self, subject: SubjectId, number: str | None) -> Customer | None:
        """Return the account behind a number, asked now. Raises StoreUnavailable."""
        customer = await self._shop.customer_by_phone(number) if number else None
        self._known[subject] = number, customer
        return customer

    async def glance(self, subjects: Sequence[SubjectId]) -> Mapping[SubjectId, tuple[str | None, Customer | None]]:
        """Return number and account of each subject, as far as they can be had in time; never raises."""
        found = {who: known for who in subjects if (known := self._known.get(who))}
        tasks = [asyncio.create_task(self._look(who)) for who in dict.fromkeys(subjects) if who not in found]
        if tasks:
            done, late = await asyncio.wait(tasks, timeout=self._patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            found |= {who: (number, customer) for who, number, customer in (task.result() for task in done)}
        missing = {who: (await self.number(who), None) for who in subjects if who not in found and _is_number(who)}
        return {**missing, **found}

    async def _look(self, subject: SubjectId) -> tuple[SubjectId, str | None, Customer | None]:
        number = None
        async with self._turnstile:
            try:
                number = await self.number(subject)
                return subject, number, await self.account(subject, number)
            except StoreUnavailable:
                return subject, number, None

    def forget(self, subject: SubjectId) -> None:
        """Forget what is known of a subject."""
        self._known.pop(subject, None)


def masked_number(number: str | None) -> str | None:
    """Return the end of a number, as it may be shown: ``…0100``."""
    return f"…{number[-4:]}" if number else None


def _is_number(subject: SubjectId) -> bool:
    return subject.startswith("phone_")
