"""A copy of a conversation, on the record; and what customers say of the help they got."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tandem.conversation import phrases

from ..kit.colleague import JOHNS_ID, Colleague, names, staffed
from ..kit.gateway import JANE, JOHN, OURS, Running

pytestmark = pytest.mark.promise("D8a")

MIA = "mia-token-123456789"


async def talk(it: Running, mia: Colleague) -> None:
    """Say more than the agent remembers word for word, with a picture in it; and leave a note."""
    await it.twilio.text(JOHN, "See my box", to=OURS, extra={"NumMedia": "1", "MediaContentType0": "image/png"})
    await it.hear(1)
    for number in range(3):
        await it.ask(f"hello {number}")
    await it.ask("call me at (555) 123-4567, my card is 4111 1111 1111 1111")
    await it.ask("where is my order 12345?")
    await mia.post(f"/conversations/{JOHNS_ID}/notes", {"text": "Be generous."})
    await mia.until(lambda one: "staff_note" in names(one))


async def test_a_copy_holds_what_the_desk_shows_and_taking_it_is_on_the_record(
    tmp_path: Path, place: dict[str, str]
) -> None:
    tokens = f"mia:{MIA},tom:tom-token-123456789:read,crm:crm-token-123456789:tickets"
    more = {"STAFF_TOKENS": tokens, "HISTORY_MAX_ITEMS": "8", "RATE_LIMIT_PER_MINUTE": "0"}
    async with staffed(tmp_path, **more, **place) as (it, mia):
        await talk(it, mia)
        path = f"/conversations/{JOHNS_ID}/export"
        whole = await mia.post(path, {"format": "json"})
        await mia.until(lambda one: "exported" in names(one))
        by_read = {"Authorization": "Bearer tom-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=by_read) as session:
            answer = await session.post(path, json={"format": "text"})
            text = await answer.text()
        page = {"X-Tandem-Page": "1", "Origin": it.url}
        async with aiohttp.ClientSession(it.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers=page) as session:
            await session.post("/staff/session", json={"token": MIA})
            seen = await (await session.post(path, json={"format": "text"})).text()
        refused = (
            await mia.ask("POST", path, json={"format": "pdf"}),
            await mia.ask("POST", "/conversations/phone_14155550999/export"),
        )
        partner = await mia.ask("POST", path, headers={"Authorization": "Bearer crm-token-123456789"})
        await mia.until(lambda one: names(one).count("exported") == 3)
        audit = (await mia.get("/audit", act="exported"))["acts"]
    assert [one["text"] for one in whole["earlier"]][:1] == ["See my box"]
    assert whole["earlier"][0]["media"] == ["picture"]
    assert (whole["exportedBy"], whole["contact"], whole["subjectId"]) == ("mia", "…4567", JOHNS_ID)
    assert {"transcript", "approvals", "tickets", "timeline", "replies", "summary"} <= whole.keys()
    assert answer.headers["Content-Disposition"] == 'attachment; filename="conversation.txt"'
    lines = text.splitlines()
    assert lines[0] == "Conversation with John Doe (…4567)"
    assert "by tom; times are UTC" in lines[1]
    told = [line.partition("  ")[2] for line in lines]
    assert "Customer (sms): See my box [picture]" in told
    assert "mia, for colleagues: Be generous." in told
    assert any(line.startswith('Tool order_status {"order_id": "ORD_12345"}: done, ') for line in told)
    assert any(line.startswith("Agent (sms): ") for line in told)
    times = [line.partition("  ")[0] for line in lines if line.startswith("20")]
    assert times == sorted(times)
    assert "4111" not in text + seen + str(whole)
    assert ("123-4567" in text, "123-4567" in seen, "5551234567" in seen) == (True, False, False)
    assert [one.status for one in refused] == [400, 404]
    assert partner.status == 403
    assert [one["actor"] for one in audit] == ["mia", "tom", "mia"]


# --- ratings --------------------------------------------------------------------------------------------------


async def test_a_customer_is_asked_once_and_their_number_is_kept_and_counted(
    tmp_path: Path, place: dict[str, str]
) -> None:
    async with staffed(tmp_path, ASK_RATING="true", **place) as (it, mia):
        await it.ask("hello")
        await it.say("thank you, bye")
        texts = await it.hear(3)
        thanks = await it.ask("4/5")
        rated = await mia.until(lambda one: one["rating"] == 4)
        await it.say("thanks, goodbye")
        await it.hear(5)
        await it.ask("hello", sender=JANE)
        await mia.post("/conversations/phone_15559876543/resolve")
        resolved = (await it.hear(2, number=JANE))[1]
        words = await it.ask("5 of them arrived broken", sender=JANE)
        opened = await mia.until(lambda one: one["handling"] == "open", "phone_15559876543")
    async with staffed(tmp_path, **place) as (_, mia):
        figures = await mia.get("/figures", days="1")
    assert texts[2] == phrases.RATING
    assert thanks == phrases.RATED
    (row,) = [row for row in rated["timeline"] if row["name"] == "rated"]
    assert (row["source"], row["data"]) == ("customer", {"score": 4})
    assert rated["transcript"][-1]["entries"][0] == {"kind": "customer", "text": "4/5"}
    assert it.twilio.sent_to(JOHN)[-1].body != phrases.RATING
    assert (resolved, opened["rating"]) == (phrases.RATING, None)
    assert words != phrases.RATED
    assert figures["ratings"] == {"count": 1, "average": 4.0, "scores": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}}


async def test_a_number_is_a_rating_only_in_answer_to_the_question(tmp_path: Path) -> None:
    async with staffed(tmp_path, ASK_RATING="true") as (it, mia):
        await it.ask("hello")
        await it.ask("5")
        await it.say("thank you, bye")
        await it.hear(4)
        await it.ask("wait, where is my order 12345?")
        await it.ask("5")
        shown = await mia.shown()
    assert (shown["rating"], "rated" in names(shown)) == (None, False)


async def test_a_resolved_conversation_stays_so_with_its_rating(tmp_path: Path) -> None:
    async with staffed(tmp_path, ASK_RATING="true") as (it, mia):
        await it.ask("hello")
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        await it.hear(2)
        await it.ask("1")
        shown = await mia.until(lambda one: one["rating"] == 1)
    assert shown["handling"] == "resolved"


async def test_without_the_setting_and_after_an_opt_out_customers_are_not_asked(tmp_path: Path) -> None:
    async with staffed(tmp_path / "off") as (it, mia):
        await it.ask("hello")
        await it.ask("thank you, bye")
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        await mia.until(lambda one: one["handling"] == "resolved")
        assert phrases.RATING not in await it.hear(2)
    async with staffed(tmp_path / "out", ASK_RATING="true") as (it, mia):
        await it.ask("hello")
        await it.say("STOP")
        await mia.until(lambda one: one["optedOut"] == ["sms"])
        await mia.post(f"/conversations/{JOHNS_ID}/resolve")
        await mia.until(lambda one: one["handling"] == "resolved")
        assert phrases.RATING not in await it.hear(1)
