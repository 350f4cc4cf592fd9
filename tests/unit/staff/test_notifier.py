"""Notices to staff by webhook, posted to a real server: what is told, once, in digests, signed."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tandem.events import Happened
from tandem.model import Source, SubjectId, TimelineEvent
from tandem.staff.notifier import MOST, Paces, StaffNotifier, open_notifier

from ...kit.receiver import Receiver
from ...kit.serving import serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("H13")

JOHN = SubjectId("phone_15551234567")
DESK = "https://desk.example/staff"
NEVER = 3600.0


def refund(number: int = 1, subject: SubjectId = JOHN, **more: Any) -> Happened:
    data = {
        "approval": f"apr_{number}",
        "tool": "process_refund",
        "arguments": {"order_id": "ORD_12345", "amount": 139.97, "reason": "the canary sings"},
        "status": "pending",
    }
    return Happened(subject, TimelineEvent(more.get("name", "approval_requested"), Source.SYSTEM, data=data))


TICKET = Happened(
    JOHN,
    TimelineEvent(
        "escalation", Source.AGENT, data={"ticket": "TKT_1", "priority": "urgent", "title": "the canary sings"}
    ),
)


@asynccontextmanager
async def scene(
    *answers: int, secret: str | None = None, gather: float = 0.0, digest: float = NEVER, retry: float = 0.0
) -> AsyncIterator[tuple[Receiver, StaffNotifier]]:
    receiver = Receiver(list(answers))
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    paces = Paces(gather=gather, digest=digest, retry=retry)
    async with serve(app) as url, open_notifier(f"{url}/hook", desk=DESK, secret=secret, paces=paces) as notifier:
        yield receiver, notifier


async def test_a_request_is_posted_with_a_link_and_no_words_of_the_customer() -> None:
    async with scene() as (receiver, notifier):
        await notifier.hear(refund())
        (message,) = await receiver.messages(1)
    assert message["text"] == f"Waits for you: process_refund $139.97 (…4567)\n{DESK}#approval=apr_1"
    assert message["link"] == f"{DESK}#approval=apr_1"
    assert message["notices"] == [
        {"kind": "approval", "approvalId": "apr_1", "tool": "process_refund", "amount": 139.97, "contact": "…4567"}
    ]
    assert b"canary" not in receiver.posts[0][1]


@each("amount", [10**400, float("inf"), float("nan"), True, "139.97"])
async def test_an_amount_that_is_none_is_left_out_and_the_next_request_is_posted(amount: Any) -> None:
    odd = refund()
    odd.event.data["arguments"]["amount"] = amount
    async with scene(digest=0.0) as (receiver, notifier):
        await notifier.hear(odd)
        await receiver.messages(1)
        await notifier.hear(refund(2))
        first, second = await receiver.messages(2)
    assert first["notices"][0]["amount"] is None
    assert second["notices"][0]["amount"] == 139.97


async def test_a_ticket_is_posted_without_its_title() -> None:
    async with scene() as (receiver, notifier):
        await notifier.hear(TICKET)
        (message,) = await receiver.messages(1)
    assert message["text"] == f"Ticket TKT_1, urgent (…4567)\n{DESK}"
    assert b"canary" not in receiver.posts[0][1]


async def test_an_effect_that_nobody_knows_is_posted() -> None:
    async with scene() as (receiver, notifier):
        await notifier.hear(refund(subject=SubjectId("withheld_CA1"), name="effect_unknown"))
        (message,) = await receiver.messages(1)
    assert message["text"].startswith("Nobody knows whether this happened: process_refund $139.97\n")
    assert message["notices"][0]["contact"] is None


async def test_what_is_nothing_to_decide_is_not_posted() -> None:
    async with scene() as (receiver, notifier):
        for name in ("turn", "tool", "approval_decided", "masked", "ticket_closed"):
            await notifier.hear(Happened(JOHN, TimelineEvent(name, Source.SYSTEM)))
        await notifier.hear(refund())
        await receiver.messages(1)
    assert len(receiver.posts) == 1


async def test_forty_requests_are_one_digest() -> None:
    async with scene(gather=0.05) as (receiver, notifier):
        for number in range(40):
            await notifier.hear(refund(number))
        (message,) = await receiver.messages(1)
    assert len(receiver.posts) == 1
    assert (message["count"], len(message["notices"])) == (40, 40)
    assert message["text"].startswith("40 new at the staff desk\n• Waits for you: process_refund $139.97 (…4567)\n")
    assert message["text"].endswith(f"\n… and 35 more\n{DESK}")


async def test_what_comes_after_a_post_waits_for_the_next_digest() -> None:
    async with scene(digest=0.2) as (receiver, notifier):
        await notifier.hear(refund(0))
        await receiver.messages(1)
        for number in range(1, 31):
            await notifier.hear(refund(number))
        messages = await receiver.messages(2)
    assert [message["count"] for message in messages] == [1, 30]


async def test_the_number_of_a_flood_is_told_and_only_the_last_are_kept() -> None:
    async with scene(gather=0.05) as (receiver, notifier):
        for number in range(MOST + 7):
            await notifier.hear(refund(number))
        (message,) = await receiver.messages(1)
    assert (message["count"], len(message["notices"])) == (MOST + 7, MOST)


async def test_a_receiver_that_fails_is_asked_again_with_the_same_message() -> None:
    async with scene(500, 429) as (receiver, notifier):
        await notifier.hear(refund())
        one, two, three = await receiver.messages(3)
    assert one == two == three


@each("status", [302, 400, 404, 410])
async def test_a_receiver_that_refuses_is_not_asked_again(status: int) -> None:
    async with scene(status, digest=0.0) as (receiver, notifier):
        await notifier.hear(refund(1))
        await receiver.messages(1)
        await notifier.hear(refund(2))
        first, second = await receiver.messages(2)
    assert (first["notices"][0]["approvalId"], second["notices"][0]["approvalId"]) == ("apr_1", "apr_2")


async def test_what_is_left_is_posted_when_the_server_stops() -> None:
    async with scene(gather=NEVER) as (receiver, notifier):
        await notifier.hear(refund())
    assert len(receiver.posts) == 1


async def test_the_signature_covers_time_and_body() -> None:
    async with scene(secret="of-two-servers") as (receiver, notifier):
        await notifier.hear(refund())
        await receiver.messages(1)
    headers, body = receiver.posts[0]
    fields = dict(part.split("=", 1) for part in headers["x-tandem-signature"].split(","))
    expected = hmac.new(b"of-two-servers", fields["t"].encode() + b"." + body, "sha256").hexdigest()
    assert fields["v1"] == expected


async def test_without_a_secret_there_is_no_signature() -> None:
    async with scene() as (receiver, notifier):
        await notifier.hear(refund())
        await receiver.messages(1)
    assert "x-tandem-signature" not in receiver.posts[0][0]


async def test_nobody_there_hurts_nobody() -> None:
    paces = Paces(gather=0.0, digest=0.0, retry=0.0)
    async with open_notifier("http://127.0.0.1:9/hook", desk=DESK, paces=paces) as notifier:
        await notifier.hear(refund())
