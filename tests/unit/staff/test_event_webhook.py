"""Events to another system: posted to a real server, signed, again until it takes them, with nobody's words."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tandem.events import NOT_STORED, EventName
from tandem.model import Source, SubjectId, TimelineEvent
from tandem.persistence.announcements import Announcement, Announcements
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.staff.aliases import Aliases
from tandem.staff.event_types import KEPT, TYPES, EventKind, EventTypes
from tandem.staff.event_webhook import TellingPaces, open_event_webhook

from ...contracts.records import JANE, JOHN, event, write
from ...kit.receiver import Receiver
from ...kit.serving import serve
from ...kit.waiting import until

pytestmark = pytest.mark.promise("X5")

OLD, NEW = "whsec_" + base64.b64encode(b"an old key of 24 bytes!!").decode(), "a-plain-secret"
ALIASES = Aliases("a-secret-of-every-replica")
AT_ONCE = TellingPaces(look=0.01, pauses=(0.0, 0.0))


@asynccontextmanager
async def scene(
    folder: Path, *answers: int, types: EventTypes | None = None, paces: TellingPaces = AT_ONCE, replicas: int = 1
) -> AsyncIterator[tuple[Receiver, LaneStore, Announcements]]:
    receiver, types = Receiver(list(answers)), types or EventTypes()
    app = Starlette(routes=[Route("/events", receiver.take, methods=["POST"])])
    async with serve(app) as url, open_file_store(folder) as store:
        store.storage.announced = types.announced
        queue = Announcements(store.storage)
        options: dict[str, Any] = {"types": types, "aliases": ALIASES, "secrets": [OLD, NEW], "paces": paces}
        if replicas == 1:
            async with open_event_webhook(queue, f"{url}/events", **options):
                yield receiver, store, queue
        else:
            async with (
                open_event_webhook(queue, f"{url}/events", **options),
                open_event_webhook(queue, f"{url}/events", **options),
            ):
                yield receiver, store, queue


async def empty(store: LaneStore) -> None:
    async def is_empty() -> bool:
        return (await store.counts()).announced == 0

    await until(is_empty)


async def test_an_event_is_posted_as_the_standard_says(tmp_path: Path) -> None:
    async with scene(tmp_path) as (receiver, store, _):
        await write(store, timeline=(event("ticket_created", ticket="T1", priority="high", title="My words"),))
        (message,) = await receiver.messages(1)
        await empty(store)
    headers, body = receiver.posts[0]
    assert set(message) == {"type", "timestamp", "data"}
    assert message["type"] == "ticket.created"
    assert message["data"]["details"] == {"ticket": "T1", "priority": "high"}
    assert message["data"]["contact"] == "…0100"
    assert ALIASES.named(message["data"]["customer"]) == JANE
    assert headers["webhook-id"].startswith("evt_")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    keys = (b"an old key of 24 bytes!!", NEW.encode())
    expected = [f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    assert headers["webhook-signature"].split() == expected


async def test_it_is_posted_again_under_its_id_until_it_is_taken(tmp_path: Path) -> None:
    async with scene(tmp_path, 500, 404) as (receiver, store, _):
        await write(store, timeline=(event("turn"),))
        await receiver.messages(3)
        await empty(store)
    assert len({headers["webhook-id"] for headers, _ in receiver.posts}) == 1
    assert len(receiver.posts) == 3


@pytest.mark.parametrize(("answers", "tries"), [((500, 500, 500), 3), ((410,), 1)])
async def test_what_is_refused_too_often_or_for_good_waits_for_a_person(
    tmp_path: Path, answers: tuple[int, ...], tries: int
) -> None:
    async with scene(tmp_path, *answers) as (receiver, store, queue):
        await write(store, timeline=(event("turn"),))

        async def given_up() -> int:
            return (await store.counts()).untold

        await until(given_up)
        (one,) = await queue.given_up(limit=10)
        assert (len(receiver.posts), one.tries) == (tries, tries)
        await queue.revive(one)
        await receiver.messages(tries + 1)
        await empty(store)


async def test_two_replicas_post_each_event_once(tmp_path: Path) -> None:
    async with scene(tmp_path, replicas=2) as (receiver, store, _):
        for number in range(20):
            await write(store, (JANE, JOHN)[number % 2], timeline=(event("turn", seconds=number),))
        messages = await receiver.messages(20)
        await empty(store)
    assert sorted(one["data"]["details"]["seconds"] for one in messages) == list(range(20))


async def test_what_a_process_that_died_had_not_told_is_told_by_the_next(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as store:
        store.storage.announced = EventTypes().announced
        await write(store, timeline=(event("turn"),))
    async with scene(tmp_path) as (receiver, _, _):
        await receiver.messages(1)


@pytest.mark.parametrize("personal", [False, True])
async def test_words_and_numbers_are_posted_only_where_that_is_asked_for(tmp_path: Path, personal: bool) -> None:
    async with scene(tmp_path, types=EventTypes(personal=personal)) as (receiver, store, _):
        said = {"text": "the canary sings", "arguments": {"to": "+14155550177"}, "actor": "mia", "unknown": True}
        await write(store, timeline=(event("tool", tool="the canary", **said),))
        await receiver.messages(1)
        await empty(store)
    body = receiver.posts[0][1].decode()
    assert [word in body for word in ("canary", "4155550177", str(JANE))] == [personal] * 3
    assert json.loads(body)["data"]["details"]["actor"] == "mia"


def test_only_the_chosen_kinds_are_told() -> None:
    types = EventTypes([EventKind.TICKET, EventKind.CALL])
    told = [name for name in EventName if types.announced(TimelineEvent(name, Source.SYSTEM))]
    assert {TYPES[name].partition(".")[0] for name in told} == {"ticket", "call"}


def test_every_kind_has_types_and_every_type_a_kind() -> None:
    assert {type.partition(".")[0] for type in TYPES.values()} == set(EventKind)
    assert len(set(TYPES.values())) == len(TYPES)
    assert NOT_STORED & TYPES.keys() == {EventName.REPLY_STATUS}


def test_of_every_event_it_was_decided_whether_another_system_is_told() -> None:
    assert (TYPES.keys() | KEPT, TYPES.keys() & KEPT) == (set(EventName), set())


def test_a_customer_of_another_system_has_no_number_to_show() -> None:
    one = Announcement(SubjectId("crm:4711"), "evt_1", TimelineEvent(EventName.TURN, Source.AGENT))
    assert EventTypes().payload(one, ALIASES)["data"]["contact"] is None


def test_the_page_lists_every_type() -> None:
    page = (Path(__file__).parents[3] / "docs/events.md").read_text("utf-8").partition("## Events to another system")[2]
    for kind in EventKind:
        (row,) = re.findall(rf"^\| `{kind}` \| (.+) \|$", page, re.MULTILINE)
        assert {f"{kind}.{name}" for name in re.findall(r"`(\w+)`", row)} == {
            type for type in TYPES.values() if type.startswith(f"{kind}.")
        }
