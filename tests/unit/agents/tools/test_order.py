from __future__ import annotations

import json

import pytest

from tandem.agents.tools.order import get_tracking_info, lookup_order, order_status

from ....kit.tables import each

pytestmark = pytest.mark.promise("A4")

JOHN, JANE, STRANGER = "+15551234567", "+15559876543", "+15550001111"
TOOLS = [lookup_order, order_status, get_tracking_info]
each_tool = each("tool", TOOLS)


async def test_an_order_in_full(use):
    assert json.loads(await use(lookup_order, JOHN, order_id="ORD_12345")) == {
        "order_id": "ORD_12345",
        "status": "shipped",
        "total": "$139.97",
        "items": [
            {"name": "Wireless Headphones", "quantity": 1, "unit_price": "$99.99"},
            {"name": "Phone Case", "quantity": 2, "unit_price": "$19.99"},
        ],
        "carrier": "UPS",
        "tracking_number": "TRK_ABC123",
    }


async def test_an_order_that_has_not_shipped_has_no_tracking(use):
    answer = json.loads(await use(get_tracking_info, JANE, order_id="67890"))
    assert answer == {"order_id": "ORD_67890", "status": "pending", "carrier": None, "tracking_number": None}


async def test_the_status_names_the_parcel_once_there_is_one(use):
    parcel = {"carrier": "UPS", "tracking_number": "TRK_ABC123"}
    assert (
        json.loads(await use(order_status, JOHN, order_id="12345"))
        == {
            "order_id": "ORD_12345",
            "status": "shipped",
        }
        | parcel
    )
    assert json.loads(await use(order_status, JANE, order_id="67890")) == {
        "order_id": "ORD_67890",
        "status": "pending",
    }


@each(("phone", "order_id"), [(JOHN, "12345"), (JANE, "67890")])
async def test_the_three_tools_agree(use, phone, order_id):
    full, status, tracking = [json.loads(await use(tool, phone, order_id=order_id)) for tool in TOOLS]
    assert {**full, **tracking, **status} == full


@each_tool
@each("spelling", ["12345", "order 1 2 3 4 5", "O R D one two three four five", "ord-12345"])
async def test_every_tool_reads_numbers_as_people_say_them(use, tool, spelling):
    assert json.loads(await use(tool, JOHN, order_id=spelling))["order_id"] == "ORD_12345"


@pytest.mark.promise("A10")
@each_tool
async def test_a_foreign_order_looks_absent(use, tool):
    """But for the number asked for, the same answer to the last character."""
    foreign = await use(tool, JOHN, order_id="67890")
    absent = await use(tool, JOHN, order_id="99999")
    assert foreign.replace("67890", "99999") == absent
    assert json.loads(absent)["error"] == "not_found"


@pytest.mark.promise("V18", "A10")
@each_tool
@each("phone", [STRANGER, None])
async def test_a_caller_without_an_account_reaches_no_order(use, tool, phone):
    assert json.loads(await use(tool, phone, order_id="12345"))["error"] == "not_found"


@each_tool
@each("order_id", ["", "the headphones", "12345' OR '1'='1", "ORD_%"])
async def test_what_is_no_order_number_is_asked_for(use, tool, order_id):
    assert json.loads(await use(tool, JOHN, order_id=order_id))["error"] == "bad_arguments"
