"""Order numbers as people write and say them: ``12345``, "order 1 2 3 4 5", "oh are dee one two three four five".

Pure. :func:`parse_order_number` reads a text that is an order number and nothing else, as a tool's argument is;
:func:`find_order_number` looks for one in a customer's sentence. What stands in place of a masked card holds digits,
but no order number.
"""

from __future__ import annotations

import re
import unicodedata

from ..guardrails.pii import MARK

PREFIX = "ORD_"
MAX_DIGITS = 12

UNITS = {"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7"}
UNITS |= {"eight": "8", "nine": "9", "niner": "9"}
"""Spoken digits."""
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = {"twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7"}
_TENS |= {"eighty": "8", "ninety": "9"}
_LETTER_O = frozenset({"o", "oh", "owe"})
"""The letter, and what people say for zero between digits."""
_LETTERS = {"o": _LETTER_O, "r": frozenset({"r", "are", "ar"}), "d": frozenset({"d", "dee", "de"})}
_TIMES = {"double": 2, "triple": 3}
_FILLERS = frozenset({"order", "orders", "number", "numbers", "no", "nr", "id", "my", "the", "its", "it", "s", "is"})
_NAMES_AN_ORDER = frozenset({"order", "orders", "number"})

_MONEY = re.compile(r"[$€£]\s*\d[\d,]*(?:\.\d+)?|\b\d[\d,]*\.\d+\b|\b\d+\s*(?:dollars?|bucks|usd|cents?|percent|%)")
_TOKEN = re.compile(r"[a-z]+|[0-9]+(?:,[0-9]{3}\b)*")
"""A word or a digit group; commas inside a number are no boundary of it."""
_SHORTEST_BARE = 4
"""A number without the word "order" in front counts as an order number from this many digits on."""


def parse_order_number(text: str) -> str | None:
    """Return ``ORD_12345`` when the whole text is an order number in any usual spelling, else None."""
    tokens = _tokens(text)
    start = 0
    while start < len(tokens) and tokens[start] in _FILLERS:
        start += 1
    start = _after_prefix(tokens, start)
    digits, end = _digits(tokens, start)
    return PREFIX + digits if digits and end == len(tokens) and len(digits) <= MAX_DIGITS else None


def find_order_number(text: str) -> str | None:
    """Return the order number that a sentence speaks of, else None; amounts of money are not mistaken for one.

    One that is named as an order ("order 7", "ORD_7") wins over a bare number of four digits or more.
    """
    tokens = _tokens(_MONEY.sub(" x ", _normal(text)))
    bare: str | None = None
    index = 0
    while index < len(tokens):
        start = _after_prefix(tokens, index)
        digits, end = _digits(tokens, start)
        if not digits:
            index += 1
            continue
        if len(digits) <= MAX_DIGITS:
            if start > index or _named(tokens, index):
                return PREFIX + digits
            if bare is None and len(digits) >= _SHORTEST_BARE:
                bare = PREFIX + digits
        index = end
    return bare


def spoken_order_number(order_id: str) -> str:
    """Give the number the way it is told to a customer: ``ORD_12345`` → ``12345``."""
    return order_id.removeprefix(PREFIX)


def _normal(text: str) -> str:
    """Fold case, look-alike characters and the digits of any script; leave out what stands for a masked number."""
    folded = unicodedata.normalize("NFKC", MARK.sub(" ", text)).casefold()
    return re.sub(r"\d", lambda digit: str(int(digit[0])), folded)


def _tokens(text: str) -> list[str]:
    return [token.replace(",", "") for token in _TOKEN.findall(_normal(text))]


def _named(tokens: list[str], index: int) -> bool:
    """Tell whether the words just before say that a number of an order follows: "order", "order number is"."""
    while index and tokens[index - 1] in _FILLERS:
        if tokens[index - 1] in _NAMES_AN_ORDER:
            return True
        index -= 1
    return False


def _after_prefix(tokens: list[str], start: int) -> int:
    """Skip ``ord``, "o r d" or "oh are dee" and return where the digits should begin; ``start`` when there is none.

    A prefix counts only with a digit after it, so that the "oh are" of a sentence is no prefix.
    """
    letters, index = "", start
    while index < len(tokens) and letters != "ord":
        token = tokens[index]
        wanted = "ord"[len(letters)]
        if token in _LETTERS[wanted]:
            letters += wanted
        elif "ord"[len(letters) :].startswith(token) and token:
            letters += token
        else:
            return start
        index += 1
    while index < len(tokens) and tokens[index] in {"number", "underscore", "dash", "hyphen"}:
        index += 1
    return index if letters == "ord" and _digits(tokens, index)[0] else start


def _digits(tokens: list[str], start: int) -> tuple[str, int]:
    """Read digits from ``start`` on, spoken or written; return them and the index of the first token after them."""
    digits, index = "", start
    while index < len(tokens):
        token = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in _TIMES and (one := _digit(following, digits)):
            digits += one * _TIMES[token]
            index += 2
            continue
        if token in _TENS:
            unit = UNITS.get(following, "0")
            digits += _TENS[token] + unit
            index += 2 if unit != "0" else 1
            continue
        piece = str(10 + _TEENS.index(token)) if token in _TEENS else _digit(token, digits)
        if not piece:
            break
        digits += piece
        index += 1
    return digits, index


def _digit(token: str, before: str) -> str:
    """Return the digits a token stands for, or nothing; "oh" is zero only after another digit."""
    if token.isdecimal():
        return token
    return "0" if before and token in _LETTER_O else UNITS.get(token, "")
