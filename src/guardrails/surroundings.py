"""The text around a run of digits that says what it is: "tracking number", "is my social", a plus sign, an IBAN.

Pure. Only a short distance is looked at, so the cost of one number does not depend on the length of the text.
"""

from __future__ import annotations

import re
from functools import cached_property

from .digits import DIGIT, SAID, TIMES, DigitRun

NEAR = 60
"""So many characters before a number may name it."""
NEAR_AFTER = 40
_FEW_DIGITS = 4
"""A number may be the greater part of what was named."""
_SHORTEST_PHONE, _LONGEST_PHONE = 7, 15
"""Digits of a telephone number with its country code (E.164)."""

_CARD = (
    r"(?:(?:credit|debit)?cards?|visa|master\W?card|mc|amex|american\W?express|discover|diners|jcb|union\W?pay|maestro|"
    r"debit|credit|cc|pan|tarjeta|carte|karte)"
)
_SOCIAL = (
    r"(?:ssns?|s\W{1,2}s\W{1,2}n|ss\W{0,2}(?:#|no|num|number)|soc(?:ial)?\W{1,2}sec(?:urity)?|"
    r"social(?!\W{1,2}(?:media|network|app|page|post|event))|itin|(?-i:TIN|F?EIN)|tax\W?payers?|"
    r"tax\W{0,2}(?:id|identification|payer|number|no)|seguro\W{1,2}social)"
)
_PARCEL = (
    r"(?:track(?:ing|ed)?|fedex|fed\Wex|ups|usps|dhl|ontrac|lasership|purolator|canada\Wpost|royal\Wmail|evri|hermes|dpd|"
    r"gls|(?:parcel|package|shipment|consignment)\W+(?:number|no|id)|way\W?bill|awb|imei|meid|iccid|serial|isbn|ean|upc|"
    r"gtin|bar\W?code|iban)"
)
_PHONE = (
    r"(?:(?:tele)?phone|tel|cell|mobile|whats\W?app|fax|landline|"
    r"(?:call|text|reach|ring)\W+(?:me|us|back)(?:\W+(?:at|on))?)"
)
_ASKED = r"(?:orders?|invoice|ticket|zip|postal|postcode|reference|ref|confirmation|routing)"
_OTHER = r"(?:account|acct|case|member(?:ship)?|customer|product|item|model|passport|sku|code)"
# Words that may stand between a name and its number. No preposition: "pay for the package with 4111…". No comma or
# full stop: what follows may speak of something else.
_LINK = (
    r"(?:number|numbers|num|no\.?|nr|id|code|label|is|was|are|it|its|s|the|this|that|says|ref|reference|"
    r"ground|express|home|priority|mail|certified)"
)
_BEFORE = re.compile(
    rf"\b(?:(?P<parcel>{_PARCEL})|(?P<phone>{_PHONE})|(?P<asked>{_ASKED})|(?P<other>{_OTHER})|(?P<card>{_CARD}))"
    rf"(?!\w)(?:[^\w.,?!]*+\b{_LINK}(?!\w))*+[^\w.,?!]*$",
    re.IGNORECASE,
)
# "987654321, my ssn is 123-45-6789" names the second number, also when that one is masked already.
_NAMES_THE_NEXT = (
    rf"(?:\W{{1,3}}(?:number|no))*+(?:\W{{0,4}}[{DIGIT}]|"
    rf"\W{{1,3}}(?:is|was)\W{{0,4}}(?:[{DIGIT}]|\Z|{'|'.join((*SAID, *TIMES))}))"
)
# Nor does a comma do for a parcel: "with 4111…, tracking number 1Z…".
_AFTER = re.compile(
    r"\W{0,6}(?:(?:is|was|are|that|this|thats|it|its|s|which|my|the|his|her|our|a|as|for|here)\W{1,3}){0,5}"
    rf"(?:(?P<card>{_CARD})\b|(?P<social>{_SOCIAL})(?![^\W_])(?!{_NAMES_THE_NEXT}))|"
    rf"(?:\W{{1,3}}that(?:\W?s|\W+is)|\s(?:is|was))\s(?:(?:the|my|a|our)\s)?(?:\w+\s)?(?P<parcel>{_PARCEL})\b",
    re.IGNORECASE,
)
_CARD_NEAR = re.compile(rf"\b{_CARD}(?![^\W\d_])", re.IGNORECASE)
_BANK_CARD_NEAR = re.compile(r"\b(?:maestro|(?:debit|credit|bank|payment)\W?cards?)(?![^\W\d_])", re.IGNORECASE)
_SOCIAL_NEAR = re.compile(rf"(?<![^\W_]){_SOCIAL}(?![^\W\d_])", re.IGNORECASE)

# Ids are ASCII; "卡号是4111…" is a sentence. A name may be written without a space: "visa4111…", "…1111exp".
_TOUCHING_BEFORE = re.compile(r"(?:\w+|\d\.)\Z", re.ASCII)
_TOUCHING_AFTER = re.compile(r"@\w|_*[a-z]+", re.IGNORECASE | re.ASCII)
_MAY_TOUCH = re.compile(r"|card|visa|mastercard|mc|amex|cc|pan|number|no|nr|is|ssn|social|itin|tin|exp|cvv|cvc|and")
_SHAPE = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b1Z(?:\s?[0-9A-Z]){16}\b"  # a UUID, a parcel of UPS
    # Behind their first group, 20 or 22 digits of a postal service; that one is no expiry date in front of a card.
    r"|(?<=(?<!\d)(?!0[1-9](?:2[4-9]|3[0-5]))[06-9]\d{3})(?:[ -]\d{4}){4}(?:[ -]\d\d)?(?!\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b", re.ASCII)
_LONGEST_SHAPE = 44


class Surroundings:
    """The text in front of a run of digits and behind it; each question is answered once and only when it is asked.

    Between the groups of a run stand no words that could name it, so that its surroundings are those of its numbers.
    """

    def __init__(self, run: DigitRun) -> None:
        self._run = run
        self._start, self._end = run.span(0, len(run.groups))
        self._before = run.text[max(0, self._start - NEAR) : self._start]

    @cached_property
    def near_card(self) -> bool:
        """True if a payment card is spoken of on either side."""
        return bool(_CARD_NEAR.search(self._before)) or self._after == "card"

    @cached_property
    def near_bank_card(self) -> bool:
        """True if a Maestro or bank card is spoken of, and not a gift or member card."""
        return bool(_BANK_CARD_NEAR.search(self._before))

    def names(self, first: int, last: int) -> set[str | None]:
        """Return the kinds of number that the words next to a stretch of the run call it."""
        names = {self._lead} if self._run.firsts[first] <= _FEW_DIGITS else set()
        if self._run.firsts[-1] - self._run.firsts[last] <= _FEW_DIGITS or self._after == "card":
            names.add(self._after)
        if "+" in self._before[-2:] and self._run.firsts[first] < _SHORTEST_PHONE:
            names.add("phone")
        return names if self._run.firsts[last] <= _LONGEST_PHONE else names - {"phone"}

    def touch(self, first: int, last: int) -> bool:
        """Return whether something joins the digits: ``TRK_4111…``, ``9f4111…``, ``0.4111…``, an e-mail address."""
        start, end = self._run.span(first, last)
        before = _TOUCHING_BEFORE.search(self._run.text[max(0, start - NEAR) : start])
        after = _TOUCHING_AFTER.match(self._run.text, end)
        touching = [found[0].strip("_0123456789").lower() for found in (before, after) if found]
        return not all(map(_MAY_TOUCH.fullmatch, touching))

    def enclose(self, first: int, last: int) -> bool:
        """Return whether the digits are a piece of a UUID, a parcel's number or a valid IBAN."""
        start, end = self._run.span(first, last)
        return any(before <= start and end <= after for before, after in self._shapes)

    @cached_property
    def _lead(self) -> str | None:
        """The kind of number that is announced behind the number before this one."""
        lead = re.split(r"\d+", self._before)[-1]
        found = _BEFORE.search(lead)
        named = found.lastgroup if found else None
        return "social" if named in (None, "other", "card") and _SOCIAL_NEAR.search(lead) else named

    @cached_property
    def _after(self) -> str | None:
        named = _AFTER.match(self._run.text[self._end : self._end + NEAR_AFTER])
        return named.lastgroup if named else None

    @cached_property
    def _shapes(self) -> list[tuple[int, int]]:
        text, start, end = self._run.text, max(0, self._start - _LONGEST_SHAPE), self._end + _LONGEST_SHAPE
        ibans = [found for found in _IBAN.finditer(text, start, end) if _is_iban(found[0].replace(" ", ""))]
        return [found.span() for found in (*_SHAPE.finditer(text, start, end), *ibans)]


def _is_iban(compact: str) -> bool:
    """Return whether the check digits are right (ISO 13616)."""
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1
