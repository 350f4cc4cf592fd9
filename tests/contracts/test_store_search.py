"""Words of all conversations are found in every store, and go with an erased person; reminders of colleagues."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tandem.model import Channel, SubjectId, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.kinds import GLANCE
from tandem.persistence.rows import Indexed, LaneIndex, Put, Row, Writes
from tandem.persistence.search import may_hold, wanted_codes
from tandem.persistence.staff_acts import COLLEAGUE_SECONDS, MOST_VIEWS
from tandem.persistence.values import SavedView

from .kits import StoreKit
from .records import DAY, JANE, JOHN, conversation, fresh, write

pytestmark = pytest.mark.promise("D3a")


def said(theirs: str, ours: str = "I will look.", **fields: Any) -> Any:
    items = ({"role": "user", "content": theirs}, {"role": "assistant", "content": ours})
    return {"history": (Turn(1, Channel.SMS, 1.0, items),), **fields}


async def found(store: LaneStore, text: str, limit: int = 10) -> list[SubjectId]:
    subjects, cursor = list[SubjectId](), ""
    while True:
        page = await store.search(text, limit=limit, cursor=cursor or None)
        subjects += [head.subject for head in page.items]
        if page.next is None:
            return subjects
        cursor = page.next


async def test_words_of_both_sides_of_notes_and_of_the_summary_are_found(store: LaneStore) -> None:
    wrote = {"type": "note", "kind": "staff_wrote", "actor": "mia", "text": "Der Schlüssel kommt."}
    await write(
        store, JANE, conversation=conversation(JANE, **said("My HEADPHONES broke, see ORD_12345", "Übersehen!"))
    )
    turn = Turn(1, Channel.SMS, 1.0, (wrote, {"role": "user", "content": "退款在哪里"}))
    await write(store, JOHN, conversation=conversation(JOHN, history=(turn,), summary="Wanted a quieter vacuum."))
    told = {
        text: await found(store, text)
        for text in ("headphones", "headph", "12345", "ord_12345", "übersehen", "ubersehen broke", "schlussel",
                     "vacuum", "退款", "phones", "broken", "headphones vacuum", "", "…", "nothing")
    }  # fmt: skip
    assert told == {
        "headphones": [JANE], "headph": [JANE], "12345": [JANE], "ord_12345": [JANE], "übersehen": [JANE],
        "ubersehen broke": [JANE], "schlussel": [JOHN], "vacuum": [JOHN], "退款": [JOHN], "phones": [], "broken": [],
        "headphones vacuum": [], "": [], "…": [], "nothing": [],
    }  # fmt: skip


async def test_a_search_goes_on_page_by_page_the_last_changed_first(kit: StoreKit) -> None:
    """The bounds are small here; with the real ones a test would have to store thousands."""
    store = kit.store
    store.search_rows = store.search_lists = store.search_reads = 2
    subjects = [SubjectId(f"phone_1415555{number:04}") for number in range(9)]
    for number, subject in enumerate(subjects):
        await write(store, subject, conversation=conversation(subject, **said("parcel" if number % 2 else "refund")))
    first = await store.search("parcel", limit=10)
    assert (len(first.items), first.next is not None) == (2, True)
    assert await found(store, "parcel") == subjects[7::-2]
    assert await found(store, "parcel", limit=1) == subjects[7::-2]
    assert await found(store, "absent") == []


async def test_a_store_leaves_out_rows_without_the_codes_and_says_how_far_it_looked(kit: StoreKit) -> None:
    """A store of one's own may leave out none; the words are read again in any case."""
    store, storage = kit.store, kit.store.storage
    for number, words in enumerate(("vacuum", "refund", "parcel refund", "parcel", "refund parcel", "vacuum", "hose")):
        subject = SubjectId(f"phone_1415555{number:04}")
        await write(store, subject, conversation=conversation(subject, **said(words, "")))
    former = GLANCE.write((await store.recent(limit=1)).items[0]).partition(',"words"')[0] + "}}"
    await storage.apply([Writes(subject, puts=(Put(Row(GLANCE, "", 1, former)),))])
    await kit.stray(LaneIndex.RECENT, JOHN, "", 9e9)

    async def listed(*words: str, limit: int, after: tuple[float, str] | None = None) -> list[Indexed]:
        codes = wanted_codes(words)
        scan = partial(storage.scan, LaneIndex.RECENT, limit=limit, after=after, descending=True, kind=GLANCE)
        found = [one.position for one in await scan(codes=codes)]
        everything = await scan()
        last = everything[limit - 1 : limit]
        wanted = [one for one in everything if may_hold(one.record, codes) or one in last]
        assert [one.position for one in wanted] == [one for one in found if one in {one.position for one in wanted}]
        assert set(found) <= {one.position for one in everything}
        if type(storage).__module__.startswith("tandem."):
            assert found == [one.position for one in wanted]
        return wanted

    for limit in (1, 4, 8, 9):
        assert await listed("parcel", "refund", limit=limit)
    assert len(await listed("parcel", "refund", limit=8)) == 5
    assert [one.subject[-1] for one in await listed("parcel", limit=9)] == [JOHN[-1], "6", "4", "3", "2"]
    first = (await listed("parcel", limit=4))[-1]
    behind = await listed("parcel", limit=3, after=(first.sort, first.position))
    assert [one.subject[-1] for one in behind] == ["3", "2", "1"]
    assert await listed("parcel", limit=3, after=(behind[-1].sort, behind[-1].position)) == []


async def test_what_is_no_longer_kept_is_no_longer_found(kit: StoreKit) -> None:
    """Erased, redacted away with the other's lane, folded and purged: the words go with what held them."""
    store = kit.store
    await write(store, JANE, conversation=conversation(JANE, **said("My headphones broke")))
    await write(store, JOHN, conversation=conversation(JOHN, **said("text my friend at +1 415 555 0100 please")))
    assert await found(store, "headphones") == [JANE]
    codes = (await store.search("headphones", limit=1)).items[0].words
    await store.erase(JANE, actor="mia")
    assert await found(store, "headphones") == []
    assert codes not in str([await store.recent(limit=10)])
    assert await found(store, "0100") == [JOHN]
    await store.redact(JOHN, "+14155550100")
    assert (await found(store, "0100"), await found(store, "friend")) == ([], [JOHN])
    kit.advance(2 * DAY)
    await store.fold(lambda one, now: conversation(one.subject), older_than=DAY)
    assert await found(store, "friend") == []
    await store.purge(older_than=DAY)
    assert (await store.recent(limit=10)).items == ()


async def test_two_lanes_that_are_joined_are_found_as_one(store: LaneStore) -> None:
    await write(store, JANE, conversation=conversation(JANE, **said("My headphones broke")))
    await write(store, JOHN, conversation=conversation(JOHN, **said("A vacuum, please")))
    await store.merge(JANE, JOHN, token=fresh())
    assert (await found(store, "headphones vacuum"), await found(store, "headphones")) == ([JOHN], [JOHN])


async def test_a_conversation_of_an_older_version_is_read_itself(kit: StoreKit) -> None:
    """Its row has no codes."""
    store = kit.store
    await write(store, JANE, conversation=conversation(JANE, **said("My headphones broke")))
    head = (await store.recent(limit=1)).items[0]
    former = GLANCE.write(head).partition(',"words"')[0] + "}}"
    await store.storage.apply([Writes(JANE, puts=(Put(Row(GLANCE, "", 1, former)),))])
    assert (await store.recent(limit=1)).items[0].words == ""
    assert (await found(store, "headphones"), await found(store, "vacuum")) == ([JANE], [])


# --- colleagues -----------------------------------------------------------------------------------------------


@pytest.mark.promise("D4")
async def test_a_reminder_counts_from_a_time_on_until_it_is_taken_back(kit: StoreKit) -> None:
    store, now = kit.store, await kit.store.storage.now()
    await write(store, JANE, conversation=conversation(JANE, reminders={"mia": now - 60, "tom": now + 3600}))
    await write(store, JOHN, conversation=conversation(JOHN, reminders={"mia": now - 120}))
    assert [(one.actor, one.subject) for one in await store.reminders(limit=10)] == [("mia", JOHN), ("mia", JANE)]
    kit.advance(3601)
    assert [one.actor for one in await store.reminders(limit=10)] == ["mia", "mia", "tom"]
    await write(
        store, SubjectId("rests"), conversation=conversation(SubjectId("rests"), reminders={"mia": now + 9 * DAY})
    )
    kit.advance(8 * DAY)
    await store.purge(older_than=DAY)
    assert [one.subject for one in (await store.recent(limit=10)).items] == ["rests"]
    kit.advance(2 * DAY)
    assert [(one.actor, one.subject) for one in await store.reminders(limit=10)] == [("mia", "rests")]
    await store.erase(SubjectId("rests"))
    now = await kit.store.storage.now()
    await write(store, JOHN, conversation=conversation(JOHN, reminders={"mia": now - 120}))
    await write(store, JANE, conversation=conversation(JANE, reminders={"tom": now - 60}))
    await store.merge(JANE, JOHN, token=fresh())
    assert [(one.actor, one.subject) for one in await store.reminders(limit=10)] == [("mia", JOHN), ("tom", JOHN)]
    await store.erase(JOHN)
    assert await store.reminders(limit=10) == ()


@pytest.mark.promise("D6a")
async def test_a_colleagues_name_stays_theirs(kit: StoreKit) -> None:
    store = kit.store
    assert await store.note_colleague("anna", identity="https://id.example 1")
    assert await store.note_colleague("anna", identity="https://id.example 1")
    assert not await store.note_colleague("anna", identity="https://id.example 2")
    assert await store.note_colleague("ben", identity="https://id.example 2")
    assert await store.colleagues() == ("anna", "ben")
    kit.advance(COLLEAGUE_SECONDS)
    assert await store.colleagues() == ()


@pytest.mark.promise("D1")
async def test_a_view_is_kept_by_its_name_until_it_is_taken_out(kit: StoreKit) -> None:
    store = kit.store
    for view in (SavedView("Mine", "whose=mine"), SavedView("late", "what=overdue"), SavedView("Mine", "sort=amount")):
        assert await store.save_view(view)
    assert await store.saved_views() == (SavedView("late", "what=overdue"), SavedView("Mine", "sort=amount"))
    for number in range(MOST_VIEWS - 2):
        assert await store.save_view(SavedView(f"n{number}", "what=ticket"))
    assert not await store.save_view(SavedView("one too many", "what=ticket"))
    assert await store.save_view(SavedView("late", ""))
    assert await store.save_view(SavedView("one more", "what=ticket"))
    assert len(await store.saved_views()) == MOST_VIEWS
