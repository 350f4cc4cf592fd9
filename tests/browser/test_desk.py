"""The staff desk in a real browser, over a whole gateway: texts come in through the signed webhook."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect

from ..field.test_exposure import attack
from ..flows.test_approvals import REFUND, Desk, scene
from ..kit.browsing import PATIENCE, Visit, settle, visit
from ..kit.gateway import JANE, JOHN, Running
from ..kit.oidc_provider import oidc_provider, registered
from ..kit.process import gateway_process
from ..kit.serving import free_port
from ..kit.waiting import until

pytestmark = pytest.mark.promise("U1")

MIA, TOM = "mia-token-123456789", "tom-token-123456789"
expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def desk_page(
    browser: Browser, folder: Path, token: str = MIA, fragment: str = "", **extra: Any
) -> AsyncIterator[tuple[Running, Desk, Visit]]:
    """A gateway with its API, and a signed-in desk."""
    options = {name: extra.pop(name) for name in ("viewport", "color_scheme") if name in extra}
    async with scene(folder, **extra) as (it, desk), visit(browser, f"{it.url}/staff#token={token}", **options) as seen:
        await expect(seen.page.get_by_role("heading", name="Staff desk")).to_be_visible()
        yield it, desk, seen


def waiting(page: Page) -> Any:
    """The rows of the requests that wait."""
    return page.get_by_role("list", name="Waiting for you").get_by_role("link")


def conversations(page: Page) -> Any:
    """The rows of the recent conversations."""
    return page.get_by_role("list", name="Recent conversations").get_by_role("link")


async def open_refund(it: Running, page: Page, sender: str = JOHN, said: str = REFUND) -> None:
    """Let a customer ask for a refund, and open the request when it appears by itself.

    It may be open already; once the click has arrived, too, the keyboard is on it.
    """
    await it.ask(said, sender=sender)
    await waiting(page).filter(has_text="Process refund").first.click()
    await expect(page.get_by_role("heading", name="Refund $")).to_be_focused()


# --- signing in ---------------------------------------------------------------------------------------------


async def test_a_wrong_token_is_refused_and_a_right_one_opens_the_desk(browser: Browser, tmp_path: Path) -> None:
    shop = "shop-token-123456789"
    tokens = {"STAFF_TOKENS": f"mia:{MIA},shop:{shop}:tickets"}
    async with scene(tmp_path, **tokens) as (it, _), visit(browser, f"{it.url}/staff") as seen:
        page = seen.page
        for token, told in (("wrong", "This token is not known here."), (shop, "This token may not use the desk.")):
            await page.get_by_label("Staff token").fill(token)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text(told)
        await page.get_by_label("Staff token").fill(MIA)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("Nothing to approve.")).to_be_visible()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Staff token")).to_be_visible()
        assert [cookie for cookie in await page.context.cookies() if cookie.get("name") == "tandem_staff"] == []
        seen.expect_problems("401", "403")


async def dropped_at_least(page: Page, count: int) -> bool:
    status = await (await page.request.get(page.url.replace("/staff", "/status"))).json()
    return bool(status["droppedConnections"] >= count)


async def test_connections_that_the_server_drops_are_told_until_they_are_seen(browser: Browser, tmp_path: Path) -> None:
    bounds = {"MAX_CONNECTIONS_PER_ADDRESS": "20", "STAFF_TOKENS": f"mia:{MIA}"}
    async with gateway_process(tmp_path, free_port(), bounds) as gateway, visit(browser) as seen:
        await seen.page.clock.install()
        async with seen.page.expect_response("**/status"):
            await seen.page.goto(f"{gateway.url}/staff#token={MIA}")
        await expect(seen.page.get_by_text("Nothing to approve.")).to_be_visible()
        told = seen.page.get_by_role("alert").filter(has_text="dropped")
        with ExitStack() as held:
            for _ in range(60):
                held.callback((await attack(gateway, b"")).close)
            await until(lambda: dropped_at_least(seen.page, 40))  # a busy server takes connections up later
            await seen.page.clock.fast_forward(30_000)
            await expect(told).to_contain_text(re.compile(r"\b4\d connections were dropped within 30 seconds"))
            await told.get_by_role("button", name="Seen").click()
            await expect(told).to_have_count(0)


async def test_the_link_signs_in_and_its_token_leaves_the_address(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        assert seen.page.url == f"{it.url}/staff"
        (cookie,) = await seen.page.context.cookies()
        assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
        assert await seen.page.evaluate("document.cookie") == ""


async def test_a_link_opened_in_a_tab_that_shows_the_form_signs_in(browser: Browser, tmp_path: Path) -> None:
    small: Any = {"viewport": {"width": 360, "height": 640}}
    async with scene(tmp_path) as (it, _), visit(browser, f"{it.url}/staff", **small) as seen:
        await expect(seen.page.get_by_role("button", name="Sign in")).to_be_in_viewport()
        await seen.page.goto(f"{it.url}/staff#token={MIA}")
        await expect(seen.page.get_by_text("Nothing to approve.")).to_be_visible()
        assert seen.page.url == f"{it.url}/staff"
        seen.expect_problems("401")


@pytest.mark.promise("D6a")
async def test_a_colleague_comes_back_signed_in_from_the_site_of_the_company(browser: Browser, tmp_path: Path) -> None:
    """A browser keeps cookies from another site to itself: localhost is one, to a page of 127.0.0.1."""
    async with oidc_provider() as provider:
        provider.issuer, provider.shows_page = provider.issuer.replace("127.0.0.1", "localhost"), True
        async with scene(tmp_path, **registered(provider)) as (it, _), visit(browser, f"{it.url}/staff") as seen:
            page = seen.page
            await page.get_by_role("link", name="Sign in with your company account").click()
            await page.get_by_role("link", name="Continue as anna").click()
            await expect(page.get_by_title("Signed in as anna")).to_be_visible()
            await page.reload()
            await expect(page.get_by_title("Signed in as anna")).to_be_visible()
            seen.expect_problems("401", "favicon")


# --- deciding -----------------------------------------------------------------------------------------------


@pytest.mark.promise("H13")
async def test_a_refund_appears_by_itself_is_approved_once_by_a_double_click_and_told(
    browser: Browser, tmp_path: Path
) -> None:
    async with desk_page(browser, tmp_path) as (it, desk, seen):
        page, sent = seen.page, list[str]()
        page.on("request", lambda request: sent.append(request.url) if _decides(request) else None)
        await expect(page.get_by_text("Nothing to approve.")).to_be_visible()
        await open_refund(it, page)
        await expect(page).to_have_title("(1) Staff desk")
        spoken = page.get_by_role("status").filter(has_text="New: Process refund: $139.97")
        await expect(spoken).to_be_attached()
        card = page.get_by_role("article")
        await expect(card.get_by_role("heading")).to_have_text("Refund $139.97 of order ORD_12345 to John Doe?")
        await expect(card.locator("blockquote")).to_have_text(REFUND)
        await expect(card.get_by_label("Order id")).to_have_value("ORD_12345")
        await card.get_by_label("Note for the record").fill("He is right")
        await card.get_by_role("button", name="Approve").dblclick()
        told = (await it.hear(2))[1]
        assert "139.97" in told
        await expect(page.get_by_role("complementary").get_by_text("carried out", exact=True)).to_be_visible()
        await expect(page.get_by_text(re.compile(r"^mia, \w"))).to_be_visible()
        await expect(page.get_by_text("(note: He is right)").first).to_be_visible()
        await expect(page.locator(".transcript details.tools").last.locator("summary")).to_contain_text("carried out")
        await expect(page.locator(".message.agent .bubble").last).to_have_text(told)
        await expect(page).to_have_title("Staff desk")
        (done,) = await desk.approvals("all")
        decided = [done[name] for name in ("status", "decidedBy", "reason", "note")]
        assert decided == ["executed", "mia", None, "He is right"]
        assert "right" not in told
        assert len(sent) == 1


@pytest.mark.promise("H10")
async def test_a_rejection_needs_a_reason_and_is_told(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, token=TOM) as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)
        await page.get_by_role("button", name="Reject").click()
        await expect(page.get_by_role("alert").filter(has_text="Say why")).to_be_visible()
        assert len(await desk.approvals()) == 1
        await page.get_by_label("Reason for the customer").fill("The order is too old")
        await page.get_by_label("Note for the record").fill("The third this year")
        await page.get_by_role("button", name="Reject").click()
        told = (await it.hear(2))[1]
        assert "The order is too old" in told
        assert "third" not in told
        await expect(page.get_by_role("complementary").get_by_text("rejected", exact=True)).to_be_visible()
        (done,) = await desk.approvals("rejected")
        assert [done[name] for name in ("decidedBy", "reason", "note")] == [
            "tom",
            "The order is too old",
            "The third this year",
        ]


@pytest.mark.promise("H6")
async def test_an_edited_amount_and_message_are_what_happens(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)
        amount = page.get_by_label("Amount")
        await amount.fill("much")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("alert").filter(has_text="Amount must be a number.")).to_be_visible()
        await amount.fill("500")
        await page.get_by_role("button", name="Approve").click()
        wrong = "This cannot be carried out. At most $139.97 of order 12345 can still be refunded."
        await expect(page.get_by_role("alert").filter(has_text=wrong)).to_be_visible()
        await amount.fill("40.5")
        await expect(page.get_by_text("was 139.97")).to_be_visible()
        await page.get_by_text("Write the message to the customer yourself").click()
        await page.get_by_label("Message to the customer", exact=True).first.fill("Half of it, John.")
        await page.get_by_role("button", name="Approve").click()
        assert (await it.hear(2))[1] == "Half of it, John."
        await expect(page.get_by_text("asked: Refund $139.97 of order ORD_12345")).to_be_visible()
        (done,) = await desk.approvals("executed")
        assert (done["editedArguments"]["amount"], done["arguments"]["amount"]) == (40.5, 139.97)
        seen.expect_problems("400")


@pytest.mark.promise("D5")
async def test_enter_never_decides(browser: Browser, tmp_path: Path) -> None:
    """Not in a field, and not on a button, where the key may still be down from the field."""
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if _decides(request) else None)
        await open_refund(it, page)
        approve = page.get_by_role("button", name="Approve")
        await expect(approve).to_be_enabled()
        await page.get_by_label("Amount").press("Enter")
        await page.get_by_label("Order id").press("Enter")
        await page.get_by_role("button", name="Reject").press("Enter")
        await expect(approve).to_be_enabled()
        await approve.press("Enter")
        assert sent == []
        await expect(approve).to_be_enabled()  # the card rests again when what stands around it changes
        await approve.press("Space")
        await it.hear(2)
        assert len(sent) == 1


@pytest.mark.promise("D5")
async def test_a_request_cannot_be_decided_in_the_moment_it_appears(browser: Browser, tmp_path: Path) -> None:
    """A click too many after one decision would otherwise pay the next customer."""
    async with desk_page(browser, tmp_path, REFUND_APPROVAL_THRESHOLD="10") as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)
        await it.ask("I want my money back for order 67890", sender=JANE)
        await expect(waiting(page)).to_have_count(2)
        # Clicks the next request's button once, in the moment it is there.
        await page.evaluate(
            """() => {
                window.hits = 0;
                new MutationObserver((_, observer) => {
                    const heading = document.querySelector(".card h3")?.textContent ?? "";
                    if (!heading.includes("Jane Smith")) return;
                    observer.disconnect();
                    window.hits += 1;
                    document.querySelector(".card button.main").click();
                }).observe(document.body, { childList: true, subtree: true });
            }"""
        )
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("heading", name="of order ORD_67890 to Jane Smith?")).to_be_visible()
        await it.hear(2)
        await expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        assert await page.evaluate("window.hits") == 1
        (left,) = await desk.approvals()
        assert left["arguments"]["order_id"] == "ORD_67890"


async def test_in_a_wide_window_the_first_request_opens_by_itself(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, REFUND_APPROVAL_THRESHOLD="10") as (it, _, seen):
        page, search = seen.page, seen.page.get_by_role("searchbox")
        await search.focus()
        await it.ask(REFUND)
        johns = page.get_by_role("heading", name="of order ORD_12345 to John Doe?")
        await expect(johns).to_be_visible()
        await expect(search).to_be_focused()
        await it.ask("I want my money back for order 67890", sender=JANE)
        await expect(waiting(page)).to_have_count(2)
        await expect(johns).to_be_visible()
        await waiting(page).first.click()
        await expect(johns).to_be_focused()


async def test_in_a_narrow_window_nothing_opens_by_itself(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, viewport={"width": 360, "height": 640}) as (it, _, seen):
        await it.ask(REFUND)
        await expect(waiting(seen.page)).to_be_visible()
        await expect(seen.page.get_by_role("main")).to_be_hidden()


@pytest.mark.parametrize("width", [1300, 900])
async def test_the_newest_words_stay_in_view(browser: Browser, tmp_path: Path, width: int) -> None:
    size = {"width": width, "height": 500}
    async with desk_page(browser, tmp_path, viewport=size, RATE_LIMIT_PER_MINUTE="0") as (it, _, seen):
        for number in range(6):
            await it.ask(f"hello {number}")
        await seen.page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
        await expect(seen.page.locator(".bubble").last).to_be_in_viewport()
        await it.ask("what is your return policy?")
        newest = seen.page.locator(".bubble").last
        await expect(newest).to_contain_text("within 30 days")
        await expect(newest).to_be_in_viewport()


async def test_an_expired_request_says_so_and_cannot_be_decided(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path, APPROVAL_TIMEOUT_SECONDS="6") as (it, _, seen):
        page = seen.page
        await open_refund(it, page)
        await it.hear(2)
        await expect(page.get_by_text(re.compile(r"This expired at \d\d:\d\d"))).to_be_visible()
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await expect(page.get_by_text("Nothing to approve.")).to_be_visible()


async def test_a_request_that_somebody_else_decided_meanwhile_is_not_decided_again(
    browser: Browser, tmp_path: Path
) -> None:
    async with desk_page(browser, tmp_path) as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)

        async def tom_is_first(route: Route) -> None:
            if route.request.method == "POST":
                body = json.loads(route.request.post_data or "{}") | {"decisions": [{"approvalId": "next"}]}
                body["decisions"][0] |= {"approved": False, "reason": "tom was here"}
                await page.request.post(f"{it.url}/approvals", data=body, headers={"Authorization": f"Bearer {TOM}"})
            await route.continue_()

        await page.route("**/approvals", tom_is_first)
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_text(re.compile(r"Tom rejected this at \d\d:\d\d")).first).to_be_visible()
        (done,) = await desk.approvals("rejected")
        assert done["decidedBy"] == "tom"
        seen.expect_problems("409")


async def test_an_older_version_is_not_decided_and_what_was_typed_stays(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, desk, seen):
        page = seen.page
        await open_refund(it, page)

        async def older(route: Route) -> None:
            body = json.loads(route.request.post_data or "{}")
            body["decisions"][0]["expectedVersion"] -= 1
            await route.continue_(post_data=json.dumps(body))

        await page.route("**/approvals", older)
        await page.get_by_label("Note for the record").fill("He is right")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("alert").filter(has_text="This request has changed.")).to_be_visible()
        await page.unroute("**/approvals")
        await expect(page.get_by_label("Note for the record")).to_have_value("He is right")
        await page.get_by_role("button", name="Approve").click()
        await it.hear(2)
        assert len(await desk.approvals("pending")) == 0
        seen.expect_problems("409")


async def test_a_row_can_be_chosen_while_the_first_request_still_loads(browser: Browser, tmp_path: Path) -> None:
    async with scene(tmp_path) as (it, _), visit(browser) as seen:
        page, asked, chosen = seen.page, asyncio.Event(), asyncio.Event()
        await it.ask(REFUND)
        await it.ask("hello", sender=JANE)

        async def hold(route: Route) -> None:
            if not asked.is_set():
                asked.set()
                await chosen.wait()
            await route.continue_()

        await page.route("**/conversations/cus_*", hold)
        await page.goto(f"{it.url}/staff#token={MIA}")
        await asked.wait()
        await conversations(page).filter(has_text="Jane Smith").click()
        chosen.set()
        await expect(page.get_by_role("heading", name="Jane Smith")).to_be_visible()


async def test_a_press_is_not_lost_when_its_request_is_opened_again_meanwhile(browser: Browser, tmp_path: Path) -> None:
    """It opens by itself, its row is clicked besides, and before that is answered its button is pressed."""
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page, asked, pressed = seen.page, asyncio.Event(), asyncio.Event()
        await open_refund(it, page)
        approve = page.get_by_role("button", name="Approve", exact=True)
        await expect(approve).to_be_enabled()

        async def hold(route: Route) -> None:
            asked.set()
            await pressed.wait()
            await route.continue_()

        await page.route("**/conversations/cus_*", hold)
        await waiting(page).first.click()
        await asked.wait()
        await approve.hover()
        await page.mouse.down()
        pressed.set()
        await expect(page.get_by_role("heading", name="Refund $")).to_be_focused()
        await page.mouse.up()
        assert "139.97" in (await it.hear(2))[1]


async def test_a_click_is_not_lost_when_its_row_is_drawn_anew_meanwhile(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page, asked, pressed = seen.page, asyncio.Event(), asyncio.Event()
        await it.ask("hello")
        await expect(conversations(page)).to_have_count(1)

        async def hold(route: Route) -> None:
            asked.set()
            await pressed.wait()
            await route.continue_()

        await page.route("**/conversations?*", hold)
        await it.ask("hello again")
        await asked.wait()
        await conversations(page).hover()
        await page.mouse.down()
        async with page.expect_event("requestfinished", lambda one: "/conversations?" in one.url):
            pressed.set()
        await settle(page)
        await page.mouse.up()
        await expect(page.get_by_role("heading", name="John Doe")).to_be_visible()


@pytest.mark.promise("U4")
async def test_the_keyboard_is_enough(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, desk, seen):
        page = seen.page
        await it.ask("hello", sender=JANE)
        await it.ask(REFUND)
        await expect(waiting(page)).to_have_count(1)
        await expect(page.get_by_role("list", name="Recent conversations").get_by_role("link")).to_have_count(2)
        await expect(page.get_by_role("heading", name="Refund $139.97")).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Refund $139.97")).to_be_focused()
        await expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("Order id")).to_be_focused()
        for _ in range(12):
            if await page.evaluate("document.activeElement.textContent") == "Approve":
                break
            await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await it.hear(2)
        (done,) = await desk.approvals("executed")
        assert done["decidedBy"] == "mia"


def _decides(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/approvals")


# --- joining in ---------------------------------------------------------------------------------------------


async def test_staff_see_the_number_write_hold_the_agent_and_solve_a_ticket(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await it.ask("I want to talk to a person please")
        await page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
        await expect(page.get_by_text("…4567", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Show number").click()
        await expect(page.get_by_text(JOHN, exact=True)).to_be_visible()
        await expect(page.get_by_text("Full number shown")).to_be_visible()
        await page.get_by_role("button", name="Pause agent").click()
        paused = page.get_by_role("main").locator("header").get_by_text("agent paused")
        await expect(paused).to_be_visible()
        await page.get_by_label("Message to the customer").fill("Hello John, this is Mia.")
        await page.get_by_role("button", name="Send").click()
        assert (await it.hear(2))[1] == "Hello John, this is Mia."
        await expect(page.locator(".message.staff .bubble")).to_have_text("Hello John, this is Mia.")
        await page.get_by_role("button", name="Mark solved").click()
        await expect(page.get_by_text("Solved", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Resume agent").click()
        await expect(paused).to_have_count(0)


async def test_a_masked_card_number_shows_as_a_result_of_the_guardrails(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await it.ask("my card is 4111 1111 1111 1111, where is order 12345?")
        await page.get_by_role("list", name="Recent conversations").get_by_role("link", name="John Doe").click()
        rules = page.locator(".rules li")
        await expect(rules.filter(has_text="Card and SSN, incoming")).to_contain_text("masked")
        await expect(rules).to_have_count(1)
        await expect(page.get_by_text("6 found nothing")).to_be_visible()
        await page.locator("details.tools summary").first.click()
        await expect(page.locator(".json pre").first).to_contain_text('"order_id": "ORD_12345"')
        assert "4111 1111" not in await page.content()


# --- trouble ------------------------------------------------------------------------------------------------


@pytest.mark.promise("U2")
async def test_an_error_offers_to_try_again_and_old_data_stays(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await it.ask("hello")
        rows = page.get_by_role("list", name="Recent conversations").get_by_role("link")
        await rows.first.click()
        await expect(page.locator(".bubble").first).to_have_text("hello")

        async def down(route: Route) -> None:
            if await page.evaluate("window.pressed"):
                await route.continue_()
            else:
                told = {"error": "The store does not answer.", "code": "store_unavailable"}
                await route.fulfill(status=503, json=told)

        for path in ("**/conversations*", "**/conversations/*", "**/approvals*"):
            await page.route(path, down)
        await it.ask("are you there?")
        await expect(page.get_by_role("button", name="Try again").first).to_be_visible()
        await expect(rows).to_have_count(1)
        await expect(page.locator(".bubble").first).to_have_text("hello")
        # News would try again by themselves: the server answers once the button was pressed.
        await page.evaluate("document.addEventListener('click', () => (window.pressed = true), { capture: true })")
        await page.get_by_role("main").get_by_role("button", name="Try again").click()
        await expect(page.locator(".bubble").filter(has_text="are you there?")).to_be_visible()
        seen.expect_problems("503")


@pytest.mark.promise("U2")
async def test_without_a_stream_the_page_looks_every_few_seconds(browser: Browser, tmp_path: Path) -> None:
    async with scene(tmp_path) as (it, _), visit(browser) as seen:
        await seen.page.route("**/staff/events", lambda route: route.abort())
        await seen.page.goto(f"{it.url}/staff#token={MIA}")
        await expect(seen.page.get_by_text("Nothing to approve.")).to_be_visible()
        await it.ask(REFUND)
        await expect(waiting(seen.page)).to_have_count(1)
        await expect(seen.page.get_by_text("Offline. Refreshing every 5 seconds")).to_be_visible()
        async with seen.page.expect_event("requestfailed", lambda one: "/queue" in one.url):
            await seen.page.route("**/queue*", lambda route: route.abort())
        await settle(seen.page)
        await expect(seen.page.get_by_role("button", name="Try again")).to_have_count(0)  # it is said once
        await expect(waiting(seen.page)).to_have_count(1)
        seen.expect_problems("ERR_FAILED")


async def test_the_page_survives_a_restart_of_the_server(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    async with visit(browser) as seen:
        page = seen.page
        async with scene(tmp_path, port=port) as (it, _):
            await page.goto(f"{it.url}/staff#token={MIA}")
            await open_refund(it, page)
            await page.get_by_label("Note for the record").fill("He is right")
            twilio = it.twilio
            await it.gateway.drain(1.0)
        await expect(page.get_by_role("heading", name="Refund $139.97")).to_be_visible()
        async with scene(tmp_path, twilio=twilio, port=port) as (it, desk):
            await it.ask("hello", sender=JANE)
            await expect(page.get_by_role("link", name="Jane Smith")).to_be_visible()
            await expect(page.get_by_label("Note for the record")).to_have_value("He is right")
            await page.get_by_role("button", name="Approve").click()
            await expect(page.get_by_role("complementary").get_by_text("carried out", exact=True)).to_be_visible()
            (done,) = await desk.approvals("executed")
            assert done["note"] == "He is right"
        seen.expect_problems("ERR_", "503")


HOSTILE = '<img src=x onerror="window.harmed=true">'


async def test_what_a_customer_writes_is_never_read_as_html(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await rename(tmp_path, f"{HOSTILE} Doe")
        await it.ask(REFUND)
        await it.ask(HOSTILE)
        await it.ask("pay \u202e00.02\u202c dollars")
        ticket = {"customerId": "CUST_12345", "subject": HOSTILE, "description": f"<script>{HOSTILE}</script>"}
        answer = await page.request.post(f"{it.url}/tickets", data=ticket, headers={"Authorization": f"Bearer {TOM}"})
        assert answer.status == 201
        await waiting(page).first.click()
        await expect(page.locator("blockquote").filter(has_text=HOSTILE)).to_be_visible()
        await expect(page.get_by_role("heading", name=f"to {HOSTILE} Doe?")).to_be_visible()
        await expect(page.locator(".things").filter(has_text=HOSTILE).first).to_be_visible()
        await expect(page.locator(".bubble").filter(has_text=HOSTILE).first).to_be_visible()
        await expect(page.locator(".bubble").get_by_text("pay ⟨U+202E⟩00.02⟨U+202C⟩ dollars")).to_be_visible()
        assert await page.evaluate("[document.images.length, window.harmed, document.scripts.length]") == [0, None, 1]


async def rename(folder: Path, name: str) -> None:
    """Give John another name in the business data."""
    import sqlite3

    def change() -> None:
        connection = sqlite3.connect(folder / "shop.sqlite3")
        with connection:
            connection.execute("UPDATE customers SET name = ? WHERE id = 'CUST_12345'", (name,))
        connection.close()

    await asyncio.to_thread(change)


TOO_WIDE = """
[...document.querySelectorAll("body *")]
  .filter(one => one.checkVisibility() && getComputedStyle(one).clipPath === "none")
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 80))
"""


@pytest.mark.promise("U4")
async def test_nothing_is_wider_than_the_screen(browser: Browser, tmp_path: Path) -> None:
    async with desk_page(browser, tmp_path) as (it, _, seen):
        page = seen.page
        await open_refund(it, page)
        for width in (1360, 768, 320):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate(TOO_WIDE) == []
        await page.get_by_role("link", name="Back").click()
        await expect(waiting(page)).to_have_count(1)
        assert await page.evaluate(TOO_WIDE) == []
