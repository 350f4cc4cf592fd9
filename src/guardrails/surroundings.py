"""What stands around a number and says what it is: "tracking number", "is my social", a plus sign, an IBAN's shape.

Pure. Only a short distance is looked at, so the cost of one number does not depend on the length of the text.
"""

from __future__ import annotations

import re
from functools import cached_property

from .digits import DIGIT, DigitRun
from .number_words import SAID, TIMES

NEAR = 60
"""So many characters before a number may name it."""
NEAR_AFTER = 40
_FEW_DIGITS = 4
"""A number may be the greater part of what was named."""
SHORTEST_PHONE = 7
LONGEST_PHONE = 15
"""Digits of a telephone number with its country code (E.164)."""

_CARD = (
    r"(?:(?:credit|debit)?cards?|visa|master\W?card|mc|amex|american\W?express|discover|diners|jcb|union\W?pay|maestro|"
    r"debit|credit|cc|pan|tarjeta|carte|karte)"
)
_BANK_CARD = r"(?:maestro|(?:debit|credit|bank|payment)\W?cards?)"
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
_ASKED_FOR = rf"{_PARCEL}|{_PHONE}|orders?|invoice|ticket|zip|postal|postcode|reference|ref|confirmation|routing"
_OTHER = rf"(?:{_ASKED_FOR}|account|acct|case|member(?:ship)?|customer|product|item|model|passport|sku|code)"
# Words that may stand between a name and its number. No preposition: "pay for the package with 4111…". No comma or
# full stop: what follows may speak of something else.
_LINK = (
    r"(?:number|numbers|num|no\.?|nr|id|code|label|is|was|are|it|its|s|the|this|that|says|ref|reference|"
    r"ground|express|home|priority|mail|certified)"
)
_TO_NUMBER = rf"(?!\w)(?:[^\w.,?!]*+\b{_LINK}(?!\w))*+[^\w.,?!]*$"
_FROM_NUMBER = r"\W{0,6}(?:(?:is|was|are|that|this|thats|it|its|s|which|my|the|his|her|our|a|as|for|here)\W{1,3}){0,5}"

_NAMES_CARD = re.compile(rf"\b{_CARD}(?![^\W\d_])", re.IGNORECASE)
_NAMES_BANK_CARD = re.compile(rf"\b{_BANK_CARD}(?![^\W\d_])", re.IGNORECASE)
_NAMES_SOCIAL = re.compile(rf"(?<![^\W_]){_SOCIAL}(?![^\W\d_])", re.IGNORECASE)
_CARD_BEFORE = re.compile(rf"\b{_CARD}{_TO_NUMBER}", re.IGNORECASE)
_PARCEL_BEFORE = re.compile(rf"\b{_PARCEL}{_TO_NUMBER}", re.IGNORECASE)
_PHONE_BEFORE = re.compile(rf"\b{_PHONE}{_TO_NUMBER}", re.IGNORECASE)
_ASKED_FOR_BEFORE = re.compile(rf"\b(?:{_ASKED_FOR}){_TO_NUMBER}", re.IGNORECASE)
_OTHER_BEFORE = re.compile(rf"\b{_OTHER}{_TO_NUMBER}", re.IGNORECASE)
_CARD_AFTER = re.compile(rf"{_FROM_NUMBER}{_CARD}\b", re.IGNORECASE)
# "987654321, my ssn is 123-45-6789" names the second number, also when that one is masked already.
_DIGIT = rf"(?:[{DIGIT}]|{'|'.join((*SAID, *TIMES))})"
_NAMES_THE_NEXT = rf"(?:\W{{1,3}}(?:number|no))*+(?:\W{{0,4}}[{DIGIT}]|\W{{1,3}}(?:is|was)\W{{0,4}}(?:{_DIGIT}|\Z))"
_SOCIAL_AFTER = re.compile(rf"{_FROM_NUMBER}{_SOCIAL}(?![^\W_])(?!{_NAMES_THE_NEXT})", re.IGNORECASE)
# Nor does a comma do here: "with 4111…, tracking number 1Z…".
_PARCEL_AFTER = re.compile(
    rf"(?:\W{{1,3}}that(?:\W?s|\W+is)|\s(?:is|was))\s(?:(?:the|my|a|our)\s)?(?:\w+\s)?{_PARCEL}\b", re.IGNORECASE
)

# Ids are ASCII; "卡号是4111…" is a sentence. A name may be written without a space: "visa4111…", "…1111exp".
_TOUCHING_BEFORE = re.compile(r"\w+\Z", re.ASCII)
_TOUCHING_AFTER = re.compile(r"_*[a-z]+", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"\d+")
_WORD_CHARACTER = re.compile(r"\w", re.ASCII)
_AT = re.compile(r"@\w")
_LETTER = re.compile(r"[a-z]", re.IGNORECASE)
_MAY_TOUCH = re.compile(r"card|visa|mastercard|mc|amex|cc|pan|number|no|nr|is|ssn|social|itin|tin|exp|cvv|cvc|and")

_UUID_OR_UPS = re.compile(r"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|1Z(?:\s?[0-9A-Z]){16})\b", re.IGNORECASE)
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{1,4}){3,8}", re.IGNORECASE | re.ASCII)
_IBAN_LENGTHS = {"AT": 20, "BE": 16, "CH": 21, "CZ": 24, "DE": 22, "DK": 18, "ES": 24, "FI": 18, "FR": 27, "GB": 22}
_IBAN_LENGTHS |= {"GR": 27, "HU": 28, "IE": 22, "IT": 27, "LU": 20, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "SE": 24}
_LONGEST_SHAPE = 44


class Surroundings:
    """What is in front of a run of digits and behind it; each question is answered once and only when it is asked.

    Between the groups of a run stand no words that could name it, so that its surroundings are those of its numbers.
    """

    def __init__(self, run: DigitRun) -> None:
        self._run = run
        start, end = run.starts[0], run.ends[-1]
        self._before = run.text[max(0, start - NEAR) : start]
        self._after = run.text[end : end + NEAR_AFTER]

    @cached_property
    def speak_of_a_card(self) -> bool:
        """Tell whether a payment card is named on either side."""
        return bool(_NAMES_CARD.search(self._before)) or self._card_follows

    @cached_property
    def speak_of_a_bank_card(self) -> bool:
        """Tell whether a Maestro or bank card is named, and not a gift or member card."""
        return bool(_NAMES_BANK_CARD.search(self._before))

    def name_a_card(self, first: int) -> bool:
        """Tell whether the groups are said to be a card number, which is more than that a card is spoken of."""
        return self._card_follows or self._named_by(_CARD_BEFORE, first)

    def name_a_parcel(self, first: int, last: int) -> bool:
        """Tell whether the groups are said to be a tracking number, or one of a thing (IMEI, ISBN, serial number)."""
        if self._card_follows:
            return False
        return self._named_by(_PARCEL_BEFORE, first) or (self._ends(last) and bool(_PARCEL_AFTER.match(self._after)))

    def name_a_phone(self, first: int, last: int) -> bool:
        """Tell whether the groups are said to be a telephone number, or are a piece of one that has a plus sign."""
        plus = "+" in self._before[-2:] and self._run.firsts[first] < SHORTEST_PHONE
        return self._run.firsts[last] <= LONGEST_PHONE and (plus or self._named_by(_PHONE_BEFORE, first))

    def name_social_security(self, first: int, last: int) -> bool:
        """Tell whether the groups are said to be a social security or tax number."""
        if self._ends(last) and _SOCIAL_AFTER.match(self._after):
            return True
        return first == 0 and self._social_security_leads

    def name_something_else(self, first: int) -> bool:
        """Tell whether the groups are said to be what customers are asked for: an order number, a zip code."""
        return self._named_by(_OTHER_BEFORE, first)

    def touch(self, first: int, last: int) -> bool:
        """Tell whether letters touch the groups, as in ``TRK_4111…`` or ``9f4111…``, or an e-mail address."""
        text, start, end = self._run.text, self._run.starts[first], self._run.ends[last - 1]
        # Looked at first because it is cheap: most numbers follow a space.
        joined = _WORD_CHARACTER.match(text, start - 1) if start else None
        before = _TOUCHING_BEFORE.search(text[max(0, start - NEAR) : start]) if joined else None
        after = _TOUCHING_AFTER.match(text, end)
        touching = [found[0].strip("_").lower() for found in (before, after) if found and _LETTER.search(found[0])]
        return not all(map(_MAY_TOUCH.fullmatch, touching)) or _AT.match(text, end) is not None

    def enclose(self, first: int, last: int) -> bool:
        """Tell whether the groups are a piece of a UUID, a UPS number or a valid IBAN."""
        start, end = self._run.starts[first], self._run.ends[last - 1]
        return any(before < end and start < after for before, after in self._shapes)

    @cached_property
    def _lead(self) -> str:
        """What stands between the number before and this one."""
        return _DIGITS.split(self._before)[-1]

    @cached_property
    def _card_follows(self) -> bool:
        return bool(_CARD_AFTER.match(self._after))

    @cached_property
    def _social_security_leads(self) -> bool:
        return bool(_NAMES_SOCIAL.search(self._lead)) and not _ASKED_FOR_BEFORE.search(self._lead)

    @cached_property
    def _shapes(self) -> list[tuple[int, int]]:
        start = max(0, self._run.starts[0] - _LONGEST_SHAPE)
        end = self._run.ends[-1] + _LONGEST_SHAPE
        shapes = [shape.span() for shape in _UUID_OR_UPS.finditer(self._run.text, start, end)]
        ibans = _IBAN.finditer(self._run.text, start, end)
        return shapes + [iban.span() for iban in ibans if _is_iban(iban[0])]

    def _named_by(self, names: re.Pattern[str], first: int) -> bool:
        return self._run.firsts[first] <= _FEW_DIGITS and bool(names.search(self._lead))

    def _ends(self, last: int) -> bool:
        return self._run.firsts[-1] - self._run.firsts[last] <= _FEW_DIGITS


def _is_iban(text: str) -> bool:
    """Check the length of the country and the remainder of ISO 13616; words may follow the number."""
    compact = re.sub("[ -]", "", text).upper()
    compact = compact[: _IBAN_LENGTHS.get(compact[:2], 0)]
    numeric = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return len(compact) > 4 and int(numeric) % 97 == 1
