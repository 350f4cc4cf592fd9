"""Met in the field, "Trust": what is masked, who may do what, what a page is sent, and what stays of the erased."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.routing import Route
from yarl import URL

from tandem.errors import ConfigurationError
from tandem.guardrails.pii import CODE_MARK, mask_incoming
from tandem.settings import load_settings
from tandem.simulator.wire import SimMessage, webhook_form
from tandem.staff.aliases import Aliases

from ..kit.colleague import JOHNS_ID, Colleague, staffed
from ..kit.gateway import ACCOUNT, JANE, JOHN, OURS, Running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import known_at
from ..kit.tables import each

pytestmark = pytest.mark.promise("F5")

CARD = "4111 1111 1111 1111"
DIGITS = CARD.replace(" ", "")
MARK = "[card number removed, ends in 1111]"
FAST = 1e6
JANES_ID = "phone_15559876543"


def asking(*calls: tuple[str, dict[str, Any]], then: str = "Done.") -> ModelServer:
    """A model that makes these calls at once, in its second turn, and says little."""
    answers = iter([Answer("Go on."), Answer(calls=calls), Answer(then)])
    return ModelServer(lambda _: next(answers, Answer(then)))


def everything_in(folder: Path) -> bytes:
    """Return every byte that a gateway has written."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# --- a card number in two messages ---------------------------------------------------------------------------------

JOINED: Sequence[tuple[str, dict[str, Any]]] = [
    ("process_refund", {"order_id": "ORD_12345", "amount": 120, "reason": f"to card {DIGITS}"}),
    ("process_refund", {"order_id": "ORD_12345", "amount": 5, "reason": f"to card {CARD}"}),
    ("create_ticket", {"customer_id": "me", "subject": f"Card {CARD}", "description": CARD, "priority": "low"}),
    ("escalate_to_human", {"reason": f"card {CARD}", "priority": "low", "summary": DIGITS}),
    ("send_sms", {"to": JANE, "message": f"pay with {CARD}"}),
    ("order_status", {"order_id": DIGITS}),
    ("search_knowledge_base", {"query": f"card {CARD}", "category": "", "max_results": 1}),
    ("no_such_tool", {"card_number": int(DIGITS)}),
]


@pytest.mark.parametrize("spoken", [False, True], ids=["texted", "spoken"])
async def test_a_card_number_in_two_messages_that_the_model_joins_is_nowhere(tmp_path: Path, spoken: bool) -> None:
    model = asking(*JOINED, then=f"I noted {CARD}.")
    async with staffed(tmp_path, model) as (it, mia):
        if spoken:
            async with it.twilio.call(JOHN, to=OURS, chars_per_second=FAST) as call:
                await call.ask("my card begins with 4111 1111")
                await call.ask("and ends with 1111 1111, refund me")
                heard = call.heard()
        else:
            await it.ask("my card begins with 4111 1111")
            heard = await it.ask("and ends with 1111 1111, refund me")
        refund = await mia.waiting_approval("process_refund")
        waiting = (await mia.get("/approvals"))["approvals"]
        shown = await mia.shown()
        await mia.decide(refund, approved=False, reason="Not to a card.")
        await mia.until(lambda one: one["approvals"][-1]["status"] == "rejected")
        seen = str(waiting) + str(shown) + heard + str(model.inputs) + str(it.twilio.messages)
    kept = everything_in(tmp_path)
    assert refund["arguments"]["reason"] == f"to card {MARK}"
    assert {one["tool"] for one in waiting} == {"process_refund", "send_sms"}
    assert len(shown["tickets"]) == 2
    assert MARK in str(shown["tickets"])
    for spelling in (CARD, DIGITS, CARD.replace(" ", "-")):
        assert spelling not in seen
        assert spelling.encode() not in kept


@each(
    "name",
    ["cryptogramme", "cryptogramme visuel :", "código de segurança", "codice di sicurezza", "beveiligingscode is",
     "Sicherheitscode", "código de seguridad:"],
)  # fmt: skip
def test_a_security_code_is_masked_in_the_languages_of_customers(name: str) -> None:
    assert mask_incoming(f"{CARD} {name} 737").text == f"{MARK} {name} {CODE_MARK}"


async def test_what_runs_is_what_staff_saw(tmp_path: Path) -> None:
    """The stored run holds no more than the request does."""
    model = asking(("send_sms", {"to": "(555) 987-6543", "message": f"pay with {CARD}"}))
    async with staffed(tmp_path, model) as (it, mia):
        await it.ask("hello")
        await it.ask("text her")
        approval = await mia.waiting_approval("send_sms")
        await mia.decide(approval, approved=True)
        assert await it.hear(1, number=JANE) == [f"pay with {MARK}"]
    assert approval["arguments"] == {"to": JANE, "message": f"pay with {MARK}"}


# --- who may do what -------------------------------------------------------------------------------------------------

SCOPED = {
    "STAFF_TOKENS": "mia:mia-token-123456789,rita:rita-token-12345678:read,rob:rob-token-1234567890:reply,"
    "ann:ann-token-1234567890:approve,ada:ada-token-1234567890:administer,tim:tim-token-1234567890:tickets,"
    "all:all-token-1234567890:read+reply+approve+administer+tickets"
}
TOKENS = dict(part.split(":")[:2] for part in SCOPED["STAFF_TOKENS"].split(","))
STAFF_PATHS = ("/approvals", "/conversations", "/customers", "/queue", "/tickets", "/audit", "/figures")
STAFF_PATHS += ("/staff/events", "/staff/presence", "/staff/replies", "/staff/views", "/demo/reset")
DOORS = {
    ("GET", "/conversations"): "rita",
    ("GET", f"/conversations/{JOHNS_ID}"): "rita",
    ("GET", f"/customers/{JOHNS_ID}"): "rita",
    ("GET", "/approvals"): "rita ann",
    ("GET", "/queue"): "rita",
    ("GET", "/tickets"): "rita tim",
    ("GET", "/audit"): "ada",
    ("POST", "/demo/reset"): "ada",
    ("GET", "/figures"): "rita",
    ("GET", "/staff/replies"): "rob",
    ("GET", "/staff/views"): "rita",
    ("POST", "/staff/views"): "rob ann",
    ("POST", "/staff/presence"): "rita",
    ("GET", f"/conversations/{JOHNS_ID}/earlier"): "rita",
    ("POST", f"/conversations/{JOHNS_ID}/export"): "rita",
    ("POST", f"/conversations/{JOHNS_ID}/say"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/whisper"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/resolve"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/reopen"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/snooze"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/notes"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/assign"): "rob",
    ("GET", "/tickets/TKT_1"): "rita tim",
    ("GET", "/staff/events"): "rita",
    ("POST", f"/conversations/{JOHNS_ID}/messages"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/pause"): "rob",
    ("POST", f"/conversations/{JOHNS_ID}/resume"): "rob",
    ("POST", f"/customers/{JOHNS_ID}/reveal"): "rob",
    ("POST", "/approvals"): "ann",
    ("DELETE", f"/conversations/{JOHNS_ID}"): "ada",
    ("POST", "/conversations"): "rob",
    ("POST", "/tickets"): "tim",
    ("POST", "/tickets/TKT_1"): "tim",
    ("POST", "/tickets/TKT_1/call"): "rob",
}


async def test_a_token_opens_the_doors_of_its_scopes_and_no_other(tmp_path: Path) -> None:
    async with staffed(tmp_path, **SCOPED) as (it, _):
        await it.ask("hello")
        for (method, path), may in DOORS.items():
            for name, token in TOKENS.items():
                headers = {"Authorization": f"Bearer {token}"}
                async with aiohttp.ClientSession(headers=headers) as session:
                    sent = {} if method == "GET" else {"json": {}}
                    async with session.request(method, it.url + path, **sent) as answer:
                        told = await answer.json() if answer.content_type == "application/json" else {}
                        allowed = name in (*may.split(), "mia", "all")
                        assert (answer.status == 403) is not allowed, (method, path, name, told)
                        assert allowed or told["code"] == "out_of_scope"


async def test_no_door_of_the_staff_api_was_forgotten(tmp_path: Path) -> None:
    """A new route of the staff API has a scope, and stands above."""
    async with staffed(tmp_path) as (it, _):
        found = {
            (method, route.path.replace("{subject:path}", JOHNS_ID).replace("{ticket:path}", "TKT_1"))
            for route in it.gateway.routes
            if isinstance(route, Route) and route.path.startswith(STAFF_PATHS)
            for method in (route.methods or set()) - {"HEAD"}
        }
    assert found == set(DOORS)


NAMES = (
    "text", "at", "to", "consent", "until", "format", "subjectId", "writing", "customerId", "subject", "description",
    "priority", "externalId", "status", "note", "name", "query", "token", "decisions", "expectedVersion",
)  # fmt: skip
MISFITS = (5, 1e300, -(10**40), True, [], {}, [[5]], {"how": 5}, "", " ", "\u202e", "x" * 9000, [{"approvalId": "a"}])


ADDRESSES = (
    "/tickets/%00", "/conversations/%00", "/customers/%00", "/tickets/%FF", "/conversations/%ED%A0%80",
    "/conversations/phone_%D9%A1%D9%A2", "/conversations/phone_", "/conversations/cus_%00", "/tickets/" + "a" * 5000,
    "/customers/+" + "9" * 150, "/conversations/%E2%80%AE", "/conversations?cursor=%00", "/conversations?cursor=cus_",
    "/conversations?q=%00", "/conversations?q=%ED%A0%80%22%27%25", "/conversations?limit=%D9%A3", "/audit?days=-1",
    "/conversations?limit=1&limit=x", "/queue?limit=1e2", "/approvals?status[]=pending", "/approvals?cursor=0.",
    "/approvals?cursor=9.W10", "/tickets?cursor=W10", "/audit?days=%D9%A7", "/audit?actor=%00", "/figures?days=1e400",
    f"/conversations/{JOHNS_ID}/earlier?before=1.%D9%A3", f"/conversations/{JOHNS_ID}/earlier?before=999999999999.9",
)  # fmt: skip


async def test_no_value_of_a_wrong_kind_breaks_a_door(tmp_path: Path) -> None:
    """A colleague's name that is a number was a failure of ours."""
    posts = sorted(path for method, path in DOORS if method == "POST")
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        for path in ADDRESSES:
            assert (path, (await mia.ask("GET", URL(path, encoded=True))).status < 500) == (path, True)
        broken = {
            (path, str(value)[:20]): told.status
            for path in posts
            for value in MISFITS
            if (told := await mia.ask("POST", path, json=dict.fromkeys(NAMES, value))).status >= 500
        }
    assert broken == {}


async def test_signing_in_needs_the_scope_to_read(tmp_path: Path) -> None:
    async with staffed(tmp_path, **SCOPED) as (it, _), aiohttp.ClientSession(cookie_jar=jar()) as session:
        for name, status in {"rita": 200, "tim": 403, "mia": 200}.items():
            async with session.post(f"{it.url}/staff/session", json={"token": TOKENS[name]}, headers=page(it)) as told:
                assert told.status == status


async def test_a_session_has_the_scopes_of_its_token(tmp_path: Path) -> None:
    async with staffed(tmp_path, **SCOPED) as (it, _), signed_in(it, TOKENS["rita"]) as rita:
        await it.ask("hello")
        assert (await rita.ask("GET", "/conversations")).status == 200
        assert (await rita.ask("POST", f"/customers/{JOHNS_ID}/reveal", json={})).status == 403


@each("tokens", ["anna:0123456789abcdef:aprove", "anna:0123456789abcdef:read+"])
def test_a_scope_that_is_none_stops_the_start(tokens: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"STAFF_TOKENS": tokens}, env_file=None)
    assert "STAFF_TOKENS" in str(raised.value)
    assert "0123456789abcdef" not in str(raised.value)


PRODUCTION = {"APP_ENV": "production", "PUBLIC_BASE_URL": "https://support.example", "ALLOW_SAMPLE_DATA": "true"}


async def test_next_is_nothing_in_production(tmp_path: Path) -> None:
    model = asking(("process_refund", {"order_id": "ORD_12345", "amount": 120, "reason": "x"}))
    async with staffed(tmp_path, model) as (it, mia):
        await it.ask("hello")
        await it.ask("refund me")
        approval = await mia.waiting_approval("process_refund")
    async with staffed(tmp_path, **PRODUCTION) as (_, mia):
        told = await mia.post("/approvals", {"decisions": [{"approvalId": "next", "approved": True}]}, status=404)
        assert (await mia.get("/approvals"))["approvals"] == [approval]
    assert (told["code"], told["error"]) == ("unknown", "Name the request: only development servers take next.")


async def test_where_nothing_waits_next_says_so(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (_, mia):
        decision = {"approved": True}
        nothing = await mia.post("/approvals", {"decisions": [{"approvalId": "next", **decision}]}, status=404)
        another = await mia.post("/approvals", {"decisions": [{"approvalId": "apr_1", **decision}]}, status=404)
    assert (nothing["code"], nothing["error"]) == ("unknown", "No request waits for a decision.")
    assert (another["code"], another["error"]) == ("unknown", "There is no such request.")


# --- what a page is sent ---------------------------------------------------------------------------------------------


def jar() -> aiohttp.CookieJar:
    return aiohttp.CookieJar(unsafe=True)  # an address of numbers


def page(it: Running) -> dict[str, str]:
    return {"X-Tandem-Page": "1", "Origin": it.url}


@asynccontextmanager
async def signed_in(it: Running, token: str = "mia-token-123456789") -> AsyncIterator[Colleague]:
    """A colleague at the staff page."""
    async with aiohttp.ClientSession(it.url, headers=page(it), cookie_jar=jar()) as session:
        async with session.post("/staff/session", json={"token": token}) as told:
            assert told.status == 200
        yield Colleague(session)


OWN_NUMBER = ("5551234567", "555-123-4567", "(555) 123-4567", "555 123 4567")


async def test_a_page_is_sent_no_id_and_no_number_of_a_customer_until_it_is_revealed(tmp_path: Path) -> None:
    model = asking(
        ("lookup_customer", {"identifier": "me", "type": "phone"}),
        ("process_refund", {"order_id": "ORD_12345", "amount": 120, "reason": "broken"}),
        ("create_ticket", {"customer_id": "me", "subject": "Call me", "description": f"at {JOHN}", "priority": "low"}),
        then="We call you at (555) 123-4567.",
    )
    async with staffed(tmp_path, model) as (it, mia), signed_in(it) as tom:
        await it.ask("my number is 555-123-4567")
        await it.ask(f"refund me and call {JOHN}")
        listed = await tom.get("/conversations")
        alias = listed["conversations"][0]["subjectId"]
        found = await tom.get("/conversations", q=JOHN)
        shown = await tom.get(f"/conversations/{alias}")
        customer = await tom.get(f"/customers/{alias}")
        waiting = await tom.get("/approvals")
        ticket = await tom.get(f"/tickets/{shown['tickets'][0]['id']}")
        held = await tom.post(f"/conversations/{alias}/pause", {})
        written = await tom.post(f"/conversations/{alias}/messages", {"text": "Hello."})
        decided = await tom.decide(waiting["approvals"][0], approved=False, reason="No.")
        named = {"subjectId": alias, "decisions": [{"toolCallId": "call_x", "approved": True}]}
        unknown = await tom.post("/approvals", named, status=404)
        by_token = await mia.shown(alias)
        revealed = await tom.post(f"/customers/{alias}/reveal", {})
        after = await mia.until(lambda one: "contact_revealed" in [row["name"] for row in one["timeline"]])
    answers = [listed, found, shown, customer, waiting, ticket, held, written, decided, unknown]
    for one in answers:
        for spelling in (*OWN_NUMBER, "phone_"):
            assert spelling not in str(one), one
    assert re.fullmatch("cus_[A-Za-z0-9_-]{30,}", alias)
    assert {str(one["subjectId"]) for one in (shown, customer, held, written, decided, unknown, ticket)} == {alias}
    assert found["conversations"][0]["subjectId"] == alias
    assert (shown["contact"], waiting["approvals"][0]["contact"]) == ("…4567", "…4567")
    assert by_token["subjectId"] == JOHNS_ID
    assert revealed == {"subjectId": alias, "contact": JOHN}
    row = next(row for row in after["timeline"] if row["name"] == "contact_revealed")
    assert row["data"] == {"actor": "mia"}


async def test_no_list_of_a_page_tells_the_number_of_a_customer_whom_a_source_names(tmp_path: Path) -> None:
    model = asking(
        ("process_refund", {"order_id": "ORD_12345", "amount": 120, "reason": "broken"}),
        ("create_ticket", {"customer_id": "me", "subject": "Call me", "description": f"at {JOHN}", "priority": "low"}),
        then="We call you at (555) 123-4567.",
    )
    async with known_at("crm") as known, staffed(tmp_path, model, **known.env) as (it, mia), signed_in(it) as tom:
        await it.ask("hello")
        await it.ask("refund me, my number is 555-123-4567")
        await mia.waiting_approval("process_refund")
        who = known.subject(JOHN)
        await mia.until(lambda one: one["tickets"], who)
        told = {path: await tom.get(path) for path in ("/conversations", "/approvals", "/queue", "/tickets", "/audit")}
        (alias,) = {
            one["subjectId"] for one in (*told["/conversations"]["conversations"], *told["/tickets"]["tickets"])
        }
        told |= {path: await tom.get(path) for path in (f"/conversations/{alias}", f"/customers/{alias}")}
        program = await mia.get("/tickets")
    leaks = [(path, one) for path, answer in told.items() for one in (*OWN_NUMBER, str(who)) if one in str(answer)]
    assert leaks == []
    assert told["/tickets"]["tickets"][0]["contact"] == "…4567"
    assert program["tickets"][0]["description"] == f"at {JOHN}"


async def test_where_a_list_goes_on_names_nobody(tmp_path: Path) -> None:
    """It held the last customer's number, spelled in other signs."""
    async with staffed(tmp_path) as (it, mia), signed_in(it) as tom:
        for number in (JOHN, JANE):
            await it.ask("I want to talk to a person", sender=number)
        for path, named in (("/conversations", "conversations"), ("/tickets", "tickets"), ("/audit", "acts")):
            if path == "/audit":
                for who in (JOHNS_ID, JANES_ID):
                    await mia.post(f"/customers/{who}/reveal", {})
                    await mia.until(lambda one: "contact_revealed" in str(one["timeline"]), who)
            first = await tom.get(path, limit="1")
            second = await tom.get(path, limit="1", cursor=first["next"])
            assert first[named][0]["subjectId"] != second[named][0]["subjectId"], path
            parts = re.findall(r"[\w-]{8,}", first["next"])
            read = b"".join(base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in parts)
            assert [spelled for spelled in (b"phone", b"4567", b"6543") if spelled in read] == [], path
            program = await mia.get(path, limit="1")
            assert await mia.get(path, limit="1", cursor=program["next"]) != program


async def test_the_pages_events_name_opaque_ids(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, _), signed_in(it) as tom, tom._session.get("/staff/events") as stream:
        await it.ask("hello")
        line = ""
        while not line.startswith('data: {"'):
            line = (await stream.content.readline()).decode()
    assert line.startswith('data: {"cus_')
    assert "phone_" not in line


def test_an_alias_is_the_same_on_every_replica_and_nobody_elses() -> None:
    one, other, foreign = Aliases("secret"), Aliases("secret"), Aliases("another")
    alias = one.of(JOHNS_ID)
    assert other.of(JOHNS_ID) == alias
    assert other.named(alias) == JOHNS_ID
    assert foreign.named(alias) == alias
    for changed in (alias[:-1], alias + "A", "cus_", "cus_AAAA", alias.replace("cus_", "cus_A"), "cus_\u00e9", "cus_="):
        assert one.named(changed) == changed


async def test_a_made_up_alias_finds_nobody(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, _), signed_in(it) as tom:
        await it.ask("hello")
        for made_up in ("cus_", "cus_AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cus_" + "A" * 300):
            assert (await tom.ask("GET", f"/conversations/{made_up}")).status in (400, 404)


# --- what stays of somebody who was erased ---------------------------------------------------------------------------

SAID = "The gate code is HARVEST."


async def test_erasing_somebody_takes_their_number_and_texts_out_of_others_lanes(
    tmp_path: Path, place: dict[str, str]
) -> None:
    model = asking(("send_sms", {"to": JANE, "message": SAID}), then="I will text +1 (555) 987-6543.")
    async with staffed(tmp_path, model, **place) as (it, mia):
        await it.ask("hello")
        await it.ask("text Jane at 555-987-6543 the gate code")
        approval = await mia.waiting_approval("send_sms")
        await mia.decide(approval, approved=True)
        assert await it.hear(1, number=JANE) == [SAID]
        before = await mia.until(lambda one: one["approvals"][0]["status"] == "executed" and len(one["replies"]) > 2)
        told = await mia.ask("DELETE", f"/conversations/{JANES_ID}")
        after = await mia.shown()
        stored = str(await it.conversation()) + str(await it.store.replies((await it.conversation()).subject))
        listed = str(await mia.get("/approvals", status="all"))
        again = await it.ask("thanks")
    assert told.status == 200
    assert "9876543" in str(before)
    for where in (str(after), stored, listed):
        assert re.search(r"987[\s().-]*6543", where) is None
        assert SAID not in where
        assert "HARVEST" not in where
    assert [entry["kind"] for turn in after["transcript"] for entry in turn["entries"]] == [
        entry["kind"] for turn in before["transcript"] for entry in turn["entries"]
    ]
    assert "[erased]" in str(after["transcript"])
    assert again == "I will text +1 (555) 987-6543."  # the conversation goes on


async def test_erasing_leaves_others_words_alone(tmp_path: Path) -> None:
    model = asking(("send_sms", {"to": "+15557770000", "message": SAID}))
    async with staffed(tmp_path, model) as (it, mia):
        await it.ask("hello")
        await it.ask("text 555-777-0000 the code", sender=JOHN)
        await mia.waiting_approval("send_sms")
        await it.ask("hi", sender=JANE)
        assert (await mia.ask("DELETE", f"/conversations/{JANES_ID}")).status == 200
        shown = str(await mia.shown())
    assert SAID in shown
    assert "+15557770000" in shown


async def test_a_request_to_text_somebody_who_was_erased_cannot_be_approved(tmp_path: Path) -> None:
    model = asking(("send_sms", {"to": JANE, "message": SAID}))
    async with staffed(tmp_path, model) as (it, mia):
        await it.ask("hello")
        await it.ask("text Jane")
        approval = await mia.waiting_approval("send_sms")
        await it.ask("hi", sender=JANE)
        assert (await mia.ask("DELETE", f"/conversations/{JANES_ID}")).status == 200
        body = {"decisions": [{"approvalId": approval["id"], "approved": True}]}
        told = await mia.post("/approvals", body, status=400)
        assert it.twilio.sent_to(JANE)[-1].body != SAID
    assert told["code"] == "call_impossible"


async def test_a_captured_webhook_of_somebody_who_was_erased_is_not_answered_again(
    tmp_path: Path, place: dict[str, str]
) -> None:
    sid = "SM" + "4" * 32
    captured = webhook_form(SimMessage(sid, "inbound", JOHN, OURS, "hello", 0.0), ACCOUNT, {})
    async with staffed(tmp_path, **place) as (it, mia):
        assert (await it.twilio.post("/sms", captured)).status == 200
        await it.hear()
        assert (await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")).status == 200
        for _ in range(3):
            assert (await it.twilio.post("/sms", captured)).status == 200
        it.store.clock_offset = 6 * 86_400
        await it.store.purge(older_than=3600)
        assert (await it.twilio.post("/sms", captured)).status == 200
        await it.ask("hi", sender=JANE)  # what would have been sent before it has left by now
        gone = await mia.ask("GET", f"/conversations/{JOHNS_ID}")
        fresh = await it.ask("a new text")
    assert gone.status == 404
    assert fresh
    assert len(it.twilio.sent_to(JOHN)) == 2


async def test_nothing_that_names_the_erased_is_kept_for_that(tmp_path: Path) -> None:
    sid = "SM" + "4" * 32
    async with staffed(tmp_path) as (it, mia):
        await it.say("hello", sid=sid)
        await it.hear()
        await it.twilio.settle()
        assert (await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")).status == 200
    kept = everything_in(tmp_path / "state")
    assert sid.encode() not in kept
    assert b"5551234567" not in kept
