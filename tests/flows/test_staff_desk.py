"""The staff desk over real HTTP: the list, a conversation in full, a person who writes, holding the agent, erasing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.conversation import phrases

from ..kit.colleague import JOHNS_ID, entries, names, staffed
from ..kit.gateway import JANE, JOHN

ORDER = "where is my order 12345?"


async def test_conversations_are_listed_last_changed_first_with_names_and_masked_numbers(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER, sender=JOHN)
        await it.ask("I want my money back for order 67890", sender=JANE)
        await it.ask("hello", sender="+15557770000")
        listed = await mia.get("/conversations")
        first = await mia.get("/conversations", limit="2")
        rest = await mia.get("/conversations", limit="2", cursor=first["next"])
    rows = listed["conversations"]
    assert [(row["name"], row["plan"], row["contact"]) for row in rows] == [
        (None, None, "…0000"),
        ("Jane Smith", "basic", "…6543"),
        ("John Doe", "premium", "…4567"),
    ]
    assert [row["lastChannel"] for row in rows] == ["sms"] * 3
    assert rows[2]["preview"]
    assert [row["liveCall"] or row["paused"] for row in rows] == [False] * 3
    assert [row["subjectId"] for row in (*first["conversations"], *rest["conversations"])] == [
        row["subjectId"] for row in rows
    ]
    assert (listed["next"], rest["next"]) == (None, None)


async def test_a_conversation_is_found_by_number_id_name_or_words(tmp_path: Path) -> None:
    words = ("(555) 123-4567", "+15551234567", "phone_+15551234567", JOHNS_ID, "john", "DOE john", "4567", "shipped")
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER, sender=JOHN)
        await it.ask("hello", sender=JANE)
        found = {one: (await mia.get("/conversations", q=one))["conversations"] for one in words}
    assert {one: [row["subjectId"] for row in rows] for one, rows in found.items()} == {
        one: [JOHNS_ID] for one in words
    }


@pytest.mark.promise("E2", "E5")
async def test_a_conversation_is_shown_with_tools_timeline_and_replies(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        shown = await mia.until(lambda one: one["replies"] and one["replies"][0]["status"] != "waiting")
    said = entries(shown)
    assert said[0] == {"kind": "customer", "text": ORDER}
    tool = next(one for one in said if one["kind"] == "tool")
    assert (tool["tool"], tool["arguments"], tool["status"]) == ("order_status", {"order_id": "ORD_12345"}, "done")
    assert tool["result"]["status"] == "shipped"
    assert (said[-1]["kind"], said[-1]["interrupted"]) == ("agent", False)
    assert (shown["name"], shown["contact"], shown["channels"]) == ("John Doe", "…4567", ["sms"])
    assert "5551234" not in shown["contact"]
    turn = next(row for row in shown["timeline"] if row["name"] == "turn")
    assert turn["data"]["seconds"] > 0
    assert {"input_tokens", "output_tokens"} <= set(turn["data"])
    row = next(row for row in shown["timeline"] if row["name"] == "tool")
    assert (row["source"], row["tone"], row["data"]["tool"]) == ("agent", "success", "order_status")
    assert shown["replies"][0]["text"] == said[-1]["text"]


async def test_a_page_that_polls_is_told_that_nothing_changed(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        await mia.until(lambda one: one["replies"] and one["replies"][0]["status"] == "delivered")
        first = await mia.ask("GET", f"/conversations/{JOHNS_ID}")
        again = await mia.ask("GET", f"/conversations/{JOHNS_ID}", headers={"If-None-Match": first.headers["etag"]})
        await it.ask("thanks")
        later = await mia.ask("GET", f"/conversations/{JOHNS_ID}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status, again.status, later.status) == (200, 304, 200)
    assert first.headers["cache-control"] == "no-store"


@pytest.mark.promise("H10")
async def test_the_full_number_is_shown_on_demand_and_that_is_written_down(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        hidden = await mia.shown()
        shown = await mia.post(f"/customers/{JOHNS_ID}/reveal")
        after = await mia.until(lambda one: "contact_revealed" in names(one))
    assert (hidden["contact"], shown["contact"]) == ("…4567", JOHN)
    row = next(row for row in after["timeline"] if row["name"] == "contact_revealed")
    assert (row["source"], row["data"]) == ("staff", {"actor": "mia"})


@pytest.mark.promise("H10")
async def test_a_person_writes_and_the_agent_knows(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        path = "/conversations/%2B1%20(555)%20123-4567/messages"
        told = await mia.post(path, {"text": "Hello John, I look at it myself."}, key="once")
        again = await mia.post(path, {"text": "Hello John, I look at it myself."}, key="once")
        texts = await it.hear(2)
        shown = await mia.until(lambda one: "staff_message" in names(one))
        await it.ask("thank you")
        assert len(await it.hear(3)) == 3
    assert (told["subjectId"], told["channel"], told["repeated"], again["repeated"]) == (JOHNS_ID, "sms", False, True)
    assert texts[1] == "Hello John, I look at it myself."
    said = {"kind": "staff", "actor": "mia", "text": "Hello John, I look at it myself."}
    assert entries(shown)[-1].items() >= said.items()
    row = next(row for row in shown["timeline"] if row["name"] == "staff_message")
    assert (row["source"], row["data"]["actor"]) == ("staff", "mia")


async def test_card_numbers_that_staff_write_are_stored_nowhere(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "Your card 4111 1111 1111 1111 works."})
        texts = await it.hear(2)
        shown = await mia.until(lambda one: "staff_message" in names(one))
    assert "4111 1111" not in texts[1] + str(shown)


async def test_a_held_agent_answers_nothing_until_it_may_go_on(tmp_path: Path, place: dict[str, str]) -> None:
    async with staffed(tmp_path, **place) as (it, mia):
        await it.ask("hello")
        told = await mia.post(f"/conversations/{JOHNS_ID}/pause")
        assert (await mia.shown())["paused"] is True
        held = await it.ask(ORDER)
        await it.say("are you there?")
        kept = await mia.until(lambda one: len(one["transcript"]) == 3)
        listed = (await mia.get("/conversations"))["conversations"][0]
        resumed = await mia.post(f"/conversations/{JOHNS_ID}/resume")
        answer = (await it.hear(3))[2]
        shown = await mia.until(lambda one: "agent_resumed" in names(one))
    assert (told["paused"], resumed["paused"], listed["paused"], shown["paused"]) == (True, False, True, False)
    assert held == phrases.HELD
    assert [one["text"] for one in entries(kept) if one["kind"] == "customer"] == ["hello", ORDER, "are you there?"]
    assert "shipped" in answer
    assert {"agent_paused", "agent_resumed"} <= set(names(shown))


async def test_what_a_person_answered_is_not_answered_again_after_a_pause(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        await mia.post(f"/conversations/{JOHNS_ID}/pause")
        await it.ask(ORDER)
        await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "It is on its way."})
        await it.hear(3)
        await mia.post(f"/conversations/{JOHNS_ID}/resume")
        await mia.until(lambda one: "agent_resumed" in names(one))
        await it.ask("thanks")
        assert len(await it.hear(4)) == 4


async def test_pausing_twice_and_resuming_what_runs_changes_nothing(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        for path in ("resume", "pause", "pause", "resume", "resume"):
            await mia.post(f"/conversations/{JOHNS_ID}/{path}")
        shown = await mia.until(lambda one: "agent_resumed" in names(one))
    assert [name for name in names(shown) if name.startswith("agent_")] == ["agent_paused", "agent_resumed"]


async def test_a_decision_is_told_while_the_agent_is_held(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("I want my money back for order 12345")
        approval = await mia.waiting_approval("process_refund")
        await mia.post(f"/conversations/{JOHNS_ID}/pause")
        await mia.decide(approval, approved=True)
        texts = await it.hear(2)
    assert "has been carried out" in texts[1]


@pytest.mark.promise("P12")
async def test_erasing_leaves_nothing_but_a_row_with_the_actor(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        told = await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")
        again = await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")
        gone = await mia.ask("GET", f"/conversations/{JOHNS_ID}")
        row, nothing = await it.store.erasures(JOHNS_ID)
        listed = await mia.get("/conversations")
    assert (told.status, again.status, gone.status) == (200, 404, 404)
    assert told.body["deleted"] == row.deleted > 0
    assert (row.actor, nothing.deleted) == ("mia", 0)
    assert listed["conversations"] == []


async def test_nothing_is_erased_while_a_turn_runs(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        await mia.until(lambda one: one["replies"] and one["replies"][0]["status"] in ("sent", "delivered"))
        claim = await it.store.claim(JOHNS_ID, holder="a-turn", seconds=30)
        assert claim is not None
        refused = await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")
        await it.store.release(claim)
        shown = await mia.shown()
    assert (refused.status, refused.body["code"]) == (409, "turn_running")
    assert shown["transcript"]


async def test_a_customer_is_shown_with_account_orders_and_numbers(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask(ORDER)
        known = await mia.get(f"/customers/{JOHNS_ID}")
        silent = await mia.get("/customers/+15559876543")
        nobody = await mia.ask("GET", "/customers/+15557770000")
    assert known["account"] == {
        "customerId": "CUST_12345",
        "name": "John Doe",
        "plan": "premium",
        "email": "j…@email.com",
    }
    (order,) = known["orders"]
    assert (order["orderId"], order["total"], order["trackingNumber"]) == ("ORD_12345", "$139.97", "TRK_ABC123")
    assert (known["numbers"]["turns"], known["numbers"]["refunded"]) == (1, "$0.00")
    assert (silent["account"]["name"], silent["numbers"]["since"]) == ("Jane Smith", None)
    assert (nobody.status, nobody.body["code"]) == (404, "not_found")


UNFIT = (
    ("GET", "/conversations?limit=0", None, 400, "malformed_request"),
    ("GET", "/conversations?cursor=nonsense", None, 400, "malformed_request"),
    ("GET", "/conversations/phone_15557770000", None, 404, "not_found"),
    ("GET", f"/conversations/{JOHNS_ID}?reveal=1", None, 400, "malformed_request"),
    ("POST", "/customers/phone_15557770000/reveal", None, 404, "not_found"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", "{}", 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", '{"text": "  "}', 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", '{"text": 5}', 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", "[]", 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", '{"text": "a", "text": "b"}', 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", '{"text": "\\ud800"}', 400, "malformed_request"),
    ("POST", f"/conversations/{JOHNS_ID}/messages", "x" * 300_000, 413, "body_too_large"),
    ("POST", "/conversations/phone_15557770000/messages", '{"text": "hello"}', 404, "not_found"),
    ("POST", "/conversations/phone_15557770000/pause", None, 404, "not_found"),
    ("POST", "/tickets", '{"subject": "a", "description": "b"}', 400, "malformed_request"),
    ("POST", "/tickets", '{"customerId": "nobody", "subject": "a", "description": "b"}', 404, "not_found"),
    ("GET", "/tickets/TKT_1", None, 404, "not_found"),
    ("POST", "/tickets/TKT_1", '{"status": "open"}', 400, "malformed_request"),
)


async def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    answered = []
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        for method, path, body, *_ in UNFIT:
            told = await mia.ask(method, path, data=body, headers={"Content-Type": "application/json"} if body else {})
            answered.append((method, path, body, told.status, told.body["code"]))
    assert answered == list(UNFIT)


DOORS = (
    ("GET", "/conversations"),
    ("GET", f"/conversations/{JOHNS_ID}"),
    ("DELETE", f"/conversations/{JOHNS_ID}"),
    ("POST", f"/conversations/{JOHNS_ID}/messages"),
    ("POST", f"/conversations/{JOHNS_ID}/pause"),
    ("POST", f"/conversations/{JOHNS_ID}/resume"),
    ("GET", f"/customers/{JOHNS_ID}"),
    ("POST", "/tickets"),
    ("GET", "/tickets/TKT_1"),
    ("POST", "/tickets/TKT_1"),
)


async def test_without_a_token_nothing_is_told_or_done(tmp_path: Path) -> None:
    async with staffed(tmp_path, token="wrong") as (it, nobody):
        await it.ask("hello")
        told = {door: await nobody.ask(*door) for door in DOORS}
        stored = await it.conversation()
    answers = {door: (one.status, one.body["code"]) for door, one in told.items()}
    assert answers == dict.fromkeys(DOORS, (401, "not_authorised"))
    assert (len(stored.history), stored.paused) == (1, False)


async def test_somebody_who_opted_out_cannot_be_written_to(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        await it.say("STOP")
        await mia.until(lambda one: one["optedOut"] == ["sms"])
        told = await mia.ask("POST", f"/conversations/{JOHNS_ID}/messages", json={"text": "Hello?"})
    assert (told.status, told.body["code"]) == (409, "no_way")
