"""Replies on their way to a provider that refuses, or of which nobody knows; and a process that stood still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation.delivery import Delivery, Line
from tandem.conversation.event_bus import EventBus
from tandem.errors import DeliveryThrottled, DeliveryUnclear, StoreUnavailable
from tandem.model import Channel, Outgoing, Reply, ReplyStatus, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Settlement

from ...contracts.records import JANE, LEASE, fresh, reply, write
from ...kit.engine import FakeSender
from ...kit.waiting import until

pytestmark = pytest.mark.promise("S8", "P7")

LINE: Line = (JANE, Channel.SMS)
STOOD_STILL = 2 * LEASE


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LaneStore]:
    async with open_file_store(tmp_path) as store:
        yield store


def delivering(store: LaneStore, *, lease: float = LEASE) -> tuple[Delivery, FakeSender]:
    async def given_up(subject: SubjectId, reply: Reply, code: int) -> None:
        """Draw no conclusions."""

    async def hand_on(reply: Reply) -> None:
        raise AssertionError("no text to somebody else")

    sender = FakeSender()
    delivery = Delivery(
        store, [sender], lease=lease, replica="", bus=EventBus({}), workers=1, given_up=given_up, hand_on=hand_on
    )
    return delivery, sender


async def about_to_send(store: LaneStore, *ids: str) -> tuple[Delivery, FakeSender]:
    """A process that claimed the first reply with its commit, and then stood still for longer than the lease."""
    delivery, sender = delivering(store)
    committed = await write(store, replies=tuple(reply(id) for id in ids), deliver=LEASE)
    store.clock_offset += STOOD_STILL
    delivery.adopt(JANE, committed.outgoing[0], since=asyncio.get_running_loop().time() - STOOD_STILL)
    return delivery, sender


async def test_what_another_process_sent_meanwhile_is_not_sent_again(store: LaneStore) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    other, sent = delivering(store)
    await other.run(LINE)
    assert await sleeper.run(LINE) is None
    assert [[one.id for one in sender.sent] for sender in (sent, slept)] == [["rpl_1"], []]


async def test_what_another_process_is_sending_is_left_to_it(store: LaneStore) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    assert await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE) is not None
    assert await sleeper.run(LINE) is None
    assert slept.sent == []


async def test_what_nobody_took_is_still_sent_at_the_first_try(store: LaneStore) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1")
    await sleeper.run(LINE)
    (row,) = await store.replies(JANE)
    assert (row.status, row.tries, len(slept.sent)) == (ReplyStatus.SENT, 1, 1)


async def test_what_comes_next_in_the_line_is_sent_instead(store: LaneStore) -> None:
    sleeper, slept = await about_to_send(store, "rpl_1", "rpl_2")
    taken = await store.next_reply(JANE, Channel.SMS, holder="other", seconds=LEASE)
    assert taken is not None
    following = await store.settle(JANE, taken, Settlement(ReplyStatus.SENT, "SM1"), seconds=LEASE)
    assert following is not None
    await store.settle(JANE, following, Settlement(ReplyStatus.WAITING, retry_in=0.0), seconds=LEASE)
    assert await sleeper.run(LINE) == 0.0
    await sleeper.run(LINE)
    assert [one.id for one in slept.sent] == ["rpl_2"]


class Asked:
    """A store that counts how often a line is asked for."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def next_reply(self, *args: Any, **more: Any) -> Outgoing | None:
        self.times += 1
        return await self._store.next_reply(*args, **more)


async def test_a_line_is_asked_for_again_while_its_reply_takes_long_to_send(store: LaneStore) -> None:
    asked: Any = Asked(store)
    delivery, sender = delivering(asked, lease=0.3)
    sender.gate = asyncio.Event()
    await write(store, replies=(reply("rpl_1"),))
    sending = asyncio.create_task(delivery.run(LINE))
    await until(lambda: asked.times > 3)
    sender.gate.set()
    await sending
    assert len(sender.sent) == 1


# --- a provider that refuses -------------------------------------------------------------------------------------


async def refused(store: LaneStore, *troubles: Exception, age: float = 0.0) -> tuple[FakeSender, list[float]]:
    """Deliver a reply of that age, each time when it is due; return the sender and the pauses between."""
    delivery, sender = delivering(store)
    sender.troubles = list(troubles)
    await write(store, replies=(replace(reply("rpl_1"), created_at=time.time() - age),))
    pauses: list[float] = []
    while (pause := await delivery.run(LINE)) is not None:
        assert await delivery.run(LINE) is None  # it is not due yet
        pauses.append(pause)
        store.clock_offset += pause
    return sender, pauses


@pytest.mark.promise("S15")
async def test_a_throttled_reply_is_tried_again_after_pauses_that_grow_to_half_a_minute(store: LaneStore) -> None:
    sender, pauses = await refused(store, *(DeliveryThrottled() for _ in range(11)))
    longest = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0]
    assert [most / 2 <= pause <= most for most, pause in zip(longest, pauses, strict=True)] == [True] * 11
    assert len(sender.sent) == 1
    assert sender.looked_for == []


@pytest.mark.promise("S15")
async def test_a_reply_of_which_nobody_knows_is_sent_again_once_looked_for_and_given_up(store: LaneStore) -> None:
    sender, pauses = await refused(store, *(DeliveryUnclear() for _ in range(20)))
    assert 20 - len(sender.troubles) == 2
    assert len(sender.looked_for) == 5
    assert min(pauses) >= 3.0  # its status callback may come yet
    assert [row.status for row in await store.replies(JANE)] == [ReplyStatus.FAILED]


@pytest.mark.parametrize(("age", "status"), [(13_000.0, ReplyStatus.SENT), (15_000.0, ReplyStatus.FAILED)])
async def test_a_reply_is_tried_for_four_hours(store: LaneStore, age: float, status: ReplyStatus) -> None:
    await refused(store, DeliveryThrottled(), age=age)
    assert [row.status for row in await store.replies(JANE)] == [status]


@pytest.mark.promise("S15")
async def test_a_message_of_another_reply_is_not_taken_for_the_one_that_is_looked_for(store: LaneStore) -> None:
    delivery, sender = delivering(store)
    await write(store, replies=(reply("rpl_1"), replace(reply("rpl_2"), created_at=time.time())))
    sender.gate = asyncio.Event()
    sending = asyncio.create_task(delivery.run(LINE))
    await until(lambda: sender.waiting)
    sender.troubles = [DeliveryUnclear()]  # for the second one, which has the same words
    sender.gate.set()
    pause = await sending
    assert pause is not None
    store.clock_offset += pause
    await delivery.run(LINE)
    assert sender.looked_for == [frozenset({"SM1"})]


@pytest.mark.promise("P8")
async def test_a_line_is_looked_at_again_when_the_store_is_back(store: LaneStore) -> None:
    class Away(Asked):
        async def next_reply(self, *args: Any, **more: Any) -> Outgoing | None:
            raise StoreUnavailable

    away: Any = Away(store)
    delivery, _ = delivering(away)
    assert await delivery.run(LINE) == LEASE
