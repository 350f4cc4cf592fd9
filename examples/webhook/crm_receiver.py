"""Takes the events of a gateway and keeps what matters beside each customer, as a CRM would.

    EVENTS_WEBHOOK_SECRET=whsec_… CRM_FILE=crm.db uvicorn crm_receiver:app --port 8090

and in the gateway's ``.env``: ``EVENTS_WEBHOOK_URL=http://127.0.0.1:8090/events`` and the same secret. Nothing of
tandem is imported: this is the other system.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TOLERANCE = 300
"""Seconds that a post may be old: a captured one cannot be sent again for ever."""
TABLES = """
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS note (customer TEXT NOT NULL, at TEXT NOT NULL, text TEXT NOT NULL);
"""
NOTES = {
    "ticket.escalated": "asked for a person ({ticket}, {priority})",
    "ticket.closed": "ticket {ticket} was closed",
    "approval.executed": "{tool} was approved and carried out ({approval})",
    "delivery.undelivered": "a message did not arrive (code {code})",
    "opt_out.given": "wants no more texts",
    "opt_out.lifted": "wants texts again",
}
"""What is noted beside the customer, by the type of the event."""


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Tell whether somebody who knows the secret made this post, and lately (standardwebhooks.com)."""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdigit() or abs(now - int(at)) > TOLERANCE:
        return False
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    made = hmac.digest(key, f"{id}.{at}.".encode() + body, "sha256")
    expected = f"v1,{base64.b64encode(made).decode()}"
    return any(hmac.compare_digest(expected, one) for one in headers.get("webhook-signature", "").split())


def keep(database: sqlite3.Connection, id: str, event: dict) -> None:
    """Note an event once, however often it comes: both rows are written, or neither."""
    with database:
        if database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (id,)).rowcount == 0:
            return
        data = event["data"]
        if event["type"] in NOTES:
            text = NOTES[event["type"]].format_map(data["details"])
            database.execute("INSERT INTO note VALUES (?, ?, ?)", (data["customer"], event["timestamp"], text))


async def take(request: Request) -> Response:
    """Answer 204 once the event is kept; anything else has it posted again."""
    body = await request.body()
    if not is_signed(os.environ["EVENTS_WEBHOOK_SECRET"], request.headers, body, time.time()):
        return Response(status_code=401)
    with closing(sqlite3.connect(os.environ.get("CRM_FILE", "crm.db"))) as database:
        database.executescript(TABLES)
        keep(database, request.headers["webhook-id"], json.loads(body))
    return Response(status_code=204)


app = Starlette(routes=[Route("/events", take, methods=["POST"])])
