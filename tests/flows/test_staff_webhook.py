"""A request that waits is posted to STAFF_WEBHOOK_URL by the gateway that committed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from ..kit.colleague import JOHNS_ID, staffed
from ..kit.gateway import running
from ..kit.model_server import Answer, ModelServer
from ..kit.receiver import Receiver
from ..kit.serving import serve
from .test_approvals import REFUND, STAFF
from .test_voice import dial

pytestmark = pytest.mark.promise("H13")


async def test_a_refund_that_waits_is_posted_with_a_link_to_the_desk(tmp_path: Path) -> None:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    async with serve(app) as url:
        settings = {"STAFF_WEBHOOK_URL": f"{url}/hook?key=1", "STAFF_WEBHOOK_SECRET": "of-two-servers", **STAFF}
        async with running(tmp_path, **settings) as it:
            await it.ask("hello")
            await it.ask(REFUND)
            (message,) = await receiver.messages(1)
    headers, _ = receiver.posts[0]
    assert message["link"].startswith(f"{it.url}/staff#approval=apr_")
    assert message["notices"][0]["tool"] == "process_refund"
    assert headers["x-tandem-signature"].startswith("t=")
    assert REFUND not in json.dumps(message)
    assert len(receiver.posts) == 1


async def test_tickets_that_the_gateway_opens_by_itself_are_posted(tmp_path: Path) -> None:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    endless = ModelServer(lambda _: Answer(calls=[("lookup_customer", {"identifier": "me", "type": "phone"})]))
    async with serve(app) as url:
        settings = {"STAFF_WEBHOOK_URL": f"{url}/hook", "MAX_TURNS": "2"}
        async with staffed(tmp_path, endless, **settings) as (it, mia):
            await it.ask("hello")
            await mia.post(f"/conversations/{JOHNS_ID}/pause")
            async with dial(it) as call:
                await call.ask("are you there")
                await mia.until(lambda one: len(one["tickets"]) == 2)
    posted = [json.loads(body) for _, body in receiver.posts]
    told = [notice["priority"] for message in posted for notice in message["notices"]]
    assert sorted(told) == ["high", "medium"]
