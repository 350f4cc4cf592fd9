"""Reading: newest rows, listings in pages, figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.errors import MalformedRequest
from tandem.model import ApprovalStatus, Channel, Priority, ReplyStatus, SubjectId, TicketStatus, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Counts

from .kits import StoreKit
from .records import (
    JANE,
    JOHN,
    approval,
    conversation,
    event,
    fresh,
    names,
    reply,
    texts,
    ticket,
    write,
    write_approvals,
)

pytestmark = pytest.mark.promise("O1", "U1")


async def all_recent(store: LaneStore, *, limit: int) -> list[list[str]]:
    """Every page of the list of conversations."""
    pages, cursor = [], None
    while True:
        page = await store.recent(limit=limit, cursor=cursor)
        pages.append([str(head.subject) for head in page.items])
        cursor = page.next
        if cursor is None:
            return pages


async def all_approvals(store: LaneStore, status: ApprovalStatus | None, *, limit: int) -> list[str]:
    """The ids on every page of the list of approvals."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await store.approvals(status=status, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        ids += [approval.id for approval in page.items]
        cursor = page.next
        if cursor is None:
            return ids


async def test_nothing_is_known_of_an_unknown_subject(store: LaneStore) -> None:
    assert (await store.waiting(JANE), await store.timeline(JANE), await store.replies(JANE)) == ((), (), ())


async def test_the_newest_rows_come_oldest_first(store: LaneStore) -> None:
    await write(store, timeline=tuple(event(name) for name in "abcde"), replies=tuple(reply(id) for id in "abcde"))
    assert names(await store.timeline(JANE, limit=3)) == ["c", "d", "e"]
    assert [stored.reply.id for stored in await store.replies(JANE, limit=3)] == ["c", "d", "e"]


async def test_a_reply_comes_back_as_it_was_written(store: LaneStore) -> None:
    await write(store, replies=(reply("r1", words="Grüße 👋"),))
    (stored,) = await store.replies(JANE)
    assert (stored.reply, stored.status, stored.tries) == (reply("r1", words="Grüße 👋"), ReplyStatus.WAITING, 0)


async def test_recent_conversations_come_last_changed_first_in_pages(kit: StoreKit) -> None:
    for name in ("a", "b", "c", "d", "e", "a"):
        await write(kit.store, SubjectId(name))
        kit.advance(1)
    assert await all_recent(kit.store, limit=2) == [["a", "e"], ["d", "c"], ["b"]]
    assert await all_recent(kit.store, limit=5) == [["a", "e", "d", "c", "b"]]  # a full last page is the last


async def test_a_head_shows_what_was_said_last_and_what_is_open(store: LaneStore) -> None:
    said = Turn(
        1, Channel.SMS, 1.0, ({"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Here."})
    )
    await write(store)
    await write(
        store,
        conversation=conversation(
            last_channel=Channel.WHATSAPP,
            history=(said,),
            escalation=Priority.HIGH,
            paused=True,
            approvals=(approval("apr_1"), approval("apr_2", status=ApprovalStatus.REJECTED)),
        ),
    )
    (head,) = (await store.recent(limit=1)).items
    assert (head.subject, head.version, head.last_channel) == (JANE, 2, Channel.WHATSAPP)
    assert (head.preview, head.escalation, head.paused, head.pending) == ("Where is it?", Priority.HIGH, True, 1)


async def test_a_head_follows_the_latest_commit(store: LaneStore) -> None:
    await write(store, conversation=conversation(paused=True, approvals=(approval("apr_1"),)))
    await write(store, conversation=conversation())
    (head,) = (await store.recent(limit=1)).items
    assert (head.preview, head.escalation, head.paused, head.pending) == ("", None, False, 0)


async def test_a_head_needs_no_readable_record(kit: StoreKit) -> None:
    await write(kit.store, conversation=conversation(paused=True))
    await kit.corrupt(JANE)
    (head,) = (await kit.store.recent(limit=1)).items
    assert head.paused


async def test_an_invented_cursor_is_malformed(store: LaneStore) -> None:
    with pytest.raises(MalformedRequest):
        await store.recent(limit=1, cursor="' OR 1=1 --")


async def test_pending_approvals_come_soonest_expiry_first(store: LaneStore) -> None:
    await write_approvals(store, approval("late", expires_at=30.0), approval("soon", expires_at=10.0))
    await write_approvals(store, approval("middle", JOHN, expires_at=20.0), subject=JOHN)
    assert await all_approvals(store, ApprovalStatus.PENDING, limit=10) == ["soon", "middle", "late"]


async def test_pending_approvals_come_in_pages(store: LaneStore) -> None:
    await write_approvals(store, *(approval(f"apr_{n}", expires_at=10.0 + n // 2) for n in range(7)))
    assert await all_approvals(store, ApprovalStatus.PENDING, limit=3) == [f"apr_{n}" for n in range(7)]


async def test_approvals_are_listed_by_status(store: LaneStore) -> None:
    await write_approvals(store, approval("a"), approval("b"))
    await write_approvals(store, approval("a"), approval("b", status=ApprovalStatus.REJECTED))
    assert await all_approvals(store, ApprovalStatus.PENDING, limit=10) == ["a"]
    assert await all_approvals(store, ApprovalStatus.REJECTED, limit=10) == ["b"]


async def test_all_approvals_are_listed_whatever_their_status(store: LaneStore) -> None:
    await write_approvals(
        store, approval("b", expires_at=2.0), approval("a", expires_at=1.0, status=ApprovalStatus.REJECTED)
    )
    assert await all_approvals(store, None, limit=1) == ["a", "b"]


async def test_approvals_and_tickets_are_found_by_their_ids(store: LaneStore) -> None:
    carried = conversation(JOHN, approvals=(approval("apr_1", JOHN),))
    await write(store, JOHN, conversation=carried, tickets=(ticket("T1", JOHN), ticket("T2", JOHN)))
    without_snapshot = replace(approval("apr_1", JOHN), snapshot="")
    assert (await store.approval("apr_1"), await store.ticket("T1")) == (without_snapshot, ticket("T1", JOHN))
    assert (await store.approval("apr_2"), await store.ticket("T3")) == (None, None)


async def test_an_approval_that_its_conversation_dropped_keeps_its_last_state_but_pending_is_void(
    store: LaneStore,
) -> None:
    await write_approvals(store, approval("a", status=ApprovalStatus.EXECUTED), approval("b"))
    await write_approvals(store)
    found = [await store.approval(id) for id in ("a", "b")]
    assert [one and one.status for one in found] == [ApprovalStatus.EXECUTED, ApprovalStatus.VOID]


async def test_a_changed_ticket_takes_the_place_of_the_old_one(store: LaneStore) -> None:
    await write(store, tickets=(ticket("T1"),))
    await write(store, tickets=(ticket("T1", status=TicketStatus.CLOSED),))
    assert await store.tickets(JANE) == (ticket("T1", status=TicketStatus.CLOSED),)


async def test_tickets_of_all_are_listed_by_status_the_one_due_soonest_first(store: LaneStore) -> None:
    soon, late = replace(ticket("T1", JOHN), respond_by=50.0), replace(ticket("T2"), respond_by=70.0)
    closed = replace(ticket("T3", status=TicketStatus.CLOSED), respond_by=60.0)
    await write(store, JOHN, tickets=(soon,))
    await write(store, tickets=(late, replace(closed, status=TicketStatus.OPEN)))
    await write(store, tickets=(closed,))
    first = await store.all_tickets(status=TicketStatus.OPEN, limit=1)
    rest = await store.all_tickets(status=TicketStatus.OPEN, limit=1, cursor=first.next)
    every = await store.all_tickets(status=None, limit=10)
    assert (first.items, rest.items, rest.next) == ((soon,), (late,), None)
    assert every.items == (soon, closed, late)
    assert (await store.all_tickets(status=TicketStatus.CLOSED, limit=10)).items == (closed,)
    await store.erase(JOHN)
    assert (await store.all_tickets(status=None, limit=10)).items == (closed, late)


async def test_a_subjects_newest_tickets_come_newest_first(store: LaneStore) -> None:
    await write(store, JOHN, tickets=(ticket("other", JOHN),))
    await write(store, tickets=(ticket("T1"), ticket("T2")))
    await write(store, tickets=(ticket("T3"),))
    assert [found.id for found in await store.tickets(JANE, limit=2)] == ["T3", "T2"]


async def test_a_profile_has_the_newest_rows_and_tickets_of_one_subject(store: LaneStore) -> None:
    await write(store, JOHN, tickets=(ticket("other", JOHN),), timeline=(event("other"),))
    await write(store, timeline=tuple(event(name) for name in "abc"), tickets=(ticket("T1"), ticket("T2")))
    await write(store, tickets=(ticket("T3"),))
    rows, tickets = await store.newest(JANE, rows=2, tickets=2)
    assert (names(rows), [found.id for found in tickets]) == (["b", "c"], ["T3", "T2"])
    assert await store.newest(SubjectId("new"), rows=2, tickets=2) == ((), ())


async def test_an_empty_store_counts_nothing(store: LaneStore) -> None:
    assert await store.counts() == Counts()


async def test_counts_of_a_store_with_work(kit: StoreKit) -> None:
    await write(
        kit.store,
        conversation=conversation(approvals=(approval("a"), approval("b", status=ApprovalStatus.EXECUTED))),
        replies=(reply("r1"),),
    )
    kit.advance(100)
    await kit.store.accept(JOHN, texts("x"), token=fresh())
    kit.advance(50)
    counts = await kit.store.counts()
    assert (counts.conversations, counts.pending_approvals, counts.set_aside) == (1, 1, 0)
    assert counts.oldest_unsettled_reply_seconds == pytest.approx(150, abs=5)
    assert counts.oldest_pending_entry_seconds == pytest.approx(50, abs=5)


async def test_a_working_store_answers_a_ping(store: LaneStore) -> None:
    await store.ping()
