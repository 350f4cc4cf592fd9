from __future__ import annotations

import json

import pytest

from tandem.agents.tools.customer import lookup_customer

from ....kit.tables import each

JOHN, JANE, STRANGER = "+15551234567", "+15559876543", "+15550001111"
RECORD = {
    "customer_id": "CUST_12345",
    "name": "John Doe",
    "email": "john.doe@email.com",
    "phone": "+15551234567",
    "plan": "premium",
    "orders": [{"order_id": "ORD_12345", "status": "shipped", "total": "$139.97"}],
}


@pytest.mark.promise("A2")
@each(
    ("type", "identifier"),
    [
        ("email", "john.doe@email.com"),
        ("email", " John.Doe@Email.com "),
        ("phone", "+15551234567"),
        ("phone", "(555) 123-4567"),
        ("phone", "me"),
        ("customer_id", "CUST_12345"),
        ("customer_id", "cust 12345"),
    ],
)
async def test_the_caller_finds_their_own_record(use, type, identifier):
    assert json.loads(await use(lookup_customer, JOHN, identifier=identifier, type=type)) == RECORD


@pytest.mark.promise("A2", "A10")
@each(
    ("type", "foreign", "absent"),
    [
        ("email", "jane.smith@email.com", "nobody@email.com"),
        ("phone", JANE, "+15550009999"),
        ("customer_id", "CUST_67890", "CUST_99999"),
        ("email", "jane.smith@email.com", ""),
        ("customer_id", "CUST_67890", ""),
        ("phone", JANE, "' OR 1=1 --"),
    ],
)
async def test_a_foreign_record_looks_absent(use, type, foreign, absent):
    """The same answer to the last character."""
    answers = [await use(lookup_customer, JOHN, identifier=identifier, type=type) for identifier in (foreign, absent)]
    assert answers[0] == answers[1]
    assert json.loads(answers[0])["error"] == "not_found"


@pytest.mark.promise("V18", "A10")
@each("phone", [STRANGER, None])
@each("identifier", ["me", JOHN])
async def test_a_caller_without_an_account_reaches_nothing(use, phone, identifier):
    answer = json.loads(await use(lookup_customer, phone, identifier=identifier, type="phone"))
    assert answer["error"] == "not_found"
    assert ("proves no telephone number" in answer["message"]) is (phone is None)


async def test_an_account_without_e_mail_is_not_found_by_an_empty_one(use):
    assert "error" in json.loads(await use(lookup_customer, "+15552223333", identifier="", type="email"))


async def test_the_answer_is_compact(use):
    assert ": " not in (await use(lookup_customer, JANE, identifier="me", type="phone"))
