"""What was said, which arguments fit, and in which language."""

from typing import Any

import pytest

from tandem.evaluation.words import fit, holds, language_of

from ...kit.tables import each

pytestmark = pytest.mark.promise("G6")


@each(
    ("text", "wanted", "found"),
    [
        ("Order 12345 has SHIPPED.", "has  shipped", True),
        ("I can\u2019t do that", "I can't", True),
        ("Order 12345", "order 1234 5", False),
        ("order 12345 has shipped", "/order \\d{5} has/", True),
        ("order 1234 has shipped", "/order \\d{5} has/", False),
        ("a / b", "/", True),
    ],
)
def test_words_are_found(text: str, wanted: str, found: bool) -> None:
    assert holds(text, wanted) is found


@each(
    ("given", "wanted", "fits"),
    [
        ({"amount": 20.0, "reason": "x"}, {"amount": 20}, True),
        ({"amount": 20.01}, {"amount": 20}, False),
        ({"order_id": "ord_12345"}, {"order_id": "ORD_12345"}, True),
        ({"order_id": "ORD_12345"}, {"order_id": "/12345/"}, True),
        ({"order_id": "ORD_67890"}, {"order_id": "/12345/"}, False),
        ({}, {"order_id": "x"}, False),
        ({"sure": True}, {"sure": 1}, False),
        ({"where": {"city": "Bonn", "zip": 1}}, {"where": {"city": "bonn"}}, True),
        ({"tags": ["a"]}, {"tags": ["a"]}, True),
        ({"tags": ["a"]}, {"tags": ["b"]}, False),
        ({"note": None}, {"note": None}, True),
    ],
)
def test_arguments_fit(given: dict[str, Any], wanted: dict[str, Any], fits: bool) -> None:
    assert fit(given, wanted) is fits


@each(
    ("text", "language"),
    [
        ("Your order has shipped with UPS, and it is on the way to you.", "en"),
        ("Su pedido está en camino y puede seguirlo con el número de la empresa.", "es"),
        ("Votre commande est en route, et vous pouvez la suivre avec le numéro.", "fr"),
        ("Ihre Bestellung ist unterwegs, und Sie können sie mit der Nummer verfolgen.", "de"),
        ("Il suo ordine è in viaggio e può seguirlo con il numero della spedizione.", "it"),
        ("O seu pedido está a caminho e pode ser seguido com o número da empresa.", "pt"),
        ("Uw bestelling is op weg en u kunt het met het nummer van de post volgen.", "nl"),
        ("OK!", None),
        ("", None),
    ],
)
def test_a_language_is_told(text: str, language: str | None) -> None:
    assert language_of(text) == language
