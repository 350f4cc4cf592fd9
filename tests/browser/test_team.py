"""Two colleagues at the desk at once, each in a browser of their own, over one gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from ..kit.browsing import visit
from ..kit.gateway import JANE
from .test_desk import TOM, desk_page, open_refund

JANES_ID = "phone_15559876543"
TICKET = {"subjectId": JANES_ID, "subject": "Parcel damaged", "description": "It arrived open.", "priority": "urgent"}


async def test_a_ticket_is_given_to_a_colleague_who_finds_it_among_their_own(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        mia = seen.page
        await it.ask("hello", sender=JANE)
        who = {"Authorization": f"Bearer {TOM}"}
        await mia.request.post(f"{it.url}/tickets", data=TICKET, headers=who)
        row = mia.get_by_role("list", name="Waiting for you").get_by_role("link").filter(has_text="urgent")
        await expect(row).to_contain_text("Jane Smith")
        await expect(row).to_contain_text("urgent")
        await row.click()
        await mia.get_by_label("Assigned to").select_option("tom")
        await expect(row.get_by_text("tom")).to_be_visible()
        async with visit(browser, f"{it.url}/staff#token={TOM}") as other:
            tom = other.page
            await tom.get_by_label("Show only some of what waits").select_option("Mine")
            await tom.get_by_role("list", name="Waiting for you").get_by_role("link").filter(has_text="urgent").click()
            await tom.get_by_role("textbox", name="Message to the customer").last.fill("She is a regular: be generous.")
            await tom.get_by_role("button", name="Add note").click()
            await expect(mia.locator(".note.colleague")).to_contain_text("She is a regular: be generous.")
            await expect(mia.locator(".note.colleague")).to_contain_text("tom, for colleagues")
        assert len(await it.hear(1, number=JANE)) == 1


@pytest.mark.promise("D2")
async def test_a_draft_waits_where_it_was_begun_and_ctrl_enter_sends_it(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await it.ask("hello")
        await it.ask("hello", sender=JANE)
        conversations = page.get_by_role("list", name="Recent conversations").get_by_role("link")
        field = page.get_by_label("Message to the customer")
        await conversations.filter(has_text="John Doe").click()
        await field.fill("One moment, John.")
        await conversations.filter(has_text="Jane Smith").click()
        await expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()
        await expect(field).to_have_value("")
        await conversations.filter(has_text="John Doe").click()
        await expect(field).to_have_value("One moment, John.")
        await field.press("Control+Enter")
        assert (await it.hear(2))[1] == "One moment, John."
        await expect(field).to_have_value("")
        await expect(page.locator(".message.staff .bubble")).to_have_text("One moment, John.")


@pytest.mark.parametrize("width", [320, 640])
async def test_approve_stays_on_a_small_screen(browser: Browser, tmp_path: Path, width: int) -> None:
    """640 by 400 is what a window of 1280 by 800 holds at 200 %."""
    async with desk_page(browser, tmp_path, viewport={"width": width, "height": 400}) as (it, _, seen):
        await open_refund(it, seen.page)
        await expect(seen.page.get_by_role("button", name="Approve")).to_be_in_viewport(ratio=1)
        await expect(seen.page.get_by_role("heading", name="Refund $")).to_be_in_viewport()


async def test_the_last_words_come_into_view_although_news_overtake_the_answer(
    browser: Browser, tmp_path: Path
) -> None:
    """The answer to a click was not drawn, because newer news were asked for; and nobody scrolled to what they drew."""
    size = {"width": 900, "height": 500}
    async with desk_page(browser, tmp_path, viewport=size, RATE_LIMIT_PER_MINUTE="0") as (it, _, seen):
        page, clicked, overtaken, answered = seen.page, asyncio.Event(), asyncio.Event(), asyncio.Event()
        for number in range(6):
            await it.ask(f"hello {number}")

        async def hold(route: Route) -> None:
            if not clicked.is_set():
                clicked.set()
                await overtaken.wait()
            elif not overtaken.is_set():
                overtaken.set()
                await answered.wait()
            await route.continue_()

        page.on("requestfinished", lambda one: answered.set() if "/conversations/cus_" in one.url else None)
        await page.route("**/conversations/cus_*", hold)
        await page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
        await clicked.wait()
        await it.ask("what is your return policy?")
        newest = page.locator(".bubble").last
        await expect(newest).to_contain_text("within 30 days")
        await expect(newest).to_be_in_viewport()
