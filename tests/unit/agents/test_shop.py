from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.shop.base import Customer, Order, OrderLine, Shipment, dollars
from tandem.shop.embedded import open_embedded_shop

from ...kit.tables import each

JOHN = Customer("CUST_12345", "John Doe", "john.doe@email.com", "+15551234567", "premium")
JANE = Customer("CUST_67890", "Jane Smith", "jane.smith@email.com", "+15559876543", "basic")
FREE = Customer("CUST_003", "Basic User LLC", "", "+15552223333", "free")
JOHNS_ORDER = Order(
    "ORD_12345",
    "CUST_12345",
    "shipped",
    (OrderLine("Wireless Headphones", 1, 9999), OrderLine("Phone Case", 2, 1999)),
    Shipment("UPS", "TRK_ABC123"),
)
JANES_ORDER = Order("ORD_67890", "CUST_67890", "pending", (OrderLine("Laptop Stand", 1, 4999),))


@each("customer", [JOHN, JANE, FREE])
async def test_the_sample_customers_are_those_of_the_contract(shop, customer):
    assert await shop.customer_by_phone(customer.phone) == customer


@each("order", [JOHNS_ORDER, JANES_ORDER])
async def test_the_sample_orders_are_those_of_the_contract(shop, order):
    assert await shop.orders_of(order.customer_id) == (order,)


async def test_an_order_is_found_for_its_owner(shop):
    assert await shop.order_of("CUST_12345", "ORD_12345") == JOHNS_ORDER


@pytest.mark.promise("A10")
async def test_an_order_is_absent_for_somebody_else(shop):
    assert await shop.order_of("CUST_67890", "ORD_12345") is None


async def test_a_customer_without_orders_has_none(shop):
    assert await shop.orders_of("CUST_003") == ()


async def test_an_unknown_number_has_no_account(shop):
    assert await shop.customer_by_phone("+15550001111") is None


async def test_counts(shop):
    assert await shop.counts() == {"customers": 3, "orders": 2, "orderLines": 3, "shipments": 1}


async def test_the_total_is_exact():
    assert (JOHNS_ORDER.total_cents, JANES_ORDER.total_cents) == (13997, 4999)


async def test_the_sample_phone_opens_the_first_account(tmp_path: Path):
    async with open_embedded_shop(tmp_path / "shop.sqlite3", "+4915112345678") as shop:
        found = await shop.customer_by_phone("+4915112345678")
    assert found == Customer("CUST_12345", "John Doe", "john.doe@email.com", "+4915112345678", "premium")


async def test_the_sample_phone_takes_nothing_from_the_account(tmp_path: Path):
    async with open_embedded_shop(tmp_path / "shop.sqlite3", "+4915112345678") as shop:
        assert await shop.customer_by_phone(JOHN.phone) == JOHN


async def test_the_sample_phone_is_forgotten_with_the_setting(tmp_path: Path):
    async with open_embedded_shop(tmp_path / "shop.sqlite3", "+4915112345678"):
        pass
    async with open_embedded_shop(tmp_path / "shop.sqlite3") as shop:
        assert await shop.customer_by_phone("+4915112345678") is None


async def test_only_the_first_start_fills_the_shop(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "shop.sqlite3"
    async with open_embedded_shop(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM customers WHERE id = 'CUST_003'")
    connection.commit()
    connection.close()
    async with open_embedded_shop(path) as shop:
        assert (await shop.counts())["customers"] == 2


async def test_two_processes_may_have_the_file_open(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    async with open_embedded_shop(path), open_embedded_shop(path) as second:
        assert (await second.counts())["orders"] == 2


async def test_a_file_that_is_no_shop_is_a_configuration_error(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    path.write_text("this is a letter, not a database " * 100)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        async with open_embedded_shop(path):
            pass


async def test_trouble_with_the_file_is_translated(tmp_path: Path):
    path = tmp_path / "shop.sqlite3"
    async with open_embedded_shop(path) as shop:
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE shipments")
        connection.close()
        with pytest.raises(StoreUnavailable, match="sample shop"):
            await shop.orders_of("CUST_12345")


@each(
    ("cents", "text"), [(0, "$0.00"), (5, "$0.05"), (13997, "$139.97"), (123456789, "$1,234,567.89"), (-150, "-$1.50")]
)
def test_dollars(cents: int, text: str):
    assert dollars(cents) == text


@given(st.integers(min_value=0))
def test_dollars_lose_no_cent(cents: int):
    assert int(dollars(cents).replace("$", "").replace(",", "").replace(".", "")) == cents
