"""Words and numbers to look for in what a customer says. Pure."""

from __future__ import annotations

import re

from ..ticket_number import TICKET_NUMBER

PHONE_NUMBER = re.compile(r"\+\d[\d ().-]{6,}\d|\(?\b\d{3}\)?[ .-]?\d{3}[ .-]\d{4}\b")
"""A telephone number in a sentence."""
_OTHER_CODE = re.compile(r"\b(?!ord_)[a-z]+_\w+", re.IGNORECASE)
"""A customer, refund, parcel or request number: ``CUST_12345``."""


def words(pattern: str) -> re.Pattern[str]:
    """Compile words to look for in what a customer says, in either case."""
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


REFUND = words(r"refund\w*|money back|reimburse\w*")
PERSON = r"human|person|someone|somebody|agent|representative|colleague|manager|supervisor|operator|employee"


def straight(said: str) -> str:
    """Write apostrophes the plain way."""
    return said.replace("\u2019", "'")


def without_codes(said: str) -> str:
    """Leave out what holds digits and is neither an order number nor an amount: telephone and ticket numbers, codes."""
    for code in (PHONE_NUMBER, TICKET_NUMBER, _OTHER_CODE):
        said = code.sub(" ", said)
    return said
