"""Tells staff elsewhere, by ``STAFF_WEBHOOK_URL``, that something waits for them: one post at first, then one a minute.

The replica that committed the request posts it, so nothing is posted twice. A notice carries no words of a customer,
and losing one loses nothing: the desk shows what waits.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import structlog

from ..events import EventName, Happened
from ..web.http_client import HttpClient, HttpTrouble, open_http, retrying
from ..web.webhooks import WebhookRefused, post, signed

log = structlog.get_logger(__name__)

GATHER_SECONDS: Final = 1.0
"""How long the first notice waits for others that come at the same moment."""
DIGEST_SECONDS: Final = 60.0
"""The least time between two posts; what comes meanwhile is one digest."""
TRIES: Final = 5
FIRST_PAUSE: Final = 1.0
"""Seconds before the second try; each further pause is twice as long."""
LONGEST_PAUSE: Final = 16.0
POST_SECONDS: Final = 10.0
LAST_SECONDS: Final = 3.0
"""How long a stopping server tries to post what is left."""
MOST: Final = 200
"""Notices that are kept for one digest; of more, only the number is told."""
LARGEST_AMOUNT: Final = 1e12
"""What is more, is no number of dollars: a model may write any."""
NAMED: Final = 5
"""Notices that the text of a digest names."""


@dataclass(frozen=True, slots=True)
class Paces:
    """Seconds: gathering, between posts, before a second try."""

    gather: float = GATHER_SECONDS
    digest: float = DIGEST_SECONDS
    retry: float = FIRST_PAUSE


class StaffNotifier:
    """Collects what happened and posts it. Open it with :func:`open_notifier`.

    ``desk`` is the address of the staff page. With ``secret``, ``X-Tandem-Signature`` is ``t=…,v1=…``: the time, and
    the HMAC-SHA256 (hex) of the time, a full stop and the body; Standard Webhooks' three headers go beside it.
    """

    def __init__(
        self, http: HttpClient, url: str, *, desk: str, secret: str | None = None, paces: Paces | None = None
    ) -> None:
        self._http = http
        self._url = url
        self._desk = desk
        self._secret = secret
        self._paces = paces or Paces()
        self._notices: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._left_out = 0
        self._news = asyncio.Event()

    async def hear(self, happened: Happened) -> None:
        """Take note of a request or a ticket: a listener of the engine's events."""
        notice = _notice(happened)
        if notice is None:
            return
        self._left_out += len(self._notices) == MOST
        self._notices.append(notice)
        self._news.set()

    async def work(self) -> None:
        """Post until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(self._paces.gather)
            await self._post(TRIES)
            await asyncio.sleep(self._paces.digest)

    async def finish(self) -> None:
        """Post what is left, once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._post(1)

    async def _post(self, tries: int) -> None:
        self._news.clear()
        notices, left_out = list(self._notices), self._left_out
        self._notices.clear()
        self._left_out = 0
        if not notices:
            return
        body = json.dumps(message(notices, left_out, self._desk), ensure_ascii=False).encode()
        id = f"ntc_{uuid.uuid4().hex}"
        try:
            async for attempt in retrying(_passing, attempts=tries, pause=self._paces.retry, longest=LONGEST_PAUSE):
                with attempt:
                    await self._try(body, id)
        except (HttpTrouble, WebhookRefused) as error:
            log.error("staff_webhook_failed", problem=str(error), notices=len(notices) + left_out)

    async def _try(self, body: bytes, id: str) -> None:
        """Post once. Raises HttpTrouble for what may pass, and WebhookRefused."""
        now, headers = int(time.time()), dict[str, str]()
        if self._secret:
            signature = hmac.new(self._secret.encode(), f"{now}.".encode() + body, "sha256").hexdigest()
            headers = {"X-Tandem-Signature": f"t={now},v1={signature}", **signed([self._secret], id, now, body)}
        await post(self._http, self._url, body, headers)


def _passing(error: Exception) -> bool:
    return isinstance(error, HttpTrouble)


@asynccontextmanager
async def open_notifier(
    url: str, *, desk: str, secret: str | None = None, paces: Paces | None = None
) -> AsyncIterator[StaffNotifier]:
    """Post until the body is left."""
    async with open_http(seconds=POST_SECONDS, limit=0) as http:
        notifier = StaffNotifier(http, url, desk=desk, secret=secret, paces=paces)
        work = asyncio.create_task(notifier.work(), name="staff-notifier")
        try:
            yield notifier
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await notifier.finish()


def message(notices: Sequence[Mapping[str, Any]], left_out: int, desk: str) -> dict[str, Any]:
    """Return what is posted: ``text`` for Slack and its like, and the same as ``notices`` for programs."""
    count = len(notices) + left_out
    one = notices[0]
    if count == 1:
        link = f"{desk}#approval={quote(one['approvalId'])}" if one["kind"] != "ticket" else desk
        text = f"{_line(one)}\n{link}"
    else:
        link = desk
        shown = "".join(f"\n• {_line(notice)}" for notice in notices[-NAMED:])
        more = f"\n… and {count - NAMED} more" if count > NAMED else ""
        text = f"{count} new at the staff desk{shown}{more}\n{link}"
    return {"text": text, "link": link, "count": count, "notices": [dict(notice) for notice in notices]}


def _line(notice: Mapping[str, Any]) -> str:
    who = f" ({notice['contact']})" if notice["contact"] else ""
    if notice["kind"] == "ticket":
        return f"Ticket {notice['ticketId']}, {notice['priority']}{who}"
    amount = f" ${notice['amount']:,.2f}" if notice["amount"] is not None else ""
    asks = "Nobody knows whether this happened:" if notice["kind"] == "unknown" else "Waits for you:"
    if "firstApprovedBy" in notice:
        asks = "Waits for a second colleague:"
    return f"{asks} {notice['tool']}{amount}{who}"


def _notice(happened: Happened) -> dict[str, Any] | None:
    """Return what may be told of an event, None when staff have nothing to do about it."""
    event, data = happened.event, happened.event.data
    number = re.fullmatch(r"phone_\d*(\d{4})", happened.subject)
    common = {"contact": f"…{number[1]}" if number else None}
    if event.name in (EventName.APPROVAL_REQUESTED, EventName.APPROVAL_FIRST, EventName.EFFECT_UNKNOWN):
        arguments = data.get("edited_arguments") or data.get("arguments")
        amount = arguments.get("amount") if isinstance(arguments, Mapping) else None
        known = isinstance(amount, int | float) and not isinstance(amount, bool) and abs(amount) < LARGEST_AMOUNT
        kind = "unknown" if event.name == EventName.EFFECT_UNKNOWN else "approval"
        details = {"approvalId": data["approval"], "tool": data["tool"], "amount": amount if known else None}
        first = {"firstApprovedBy": data["actor"]} if event.name == EventName.APPROVAL_FIRST else {}
        return {"kind": kind, **details, **first, **common}
    if event.name in (EventName.TICKET_CREATED, EventName.TICKET_OPENED, EventName.ESCALATION):
        return {"kind": "ticket", "ticketId": data["ticket"], "priority": data["priority"], **common}
    return None
