"""Two colleagues at the desk at once, each in a browser of their own, over one gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from tandem.simulator.wire import Fault

from ..flows.test_approvals import REFUND
from ..kit.browsing import visit
from ..kit.gateway import JANE, JOHN, OURS
from .test_desk import MIA, TOM, conversations, desk_page, open_refund

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
            where = tom.get_by_label("Channel, or number of ours")
            await expect(where.locator("option")).to_have_text(["Any channel", "SMS", f"To {OURS}"])
            await where.select_option("SMS")
            await tom.get_by_label("Whose work").select_option("Mine")
            await tom.get_by_label("Name of this view").fill("For me")
            await tom.get_by_role("button", name="Save", exact=True).click()
            await expect(tom.get_by_label("Saved view")).to_have_value("For me")
            assert tom.url.startswith(f"{it.url}/staff?whose=mine&where=sms")
            await mia.reload()
            await mia.get_by_label("Saved view").select_option("For me")
            await expect(mia.get_by_text("Nothing in this view.")).to_be_visible()
            await mia.reload()
            await mia.get_by_role("button", name="Remove this view").click()
            await expect(mia.get_by_label("Saved view")).to_be_hidden()
            await mia.get_by_label("Whose work").select_option("Everyone")
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


@pytest.mark.promise("D2")
async def test_what_is_typed_while_a_message_goes_out_stays(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page, going, typed = seen.page, asyncio.Event(), asyncio.Event()

        async def hold(route: Route) -> None:
            going.set()
            await typed.wait()
            await route.continue_()

        await it.ask("hello")
        await conversations(page).click()
        field = page.get_by_label("Message to the customer")
        await field.fill("One moment, John.")
        await page.route("**/messages", hold)
        await page.get_by_role("button", name="Send").click()
        await going.wait()
        await field.press_sequentially(" It is here.")
        typed.set()
        assert (await it.hear(2))[1] == "One moment, John."
        await expect(field).to_have_value("It is here.")


@pytest.mark.parametrize("width", [320, 640])
async def test_approve_stays_on_a_small_screen(browser: Browser, tmp_path: Path, width: int) -> None:
    """640 by 400 is what a window of 1280 by 800 holds at 200 %."""
    async with desk_page(browser, tmp_path, viewport={"width": width, "height": 400}) as (it, _, seen):
        await open_refund(it, seen.page)
        await expect(seen.page.get_by_role("button", name="Approve")).to_be_in_viewport(ratio=1)
        await expect(seen.page.get_by_role("heading", name="Refund $")).to_be_in_viewport()
        await expect(seen.page.get_by_role("link", name="Back")).to_be_in_viewport(ratio=1)
        await seen.page.get_by_role("button", name="Reject").click()
        await expect(seen.page.get_by_text("Say why, in a word or two")).to_be_in_viewport(ratio=1)
        await expect(seen.page.get_by_label("Reason for the customer")).to_have_attribute("aria-invalid", "true")


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


@pytest.mark.promise("D5")
async def test_what_one_wrote_stays_when_a_colleague_approves_first(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, APPROVAL_SECOND_ABOVE="100") as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)
        await page.get_by_text("Write the message to the customer yourself").click()
        words = page.get_by_label("Message to the customer", exact=True).first
        await words.fill("It is on its way, John.")
        (waits,) = await desk.approvals()
        first = {"approvalId": waits["id"], "expectedVersion": waits["version"], "approved": True}
        headers = {"Authorization": f"Bearer {TOM}"}
        await page.request.post(f"{it.url}/approvals", data={"decisions": [first]}, headers=headers)
        await expect(page.locator(".pair")).to_contain_text("Yours is the second.")
        await expect(words).to_be_focused()
        await page.get_by_role("button", name="Approve").click()
        assert (await it.hear(2))[1] == "It is on its way, John."


@pytest.mark.promise("D6")
async def test_who_may_only_read_is_offered_nothing_else(browser: Browser, tmp_path: Path) -> None:
    tokens = f"mia:{MIA}:read,tom:{TOM}"
    async with desk_page(browser, tmp_path, STAFF_TOKENS=tokens) as (it, _, seen):
        page = seen.page
        await it.ask(REFUND)
        await expect(page.get_by_role("heading", name="Refund $139.97")).to_be_visible()
        await expect(page.get_by_text("Colleagues who may approve decide about this.")).to_be_visible()
        buttons = await page.get_by_role("main").get_by_role("button").all_inner_texts()
        assert buttons == ["conversation.txt", "conversation.json"]
        await expect(page.get_by_label("Message to the customer")).to_be_hidden()
        await expect(page.get_by_label("Assigned to")).to_have_count(0)


@pytest.mark.promise("D5")
async def test_equal_requests_are_decided_together_with_one_confirmation(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, REFUND_APPROVAL_THRESHOLD="10") as (it, desk, seen):
        page = seen.page
        await it.ask("please refund 20 dollars of order 12345")
        await it.ask("please refund 20 dollars of order 67890", sender=JANE)
        await page.get_by_role("button", name="2 equal: Process refund $20.00").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("heading", name="Process refund $20.00, 2 times")).to_be_focused()
        await expect(dialog).to_contain_text("to John Doe")
        await expect(dialog).to_contain_text("to Jane Smith")
        await expect(dialog).to_contain_text("$40.00 in all")
        await dialog.get_by_role("checkbox").first.uncheck()
        await expect(dialog.get_by_role("button", name="Approve 1")).to_be_visible()
        await dialog.get_by_role("checkbox").first.check()
        await dialog.get_by_role("button", name="Approve 2").click()
        await expect(page.get_by_text("2 approved.")).to_be_visible()
        assert "20.00" in (await it.hear(2))[1]
        assert "20.00" in (await it.hear(2, number=JANE))[1]
        assert [one["decidedBy"] for one in await desk.approvals("executed")] == ["mia", "mia"]


@pytest.mark.promise("D3")
async def test_what_is_new_is_marked_and_what_came_before_the_memory_is_one_press_away(
    browser: Browser, tmp_path: Path
) -> None:
    more = {"HISTORY_MAX_ITEMS": "4", "RATE_LIMIT_PER_MINUTE": "0"}
    async with desk_page(browser, tmp_path, **more) as (it, _, seen):
        page = seen.page
        conversations = page.get_by_role("list", name="Recent conversations").get_by_role("link")
        for number in range(5):
            await it.ask(f"hello {number}")
        john = conversations.filter(has_text="John Doe")
        await expect(john.get_by_title("New since you looked")).to_be_visible()
        await john.click()
        await expect(john.get_by_title("New since you looked")).to_have_count(0)
        await expect(page.locator(".bubble").get_by_text("hello 0", exact=True)).to_have_count(0)
        await page.get_by_role("button", name="Show earlier messages").click()
        await expect(page.locator(".bubble").get_by_text("hello 0", exact=True)).to_be_visible()
        await expect(page.get_by_text("The agent remembers from here on")).to_be_visible()
        await expect(page.get_by_text("This is all that is kept.")).to_be_visible()
        await it.ask("hello again", sender=JANE)
        jane = conversations.filter(has_text="Jane Smith")
        await expect(jane.get_by_title("New since you looked")).to_be_visible()
        await it.ask("and once more")
        await expect(page.locator(".bubble").get_by_text("and once more", exact=True)).to_be_visible()
        await expect(john.get_by_title("New since you looked")).to_have_count(0)
        await page.reload()
        await expect(jane.get_by_title("New since you looked")).to_be_visible()
        await expect(page.locator(".message.agent .delivery").last).to_be_visible()


@pytest.mark.promise("D3")
async def test_a_text_that_went_another_way_is_not_shown_as_lost(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        it.twilio.faults.append(Fault(status=400, code=63016))
        await it.twilio.text(f"whatsapp:{JOHN}", "hello", to=f"whatsapp:{OURS}")
        await it.hear()
        await conversations(seen.page).click()
        await expect(seen.page.locator(".message.agent .by")).to_contain_text("sent by SMS instead")
        await expect(seen.page.locator(".undelivered")).to_have_count(0)


@pytest.mark.promise("D7", "D8")
async def test_figures_and_audit_are_drawn_filtered_and_taken_along(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await open_refund(it, page)
        await page.get_by_role("button", name="Approve").click()
        await it.hear(2)
        await page.get_by_role("link", name="Audit").click()
        row = page.get_by_role("row").filter(has_text="Approved: Process refund")
        await expect(row).to_contain_text("mia")
        await expect(row).to_contain_text("$139.97")
        await expect(row.get_by_role("link")).to_have_text("…4567")
        await page.locator("select[name=act]").select_option("Erasures")
        await expect(page.get_by_text("Nothing of that kind in this time.")).to_be_visible()
        await page.locator("select[name=act]").select_option("Decisions")
        async with page.expect_download() as taken:
            await page.get_by_role("link", name="Download CSV").click()
        file = await (await taken.value).path()
        assert "approval_decided,…4567,process_refund,139.97" in file.read_text("utf-8")
        await page.goto(f"{it.url}/staff/figures")
        await expect(page.get_by_role("heading", name="Turns per six hours, by channel")).to_be_visible()
        await page.get_by_label("Time").select_option("Last 24 hours")
        await expect(page.get_by_role("heading", name="Turns per hour, by channel")).to_be_visible()
        assert page.url.endswith("?days=1")


@pytest.mark.promise("D2", "D4")
async def test_colleagues_see_who_else_is_there_and_ready_replies_are_filled(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "replies.toml"
    file.write_text('Greeting = "Hello {first_name}, {colleague} here. Order {order}, parcel {tracking}?"', "utf-8")
    async with desk_page(browser, tmp_path, REPLIES_FILE=str(file)) as (it, _, seen):
        mia = seen.page
        await it.ask("hello")
        await it.ask("hello", sender=JANE)
        await (
            mia.get_by_role("list", name="Recent conversations").get_by_role("link").filter(has_text="John Doe").click()
        )
        field = mia.get_by_label("Message to the customer")
        await mia.get_by_label("Ready reply").select_option("Greeting")
        await expect(field).to_have_value("Hello John, Mia here. Order ORD_12345, parcel TRK_ABC123?")
        async with visit(browser, f"{it.url}/staff#token={TOM}") as other:
            tom = other.page
            rows = tom.get_by_role("list", name="Recent conversations").get_by_role("link")
            await rows.filter(has_text="John Doe").click()
            await expect(mia.get_by_text("Tom looks at this, too.")).to_be_visible()
            await field.press_sequentially("!")
            await expect(tom.get_by_text("Mia is writing to this customer.")).to_be_visible()
            await rows.filter(has_text="Jane Smith").click()
            await expect(mia.get_by_text("Tom looks at this, too.")).to_have_count(0)
            await tom.get_by_label("Ready reply").select_option("Greeting")
            await tom.get_by_role("button", name="Send").click()
            await expect(tom.get_by_text("Fill in {tracking} first.")).to_be_visible()
        await mia.get_by_role("button", name="Send").click()
        assert (await it.hear(2))[1] == "Hello John, Mia here. Order ORD_12345, parcel TRK_ABC123?!"


@pytest.mark.promise("D3")
async def test_a_ticket_of_a_snoozed_conversation_leaves_the_list_and_comes_back(
    browser: Browser, tmp_path: Path
) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await it.ask("hello", sender=JANE)
        who = {"Authorization": f"Bearer {TOM}"}
        await page.request.post(f"{it.url}/tickets", data={**TICKET, "priority": "low"}, headers=who)
        row = page.get_by_role("list", name="Waiting for you").get_by_role("link", name="Ticket low")
        await row.click()
        await page.get_by_label("Snooze until").select_option("for an hour")
        await expect(page.locator(".pill", has_text="snoozed until ")).to_be_visible()
        await expect(row).to_have_count(0)
        await page.get_by_label("Show only some of what waits").select_option("Snoozed")
        await expect(row).to_be_visible()
        await page.get_by_label("Show only some of what waits").select_option("All")
        await page.get_by_role("button", name="Reopen").click()
        await expect(row).to_be_visible()
        await page.get_by_role("button", name="Resolve").click()
        await expect(page.get_by_role("button", name="Reopen")).to_be_visible()
        await it.ask("hello again", sender=JANE)
        await expect(page.get_by_role("button", name="Resolve")).to_be_visible()


@pytest.mark.promise("X6")
async def test_a_colleague_writes_first_and_calls_back(browser: Browser, tmp_path: Path) -> None:
    settings = {"CONTACT_HOURS": "Mon-Sun 00:00-24:00", "HUMAN_TRANSFER_NUMBER": "+15557770000"}
    settings["TWILIO_PHONE_NUMBER"] = OURS
    async with desk_page(browser, tmp_path, **settings) as (it, _, seen):
        page, form = seen.page, seen.page.locator(".first-message")
        await page.get_by_text("Write to a new number").click()
        await form.get_by_label("Number").fill("(555) 123-4567")
        await form.get_by_label("Message").fill("Hello John.")
        await form.get_by_label("How they agreed").fill("in our shop")
        await form.get_by_label("When they agreed").fill("2026-01-05")
        await form.get_by_role("button", name="Send").click()
        assert await it.hear(1) == ["Hello John."]
        await expect(page.locator(".message.staff .bubble")).to_have_text("Hello John.")
        await it.ask("hello", sender=JANE)
        await page.request.post(f"{it.url}/tickets", data=TICKET, headers={"Authorization": f"Bearer {MIA}"})
        row = page.get_by_role("list", name="Waiting for you").get_by_role("link").filter(has_text="urgent")
        await row.click()
        await page.get_by_role("button", name="Call back").click()
        await expect(page.get_by_text("Your telephone rings.")).to_be_visible()
        await it.twilio.settle()
        assert [one.number for one in it.twilio.rung] == ["+15557770000", JANE]
