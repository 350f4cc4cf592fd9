"""Doors of a production server, tried in spellings and with keys that nobody gave out: they tell and change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from ..field.test_exposure import PRODUCTION
from ..flows.test_approvals import REFUND
from ..kit.colleague import JOHNS_ID, staffed
from ..kit.gateway import JOHN
from ..kit.process import gateway_process
from ..kit.serving import free_port

pytestmark = pytest.mark.promise("F5")
MIA = "mia-token-123456789"
SECRET = ("tandem_", "configuration", "John", JOHN, "5551234567", "apr_", "TKT_", "signing")
"""What none of them may be told."""

ASKED = [
    ("GET", "/metrics", {}), ("GET", "//metrics", {}), ("GET", "/metrics/", {}), ("GET", "/METRICS", {}),
    ("GET", "/%6detrics", {}), ("HEAD", "/metrics", {}), ("GET", "/status/../metrics", {}),
    ("GET", f"/metrics?token={MIA}", {}), ("GET", "/metrics", {"Authorization": f"Basic {MIA}"}),
    ("GET", "/metrics", {"Authorization": MIA}), ("GET", "/metrics", {"Cookie": f"tandem_staff={MIA}"}),
    ("GET", "/metrics", {"Authorization": f"Bearer {MIA[:-1]}"}), ("GET", "/metrics", {"X-Forwarded-For": "127.0.0.1"}),
    ("GET", "/status", {"Host": "127.0.0.1"}), ("GET", "/approvals", {"X-Tandem-Page": "1"}),
    ("GET", f"/conversations/{JOHNS_ID}?reveal=1", {}), ("GET", f"/conversations/{JOHNS_ID}/../../approvals", {}),
    ("POST", f"/conversations/{JOHNS_ID}/reveal", {"X-Tandem-Page": "1", "Origin": "https://gateway.example"}),
    ("GET", f"/conversations/{JOHNS_ID}/erase", {"X-HTTP-Method-Override": "POST"}), ("GET", "/staff/events", {}),
    ("GET", "/queue?format=csv", {}), ("GET", "/figures", {}), ("GET", "/audit", {}), ("TRACE", "/approvals", {}),
    ("GET", "/pages/../../.env", {}), ("GET", "/pages/desk/%2e%2e/%2e%2e/fields.py", {}), ("GET", "/openapi.json", {}),
    ("POST", "/demo/reset", {}), ("GET", "/phone/data", {}), ("POST", "/2010-04-01/Accounts/AC1/Messages.json", {}),
]  # fmt: skip


async def test_no_door_of_a_production_server_opens_without_its_key(tmp_path: Path) -> None:
    told = []
    async with gateway_process(tmp_path, free_port(), PRODUCTION) as gateway, aiohttp.ClientSession() as session:
        for method, path, headers in ASKED:
            url = URL(gateway.url + path, encoded=True)
            async with session.request(method, url, headers=headers, allow_redirects=False) as answer:
                body = await answer.text()
            details = [word for word in SECRET if word in body]
            served = answer.status < 300 and not path.startswith("/status")
            if served or details:
                told.append((method, path, headers, answer.status, details))
    assert told == []


APPROVING = [
    {"approvalId": "*", "approved": True}, {"approvalId": "", "approved": True},
    {"approvalId": ["{id}"], "approved": True}, {"approvalId": "{id}", "approved": "true"},
    {"approvalId": "{id}", "approved": 1}, {"approvalId": "{id}"}, {"approvalId": "{id}\u200b", "approved": True},
    {"id": "{id}", "approved": True}, {"approvalId": "../{id}", "approved": True},
]  # fmt: skip


async def test_only_a_whole_decision_about_a_request_by_its_name_pays(tmp_path: Path) -> None:
    """What else a development server takes, ``next``, a production server does not (tests/field/test_trust.py)."""
    async with staffed(tmp_path) as (it, mia):
        await it.ask(REFUND)
        approval = await mia.waiting_approval("process_refund")
        for one in APPROVING:
            decision = json.loads(json.dumps(one).replace("{id}", approval["id"]))
            told = await mia.ask("POST", "/approvals", json={"decisions": [decision]})
            assert (one, 400 <= told.status < 500) == (one, True)
        left = (await mia.get("/approvals"))["approvals"]
    assert [one["id"] for one in left] == [approval["id"]]
