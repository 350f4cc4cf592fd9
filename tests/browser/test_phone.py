"""The phone in a real browser, and what staff decide coming back to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FrameLocator, Locator, Page, WebSocketRoute, expect

from tandem.channels.sms.sender import segments
from tandem.settings.development import staff_tokens

from ..kit.browsing import PATIENCE, Visit, barriers, visit
from ..kit.gateway import Running
from ..kit.phone_page import deliver, development
from ..kit.serving import free_port

pytestmark = pytest.mark.promise("U3", "U4")

REFUND = "I want my money back for order 12345"
CANARY = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>"
SMALL: dict[str, Any] = {"viewport": {"width": 320, "height": 640}}

Where = Page | FrameLocator
expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def page_of(
    browser: Browser, it: Running, path: str, *, signed_in: bool = True, **options: Any
) -> AsyncIterator[Visit]:
    """Open a page of a gateway, signed in by the printed link."""
    token = next(iter(staff_tokens(it.settings).values()))
    async with visit(browser, f"{it.url}{path}" + (f"#token={token}" if signed_in else ""), **options) as seen:
        yield seen


@asynccontextmanager
async def phone_page(browser: Browser, folder: Path, path: str = "/phone", **options: Any) -> AsyncIterator[Page]:
    """A gateway as `make run` starts it, and one page of it."""
    async with development(folder) as it, page_of(browser, it, path, **options) as seen:
        yield seen.page


async def text(phone: Where, words: str) -> None:
    await phone.get_by_label("Text message").fill(words)
    await phone.get_by_label("Text message").press("Enter")


def mine(phone: Where) -> Locator:
    return phone.locator(".bubbles .mine")


def theirs(phone: Where) -> Locator:
    return phone.locator(".bubbles .theirs")


def caption(phone: Where, words: str) -> Locator:
    return phone.locator(".captions li", has_text=words)


async def call(phone: Where) -> None:
    await phone.get_by_role("button", name="Call Tandem").click()
    await expect(caption(phone, "How can I help you today?")).to_be_visible()


async def say(phone: Where, words: str) -> None:
    await phone.get_by_label("Say", exact=True).fill(words)
    await phone.get_by_label("Say", exact=True).press("Enter")


async def approve(desk: Where) -> None:
    await desk.get_by_role("list", name="Waiting for you").get_by_role("link").first.click()
    await desk.get_by_role("button", name="Approve", exact=True).click()


async def test_a_refund_is_asked_for_in_a_call_approved_on_the_desk_and_spoken_in_the_call(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        development(tmp_path) as it,
        page_of(browser, it, "/phone?speed=20") as seen,
        page_of(browser, it, "/staff") as staff,
    ):
        phone, desk = seen.page, staff.page
        await call(phone)
        await say(phone, REFUND)
        await expect(caption(phone, "colleague")).to_be_visible()
        await approve(desk)
        await expect(caption(phone, "approved your refund")).to_contain_text("139 dollars")
        await expect(phone.locator(".call")).to_have_attribute("data-state", "connected")
        await phone.get_by_role("button", name="Hang up").click()
        await expect(phone.locator(".call-state")).to_have_text("Call ended")


async def test_typing_while_the_agent_speaks_stops_it(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=0.5") as phone:
        await phone.get_by_role("button", name="Call Tandem").click()
        await expect(caption(phone, "Hello")).to_be_visible()
        await phone.get_by_label("Say", exact=True).press_sequentially("w")
        await expect(caption(phone, "(interrupted)")).to_contain_text("Hello")
        await phone.locator(".wire summary").click()
        await expect(phone.locator(".frames")).to_contain_text("utteranceUntilInterrupt")


async def test_the_newest_caption_stays_in_view_above_the_keypad(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=20", viewport={"width": 360, "height": 720}) as phone:
        await call(phone)
        for words in ("what is your return policy?", "how much does shipping cost?"):
            await say(phone, words)
            await expect(phone.locator(".captions .mine").last).to_have_text(words)
        await phone.get_by_role("button", name="Keypad").click()
        await expect(phone.locator(".captions li").last).to_be_in_viewport()
        await phone.get_by_role("button", name="0", exact=True).click()
        await expect(caption(phone, "a colleague will call you back")).to_be_in_viewport()


async def test_a_lost_connection_comes_back_within_the_same_call_and_key_zero_asks_for_a_person(
    browser: Browser, tmp_path: Path
) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=10") as phone:
        await call(phone)
        await phone.get_by_role("button", name="Lose line").click()
        await expect(caption(phone, "The line is lost")).to_be_visible()
        await expect(caption(phone, "Connected again")).to_be_visible()
        await say(phone, "where is my order 12345")
        await expect(caption(phone, "has shipped")).to_be_visible()
        await phone.get_by_role("button", name="Keypad").click()
        await phone.get_by_role("button", name="0", exact=True).click()
        await expect(caption(phone, "a colleague will call you back")).to_be_visible()
        await phone.locator(".wire summary").click()
        await expect(phone.locator(".frames strong", has_text="dtmf")).to_have_count(1)


async def test_a_withheld_number_calls_and_cannot_text(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=10") as phone:
        await phone.get_by_label("Whose telephone").select_option("Number withheld")
        await expect(phone.get_by_text("Hidden numbers can call but not text")).to_be_visible()
        await expect(phone.get_by_label("Text message")).to_be_hidden()
        await call(phone)
        await expect(caption(phone, "John")).to_have_count(0)


SEGMENTED = [
    "", "a", "x" * 160, "x" * 161, "€" * 80, "€" * 81, "[" * 154, "é" * 306, "ł" * 70, "ł" * 71, "😀" * 36, CANARY
]  # fmt: skip
COUNTED = """async texts => {
    const { count } = await import('/pages/phone/segments.js');
    return texts.map(text => count(text).segments);
}"""


async def test_ticks_pictures_segments_and_a_thread_that_survives_a_reload(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path) as phone:
        assert await phone.evaluate(COUNTED, SEGMENTED) == [segments(one) for one in SEGMENTED]
        await phone.get_by_label("Text message").fill("x" * 161)
        await expect(phone.get_by_text("161/306 · 2 segments")).to_be_visible()
        await phone.get_by_label("Text message").fill("schöne Grüße 😀")
        await expect(phone.get_by_text("15/70 · 1 segment")).to_be_visible()
        await phone.get_by_label("Attach a pretend picture").click()
        await text(phone, "Look at this")
        await expect(mine(phone)).to_contain_text("pretend picture")
        await expect(mine(phone)).to_contain_text("Delivered")
        await expect(theirs(phone)).to_contain_text("Delivered")
        await phone.reload()
        await expect(mine(phone)).to_contain_text("Look at this")
        await expect(mine(phone)).to_contain_text("pretend picture")
        await phone.get_by_label("Whose telephone").select_option("Jane Smith · +1 555-987-6543")
        await expect(mine(phone)).to_have_count(0)


@pytest.mark.promise("G5")
async def test_what_comes_with_an_answer_is_a_link(browser: Browser, tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(browser, it, "/phone") as seen:
        await deliver(it, "Here you are.", "https://files.example/boarding%20pass.pdf?key=1", "https://files.example/")
        links = theirs(seen.page).get_by_role("link")
        await expect(links).to_have_text(["boarding%20pass.pdf", "file"])
        await expect(links.first).to_have_attribute("href", "https://files.example/boarding%20pass.pdf?key=1")
        await expect(links.first).to_have_attribute("rel", "noreferrer")
        assert await barriers(seen.page) == []


async def test_markup_in_a_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path) as phone:
        await text(phone, CANARY)
        await expect(mine(phone)).to_contain_text("<img src=x onerror")
        await phone.locator(".wire summary").click()
        await expect(phone.locator(".frames")).to_contain_text("onerror")
        assert await phone.title() == "Phone"
        assert await phone.locator("img").count() == 0


async def test_the_page_finds_a_server_that_was_restarted(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    async with AsyncExitStack() as before:
        it = await before.enter_async_context(development(tmp_path, port=port))
        async with page_of(browser, it, "/phone") as seen:
            phone = seen.page
            await text(phone, "hello")
            await expect(theirs(phone)).to_have_count(1)
            await before.aclose()
            await expect(phone.get_by_text("The server does not answer")).to_be_visible()
            async with development(tmp_path, port=port):
                await expect(phone.get_by_text("The server does not answer")).to_be_hidden()
                await text(phone, "Where is my order 12345?")
                await expect(theirs(phone).nth(1)).to_contain_text("has shipped")
                await expect(mine(phone).first).to_contain_text("hello")
            seen.expect_problems("phone/line", "staff/session")


async def reloaded_with_a_held_line(page: Page) -> asyncio.Event:
    """Load a page anew; its line stands once the event is set."""
    may_stand = asyncio.Event()

    async def hold(line: WebSocketRoute) -> None:
        await may_stand.wait()
        line.connect_to_server()

    await page.route_web_socket("**/phone/line", hold)
    await page.reload()
    return may_stand


async def test_nothing_can_be_sent_before_the_line_knows_its_number(browser: Browser, tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(browser, it, "/phone") as seen:
        may_stand = await reloaded_with_a_held_line(seen.page)
        await expect(seen.page.get_by_label("Text message")).to_be_disabled()
        await expect(seen.page.get_by_role("button", name="Call Tandem")).to_be_disabled()
        may_stand.set()
        await text(seen.page, "hello")
        await expect(theirs(seen.page)).to_have_count(1)


async def test_words_sent_before_the_new_line_knows_its_number_wait_for_it(browser: Browser, tmp_path: Path) -> None:
    lines: list[WebSocketRoute] = []
    known, stands = asyncio.Event(), asyncio.Event()
    known.set()

    async def between(line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        lines.append(line)

        async def tell(told: str | bytes) -> None:
            if '"number"' in str(told):
                await known.wait()
            line.send(told)
            stands.set()

        server.on_message(tell)

    async with development(tmp_path) as it, page_of(browser, it, "/phone") as seen:
        phone, field = seen.page, seen.page.get_by_label("Text message")
        await phone.route_web_socket("**/phone/line", between)
        await phone.reload()
        await field.fill("hello")
        known.clear()
        stands.clear()
        await lines[0].close()
        await stands.wait()
        await field.press("Enter")
        await expect(phone.get_by_text("The server does not answer")).to_be_visible()
        known.set()
        await expect(phone.get_by_text("The server does not answer")).to_be_hidden()
        await expect(field).to_have_value("hello")
        await field.press("Enter")
        await expect(theirs(phone)).to_have_count(1)


async def test_a_suggestion_waits_for_the_phone(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/") as welcome:
        may_stand = await reloaded_with_a_held_line(welcome)
        begin = welcome.get_by_role("button", name="Order status")
        await expect(begin).to_be_disabled()
        may_stand.set()
        await begin.click()
        await expect(welcome.frame_locator("#pane-phone").get_by_label("Text message")).to_have_value(
            "Where is my order 12345?"
        )


async def test_the_first_minute_phone_and_desk_side_by_side(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/?speed=10") as welcome:
        phone, desk = welcome.frame_locator("#pane-phone"), welcome.frame_locator("#pane-desk")
        await expect(phone.get_by_label("Text message")).to_be_visible()
        await welcome.get_by_role("button", name="A refund that needs approval").click()
        await expect(phone.get_by_label("Text message")).to_have_value(REFUND)
        await phone.get_by_label("Text message").press("Enter")
        await expect(theirs(phone).first).to_contain_text("colleague")
        await approve(desk)
        await expect(theirs(phone).nth(1)).to_contain_text("139.97")
        await expect(theirs(phone).nth(1)).to_contain_text("Delivered")
        await welcome.get_by_role("button", name="Call, and ask for a person").click()
        await expect(phone.get_by_label("Say", exact=True)).to_have_value("Can I talk to a person, please?")
        await phone.get_by_label("Say", exact=True).press("Enter")
        await expect(phone.locator(".captions .mine")).to_contain_text("Can I talk to a person")
        await welcome.get_by_role("button", name="Begin anew").click()
        await expect(welcome.get_by_role("button", name="Nothing is refunded now")).to_be_visible()


async def test_without_signing_in_there_is_a_form_and_no_phone(browser: Browser, tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(browser, it, "/phone", signed_in=False) as seen:
        await expect(seen.page.get_by_label("Staff token")).to_be_visible()
        assert await seen.page.locator(".device").count() == 0
        seen.expect_problems("401")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_serious_barrier_and_no_sideways_scrolling_on_a_small_screen(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=10", color_scheme=scheme, **SMALL) as phone:
        await expect(phone.get_by_text("No texts yet")).to_be_visible()
        await fits_everybody(phone)
        await text(phone, REFUND)
        await expect(theirs(phone)).to_have_count(1)
        await phone.locator(".wire summary").click()
        await fits_everybody(phone)
        await phone.locator(".wire summary").click()
        await call(phone)
        await phone.get_by_role("button", name="Keypad").click()
        await fits_everybody(phone)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_welcome_page_has_tabs_where_it_is_small(browser: Browser, tmp_path: Path, scheme: str) -> None:
    async with phone_page(browser, tmp_path, "/", color_scheme=scheme, **SMALL) as welcome:
        await expect(welcome.frame_locator("#pane-phone").get_by_label("Text message")).to_be_visible()
        await fits_everybody(welcome)
        await expect(welcome.locator("#pane-desk")).to_be_hidden()
        await welcome.get_by_role("button", name="Staff desk").click()
        await expect(welcome.locator("#pane-desk")).to_be_visible()
        await expect(welcome.locator("#pane-phone")).to_be_hidden()


async def fits_everybody(page: Page) -> None:
    """Check a page for barriers and its width. It has had one look only: colours of an earlier one linger."""
    assert await barriers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_text_and_a_call_by_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    async with phone_page(browser, tmp_path, "/phone?speed=10") as phone:
        await expect(phone.get_by_label("Text message")).to_be_enabled()
        await reach(phone, "Text message")
        await phone.keyboard.type("Where is my order 12345?")
        await phone.keyboard.press("Enter")
        await expect(theirs(phone)).to_have_count(1)
        await reach(phone, "Call Tandem", backwards=True)
        await phone.keyboard.press("Enter")
        await expect(phone.get_by_label("Say", exact=True)).to_be_focused()
        await expect(caption(phone, "How can I help you today?")).to_be_visible()
        await phone.keyboard.type("thanks, bye")
        await phone.keyboard.press("Enter")
        await reach(phone, "Hang up")
        await phone.keyboard.press("Enter")
        await expect(phone.locator(".call-state")).to_have_text("Call ended")


async def reach(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press Tab until something with this name has the focus."""
    for _ in range(20):
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
        here = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        if (await page.evaluate(here) or "").strip() == name:
            return
    raise AssertionError(f"{name} cannot be reached by Tab")
