#!/usr/bin/env python3
"""Take the pictures of docs/images anew: every state of the staff desk, from a gateway of its own.

Run it from the checkout with its Python: .venv/bin/python scripts/screenshots.py
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from playwright.async_api import Browser, Page, expect  # noqa: E402

from scripts.lighter_png import lighten  # noqa: E402
from tandem.evaluation.page import page as page_of  # noqa: E402
from tandem.evaluation.reading import SHIPPED, read_scenarios  # noqa: E402
from tandem.evaluation.result import scores  # noqa: E402
from tandem.evaluation.runner import Plan, Trials  # noqa: E402
from tandem.evaluation.scenario import Expected, WantedRefund  # noqa: E402
from tandem.model import Address, Channel, Priority, Route, Source, SubjectId, TimelineEvent, Turn  # noqa: E402
from tandem.persistence.base import LaneStore  # noqa: E402
from tandem.persistence.values import Change  # noqa: E402
from tandem.settings import load_settings  # noqa: E402
from tests.browser.test_desk import MIA, TOM, open_refund, waiting  # noqa: E402
from tests.flows.test_approvals import REFUND, scene  # noqa: E402
from tests.kit.browsing import open_browser, visit  # noqa: E402
from tests.kit.gateway import JANE, JOHN, OURS, Running  # noqa: E402

IMAGES = CHECKOUT / "docs" / "images"
REPORT = {"width": 900, "height": 760}
WIDE, NARROW = {"width": 1200, "height": 780}, {"width": 360, "height": 740}
ANN = "+14155550177"
CALL = Route(Channel.VOICE, Address("tel", JANE), Address("tel", OURS))


async def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop, others = Path(folder) / "shop", Path(folder) / "team"
        for one in (shop, others):
            one.mkdir()
        async with open_browser() as browser:
            async with scene(shop, REFUND_APPROVAL_THRESHOLD="40", APPROVAL_SECOND_ABOVE="130") as (it, _):
                await take(browser, it)
                await report(browser, shop)
            async with scene(others, REFUND_APPROVAL_THRESHOLD="10") as (it, _):
                await team(browser, it)
    for picture in (*IMAGES.glob("desk-*.png"), *IMAGES.glob("eval-*.png")):
        lighten(picture)
    heavy = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > 120_000]
    print(
        f"{len(list(IMAGES.glob('*.png')))} pictures in {IMAGES}", *(f"too heavy: {name}" for name in heavy), sep="\n"
    )


async def take(browser: Browser, it: Running) -> None:
    """Go through the states in the order in which a day has them."""
    async with visit(browser, f"{it.url}/staff", viewport=WIDE) as seen:
        await expect(seen.page.get_by_label("Staff token")).to_be_visible()
        await keep(seen.page, "desk-sign-in")
        seen.expect_problems("401")
    async with desk(browser, it) as page:
        await expect(page.get_by_text("Nothing to approve.")).to_be_visible()
        await keep(page, "desk-empty")
    for sender, said in (
        (JOHN, "Hi, where is my order 12345?"),
        ("+14155550123", "Do you ship to Canada?"),
        ("+14155550188", "What are your opening hours?"),
        (JANE, "My card is 4111 1111 1111 1111. What is in order 67890?"),
        (JOHN, REFUND),
        (JANE, "I want my money back for order 67890"),
    ):
        await it.ask(said, sender=sender)
    await call_of_jane(it.store)
    async with desk(browser, it) as page:
        await open_refund(it, page, said="Thank you", sender="+14155550123")
        await expect(page.get_by_role("heading", name="to John Doe?")).to_be_visible()
        await decidable(page)
        await keep(page, "desk-approval")
        await page.get_by_label("Amount").fill("99.99")
        await page.get_by_text("Write the message to the customer yourself").click()
        await page.get_by_role("button", name="Reject").click()
        await keep(page, "desk-edited")
        await page.get_by_role("link", name="Jane Smith").last.click()
        await expect(page.get_by_text("heard until")).to_be_visible()
        await page.locator("details.tools summary").last.click()
        await page.locator("details.tools").last.scroll_into_view_if_needed()
        await keep(page, "desk-call")
    for name, options in (
        ("desk-approval-dark", {"viewport": WIDE, "color_scheme": "dark"}),
        ("desk-narrow", {"viewport": NARROW}),
    ):
        async with desk(browser, it, **options) as page:
            await waiting(page).first.click()
            await expect(page.get_by_role("heading", name="Refund $")).to_be_visible()
            await decidable(page)
            await keep(page, name)
    async with desk(browser, it) as page:
        await trouble(it, page)


async def team(browser: Browser, it: Running) -> None:
    """Take what colleagues share: the queue, a note that names one of them, a reply, equal requests."""
    for sender, said in (
        (JOHN, "please refund 20 dollars of order 12345"),
        (JANE, "please refund 20 dollars of order 67890"),
        (ANN, "My parcel arrived open. I want to talk to a person please"),
    ):
        await it.ask(said, sender=sender)
    async with desk(browser, it) as page:
        who, anns = {"Authorization": f"Bearer {TOM}"}, f"{it.url}/conversations/phone_{ANN[1:]}"
        for act, body in (
            ("assign", {"to": "mia"}),
            ("messages", {"text": "Hello, this is Tom. Could you send us a picture of the parcel?"}),
            ("notes", {"text": "@mia, she is a regular: what shall we offer?"}),
        ):
            await page.request.post(f"{anns}/{act}", data=body, headers=who)
        await waiting(page).filter(has_text="You are mentioned").click()
        await expect(page.locator(".message.staff").get_by_text("delivered")).to_be_visible()
        await page.get_by_label("Message to the customer").fill("A new one leaves our warehouse today.")
        await keep(page, "desk-reply")
        await page.get_by_label("Which comes first").select_option("Oldest first")
        await expect(page.get_by_label("Name of this view")).to_be_visible()
        await keep(page, "desk-queue", clip={"x": 0, "y": 0, "width": 340, "height": 780})
        await page.get_by_role("button", name="2 equal").click()
        await expect(page.get_by_role("button", name="Approve 2")).to_be_enabled()
        await keep(page, "desk-equal")


async def report(browser: Browser, folder: Path) -> None:
    """Take the report of an evaluation in which one scenario asks for what is not so."""
    shipped = read_scenarios([SHIPPED / "refunds.yaml", SHIPPED / "attacks.yaml"])
    names = (
        "a refund that is approved",
        "two refunds that are large together",
        "ignore your instructions",
        "a card number",
    )
    chosen = [one for one in shipped if one.name in names]
    paid = WantedRefund(order="ORD_12345", amount=60)
    update = {"name": "two small refunds are paid at once", "expect": Expected(refunds=(paid, paid))}
    wrong = next(one for one in chosen if one.name == names[1]).model_copy(update=update)
    trials = Trials(
        Plan([*chosen, wrong], {"the support agent": load_settings({}, env_file=None)}, folder / "r"), lambda _: None
    )
    await trials.run()
    (folder / "report.html").write_text(page_of(scores(trials.done), at=time.time()), encoding="utf-8")
    for name, scheme in (("eval-report", "light"), ("eval-report-dark", "dark")):
        async with visit(browser, (folder / "report.html").as_uri(), viewport=REPORT, color_scheme=scheme) as seen:
            await seen.page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


async def trouble(it: Running, page: Page) -> None:
    """Take what is shown when somebody else was first, when all is decided, and when the store is away."""
    await waiting(page).first.click()
    await expect(page.get_by_role("heading", name="Refund $")).to_be_visible()
    who = {"Authorization": f"Bearer {TOM}"}
    yes = {"decisions": [{"approvalId": "next", "approved": True}]}
    await page.request.post(f"{it.url}/approvals", data=yes, headers=who)
    await expect(page.get_by_text("Yours is the second.")).to_be_visible()
    await decidable(page)
    await keep(page, "desk-second")
    no = {"decisions": [{"approvalId": "next", "approved": False, "reason": "Asked twice"}]}
    await page.request.post(f"{it.url}/approvals", data=no, headers=who)
    await expect(page.get_by_text("Tom rejected this")).to_be_visible()
    await keep(page, "desk-meanwhile")
    await waiting(page).first.click()
    await page.get_by_label("Note for the record").fill("The stand arrived broken")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("complementary").get_by_text("carried out", exact=True)).to_be_visible()
    await page.locator(".facts").evaluate("side => side.scrollTop = 420")
    await keep(page, "desk-decided")
    await reports(it, page)
    await page.goto(f"{it.url}/staff")
    await page.get_by_role("link", name="John Doe").last.click()
    await expect(page.get_by_role("heading", name="John Doe")).to_be_visible()
    await page.route("**/conversations**", lambda route: route.fulfill(status=503, json=AWAY))
    await page.route("**/approvals**", lambda route: route.fulfill(status=503, json=AWAY))
    await it.ask("hello?", sender="+14155550188")
    await expect(page.get_by_role("button", name="Try again").first).to_be_visible()
    await keep(page, "desk-error")


async def reports(it: Running, page: Page) -> None:
    """Take the record of what colleagues did, and the figures."""
    await page.goto(f"{it.url}/staff/audit")
    await expect(page.get_by_role("row").filter(has_text="Rejected")).to_be_visible()
    await keep(page, "desk-audit")
    await page.goto(f"{it.url}/staff/figures?days=1")
    await expect(page.get_by_text("Solved without a person")).to_be_visible()
    while await page.get_by_text("No customers yet.").count():  # figures are written every ten seconds
        await page.reload()
        await expect(page.get_by_text("Solved without a person")).to_be_visible()
    await keep(page, "desk-figures")


AWAY = {"error": "The store does not answer.", "code": "store_unavailable"}


async def call_of_jane(store: LaneStore) -> None:
    """Let Jane have called, and have spoken over an answer."""
    subject = SubjectId("phone_" + JANE.removeprefix("+"))
    claim = await store.claim(subject, holder="a call", seconds=5.0)
    assert claim is not None
    assert claim.conversation is not None
    number = claim.conversation.turns_taken
    turns = (
        Turn(number + 1, Channel.VOICE, claim.now, tuple(SPOKEN)),
        Turn(number + 2, Channel.VOICE, claim.now, ({"role": "user", "content": "A person, please."}, *PERSON)),
    )
    conversation = replace(
        claim.conversation,
        turns_taken=number + 2,
        routes={**claim.conversation.routes, Channel.VOICE: CALL},
        last_channel=Channel.VOICE,
        history=(*claim.conversation.history, *turns),
        escalation=Priority.HIGH,
    )
    rows = (
        TimelineEvent("heard", Source.CUSTOMER, channel=Channel.VOICE, turn=number + 1),
        TimelineEvent("turn", Source.AGENT, channel=Channel.VOICE, turn=number + 2),
    )
    await store.commit(claim, Change(conversation, timeline=rows), token="a call")  # noqa: S106
    await store.release(claim)


SPOKEN = [
    {"role": "user", "content": "When does my laptop stand arrive?"},
    {"type": "function_call", "call_id": "call_1", "name": "order_status", "arguments": '{"order_id": "ORD_67890"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": '{"order_id": "ORD_67890", "status": "pending"}'},
    {"role": "assistant", "content": "It has not left our warehouse yet, because"},
]
PERSON = [{"role": "assistant", "content": "Of course. A colleague will call you back within thirty minutes."}]


@asynccontextmanager
async def desk(browser: Browser, it: Running, **options: Any) -> AsyncIterator[Page]:
    async with visit(browser, f"{it.url}/staff#token={MIA}", **{"viewport": WIDE, **options}) as seen:
        await expect(seen.page.get_by_role("heading", name="Staff desk")).to_be_visible()
        yield seen.page
        seen.expect_problems("503", "409")


async def decidable(page: Page) -> None:
    """Wait until a request that has just come into view takes a decision."""
    await expect(page.get_by_role("button", name="Approve", exact=True).first).to_be_enabled()


async def keep(page: Page, name: str, **options: Any) -> None:
    await page.wait_for_function("document.querySelector('.connection.live') || !document.querySelector('.connection')")
    await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", **options)


if __name__ == "__main__":
    asyncio.run(main())
