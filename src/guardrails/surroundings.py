"""What stands around a number and says what it is: "tracking number", "is my social", a plus sign, the shape of an IBAN.

Pure. Only a short distance is looked at, so the cost of one number does not depend on the length of the text. Every
function takes the text and where the number stands in it.
"""

from __future__ import annotations

import re

NEAR = 60
"""So many characters before a number may name it."""
NEAR_AFTER = 40

_CARD = (
    r"(?:(?:credit|debit)?cards?|visa|master\W?card|mc|amex|american\W?express|discover|diners|jcb|union\W?pay|maestro|"
    r"debit|credit|cc|pan|tarjeta|carte|karte)"
)
_MAESTRO = r"(?:maestro|(?:debit|credit|bank|payment)\W?cards?)"
_SOCIAL = (
    r"(?:ssns?|s\W{1,2}s\W{1,2}n|ss\W{0,2}(?:#|no|num|number)|soc(?:ial)?\W{1,2}sec(?:urity)?(?:\W{1,2}account)?|"
    r"social(?!\W{1,2}(?:media|network|app|page|post|event))|i?tin|tax\W?payers?|"
    r"tax\W{0,2}(?:id|identification|payer|number|no)|f?ein|seguro\W{1,2}social)"
)
_TRACKING = (
    r"(?:track(?:ing|ed)?|fedex|fed\Wex|ups|usps|dhl|ontrac|lasership|purolator|canada\Wpost|royal\Wmail|evri|hermes|dpd|"
    r"gls|way\W?bill|awb|consignment|parcel|package|shipment|imei|meid|iccid|serial|isbn|ean|upc|gtin|bar\W?code|iban)"
)
_PHONE = r"(?:(?:tele)?phone|tel|cell|mobile|whats\W?app|fax|call|landline|text\W+me|reach\W+me|sms)"
_OTHER = (
    rf"(?:{_TRACKING}|{_PHONE}|orders?|invoice|ticket|case|zip|postal|postcode|reference|ref|confirmation|routing|"
    r"account|acct|member(?:ship)?|customer|product|item|model|passport|sku|code|media)"
)
# Words that may stand between a name and its number. No full stop: the next sentence may speak of something else.
_LINK = (
    r"(?:number|numbers|num|no\.?|nr|id|code|label|is|was|are|it|its|s|the|my|your|our|for|of|this|that|says|with|on|at|"
    r"me|us|please|back|ref|reference|package|parcel|shipment|order|ground|express|home|priority|mail|certified|one)"
)
_TO_NUMBER = rf"(?!\w)(?:[^\w.?!]*+\b{_LINK}(?!\w))*+[^\w.?!]*$"
_FROM_NUMBER = r"\W{0,6}(?:(?:is|was|are|that|this|thats|it|its|s|which|my|the|his|her|our|a|as|for|here)\W{1,3}){0,5}"

_NAMES_CARD = re.compile(rf"\b{_CARD}(?![^\W\d_])", re.IGNORECASE)
_NAMES_MAESTRO = re.compile(rf"\b{_MAESTRO}(?![^\W\d_])", re.IGNORECASE)
_NAMES_SOCIAL = re.compile(rf"(?<![^\W_]){_SOCIAL}(?![^\W\d_])", re.IGNORECASE)
_NAMES_OTHER = re.compile(rf"(?<![^\W_]){_OTHER}(?![^\W\d_])", re.IGNORECASE)
_TRACKING_BEFORE = re.compile(rf"\b{_TRACKING}{_TO_NUMBER}", re.IGNORECASE)
_PHONE_BEFORE = re.compile(rf"\b{_PHONE}{_TO_NUMBER}", re.IGNORECASE)
_OTHER_BEFORE = re.compile(rf"\b{_OTHER}{_TO_NUMBER}", re.IGNORECASE)
_CARD_AFTER = re.compile(rf"{_FROM_NUMBER}{_CARD}\b", re.IGNORECASE)
_SOCIAL_AFTER = re.compile(rf"{_FROM_NUMBER}{_SOCIAL}(?![^\W_])", re.IGNORECASE)
_TRACKING_AFTER = re.compile(rf"{_FROM_NUMBER}(?:\w+\W)?{_TRACKING}\b", re.IGNORECASE)
_BEFORE_LAST_DIGIT = re.compile(r".*\d", re.DOTALL)

# Ids are ASCII; "卡号是4111…" is a sentence. A name may be written without a space: "visa4111…", "…1111exp".
_TOUCHING_BEFORE = re.compile(r"\w+\Z", re.ASCII)
_TOUCHING_AFTER = re.compile(r"_*[a-z]+", re.IGNORECASE | re.ASCII)
_LETTER = re.compile(r"[a-z]", re.IGNORECASE)
_MAY_TOUCH = frozenset(["card", "visa", "mastercard", "mc", "amex", "cc", "pan", "number", "no", "nr", "is", "ssn", "social", "itin", "tin", "exp", "cvv", "cvc", "and"])

_UUID_OR_UPS = re.compile(r"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|1Z(?:\s?[0-9A-Z]){16})\b", re.IGNORECASE)
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{1,4}){3,8}", re.IGNORECASE | re.ASCII)
_IBAN_LENGTHS = {"AT": 20, "BE": 16, "CH": 21, "CZ": 24, "DE": 22, "DK": 18, "ES": 24, "FI": 18, "FR": 27, "GB": 22}
_IBAN_LENGTHS |= {"GR": 27, "HU": 28, "IE": 22, "IT": 27, "LU": 20, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "SE": 24}
_LONGEST_SHAPE = 44


def called_card(text: str, start: int, end: int) -> bool:
    """Tell whether a payment card is spoken of near the number."""
    return bool(_NAMES_CARD.search(_before(text, start)) or _CARD_AFTER.match(_after(text, end)))


def called_debit_card(text: str, start: int, end: int) -> bool:
    """Tell whether the number is said to be of a Maestro or bank card, and not of a gift or member card."""
    return bool(_NAMES_MAESTRO.search(_before(text, start)))


def called_tracking(text: str, start: int, end: int) -> bool:
    """Tell whether the number is said to be a tracking number, or one of a thing (IMEI, ISBN, serial number)."""
    before, after = _before(text, start), _after(text, end)
    if _CARD_AFTER.match(after):
        return False
    return bool(_TRACKING_BEFORE.search(before) or _TRACKING_AFTER.match(after))


def called_phone(text: str, start: int, end: int) -> bool:
    """Tell whether the number is said to be a telephone number, or written as one with a plus sign."""
    return text[start - 1 : start] == "+" or bool(_PHONE_BEFORE.search(_before(text, start)))


def called_social_security(text: str, start: int, end: int) -> bool:
    """Tell whether the number is said to be a social security or tax number, on either side of it."""
    if _SOCIAL_AFTER.match(_after(text, end)):
        return True
    before = _BEFORE_LAST_DIGIT.sub("", _before(text, start))
    names = [name.end() for name in _NAMES_SOCIAL.finditer(before)]
    return bool(names) and not _NAMES_OTHER.search(before, names[-1])


def called_something_else(text: str, start: int, end: int) -> bool:
    """Tell whether the number is said to be one that customers are asked for: an order's, a telephone's, a zip code."""
    return bool(_OTHER_BEFORE.search(_before(text, start)))


def part_of_a_word(text: str, start: int, end: int) -> bool:
    """Tell whether letters touch the number, as in ``TRK_4111…`` or ``9f4111…``, or it begins an e-mail address."""
    before = _TOUCHING_BEFORE.search(text[max(0, start - NEAR) : start])
    after = _TOUCHING_AFTER.match(_after(text, end))
    touching = [found[0].strip("_").lower() for found in (before, after) if found and _LETTER.search(found[0])]
    return not _MAY_TOUCH.issuperset(touching) or re.match(r"@\w", text[end : end + 2]) is not None


def inside_another_shape(text: str, start: int, end: int) -> bool:
    """Tell whether the number is a piece of a UUID, a UPS number or a valid IBAN."""
    offset = max(0, start - _LONGEST_SHAPE)
    nearby = text[offset : end + _LONGEST_SHAPE]
    shapes = [shape.span() for shape in _UUID_OR_UPS.finditer(nearby)]
    shapes += [shape.span() for shape in _IBAN.finditer(nearby) if _is_iban(shape[0])]
    return any(first < end - offset and start - offset < last for first, last in shapes)


def _before(text: str, start: int) -> str:
    return text[max(0, start - NEAR) : start]


def _after(text: str, end: int) -> str:
    return text[end : end + NEAR_AFTER]


def _is_iban(text: str) -> bool:
    """Check the length of the country and the remainder of ISO 13616; words may follow the number."""
    compact = re.sub("[ -]", "", text).upper()
    compact = compact[: _IBAN_LENGTHS.get(compact[:2], 0)]
    numeric = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return len(compact) > 4 and int(numeric) % 97 == 1
