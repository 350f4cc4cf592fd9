"""What the agent remembers no more is read by colleagues, as far as it is kept; and whether words arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.model import Address, Channel, Reply, ReplyStatus, Route, StoredReply
from tandem.staff.earlier_words import delivery

from ..kit.colleague import JOHNS_ID, Colleague, entries, staffed
from ..kit.tables import each

pytestmark = pytest.mark.promise("D3")

SAID = [f"question {number}" for number in range(1, 8)]


def words(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["kind"], one["text"]) for one in messages]


async def back(mia: Colleague, limit: int) -> list[dict[str, Any]]:
    """Read all earlier pages, and return the messages in their order."""
    found: list[dict[str, Any]] = []
    before: str | None = ""
    while before is not None:
        page = await mia.get(f"/conversations/{JOHNS_ID}/earlier", limit=str(limit), before=before)
        found, before = [*page["messages"], *found], page["before"]
        assert len(page["messages"]) <= limit + 1
    return found


async def test_what_left_the_window_is_read_page_by_page_without_a_gap(tmp_path: Path, place: dict[str, str]) -> None:
    more = {"HISTORY_MAX_ITEMS": "4", "RATE_LIMIT_PER_MINUTE": "0", **place}
    async with staffed(tmp_path, **more) as (it, mia):
        told = [pair for text in SAID[:3] for pair in (("customer", text), ("agent", await it.ask(text)))]
        await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "Mia here."})
        await it.hear(4)
        told.append(("staff", "Mia here."))
        told += [pair for text in SAID[3:] for pair in (("customer", text), ("agent", await it.ask(text)))]
        shown = await mia.shown()
        whole, parts = await back(mia, 50), await back(mia, 2)
        wrong = await mia.ask("GET", f"/conversations/{JOHNS_ID}/earlier", params={"before": "yesterday"})
        nobody = await mia.ask("GET", "/conversations/phone_14155550999/earlier")
    remembered = [(one["kind"], one["text"]) for one in entries(shown) if one["kind"] in ("customer", "agent", "staff")]
    assert words(whole) + remembered == told
    assert words(parts) == words(whole)
    assert remembered
    assert whole
    assert shown["memoryBegins"] == shown["transcript"][0]["at"]
    assert all(one["at"] <= shown["memoryBegins"] for one in whole)
    assert [one["actor"] for one in whole if one["kind"] == "staff"] == ["mia"]
    assert (wrong.status, nobody.status) == (400, 404)


async def test_each_answer_tells_whether_it_arrived(tmp_path: Path) -> None:
    async with staffed(tmp_path) as (it, mia):
        await it.ask("hello")
        shown = await mia.until(lambda one: one["replies"][0]["status"] == "delivered")
    (ours,) = [one for one in entries(shown) if one["kind"] == "agent"]
    assert ours["delivery"] == {"status": "delivered", "errorCode": None}
    assert all("delivery" not in one for one in entries(shown) if one["kind"] == "customer")


@each(
    ("statuses", "told"),
    [("", None), ("sent", "sent"), ("read delivered", "delivered"), ("delivered undelivered sent", "undelivered"),
     ("undelivered failed", "failed"), ("waiting sent", "waiting")],
)  # fmt: skip
def test_of_an_answer_in_parts_the_worst_is_told(statuses: str, told: str | None) -> None:
    route = Route(Channel.SMS, Address("tel", "+14155550100"), Address("tel", "+14155550199"))
    parts = [
        StoredReply(Reply(f"rpl_{number}", route, "Hello", 7, 1.0), ReplyStatus(status), error_code=30005)
        for number, status in enumerate(statuses.split())
    ]
    other = StoredReply(Reply("rpl_8", route, "Hello", 8, 1.0), ReplyStatus.FAILED)
    found = delivery([*parts, other], 7)
    assert found == (None if told is None else {"status": told, "errorCode": 30005})
