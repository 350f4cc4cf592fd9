from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.guardrails.pii import mask
from tandem.shop.order_number import MAX_DIGITS, find_order_number, parse_order_number, spoken_order_number

from ...kit.tables import each

pytestmark = pytest.mark.promise("A4")

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
numbers = st.text("0123456789", min_size=1, max_size=MAX_DIGITS)


def said(digits: str) -> str:
    return " ".join(WORDS[int(digit)] for digit in digits)


@each(
    "text",
    [
        "12345",
        "#12345",
        " 12,345 ",
        "order 12345",
        "Order #12345.",
        "order number 12345",
        "my order number is 12345",
        "It's 12345",
        "order 1 2 3 4 5",
        "1-2-3-4-5",
        "12 345",
        "ORD_12345",
        "ord-12345",
        "ORD12345",
        "Ord 12345",
        "order ORD_12345",
        "O R D 12345",
        "o.r.d. 1 2 3 4 5",
        "O R D one two three four five",
        "oh are dee one two three four five",
        "ORD underscore 12345",
        "one two three four five",
        "twelve three forty-five",
        "order number one two three four five",
        "\uff11\uff12\uff13\uff14\uff15",
    ],
)
def test_an_order_number_as_people_write_and_say_it(text: str):
    assert parse_order_number(text) == "ORD_12345"


@each(
    ("text", "order"),
    [
        ("one oh oh two", "ORD_1002"),
        ("double five triple seven", "ORD_55777"),
        ("sixty seven eight ninety", "ORD_67890"),
        ("order zero zero seven", "ORD_007"),
    ],
)
def test_zeros_and_repeated_digits_as_people_say_them(text: str, order: str):
    assert parse_order_number(text) == order


@each(
    "text",
    [
        "",
        "order",
        "ORD_",
        "hello",
        "12345 and 67890",
        "12345x",
        "the headphones",
        "oh",
        "1" * (MAX_DIGITS + 1),
    ],
)
def test_what_is_no_order_number(text: str):
    assert parse_order_number(text) is None


@given(numbers)
def test_every_spelling_means_the_same(digits: str):
    spellings = [digits, f"ORD_{digits}", f"order {' '.join(digits)}", f"oh are dee {said(digits)}", said(digits)]
    assert {parse_order_number(text) for text in spellings} == {f"ORD_{digits}"}


@given(st.text() | st.text("ordhe 0123456789_-#").map(str))
def test_any_text_is_read_or_refused_and_reading_again_changes_nothing(text: str):
    order = parse_order_number(text)
    assert order is None or (parse_order_number(order) == order and order[4:].isascii() and order[4:].isdecimal())


@given(numbers)
def test_a_named_number_is_found_in_a_sentence(digits: str):
    assert find_order_number(f"Hello, where is my order {digits} please? I paid $139.97.") == f"ORD_{digits}"


@given(st.text())
def test_searching_never_fails(text: str):
    order = find_order_number(text)
    assert order is None or parse_order_number(order) == order


@each(
    ("text", "order"),
    [
        ("where is 12345?", "ORD_12345"),
        ("what about ORD-67890, and 12345?", "ORD_67890"),
        ("is 5551 the code? I mean order number 12345", "ORD_12345"),
        ("I'm calling about O R D one two three four five, it is late", "ORD_12345"),
        ("refund 25 dollars of order 12345", "ORD_12345"),
    ],
)
def test_the_number_that_is_meant(text: str, order: str):
    assert find_order_number(text) == order


@each("text", ["I bought 2 of them", "refund $1234.50", "1234 dollars", "oh are you there?", "call +1 555 123 4567 99"])
def test_other_numbers_are_no_orders(text: str):
    assert find_order_number(text) is None


def test_the_number_as_it_is_told():
    assert spoken_order_number("ORD_12345") == "12345"


@pytest.mark.promise("R1")
@each("text", ["[card number removed, ends in 1111]", "my card [card number removed, ends in 1111] ?"])
def test_the_rest_of_a_masked_card_is_no_order_number(text: str):
    assert (find_order_number(text), parse_order_number(text)) == (None, None)


@pytest.mark.promise("R1")
def test_an_order_number_beside_a_masked_card_is_found():
    assert find_order_number(mask("I paid 12345 with 4111 1111 1111 1111").text) == "ORD_12345"
