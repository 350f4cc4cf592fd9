"""Refunds in the sample shop: never more than the order, never twice for one key."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.shop.base import NoRefund, Refund
from tandem.shop.embedded import EmbeddedShop, open_embedded_shop

from ...kit.tables import each
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("A5")

JOHN, JANE = "CUST_12345", "CUST_67890"
JOHNS, JANES = "ORD_12345", "ORD_67890"
TOTAL = 13997


async def pay(shop: EmbeddedShop, cents: int, *, key: str = "k", **more: Any) -> Refund | NoRefund:
    return await shop.refund(JOHN, JOHNS, cents=cents, reason="broken", key=key, **more)


async def paid(shop: EmbeddedShop, cents: int, *, key: str = "k") -> Refund:
    refund = await pay(shop, cents, key=key)
    assert isinstance(refund, Refund)
    return refund


async def test_a_refund_has_an_id_and_what_was_asked(shop):
    refund = await paid(shop, 2000)
    assert refund.id.startswith("REF_")
    assert (refund.order_id, refund.cents, refund.reason) == (JOHNS, 2000, "broken")


async def test_a_refund_shows_on_the_order(shop):
    await paid(shop, 2000)
    order = await shop.order_of(JOHN, JOHNS)
    assert (order.status, order.refunded_cents, order.left_cents) == ("shipped", 2000, 11997)


async def test_an_order_that_was_paid_back_whole_is_refunded(shop):
    await paid(shop, 2000, key="a")
    await paid(shop, 11997, key="b")
    order = await shop.order_of(JOHN, JOHNS)
    assert (order.status, order.left_cents) == ("refunded", 0)


async def test_refunds_of_an_order_add_up(shop):
    await paid(shop, 2000, key="a")
    await paid(shop, 1, key="b")
    assert await shop.refunded_cents(JOHNS) == 2001


async def test_refunds_of_other_orders_do_not_count(shop):
    await paid(shop, 2000)
    assert await shop.refunded_cents(JANES) == 0


@each("cents", [0, -1, TOTAL + 1])
async def test_what_is_no_part_of_the_total_is_not_paid(shop, cents):
    assert await pay(shop, cents) is NoRefund.TOO_MUCH
    assert await shop.refunded_cents(JOHNS) == 0


@pytest.mark.promise("A10")
@each(("customer", "order"), [(JANE, JOHNS), (JOHN, JANES), (JOHN, "ORD_99999"), ("", JOHNS)])
async def test_only_the_owner_of_an_order_is_paid(shop, customer, order):
    assert await shop.refund(customer, order, cents=1, reason="", key="k") is NoRefund.NOT_FOUND


@pytest.mark.parametrize(("limit", "expected"), [(5999, NoRefund.OVER_LIMIT), (6000, Refund)])
async def test_the_limit_of_a_call_counts_earlier_refunds(shop, limit, expected):
    await paid(shop, 2000, key="a")
    outcome = await pay(shop, 4000, key="b", limit_cents=limit)
    assert (outcome if isinstance(outcome, NoRefund) else type(outcome)) is expected


@pytest.mark.promise("H7")
async def test_the_same_key_is_answered_and_not_paid_again(shop):
    first = await paid(shop, 9000)
    assert await paid(shop, 9000) == first
    assert await shop.refunded_cents(JOHNS) == 9000


@pytest.mark.promise("H7")
async def test_the_same_key_is_answered_when_nothing_is_left(shop):
    """A call that is run again must not be told that its own refund was too much."""
    first = await paid(shop, TOTAL)
    assert await pay(shop, TOTAL, limit_cents=0) == first


async def test_another_key_has_another_id(shop):
    assert (await paid(shop, 1, key="a")).id != (await paid(shop, 1, key="b")).id


async def test_what_was_refused_may_be_asked_again_with_the_same_key(shop):
    await pay(shop, TOTAL + 1)
    assert (await paid(shop, TOTAL)).cents == TOTAL


@pytest.mark.promise("H7")
async def test_one_key_over_two_connections_is_paid_once(tmp_path: Path):
    """As two processes would, at the same moment."""
    path, together = tmp_path / "shop.sqlite3", Barrier(4, timeout=PATIENCE)

    async def one() -> Refund:
        async with open_embedded_shop(path) as shop:
            together.wait()
            return await paid(shop, 9000)

    refunds = await asyncio.gather(*(asyncio.to_thread(lambda: asyncio.run(one())) for _ in range(4)))
    async with open_embedded_shop(path) as shop:
        assert (len(set(refunds)), await shop.refunded_cents(JOHNS)) == (1, 9000)


async def test_many_connections_together_pay_no_more_than_the_total(tmp_path: Path):
    path, together = tmp_path / "shop.sqlite3", Barrier(4, timeout=PATIENCE)

    async def one(number: int) -> bool:
        async with open_embedded_shop(path) as shop:
            together.wait()
            return isinstance(await pay(shop, 5000, key=str(number)), Refund)

    paid_out = await asyncio.gather(*(asyncio.to_thread(lambda n=n: asyncio.run(one(n))) for n in range(4)))
    assert sum(paid_out) == 2


@pytest.mark.promise("H7")
async def test_the_same_key_has_the_same_id_after_a_restart(tmp_path: Path):
    ids = []
    for _ in range(2):
        async with open_embedded_shop(tmp_path / "shop.sqlite3") as shop:
            ids.append((await paid(shop, 100)).id)
    assert ids[0] == ids[1]


async def test_trouble_in_the_middle_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    async with open_embedded_shop(path) as shop:
        trigger = "CREATE TRIGGER no BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'full'); END"
        other = sqlite3.connect(path)
        other.execute(trigger)
        other.close()
        with pytest.raises(StoreUnavailable, match="sample shop"):
            await pay(shop, TOTAL)
        assert await shop.refunded_cents(JOHNS) == 0


# --- any sequence of requests ------------------------------------------------------------------------------


@asynccontextmanager
async def fresh() -> AsyncIterator[EmbeddedShop]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_embedded_shop(Path(folder) / "shop.sqlite3") as shop:
            yield shop


requests = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-10, TOTAL + 10)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(requests)
async def test_whatever_is_asked_the_books_agree(asked: list[tuple[str, int]]):
    """The sum is that of the refunds that were answered, each key counted once, and within the total."""
    answered: dict[str, int] = {}
    async with fresh() as shop:
        for key, cents in asked:
            outcome = await pay(shop, cents, key=key)
            if isinstance(outcome, Refund):
                answered.setdefault(key, outcome.cents)
        assert await shop.refunded_cents(JOHNS) == sum(answered.values())
    assert sum(answered.values()) <= TOTAL


# --- files of other versions -------------------------------------------------------------------------------


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    old = sqlite3.connect(path)
    old.executescript(resources.files("tandem.shop").joinpath("shop.sql").read_text("utf-8"))
    old.execute("DELETE FROM customers WHERE id = 'CUST_003'")
    old.commit()
    old.close()
    async with open_embedded_shop(path) as shop:
        await paid(shop, 100)
        assert (await shop.counts())["customers"] == 2


async def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path):
    """SQLite does not wait for the lock that switches a new file to write-ahead logging."""
    together = Barrier(4, timeout=PATIENCE)

    async def one(number: int) -> int:
        together.wait()
        async with open_embedded_shop(tmp_path / f"{number}.sqlite3") as shop:
            return (await shop.counts())["orders"]

    for number in range(10):
        rounds = (asyncio.to_thread(lambda n=number: asyncio.run(one(n))) for _ in range(4))
        assert await asyncio.gather(*rounds) == [2] * 4


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        async with open_embedded_shop(path):
            pass
