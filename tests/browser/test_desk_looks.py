"""How the staff desk looks and feels: many conversations, and what axe-core says of every state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tandem.conversation.bounds import COST_IN_ALL
from tandem.conversation.prompt_blocks import REMEMBERED
from tandem.meter import Meter, Tally
from tandem.model import (
    Address,
    Channel,
    Conversation,
    Route,
    Source,
    SubjectId,
    TimelineEvent,
    Turn,
)
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change

from ..flows.test_approvals import scene
from ..kit.browsing import PATIENCE, barriers, visit
from ..kit.gateway import JANE, OURS
from .test_desk import MIA, desk_page, open_refund

pytestmark = pytest.mark.promise("U4")

expect.set_options(timeout=PATIENCE)
CROWD = 500
SHAPES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "forced colours": {"forced_colors": "active"},
    "320": {"viewport": {"width": 320, "height": 640}},
    "200 %": {"viewport": {"width": 640, "height": 400}},
}


async def put_conversation(store: LaneStore, number: str, said: str, *, holder: str = "setup") -> None:
    """Store a short conversation, as a turn would."""
    subject = SubjectId("phone_" + number.removeprefix("+"))
    claim = await store.claim(subject, holder=f"{holder} {number}", seconds=5.0)
    assert claim is not None
    route = Route(Channel.SMS, Address("tel", number), Address("tel", OURS))
    turn = Turn(1, Channel.SMS, claim.now, ({"role": "user", "content": said}, {"role": "assistant", "content": "Hm."}))
    conversation = Conversation(
        subject, claim.now, claim.now, turns_taken=1, routes={Channel.SMS: route}, history=(turn,)
    )
    await store.commit(claim, Change(conversation), token=f"{holder} {number}")
    await store.release(claim)


async def test_five_hundred_conversations_are_scrolled_searched_and_only_touched_where_they_changed(
    browser: Browser, tmp_path: Path
) -> None:
    async with scene(tmp_path) as (it, _):
        for number in range(CROWD):
            await put_conversation(it.store, f"+1415555{number:04}", f"question {number}")
        async with visit(browser, f"{it.url}/staff#token={MIA}") as seen:
            page = seen.page
            rows = page.get_by_role("list", name="Recent conversations").locator("a.row")
            await expect(rows.first).to_be_visible()
            await page.evaluate(SCROLLED_ON, CROWD)
            await expect(rows).to_have_count(CROWD)
            await page.evaluate("for (const row of document.querySelectorAll('.recent a.row')) row.wasThere = true")
            await put_conversation(it.store, JANE, "hello")
            await expect(rows).to_have_count(CROWD + 1)
            await expect(rows.first).to_contain_text("Jane Smith")
            fresh = await page.evaluate(
                "[...document.querySelectorAll('.recent a.row')].filter(r => !r.wasThere).length"
            )
            assert fresh == 1
            await rows.nth(300).focus()
            await page.keyboard.press("ArrowDown")
            await expect(rows.nth(301)).to_be_focused()
            for words, count in (("quest 123", 1), ("question", CROWD), ("questioned", 0), ("(415) 555-0123", 1)):
                await page.get_by_label("Search conversations").fill(words)
                await page.evaluate(SCROLLED_ON, count)
                await expect(rows).to_have_count(count)
            await rows.first.click()
            await expect(page.locator(".bubble").get_by_text("question 123", exact=True)).to_be_visible()
            await page.get_by_label("Search conversations").fill("nothing of the kind")
            await expect(page.get_by_text("Nobody found.")).to_be_visible()


SCROLLED_ON = """
count => {
  const side = document.querySelector(".side");
  const on = () => {
    side.scrollTop = side.scrollHeight; // in every frame before it is painted: the end never goes out of view
    if (document.querySelectorAll(".recent a.row").length < count) requestAnimationFrame(on);
  };
  on();
}
"""


async def test_a_call_shows_what_was_heard_and_what_the_tools_did(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await put_call(it.store, JANE)
        await page.get_by_role("link", name="Jane Smith").click()
        await expect(page.get_by_text("On the phone")).to_be_visible()
        await expect(page.get_by_text("heard until “… our warehouse yet,”")).to_be_visible()
        group = page.locator("details.tools")
        await expect(group.locator("summary")).to_contain_text("Order status, Process refund")
        await expect(group.locator(".dot.error")).to_be_visible()
        await group.locator("summary").click()
        await expect(group.get_by_role("group", name="Result").first).to_contain_text('"status": "pending"')
        await expect(group.get_by_text("refused or failed").last).to_be_visible()
        await put_conversation(it.store, "+14155550123", "hello")
        await expect(page.get_by_role("link", name="…0123")).to_be_visible()
        await expect(group.get_by_role("group", name="Result").first).to_be_visible()


async def put_call(store: LaneStore, number: str) -> None:
    """Store a call in which two tools ran, one of them in vain, and the caller spoke over the answer."""
    subject = SubjectId("phone_" + number.removeprefix("+"))
    claim = await store.claim(subject, holder="call", seconds=5.0)
    assert claim is not None
    route = Route(Channel.VOICE, Address("tel", number), Address("tel", OURS))
    conversation = Conversation(
        subject,
        claim.now,
        claim.now,
        turns_taken=1,
        routes={Channel.VOICE: route},
        last_channel=Channel.VOICE,
        history=(Turn(1, Channel.VOICE, claim.now, CALL),),
    )
    heard = TimelineEvent("heard", Source.CUSTOMER, channel=Channel.VOICE, turn=1)
    await store.commit(claim, Change(conversation, timeline=(heard,)), token="call")
    await store.release(claim)


CALL = (
    {"role": "user", "content": "When does my laptop stand arrive?"},
    {"type": "function_call", "call_id": "call_1", "name": "order_status", "arguments": '{"order_id": "ORD_67890"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": '{"order_id": "ORD_67890", "status": "pending"}'},
    {"type": "function_call", "call_id": "call_2", "name": "process_refund", "arguments": '{"order_id": "ORD_12345"}'},
    {"type": "function_call_output", "call_id": "call_2", "output": '{"error": "not_found"}'},
    {"role": "assistant", "content": "It has not left our warehouse yet,"},
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, scheme: str) -> None:
    async with desk_page(browser, tmp_path, color_scheme=scheme) as (it, _, seen):
        page = seen.page
        await check(page)
        await it.ask("I want to talk to a person please", sender=JANE)
        await open_refund(it, page)
        await page.locator("details.tools summary").first.click()
        await page.get_by_text("Write the message to the customer yourself").click()
        await page.get_by_role("button", name="Reject").click()
        await check(page)
        await page.get_by_label("Reason for the customer").fill("no")
        await page.get_by_role("button", name="Reject").click()
        await expect(page.get_by_role("complementary").get_by_text("rejected", exact=True)).to_be_visible()
        await page.get_by_role("link", name="SMS: Jane Smith").click()
        await expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()
        await check(page)
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Staff token")).to_be_visible()
        await check(page)
        seen.expect_problems("401")


async def test_what_is_shown_does_not_move_when_more_comes(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await open_refund(it, page)
        before = await page.get_by_role("article").bounding_box()
        await it.ask("hello", sender=JANE)
        await expect(page.get_by_role("link", name="Jane Smith")).to_be_visible()
        assert await page.get_by_role("article").bounding_box() == before


@pytest.mark.promise("D9")
@pytest.mark.parametrize("shape", SHAPES)
async def test_every_page_fits_every_width_and_theme(browser: Browser, tmp_path: Path, shape: str) -> None:
    """A request for two, equal requests in one go, what came before the memory, the figures, the audit."""
    more = {"APPROVAL_SECOND_ABOVE": "100", "REFUND_APPROVAL_THRESHOLD": "10", "HISTORY_MAX_ITEMS": "4"}
    async with scene(tmp_path, RATE_LIMIT_PER_MINUTE="0", **more) as (it, _):
        await it.ask("hello")
        await it.ask("please refund 20 dollars of order 12345")
        await it.ask("please refund 20 dollars of order 67890", sender=JANE)
        await it.ask("I want my money back for order 12345")
        async with visit(browser, f"{it.url}/staff#token={MIA}", **SHAPES[shape]) as seen:
            page = seen.page
            rows = page.get_by_role("list", name="Waiting for you").get_by_role("link")
            await expect(rows).to_have_count(3)
            await page.get_by_label("Which comes first").select_option("Largest first")
            await expect(rows.first).to_contain_text("139.97")
            await check(page)
            await page.get_by_role("button", name="2 equal").click()
            await expect(page.get_by_role("button", name="Approve 2")).to_be_enabled()
            await check(page)
            await page.get_by_role("button", name="Cancel").click()
            await rows.filter(has_text="139.97").click()
            await expect(page.get_by_role("heading", name="Refund $139.97")).to_be_focused()
            await expect(page.locator(".pair")).to_be_visible()
            await page.get_by_role("button", name="Show earlier messages").click()
            await expect(page.get_by_text("This is all that is kept.")).to_be_visible()
            await check(page)
            await page.locator(".card").filter(has_text="139.97").get_by_role("button", name="Approve").click()
            await expect(page.get_by_text("Another colleague has to approve it too.").first).to_be_visible()
            await page.goto(f"{it.url}/staff/figures?days=1")
            await expect(page.get_by_text("Solved without a person")).to_be_visible()
            await page.get_by_text("As a table").click()
            await check(page)
            await put_everything(it.store, "+14155550177")
            await page.goto(f"{it.url}/staff")
            await page.get_by_role("link").filter(has_text="You are mentioned").click()
            await expect(page.get_by_text("rated 4 of 5")).to_be_visible()
            for told in ("Cost of the agent", "Preferred language", "handed the conversation to refunds"):
                await expect(page.get_by_text(told).first).to_be_visible()
            await check(page)
            await page.goto(f"{it.url}/staff/audit")
            await expect(page.get_by_role("row").filter(has_text="1 of 2")).to_be_visible()
            await check(page)


async def put_everything(store: LaneStore, number: str) -> None:
    """Store a conversation with whatever the right side can show beside orders: memory, cost, a handoff, a rating."""
    subject = SubjectId("phone_" + number.removeprefix("+"))
    claim = await store.claim(subject, holder="everything", seconds=5.0)
    assert claim is not None
    route = Route(Channel.SMS, Address("tel", number), Address("tel", OURS))
    said = ({"role": "user", "content": "Danke, das war alles."}, {"role": "assistant", "content": "Gern geschehen."})
    conversation = Conversation(
        subject,
        claim.now,
        claim.now,
        turns_taken=1,
        routes={Channel.SMS: route},
        history=(Turn(1, Channel.SMS, claim.now, said),),
        context={REMEMBERED: {"preferred_language": "German", "sizes": {"shoes": 43, "shirts": ["L", "XL"]}}},
        meter=Meter(tallies={COST_IN_ALL: Tally(claim.now, 1_420_000)}),
        reminders={"mia": claim.now},
        rating=4,
    )
    rows = (
        TimelineEvent("handoff", Source.AGENT, channel=Channel.SMS, turn=1, data={"from": "front", "to": "refunds"}),
        TimelineEvent("exported", Source.STAFF, channel=Channel.SMS, data={"actor": "tom"}),
        TimelineEvent("rated", Source.CUSTOMER, channel=Channel.SMS, turn=1, data={"score": 4}),
    )
    await store.commit(claim, Change(conversation, timeline=rows), token="everything")
    await store.release(claim)


async def check(page: Page) -> None:
    """Nothing serious, and nothing that one has to scroll sideways for.

    A page has one look: rows that are out of view would keep the colours of another one (desk.css).
    """
    assert await barriers(page) == []
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
