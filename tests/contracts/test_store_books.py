"""What staff did is listed without a look into any lane, and outlives lanes but no person; figures by the hour."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tandem.model import Source, SubjectId, TimelineEvent
from tandem.persistence.base import LaneStore
from tandem.persistence.staff_acts import HOURS_KEPT_SECONDS, KEPT_SECONDS
from tandem.persistence.values import Act, Hour

from .kits import StoreKit
from .records import DAY, JANE, JOHN, event, fresh, write

pytestmark = pytest.mark.promise("D8", "P12")

REFUND = {"tool": "process_refund", "arguments": {"order_id": "ORD_7", "amount": 250, "reason": "It broke"}}
DECISION = {"actor": "mia", "verdict": "approve", "approval": "apr_1", "note": "He is right", **REFUND}


def staff(name: str, actor: str = "mia", **data: object) -> TimelineEvent:
    return TimelineEvent(name, Source.STAFF, data={"actor": actor, **data})


def told(acts: tuple[Act, ...]) -> list[tuple[str, str, SubjectId | None]]:
    return [(one.name, one.actor, one.subject) for one in acts]


async def test_acts_of_staff_are_listed_newest_first_and_without_words(store: LaneStore) -> None:
    await write(store, JANE, timeline=(event("turn"), staff("staff_message", text="Hello Jane")))
    await write(store, JOHN, timeline=(replace(staff("approval_decided"), data=DECISION),))
    page = await store.acts(limit=10)
    assert told(page.items) == [("approval_decided", "mia", JOHN), ("staff_message", "mia", JANE)]
    assert page.items[0].data == {
        "tool": "process_refund", "verdict": "approve", "approval": "apr_1", "amount": 250,
    }  # fmt: skip
    assert page.items[1].data == {}
    assert page.items[0].at >= page.items[1].at > 0


async def test_what_the_agent_the_clock_and_the_customer_did_is_no_act(store: LaneStore) -> None:
    own = TimelineEvent("ticket_closed", Source.STAFF, data={"actor": "agent"})
    await write(store, timeline=(event("turn", actor="agent"), own, TimelineEvent("approval_expired", Source.SYSTEM)))
    assert (await store.acts(limit=10)).items == ()


async def test_a_long_list_is_read_in_pages(store: LaneStore) -> None:
    for number in range(5):
        await write(store, JANE if number % 2 else JOHN, timeline=(staff("assigned", to=f"tom{number}"),))
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await store.acts(limit=2, cursor=cursor)
        found += [one.data["to"] for one in page.items]
        if (cursor := page.next) is None:
            break
    assert found == ["tom4", "tom3", "tom2", "tom1", "tom0"]


async def test_an_erased_person_leaves_the_acts_and_nothing_that_leads_back(store: LaneStore) -> None:
    await write(store, JANE, timeline=(replace(staff("approval_decided"), data=DECISION), staff("contact_revealed")))
    before = (await store.acts(limit=10)).items
    deleted = await store.erase(JANE, actor="tom")
    after = (await store.acts(limit=10)).items
    assert told(after) == [
        ("erased", "tom", None),
        ("contact_revealed", "mia", None),
        ("approval_decided", "mia", None),
    ]
    assert after[0].data == {"deleted": deleted}
    assert after[2].data == {"tool": "process_refund", "verdict": "approve", "amount": 250}
    assert [one.at for one in after[1:]] == [one.at for one in before]
    assert JANE not in json.dumps([str(one) for one in after])


async def test_a_purged_conversation_leaves_its_acts(kit: StoreKit) -> None:
    await write(kit.store, JANE, timeline=(staff("assigned", to="tom"),))
    kit.advance(10 * DAY)
    await kit.store.purge(older_than=DAY, dry_run=True)
    assert told((await kit.store.acts(limit=10)).items) == [("assigned", "mia", JANE)]
    await kit.store.purge(older_than=DAY)
    assert told((await kit.store.acts(limit=10)).items) == [("assigned", "mia", None)]
    assert await kit.store.conversation(JANE) is None


async def test_an_act_is_kept_for_a_year_and_not_for_ever(kit: StoreKit) -> None:
    await write(kit.store, JANE, timeline=(staff("assigned", to="tom"),))
    await kit.store.erase(JANE)
    kit.advance(KEPT_SECONDS - DAY)
    await write(kit.store, JOHN, timeline=(staff("assigned", to="ben"),))
    await kit.store.purge(older_than=DAY)
    assert len((await kit.store.acts(limit=10)).items) == 2
    kit.advance(2 * DAY)
    await kit.store.purge(older_than=DAY)
    assert [one.data["to"] for one in (await kit.store.acts(limit=10)).items] == ["ben"]


async def test_acts_go_with_a_lane_into_the_one_that_it_is_joined_to(store: LaneStore) -> None:
    await write(store, JANE, timeline=(staff("assigned", to="tom"),))
    await write(store, JOHN, timeline=(staff("staff_note"),))
    await store.merge(JANE, JOHN, token=fresh())
    assert {one[2] for one in told((await store.acts(limit=10)).items)} == {JOHN}
    await store.erase(JOHN, actor="tom")
    assert {one[2] for one in told((await store.acts(limit=10)).items)} == {None}
    assert len((await store.acts(limit=10)).items) == 3


# --- figures ------------------------------------------------------------------------------------------------

NOON = 1_900_000_800.0


async def test_a_process_writes_an_hour_over_and_over_and_others_beside_it(store: LaneStore) -> None:
    await store.note_hour(Hour(NOON, {"turns.sms": 1}), process="one")
    await store.note_hour(Hour(NOON, {"turns.sms": 4}, {"customers": {"7": 3}}), process="one")
    await store.note_hour(Hour(NOON, {"turns.sms": 5}), process="two")
    await store.note_hour(Hour(NOON - 3600, {"turns.sms": 9}), process="one")
    found = await store.hours(since=NOON)
    assert sorted(one.counts["turns.sms"] for one in found) == [4, 5]
    assert {name: dict(sketch) for one in found for name, sketch in one.seen.items()} == {"customers": {"7": 3}}
    assert [one.start for one in await store.hours(since=0.0)] == [NOON, NOON, NOON - 3600]


async def test_many_hours_are_read_to_the_last(store: LaneStore) -> None:
    for number in range(620):
        await store.note_hour(Hour(NOON - 3600 * number, {"turns.sms": 1}), process="one")
    assert len(await store.hours(since=NOON - 3600 * 619)) == 620
    assert len(await store.hours(since=NOON - 3600 * 10)) == 11


async def test_hours_are_kept_longer_than_a_month_and_not_for_ever(kit: StoreKit) -> None:
    claim = await kit.store.claim(JANE, holder=fresh(), seconds=5.0)
    assert claim is not None
    await kit.store.note_hour(Hour(claim.now, {"turns.sms": 1}), process="one")
    kit.advance(HOURS_KEPT_SECONDS - DAY)
    await kit.store.purge(older_than=DAY)
    assert len(await kit.store.hours(since=0.0)) == 1
    kit.advance(2 * DAY)
    await kit.store.purge(older_than=DAY)
    assert await kit.store.hours(since=0.0) == ()


# --- who looks at what --------------------------------------------------------------------------------------


async def test_a_colleague_looks_at_one_conversation_for_a_while(kit: StoreKit) -> None:
    store, other = kit.store, await kit.second()
    await store.look("mia", JANE, writing=False, seconds=30.0)
    await other.look("tom", JANE, writing=True, seconds=90.0)
    await store.look("mia", JOHN, writing=False, seconds=30.0)
    assert {(one.actor, one.subject, one.writing) for one in await other.lookers()} == {
        ("mia", JOHN, False), ("tom", JANE, True),
    }  # fmt: skip
    kit.advance(60)
    assert [one.actor for one in await store.lookers()] == ["tom"]
    await store.look("tom", None, writing=False, seconds=90.0)
    assert await store.lookers() == ()


async def test_who_is_erased_is_looked_at_no_more(store: LaneStore) -> None:
    await write(store, JANE)
    await store.look("mia", JANE, writing=False, seconds=30.0)
    await store.look("tom", JOHN, writing=False, seconds=30.0)
    await store.erase(JANE, actor="mia")
    assert [one.actor for one in await store.lookers()] == ["tom"]
