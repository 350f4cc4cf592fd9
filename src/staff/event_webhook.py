"""Tells another system of events, by ``EVENTS_WEBHOOK_URL``: each at least once, signed, under an id that stays.

What is to be told is in the store, in the same write as the event itself (persistence/announcements.py); every replica
works on it. The order is that of the events where nothing fails; a receiver that needs it goes by ``timestamp``.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog

from ..errors import StoreUnavailable
from ..events import Happened
from ..model import SubjectId
from ..persistence.announcements import Announcement, Announcements
from ..web.http_client import HttpClient, HttpTrouble, open_http
from ..web.webhooks import WebhookRefused, post, signed
from .aliases import Aliases
from .event_types import EventTypes

log = structlog.get_logger(__name__)

POST_SECONDS: Final = 10.0
PAUSES: Final = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Seconds before each further attempt; after the last one, some 18 hours later, an event waits for a person."""
JITTER: Final = 0.2
LISTED: Final = 100
AT_ONCE: Final = 8
"""Customers whose events are told side by side."""
GONE: Final = 410
"""The receiver will never take it."""


@dataclass(frozen=True, slots=True)
class TellingPaces:
    """Seconds: between two looks at the store, of the lease of an attempt, and before each further attempt."""

    look: float = 2.0
    lease: float = 30.0
    pauses: Sequence[float] = PAUSES


class EventWebhook:
    """Posts announcements. Open it with :func:`open_event_webhook`."""

    def __init__(
        self,
        queue: Announcements,
        http: HttpClient,
        url: str,
        *,
        types: EventTypes,
        aliases: Aliases,
        secrets: Sequence[str],
        paces: TellingPaces,
    ) -> None:
        self._queue = queue
        self._http = http
        self._url = url
        self._types = types
        self._aliases = aliases
        self._secrets = secrets
        self._paces = paces
        self._news = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def hear(self, happened: Happened) -> None:
        """Look at once: something happened here."""
        self._news.set()

    async def work(self) -> None:
        """Tell until cancelled."""
        while True:
            self._news.clear()
            told = 0
            try:
                told = await self._round()
            except StoreUnavailable:
                pass  # it is tried again
            except Exception:
                # The edge of the loop: one event that cannot be told must not end the telling of all others.
                log.exception("event_webhook_failed")
            if told < LISTED:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._paces.look):
                        await self._news.wait()

    async def _round(self) -> int:
        """Tell what is due, each customer's events one after the other; return how many there were."""
        due = await self._queue.due(limit=LISTED)
        of: dict[SubjectId, list[Announcement]] = defaultdict(list)
        for one in due:
            of[one.subject].append(one)
        results = await asyncio.gather(*map(self._tell_all, of.values()), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, StoreUnavailable):
                raise result
        return len(due)

    async def _tell_all(self, events: Sequence[Announcement]) -> None:
        async with self._room:
            for one in events:
                await self._tell(one)

    async def _tell(self, one: Announcement) -> None:
        taken = await self._queue.take(one, seconds=self._paces.lease)
        if taken is None:  # another replica tells it
            return
        body = json.dumps(self._types.payload(taken, self._aliases), ensure_ascii=False).encode()
        headers = signed(self._secrets, taken.id, int(time.time()), body)
        try:
            await post(self._http, self._url, body, headers)
        except (HttpTrouble, WebhookRefused) as error:
            await self._after(error, taken)
        else:
            await self._queue.done(taken)

    async def _after(self, error: HttpTrouble | WebhookRefused, taken: Announcement) -> None:
        """Try again later, or let the event wait for a person."""
        gone = isinstance(error, WebhookRefused) and error.status == GONE
        if gone or taken.tries > len(self._paces.pauses):
            log.error("event_not_told", id=taken.id, problem=str(error), tries=taken.tries)
            await self._queue.give_up(taken)
            return
        if taken.tries == 1:
            log.warning("event_put_off", id=taken.id, problem=str(error))
        pause = self._paces.pauses[taken.tries - 1] * random.uniform(1.0, 1.0 + JITTER)  # noqa: S311 (no secret)
        await self._queue.put_off(taken, seconds=pause)


@asynccontextmanager
async def open_event_webhook(
    queue: Announcements,
    url: str,
    *,
    types: EventTypes,
    aliases: Aliases,
    secrets: Sequence[str],
    paces: TellingPaces | None = None,
) -> AsyncIterator[EventWebhook]:
    """Tell events until the body is left; what is not told then stays for the next process."""
    async with open_http(seconds=POST_SECONDS, limit=0) as http:
        webhook = EventWebhook(
            queue, http, url, types=types, aliases=aliases, secrets=secrets, paces=paces or TellingPaces()
        )
        work = asyncio.create_task(webhook.work(), name="event-webhook")
        try:
            yield webhook
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
