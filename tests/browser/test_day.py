"""A day of two colleagues: twenty mixed cases in two browsers, against two replicas, without a wrong decision."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tandem.persistence.base import LaneStore

from ..flows.test_approvals import STAFF
from ..kit.browsing import Visit, visit
from ..kit.colleague import Colleague
from ..kit.gateway import JANE, JOHN, OURS, Running, running, running_beside
from ..kit.postgres_server import shared_postgres
from ..kit.postgres_tables import empty_tables
from .test_desk import MIA, TOM

pytestmark = [pytest.mark.promise("D2", "D4", "D5", "H10"), pytest.mark.timeout(300)]

ANN, BOB, CAT = "+14155550102", "+14155550103", "+14155550104"
RULES = {
    "APPROVAL_SECOND_ABOVE": "100",
    "REFUND_APPROVAL_THRESHOLD": "10",
    "RATE_LIMIT_PER_MINUTE": "0",
    "TWILIO_PHONE_NUMBER": OURS,
}


@dataclass
class Desk:
    """One colleague's browser."""

    seen: Visit

    @property
    def page(self) -> Page:
        return self.seen.page

    def waiting(self, text: str) -> Locator:
        """The rows of what waits that hold a text."""
        return self.page.get_by_role("list", name="Waiting for you").get_by_role("link").filter(has_text=text)

    async def open(self, text: str) -> Locator:
        """Open the request whose row holds a text; return its card."""
        await self.waiting(text).first.click()
        return await self.card(text)

    async def card(self, amount: str) -> Locator:
        found = self.page.get_by_role("article").filter(has=self.page.get_by_role("heading", name=f"Refund {amount}"))
        await expect(found).to_be_visible()
        return found

    async def see(self, who: str) -> None:
        """Open a conversation from the list of all."""
        rows = self.page.get_by_role("list", name="Recent conversations").get_by_role("link")
        await rows.filter(has_text=who).first.click()
        await expect(self.page.get_by_role("heading", name=who, exact=True)).to_be_visible()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).first.click()

    async def write(self, text: str, button: str = "Send") -> None:
        await self.page.get_by_label("Message to the customer").first.fill(text)
        await self.press(button)

    async def says(self, text: str) -> None:
        await expect(self.page.get_by_text(text).first).to_be_visible()


@asynccontextmanager
async def two_desks(
    browser: Browser, folder: Path
) -> AsyncIterator[tuple[Running, Callable[[], AbstractAsyncContextManager[Running]], Desk, Desk]]:
    """Two replicas over one store, with Mia at the first and Tom at the second, which can be restarted."""
    url = shared_postgres().url
    async with empty_tables(url) as table:
        place = {"PERSISTENCE_ADAPTER": "postgres", "DATABASE_URL": url, "POSTGRES_TABLE_NAME": table}
        async with running(folder, **STAFF, **RULES, **place) as one:
            port = 0

            @asynccontextmanager
            async def second() -> AsyncIterator[Running]:
                nonlocal port
                async with running_beside(one, folder, port=port) as other:
                    port = urlsplit(other.url).port or 0
                    yield other

            async with visit(browser, f"{one.url}/staff#token={MIA}") as mia, visit(browser) as tom:
                yield one, second, Desk(mia), Desk(tom)


async def test_two_colleagues_work_through_twenty_cases_without_a_wrong_decision(
    browser: Browser, tmp_path: Path
) -> None:
    async with two_desks(browser, tmp_path) as (it, second, mia, tom):
        async with second() as other:
            await tom.page.goto(f"{other.url}/staff#token={TOM}")
            await the_morning(it, mia, tom)
            await the_pairs(it, mia, tom)
            await the_conversations(it, mia, tom)
            await tom.see("…0103")
            await tom.page.get_by_label("Message to the customer").fill("We are back, Bob.")
            address = other.url
        # 16: the second replica restarts while Tom writes; what he typed waits, and goes once
        async with second() as other:
            assert other.url == address
            await expect(tom.page.get_by_title("Live", exact=True)).to_be_attached()
            await expect(tom.page.get_by_label("Message to the customer")).to_have_value("We are back, Bob.")
            await tom.press("Send")
            assert (await it.hear(4, number=BOB))[3] == "We are back, Bob."
            await the_evening(it, other, mia, tom)
            await tom.page.goto("about:blank")  # before his replica goes
            tom.seen.expect_problems("net::ERR")  # while the second replica was away
            mia.seen.expect_problems("status of 400", "status of 409")  # cases 5 and 15
        await the_books(it)


async def the_morning(it: Running, mia: Desk, tom: Desk) -> None:
    """One request each way: claimed, edited, collided, refused."""
    # 1: claimed and approved
    await it.ask("please refund 20 dollars of order 12345")
    card = await mia.open("$20.00")
    await mia.page.get_by_label("Assigned to").select_option("mia")
    await expect(tom.waiting("$20.00")).to_contain_text("mia")
    await card.get_by_role("button", name="Approve").click()
    assert "20.00" in (await it.hear(2))[1]
    # 2: the amount edited before it is approved
    await it.ask("please refund 21 dollars of order 67890", sender=JANE)
    card = await tom.open("$21.00")
    await card.get_by_label("Amount").fill("15")
    await card.get_by_role("button", name="Approve").click()
    assert "15.00" in (await it.hear(2, number=JANE))[1]
    # 3: both have it open; the faster one decides, and the other is told who did
    await it.ask("please refund 11 dollars of order 12345")
    hers, _ = await mia.open("$11.00"), await tom.open("$11.00")
    await expect(mia.page.get_by_text("Tom looks at this, too.")).to_be_visible()
    await hers.get_by_role("button", name="Approve").click()
    await expect(tom.page.locator(".meanwhile")).to_contain_text("Mia approved this at")
    assert "11.00" in (await it.hear(4))[3]
    # 4: a rejection needs a reason, which the customer reads
    await it.ask("please refund 12 dollars of order 67890", sender=JANE)
    card = await tom.open("$12.00")
    await card.get_by_role("button", name="Reject").click()
    await expect(card.get_by_role("alert")).to_contain_text("Say why")
    await card.get_by_label("Reason for the customer").fill("Already paid on Monday.")
    await card.get_by_role("button", name="Reject").click()
    assert "Already paid on Monday." in (await it.hear(4, number=JANE))[3]
    # 5: what cannot be carried out is refused at the decision, and waits on
    await it.ask("please refund 13 dollars of order 67890", sender=JANE)
    card = await mia.open("$13.00")
    await card.get_by_label("Amount").fill("5000")
    await card.get_by_role("button", name="Approve").click()
    await expect(card.get_by_role("alert")).not_to_have_text("")
    await expect(tom.waiting("$13.00")).to_be_visible()
    # 6: Enter in a field decides nothing
    await card.get_by_label("Amount").fill("13")
    await card.get_by_label("Amount").press("Enter")
    await expect(card.get_by_role("button", name="Approve")).to_be_enabled()
    await card.get_by_role("button", name="Approve").click()
    assert "13.00" in (await it.hear(6, number=JANE))[5]


async def the_pairs(it: Running, mia: Desk, tom: Desk) -> None:
    """Above the limit a request takes two."""
    # 7: the second of two rejects what the first approved
    await it.ask("please refund 101 dollars of order 12345")
    card = await mia.open("$101.00")
    await expect(card.locator(".pair")).to_contain_text("Takes the approval of two colleagues.")
    await card.get_by_role("button", name="Approve").click()
    await expect(mia.page.locator(".pair")).to_contain_text("Another colleague has to approve it too.")
    await expect(card.get_by_role("button", name="Approve")).to_have_count(0)
    await expect(card.get_by_role("button", name="Reject")).to_be_enabled()
    card = await tom.open("$101.00")
    await expect(card.locator(".pair")).to_contain_text("Mia approved this at")
    await expect(card.locator(".pair")).to_contain_text("Yours is the second.")
    await card.get_by_label("Reason for the customer").fill("The parcel is on its way.")
    await card.get_by_role("button", name="Reject").click()
    assert "The parcel is on its way." in (await it.hear(6))[5]
    # 8: both approve, and it is paid once
    await it.ask("please refund 102 dollars of order 12345")
    card = await tom.open("$102.00")
    await card.get_by_role("button", name="Approve").click()
    await expect(mia.waiting("$102.00")).to_contain_text("1 of 2")
    card = await mia.open("$102.00")
    await card.get_by_role("button", name="Approve").click()
    assert "102.00" in (await it.hear(8))[7]
    await tom.says("first approved by tom")
    await expect(tom.page.locator(".meanwhile")).to_contain_text("Mia approved this at")


async def the_conversations(it: Running, mia: Desk, tom: Desk) -> None:
    """Tickets, notes, replies, pauses and wishes to be left alone."""
    # 9: a customer wants a person; Mia hands the ticket to Tom
    await it.ask("I want to talk to a person please", sender=ANN)
    await mia.waiting("Asked for a person").first.click()
    await mia.page.get_by_label("Assigned to").select_option("tom")
    await expect(tom.waiting("Asked for a person")).to_contain_text("tom")
    await tom.waiting("Asked for a person").first.click()
    # 10: a note that names Mia puts the conversation before her, and not before the customer
    await tom.write("@mia, you know her: what shall I say?", "Add note")
    await mia.waiting("You are mentioned").click()
    await expect(mia.page.locator(".note.colleague")).to_contain_text("what shall I say?")
    # 11: she answers, and is called no more
    await mia.write("Say that we are sorry.", "Add note")
    await expect(mia.waiting("You are mentioned")).to_have_count(0)
    # 12: he replies and is done
    await tom.page.get_by_label("Message to the customer").fill("We are sorry, Ann.")
    await tom.page.get_by_label("Message to the customer").press("Control+Enter")
    assert (await it.hear(2, number=ANN))[1] == "We are sorry, Ann."
    await tom.press("Mark solved")
    await expect(tom.waiting("Asked for a person")).to_have_count(0)
    await tom.press("Resolve")
    await tom.says("resolved")
    # 13: her next words open it again
    await it.ask("hello again", sender=ANN)
    await expect(tom.page.get_by_role("button", name="Resolve", exact=True)).to_be_visible()
    # 14: the agent rests while Tom talks, and answers what was kept when it goes on
    await it.ask("hello", sender=BOB)
    await tom.see("…0103")
    await tom.press("Pause agent")
    await tom.says("agent paused")
    assert await it.say("where is my umbrella?", sender=BOB) == 200
    await expect(tom.page.locator(".bubble").filter(has_text="umbrella")).to_be_visible()
    await tom.press("Resume agent")
    await it.hear(3, number=BOB)
    # 15: a customer opts out while Mia writes; nothing is sent, and she is told
    await it.ask("hello", sender=CAT)
    await mia.see("…0104")
    await mia.page.get_by_label("Message to the customer").fill("One more thing, Cat.")
    assert await it.say("STOP", sender=CAT) == 200
    await mia.says("opted out: SMS")
    await mia.says("The customer opted out of texts. You can still add a note.")
    await mia.press("Send")
    await mia.says("There is no way to text this customer.")
    assert len(it.twilio.sent_to(CAT)) == 1


async def the_evening(it: Running, other: Running, mia: Desk, tom: Desk) -> None:
    """What time does: snoozes end and requests expire; and looking back."""
    # 17: words are found, wherever they were said
    await tom.page.get_by_label("Search conversations").fill("umbrella")
    found = tom.page.get_by_role("list", name="Recent conversations").get_by_role("link")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("…0103")
    await tom.page.get_by_label("Search conversations").fill("")
    # 18: a copy is taken along
    await tom.see("…0103")
    async with tom.page.expect_download() as taken:
        await tom.press("conversation.txt")
    text = (await (await taken.value).path()).read_text("utf-8")
    assert "tom (sms): We are back, Bob." in text
    # 19: a conversation rests, and asks for Tom when its time comes; a request that waits meanwhile expires
    await tom.page.get_by_label("Snooze until").select_option("for an hour")
    await tom.says("snoozed until")
    await it.ask("please refund 14 dollars of order 67890", sender=JANE)
    card = await mia.open("$14.00")
    for replica in (it, other):
        assert isinstance(replica.store, LaneStore)
        replica.store.clock_offset = 25 * 3600.0
    await expect(tom.waiting("Snooze is over")).to_be_visible()
    # 20: too late for a decision; the customer is told, and both desks say so
    assert "in time, so it was not carried out" in (await it.hear(8, number=JANE))[7]
    await expect(mia.page.locator(".meanwhile")).to_contain_text("This expired")
    await expect(card).to_have_count(0)
    await expect(tom.waiting("$14.00")).to_have_count(0)


async def the_books(it: Running) -> None:
    """What was paid is what was approved, each once; every text went out once."""
    approvals = (await it.store.approvals(status=None, limit=50)).items
    outcome = {
        one.arguments["amount"]: (one.status.value, one.decided_by, (one.edited_arguments or {}).get("amount"))
        for one in approvals
    }
    assert outcome == {
        20: ("executed", "mia", None), 21: ("executed", "tom", 15), 11: ("executed", "mia", None),
        12: ("rejected", "tom", None), 13: ("executed", "mia", None), 101: ("rejected", "tom", None),
        102: ("executed", "mia", None), 14: ("expired", "clock", None),
    }  # fmt: skip
    assert {one.arguments["amount"]: one.first_by for one in approvals if one.first_by} == {101: "mia", 102: "tom"}
    async with aiohttp.ClientSession(it.url, headers={"Authorization": f"Bearer {MIA}"}) as session:
        paid = [await Colleague(session).get(f"/customers/phone_{number[1:]}") for number in (JOHN, JANE)]
    assert [one["numbers"]["refunded"] for one in paid] == ["$133.00", "$28.00"]
    bodies = [message.body for number in (JOHN, JANE, ANN, BOB, CAT) for message in it.twilio.sent_to(number)]
    once = ("We are sorry, Ann.", "We are back, Bob.", "Already paid on Monday.", "The parcel is on its way.")
    assert {words: sum(words in body for body in bodies) for words in once} == dict.fromkeys(once, 1)
    assert not any(words in body for body in bodies for words in ("@mia", "Say that we are sorry", "One more thing"))
