"""A call on the staff desk, in a real browser: drawn while it goes on, and in the language that was spoken."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from ..flows.test_voice import dial
from ..kit.browsing import barriers
from .test_desk import desk_page

pytestmark = pytest.mark.promise("U1")


async def test_a_call_is_drawn_while_it_goes_on(browser: Browser, tmp_path: Path) -> None:
    tuned = {"VOICE_LANGUAGE": "multi"}
    async with desk_page(browser, tmp_path, **tuned) as (it, _, seen):
        page = seen.page
        async with dial(it, speed=100.0) as call:
            await call.ask("where is my order 12345", lang="en-US")
            await page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
            picture = page.get_by_role("figure").filter(has_text="first word after")
            await expect(picture).to_contain_text("so far ")
            await expect(picture).to_contain_text("1 tool")
            await call.ask("y el otro", lang="es-ES")
            await expect(picture.locator("rect.client")).to_have_count(2)
            await expect(page.locator(".bubble[lang=es]").first).to_have_text("y el otro")
            await expect(page.locator(".by").filter(has_text="Spanish").first).to_be_visible()
        await expect(picture).not_to_contain_text("so far")
        await expect(picture.locator("rect.agent").first).to_be_attached()
        await expect(page.get_by_text("Call over after")).to_be_visible()
        assert await picture.locator("title").all_inner_texts() != []
        assert await barriers(page, ".facts") == []


@pytest.mark.promise("V28")
async def test_a_colleague_speaks_in_the_call_and_whispers_to_its_agent(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        async with dial(it, speed=100.0) as call:
            await call.ask("where is my order 12345")
            await page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
            words = page.get_by_role("textbox", name="Message to the customer")
            await words.fill("Be generous, please.")
            await page.get_by_role("button", name="Tell agent").click()
            await expect(page.locator(".note.colleague")).to_contain_text("to the agent")
            await words.fill("This is a colleague speaking.")
            await page.get_by_role("button", name="Say in call").click()
            await call.wait_heard("a colleague speaking.")
            await expect(page.locator(".message.staff")).to_contain_text("This is a colleague speaking.")
            assert "generous" not in call.heard()
        await expect(page.get_by_role("button", name="Say in call")).to_be_hidden()
        await expect(page.get_by_role("button", name="Add note")).to_be_visible()
        async with dial(it, "anonymous", speed=100.0) as call:
            await call.ask("where is my order 12345")
        await page.get_by_role("link", name="Call: Withheld number").click()
        await expect(
            page.get_by_text("Hidden numbers can call but not text. You can still add a note.")
        ).to_be_visible()
