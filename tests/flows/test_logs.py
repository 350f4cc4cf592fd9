"""Nothing personal in the log, whatever happens and however much is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tandem.simulator.wire import Fault

from ..kit.canaries import found
from ..kit.crm_server import KEY, CrmServer
from ..kit.faults import Trouble
from ..kit.gateway import JANE, JOHN, OURS
from ..kit.model_server import Answer, ModelServer
from ..kit.receiver import Receiver
from ..kit.segment_server import WRITE_KEY
from ..kit.serving import serve
from ..kit.shop_server import Fault as ShopFault
from ..kit.shop_server import ShopServer
from ..kit.waiting import until
from .test_process import world

pytestmark = pytest.mark.promise("E3")

STAFF_TOKEN = "canary-staff-token-5550199"
SECRETS = [
    "5551234567", "555987654", "phone_1555", "canary", "john.doe@email.com", "xyzzy", "plugh", "test-auth-token",
    "test-key", STAFF_TOKEN, "4111 1111", "411111111111", "Headphones",
]  # fmt: skip


def read_logs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.log")}


@pytest.mark.promise("E3b")
async def test_no_scenario_leaves_anything_personal_in_the_log(tmp_path: Path) -> None:
    refund = {"order_id": "12345", "amount": 139.97, "reason": "xyzzy"}
    script = iter([
        Answer(calls=[("lookup_customer", {"identifier": "john.doe@email.com", "type": "email"})]),
        Answer("You are John, xyzzy."),
        Answer(calls=[("process_refund", refund)]),
        Answer("A colleague looks at it, plugh."),
        Answer(status=400),
        Answer("Your refund is on its way."),
    ])  # fmt: skip
    model = ModelServer(lambda _: next(script, Answer("xyzzy")))
    extra = {
        "LOG_LEVEL": "debug",
        "LOG_DIR": "logs",
        "STAFF_TOKENS": f"mia:{STAFF_TOKEN}",
        "OPENAI_LOG": "debug",
    }  # OPENAI_LOG is read while it is imported: fresh
    async with world(tmp_path, model) as it:
        gateway = await it.start(fresh=True, **extra)
        for text in ("I am john.doe@email.com canary", "canary: I want my money back", "canary: and now?"):
            before = len(it.twilio.sent_to(JOHN))
            await it.twilio.text(JOHN, text, to=OURS)
            await it.twilio.wait_for(JOHN, before + 1)
        await it.twilio.text(JANE, "my card is 4111 1111 1111 1111 canary", to=OURS)
        it.twilio.faults.append(Fault(status=400, code=21610))
        await it.twilio.text(JANE, "canary again", to=OURS)
        await it.twilio.post("/sms", {"From": JOHN, "Body": "canary"}, signature="")
        await it.twilio.post("/sms", {"From": "canary", "MessageSid": "SM1", "To": OURS})
        headers = {"Authorization": f"Bearer {STAFF_TOKEN}"}
        async with aiohttp.ClientSession(gateway.url, headers=headers) as session:
            async with session.get("/approvals?status=all&canary=5551234567") as response:
                (waiting,) = (await response.json())["approvals"]
            body = {"decisions": [{"approvalId": waiting["id"], "approved": True, "reason": "canary"}]}
            async with session.post("/approvals", json=body) as response:
                assert response.status == 200
            async with session.post("/approvals", data=b"{canary") as response:
                assert response.status == 415
        await it.twilio.wait_for(JOHN, 4)
        assert await gateway.terminate() == 0
    written = read_logs(tmp_path)
    assert set(written) == {"replica-1.log", "customer-service.log", "error.log"}
    assert "turn_ended" in written["customer-service.log"]
    # The banner is for the operator's terminal; a development start prints the token that it made, never a given one.
    assert [(name, found(SECRETS, text)) for name, text in written.items() if found(SECRETS, text)] == []


@pytest.mark.promise("E3b")
async def test_neither_staff_nor_other_systems_leave_anything_personal_in_the_log(tmp_path: Path) -> None:
    """Signing in, the staff API, tickets, a CRM and a shop in trouble, Segment, knowledge, and the staff's webhook."""
    search = {"query": "canary 5551234567", "category": "canary", "max_results": 5}
    script = iter([Answer(calls=[("search_knowledge_base", search)]), Answer("xyzzy")])
    crm = CrmServer()
    crm.by["phone"][JOHN] = {"id": "canary-7", "name": "John canary", "email": "john.doe@email.com"}
    shop, hook = ShopServer(), Receiver([404])
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "good.md").write_text("# Parcels\n\nThe canary brings them: plugh.")
    (articles / "bad.md").write_text("---\ntitle: canary")
    webhook = Starlette(routes=[Route("/canary-hook", hook.take, methods=["POST"])])
    async with (
        world(tmp_path, ModelServer(lambda _: next(script, Answer("xyzzy")))) as it,
        serve(crm.app) as crm_url,
        serve(shop.app()) as shop_url,
        serve(webhook) as hook_url,
    ):
        extra = {
            "LOG_LEVEL": "debug", "LOG_DIR": "logs", "STAFF_TOKENS": f"mia:{STAFF_TOKEN}",
            "SUBJECT_RESOLVER": "crm", "CRM_BASE_URL": f"{crm_url}/api", "CRM_API_KEY": KEY,
            "SHOP_BASE_URL": f"{shop_url}/api", "SHOP_API_KEY": "canary-shop-key",
            "SEGMENT_WRITE_KEY": WRITE_KEY, "SEGMENT_API_URL": "http://127.0.0.1:1",
            "STAFF_WEBHOOK_URL": f"{hook_url}/canary-hook?key=canary", "KNOWLEDGE_DIR": str(articles),
        }  # fmt: skip
        gateway = await it.start(**extra)
        await it.twilio.text(JOHN, "canary one", to=OURS)
        await it.twilio.wait_for(JOHN, 1)
        await _at_the_desk(gateway.url)
        for count, trouble in enumerate((Trouble.NO_ID, Trouble.FAILING), start=1):
            crm.trouble = trouble
            shop.faults = [ShopFault.BROKEN] * 3
            await it.twilio.text(f"+1555987654{count}", "canary again", to=OURS)
            await it.twilio.wait_for(f"+1555987654{count}", 1)
        await until(lambda: hook.posts)
        assert await gateway.terminate() == 0
    written = read_logs(tmp_path)
    assert {"staff_webhook_failed", "identity_lookup_failed", "article_skipped", "ticket_opened"} <= {
        word for word in written["customer-service.log"].split('"') if "_" in word
    }
    secrets = (*SECRETS, "postgres://")
    assert [(name, found(secrets, text)) for name, text in written.items() if found(secrets, text)] == []


async def _at_the_desk(url: str) -> None:
    """Do everything that staff can do, with canaries in every field, and some things that they cannot."""
    page = {"Origin": url, "X-Tandem-Page": "1"}
    one = "/conversations/crm_canary-7"
    ticket = {"subjectId": "crm_canary-7", "subject": "canary", "description": JOHN, "externalId": "canary/1"}
    acts: list[tuple[str, str, Any, int]] = [
        ("GET", f"/conversations?q={JOHN[1:]}", None, 200),
        ("POST", "/customers/crm_canary-7/reveal", None, 200),
        ("GET", f"{one}?reveal=1", None, 400),
        ("GET", "/queue", None, 200),
        ("POST", f"{one}/notes", {"text": "canary plugh 5551234567"}, 200),
        ("POST", f"{one}/assign", {"to": "canary"}, 400),
        ("GET", "/conversations/phone_15551234567-canary", None, 404),
        ("POST", f"{one}/messages", {"text": "canary plugh 5551234567"}, 200),
        ("POST", f"{one}/messages", {"text": 5551234567}, 400),
        ("POST", f"{one}/pause", None, 200),
        ("POST", f"{one}/resume", {"canary": 1}, 200),
        ("GET", "/customers/crm_canary-7", None, 200),
        ("POST", "/tickets", ticket, 201),
        ("POST", "/tickets", {**ticket, "priority": "canary"}, 400),
        ("GET", "/tickets/canary%2F1", None, 200),
        ("POST", "/tickets/canary%2F1", {"status": "closed", "note": "canary"}, 200),
        ("GET", "/tickets/canary", None, 404),
    ]
    async with aiohttp.ClientSession(url, headers=page, cookie_jar=aiohttp.DummyCookieJar()) as session:
        for token, status in (("canary wrong", 401), (STAFF_TOKEN, 200)):
            async with session.post("/staff/session", json={"token": token}) as response:
                assert response.status == status
        (cookie,) = response.cookies.values()  # for https alone, which a proxy in front would speak
        for method, path, body, status in acts:
            sent = {} if body is None else {"json": body}
            key = {"Idempotency-Key": f"canary-{path[-9:]}", "Cookie": f"{cookie.key}={cookie.value}"}
            async with session.request(method, path, headers=key, **sent) as told:
                assert told.status == status, (method, path, await told.text())
