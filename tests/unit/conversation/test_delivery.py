"""A process that stood still may have lost what it was about to send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.conversation.delivery import Delivery, Line
from tandem.conversation.event_bus import EventBus
from tandem.model import Channel, Reply, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.store import Store
from tandem.persistence.values import Settlement

from ...contracts.records import JANE, LEASE, fresh, reply, write
from ...kit.engine import FakeSender

pytestmark = pytest.mark.promise("S8", "P7")

LINE: Line = (JANE, Channel.SMS)
STOOD_STILL = 2 * LEASE


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_file_store(tmp_path) as store:
        yield store


def delivering(store: LaneStore) -> tuple[Delivery, FakeSender]:
    async def given_up(subject: SubjectId, reply: Reply, code: int) -> None:
        """Draw no conclusions."""

    async def hand_on(reply: Reply) -> None:
        raise AssertionError("no text to somebody else")

    sender = FakeSender()
    delivery = Delivery(store, [sender], lease=LEASE, replica="", bus=EventBus({}), given_up=given_up, hand_on=hand_on)
    return delivery, sender


async def about_to_send(store: Store, *ids: str) -> tuple[Delivery, FakeSender]:
    """A process that claimed the first reply with its commit, and then stood still for longer than the lease."""
    delivery, sender = delivering(store)
    committed = await write(store, replies=tuple(reply(id) for id in ids), deliver=LEASE)
    store.clock_offset += STOOD_STILL
    delivery.adopt(JANE, committed.outgoing[0], since=asyncio.get_running_loop().time() - STOOD_STILL)
    return delivery, sender


async def test_what_another_process_sent_meanwhile_is_not_sent_again(store: Store) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    other, sent = delivering(store)
    await other.run(LINE)
    assert await sleeper.run(LINE) is None
    assert [[one.id for one in sender.sent] for sender in (sent, slept)] == [["rpl_1"], []]


async def test_what_another_process_is_sending_is_left_to_it(store: Store) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    assert await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE) is not None
    assert await sleeper.run(LINE) is None
    assert slept.sent == []


async def test_what_nobody_took_is_still_sent_at_the_first_try(store: Store) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    await sleeper.run(LINE)
    (row,) = await store.replies(JANE)
    assert (row.status, row.tries, len(slept.sent)) == (ReplyStatus.SENT, 1, 1)


async def test_what_comes_next_in_the_line_is_sent_instead(store: Store) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1", "rpl_2")
    taken = await store.next_reply(JANE, Channel.SMS, holder="other", seconds=LEASE)
    assert taken is not None
    following = await store.settle(JANE, taken, Settlement(ReplyStatus.SENT, "SM1"), seconds=LEASE)
    assert following is not None
    await store.settle(JANE, following, Settlement(ReplyStatus.WAITING, retry_in=0.0), seconds=LEASE)
    assert await sleeper.run(LINE) == 0.0
    await sleeper.run(LINE)
    assert [one.id for one in slept.sent] == ["rpl_2"]
