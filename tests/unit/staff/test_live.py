"""The stream of events: who may listen, what is told (ids only), to how many, and that it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.errors import StoreUnavailable, TandemError
from tandem.events import EventName, Happened
from tandem.model import Channel, Source, SubjectId, TimelineEvent
from tandem.persistence.values import ConversationHead, Looker, Page, Reminder
from tandem.staff.aliases import Aliases
from tandem.staff.auth import StaffTokens
from tandem.staff.event_stream import LONGEST_QUEUE, StaffEvents
from tandem.web.status import error_response

from ...kit.serving import serve
from ...kit.staffing import ANNA
from ...kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("U2")

JOHN, JANE = SubjectId("phone_15551234567"), SubjectId("phone_15559876543")


@dataclass
class Store:
    """What other replicas did: versions that a test changes, hints that it gives. ``down``: it does not answer."""

    versions: dict[SubjectId, int] = field(default_factory=dict)
    hints: asyncio.Queue[SubjectId] = field(default_factory=asyncio.Queue)
    down: bool = False
    looks: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    looking: tuple[Looker, ...] = ()

    async def listen(self) -> AsyncIterator[SubjectId]:
        while True:
            yield await self.hints.get()

    async def recent(self, *, limit: int, cursor: str | None = None) -> Page[ConversationHead]:
        self.looks += 1
        self.news.set()
        if self.down:
            raise StoreUnavailable
        return Page(tuple(ConversationHead(s, v, 0.0, Channel.SMS) for s, v in self.versions.items()), None)

    async def reminders(self, *, limit: int) -> tuple[Reminder, ...]:
        return ()

    async def lookers(self) -> tuple[Looker, ...]:
        return self.looking

    async def look(self, actor: str, subject: SubjectId | None, *, writing: bool, seconds: float) -> None:
        self.looking = () if subject is None else (Looker(actor, subject, writing, time.time() + seconds),)

    async def looked(self) -> None:
        """Wait until the versions were read once more."""
        async with asyncio.timeout(PATIENCE):
            before = self.looks
            while self.looks <= before:
                self.news.clear()
                await self.news.wait()


@dataclass
class Ear:
    """An open stream."""

    response: aiohttp.ClientResponse

    async def line(self) -> str:
        """Return the next line that says something; empty at the end."""
        async with asyncio.timeout(PATIENCE):
            while raw := await self.response.content.readline():
                if text := raw.decode().strip():
                    return text
        return ""

    async def told(self) -> tuple[str, Any]:
        """Return the next event's name and data."""
        while not (name := await self.line()).startswith("event:"):
            assert name
        return name.removeprefix("event: "), json.loads((await self.line()).removeprefix("data: "))


@dataclass
class Scene:
    store: Store
    live: StaffEvents
    url: str
    http: aiohttp.ClientSession

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Ear]:
        headers = {"Authorization": f"Bearer {ANNA}"}
        async with self.http.get(self.url + "/staff/events", headers=headers) as response:
            assert response.status == 200
            ear = Ear(response)
            assert await ear.line() == "retry: 2000"
            yield ear


@asynccontextmanager
async def scene(**options: float) -> AsyncIterator[Scene]:
    store = Store()
    async with StaffEvents(store, StaffTokens({"anna": ANNA}), Aliases("key"), **options) as live:
        app = Starlette(routes=list(live.routes()), exception_handlers={TandemError: error_response})
        async with serve(app) as url, aiohttp.ClientSession() as http:
            yield Scene(store, live, url, http)
            live.close()


def happened(name: str = "turn", subject: SubjectId = JOHN) -> Happened:
    return Happened(subject, TimelineEvent(name, Source.SYSTEM, data={"words": "canary"}))


async def test_without_a_token_nobody_listens() -> None:
    async with scene() as it, it.http.get(it.url + "/staff/events") as response:
        assert response.status == 401
        assert it.live.open_pages == 0


async def test_what_this_replica_commits_is_told_by_ids_only() -> None:
    async with scene() as it, it.listening() as one, it.listening() as two:
        await it.live.hear(happened("approval_requested"))
        await it.live.hear(happened("ticket_created"))
        await it.live.hear(happened("masked"))
        expected = ("changed", {JOHN: ["approval", "conversation", "ticket"]})
        assert (await one.told(), await two.told()) == (expected, expected)
        assert one.response.headers["Content-Type"].startswith("text/event-stream")
        assert one.response.headers["Cache-Control"] == "no-store"


async def test_a_hint_of_another_replica_is_told_and_so_is_what_it_commits_later() -> None:
    async with scene(look_seconds=0.02) as it:
        it.store.versions = {JOHN: 1, JANE: 1}
        async with it.listening() as ear:
            await it.store.looked()
            await it.store.hints.put(JOHN)
            assert await ear.told() == ("changed", {JOHN: ["conversation"]})
            it.store.versions[JANE] = 2
            assert await ear.told() == ("changed", {JANE: ["conversation"]})


async def test_a_conversation_that_was_erased_elsewhere_is_told() -> None:
    async with scene(look_seconds=0.02) as it:
        it.store.versions = {JOHN: 1, JANE: 1}
        async with it.listening() as ear:
            await it.store.looked()
            await it.store.looked()
            del it.store.versions[JOHN]
            assert await ear.told() == ("changed", {JOHN: ["conversation"]})


async def test_a_call_that_comes_or_goes_is_told() -> None:
    async with scene() as it, it.listening() as ear:
        for name in (EventName.CALL_ARRIVED, EventName.CALL_DEPARTED):
            await it.live.hear(happened(name, JANE))
            assert await ear.told() == ("changed", {JANE: ["conversation"]})


async def test_an_attempt_to_send_is_no_news_for_pages() -> None:
    async with scene() as it, it.listening() as ear:
        await it.live.hear(happened(EventName.REPLY_STATUS, JANE))
        await it.live.hear(happened("turn", JOHN))
        assert await ear.told() == ("changed", {JOHN: ["conversation"]})


async def test_a_store_that_was_away_is_looked_at_again() -> None:
    async with scene(look_seconds=0.02) as it:
        it.store.versions = {JOHN: 1}
        async with it.listening() as ear:
            await it.store.looked()
            await it.store.looked()
            it.store.down = True
            await it.store.looked()
            it.store.versions[JOHN], it.store.down = 2, False
            assert await ear.told() == ("changed", {JOHN: ["conversation"]})


async def test_a_page_that_falls_behind_is_told_to_look_at_everything() -> None:
    async with scene() as it, it.listening() as ear:
        for number in range(LONGEST_QUEUE + 50):
            await it.live.hear(happened(subject=SubjectId(f"phone_{number}")))
        assert await ear.told() == ("everything", {})
        await it.live.hear(happened())
        assert await ear.told() == ("changed", {JOHN: ["conversation"]})


async def test_a_quiet_stream_is_kept_open() -> None:
    async with scene(heartbeat=0.02) as it, it.listening() as ear:
        assert [await ear.line(), await ear.line()] == [": still here", ": still here"]


async def test_a_question_for_the_headers_alone_opens_no_stream() -> None:
    headers = {"Authorization": f"Bearer {ANNA}"}
    async with scene() as it, it.http.head(it.url + "/staff/events", headers=headers) as response:
        assert (response.status, response.headers["X-Accel-Buffering"]) == (200, "no")
        assert it.live.open_pages == 0


async def test_draining_ends_the_streams_and_opens_none() -> None:
    async with scene() as it, it.listening() as ear:
        it.live.close()
        while await ear.line():
            pass
        headers = {"Authorization": f"Bearer {ANNA}"}
        async with it.http.get(it.url + "/staff/events", headers=headers) as response:
            assert response.status == 503


async def test_without_pages_nobody_looks_at_the_store() -> None:
    async with scene(look_seconds=0.0, heartbeat=0.02) as it:
        for _ in range(2):  # and with the next page somebody does again
            async with it.listening():
                await it.store.looked()
            await until(lambda: not it.live.open_pages)
            looks = it.store.looks
            for _ in range(20):
                await asyncio.sleep(0)
            assert it.store.looks == looks


async def test_who_looks_at_a_conversation_is_told_to_the_others() -> None:
    async with scene() as it, it.listening() as one:
        headers = {"Authorization": f"Bearer {ANNA}"}
        for glance in ({"subjectId": JOHN}, {"subjectId": JOHN, "writing": True}, {"subjectId": None}):
            async with it.http.post(f"{it.url}/staff/presence", json=glance, headers=headers) as answer:
                assert answer.status == 204
            assert await one.told() == ("changed", {JOHN: ["presence"]})
        async with it.http.post(f"{it.url}/staff/presence", json={"writing": 1}, headers=headers) as answer:
            assert answer.status == 400
