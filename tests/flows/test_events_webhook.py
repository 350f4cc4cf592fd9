"""A whole conversation, told to another system by EVENTS_WEBHOOK_URL; the example of one takes it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ..kit.colleague import staffed
from ..kit.command import tandem
from ..kit.examples import EXAMPLES, importable
from ..kit.receiver import Receiver
from ..kit.serving import serve
from ..kit.tables import each
from ..kit.waiting import until
from .test_events import REFUND, talk

pytestmark = pytest.mark.promise("X5")

SECRET = "whsec_dGhlIHNlY3JldCBvZiB0d28gc2VydmVycw=="


async def test_every_kind_of_event_of_a_conversation_is_posted_without_a_word_of_it(tmp_path: Path) -> None:
    receiver = Receiver()
    app = Starlette(routes=[Route("/events", receiver.take, methods=["POST"])])
    async with serve(app) as url:
        settings = {"EVENTS_WEBHOOK_URL": f"{url}/events", "EVENTS_WEBHOOK_SECRET": SECRET}
        async with staffed(tmp_path, **settings) as (it, mia):
            await talk(it, mia)

            async def all_told() -> bool:
                return (await it.store.counts()).announced == 0 and "conversation.ended" in types()

            def types() -> list[str]:
                return [json.loads(body)["type"] for _, body in receiver.posts]

            await until(all_told)
    assert {type.partition(".")[0] for type in types()} >= {"conversation", "turn", "approval", "ticket", "delivery"}
    for once in ("conversation.started", "approval.requested", "approval.decided", "approval.executed"):
        assert types().count(once) == 1
    posted = b"".join(body for _, body in receiver.posts).decode()
    assert [word for word in (REFUND, "money", "15551234567", "goodbye") if word in posted] == []


async def test_only_what_is_asked_for_is_posted(tmp_path: Path) -> None:
    receiver = Receiver()
    app = Starlette(routes=[Route("/events", receiver.take, methods=["POST"])])
    async with serve(app) as url:
        settings = {"EVENTS_WEBHOOK_URL": f"{url}/events", "EVENTS_WEBHOOK_SECRET": f"{SECRET},another"}
        chosen = {"EVENTS_WEBHOOK_KINDS": "approval, Opt_Out", "EVENTS_WEBHOOK_PERSONAL": "true"}
        async with staffed(tmp_path, **settings, **chosen) as (it, _):
            await it.ask("hello")
            await it.ask(REFUND)
            (message,) = await receiver.messages(1)
    assert message["type"] == "approval.requested"
    assert message["data"]["subjectId"] == "phone_15551234567"
    assert message["data"]["details"]["arguments"]["order_id"]
    assert len(receiver.posts[0][0]["webhook-signature"].split()) == 2


async def test_a_receiver_that_is_away_is_counted_and_shown(tmp_path: Path) -> None:
    receiver = Receiver([410] * 50)
    app = Starlette(routes=[Route("/events", receiver.take, methods=["POST"])])
    async with serve(app) as url:
        env = {"EVENTS_WEBHOOK_URL": f"{url}/events", "EVENTS_WEBHOOK_SECRET": SECRET, "EVENTS_WEBHOOK_KINDS": "turn"}
        async with staffed(tmp_path, **env) as (it, _):
            await it.ask("hello")

            async def given_up() -> int:
                return (await it.store.counts()).untold

            await until(given_up)
            async with aiohttp.ClientSession(it.url) as session, session.get("/metrics") as response:
                assert "tandem_events_untold 1.0" in await response.text()
    ours = {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}
    shown = tandem("events", folder=tmp_path, env=ours)
    assert shown.returncode == 1
    assert "turn.ended  1 attempts" in shown.stdout
    again = tandem("events", "--again", folder=tmp_path, env=ours)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "events: 0 wait to be told, 1 will be told again")
    assert tandem("events", folder=tmp_path, env=ours).stdout == "events: 1 wait to be told, 0 were not told\n"


@each(
    ("more", "sentence"),
    [
        ({}, "EVENTS_WEBHOOK_SECRET must be set"),
        ({"EVENTS_WEBHOOK_SECRET": "a", "EVENTS_WEBHOOK_KINDS": "turn,weather"}, "EVENTS_WEBHOOK_KINDS must be kinds"),
    ],
)
def test_what_does_not_fit_stops_the_start(more: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        load_settings({"EVENTS_WEBHOOK_URL": "https://crm.example/events", **more}, env_file=None)


async def test_the_example_of_a_receiver_notes_each_event_once_beside_its_customer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("CRM_FILE", str(tmp_path / "crm.db"))
    with importable(EXAMPLES / "webhook"):
        import crm_receiver
    async with serve(crm_receiver.app) as url:
        settings = {"EVENTS_WEBHOOK_URL": f"{url}/events", "EVENTS_WEBHOOK_SECRET": SECRET}
        async with staffed(tmp_path, **settings) as (it, mia):
            await talk(it, mia)

            async def all_told() -> bool:
                return (await it.store.counts()).announced == 0

            await until(all_told)
        async with aiohttp.ClientSession(url) as session:
            forged = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,bm8="}
            async with session.post("/events", json={}, headers=forged) as response:
                assert response.status == 401
    with closing(sqlite3.connect(tmp_path / "crm.db")) as crm:
        rows = crm.execute("SELECT customer, text FROM note").fetchall()
        id, event = "evt_twice", {"type": "opt_out.given", "timestamp": "now", "data": {"customer": "c", "details": {}}}
        for _ in range(2):
            crm_receiver.keep(crm, id, event)
        assert crm.execute("SELECT count(*) FROM note WHERE customer = 'c'").fetchone() == (1,)
    texts = [text for _, text in rows]
    assert len({customer for customer, _ in rows}) == 1
    assert [text.partition(" (")[0] for text in texts] == [
        "process_refund was approved and carried out",
        "asked for a person",
    ]
