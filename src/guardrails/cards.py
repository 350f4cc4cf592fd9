"""Finds payment card numbers in a run of digits: by issuer prefix, length and check digit, and by how they are grouped.

Pure. Digits alone decide little: one random number of 16 digits in 40 passes for a card. So a number in one piece or
in the groups of a card counts wherever it stands; digits said one by one, or in unusual groups, count when they are
what the customer said between two pauses; and what is named something else, or has another shape, does not count.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

from .digits import DigitRun, Stretch
from .surroundings import Surroundings

_TO_19 = (19, 18, 17, 16)
_MAESTRO = (*_TO_19, 15, 14, 13, 12)
# Public ranges as of 2025, and the lengths in use, the longest first.
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard, both ranges
    (r"4", (19, 16, 13)),  # Visa; 13 digits are of old
    (r"3[47]", (15,)),  # American Express
    (r"6011|64[4-9]|65", _TO_19),  # Discover
    (r"62|81[0-6]|817[01]", _TO_19),  # UnionPay
    (r"352[89]|35[3-8]", _TO_19),  # JCB
    (r"2131|1800", (15,)),  # JCB, old
    (r"30[0-5]|3095|3[689]", (19, 16, 14)),  # Diners Club
    (r"5018|5020|5038|5893|6304|6759|676[1-3]", _MAESTRO),
    (r"220[0-4]|5019|508[5-9]|60(?:69|7|8)", (16,)),  # Mir, Dankort, RuPay
)
_ISSUER = re.compile("|".join(f"({prefix})" for prefix, _ in _ISSUERS))
_WIDE_MAESTRO = re.compile("5[06-8]|6")
"""All that Maestro may use: so much that the words have to say that it is a card."""
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_PRINTED = frozenset({(4, 6, 4), (4, 6, 5), (4, 5, 6), (6, 13), (6, 10), (6, 12)})
_SHORTEST_IN_GROUPS = 14
"""Twelve and thirteen digits in groups may as well be a telephone number."""
_SHORTEST_BEHIND = 2
"""An expiry date or a security code; one digit behind a number is a part of it."""
_OTHER_SHAPE = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"  # the address of a computer
    r"|(?<!\d)\d{1,3}(?:,\d{3})+(?!\d)|\d\.\d\d\s|\d\.\d{7}"  # an amount, a measurement
)


def find_cards(run: DigitRun, around: Surroundings) -> list[Stretch]:
    """Return the parts of a run that are card numbers, from left to right: those grouped like cards, else any other."""
    if len(run.digits) < min(_MAESTRO):
        return []
    grouped = [at for at, group in enumerate(run.groups) if len(group.digits) >= 4]
    # A dash in front joins a group to another number. "For" before a number is often heard as a digit.
    paused = [
        at
        for at, group in enumerate(run.groups)
        if group.pause or (group.between.isspace() and (around.near_card or run.groups[at - 1].pause))
    ]
    return _scan(run, around, grouped, printed=True) or _scan(run, around, paused, printed=False)


def _scan(run: DigitRun, around: Surroundings, starts: list[int], *, printed: bool) -> list[Stretch]:
    """Return the parts that are card numbers, rather up to a pause than within what follows it."""
    found: list[Stretch] = []
    for first in starts:
        ends = _ends(run, around, first) if not found or first >= found[-1][1] else []
        on_card = [last for last in ends if printed and _is_printed(run.sizes(first, last))]
        for last in sorted(ends, key=lambda end: not (run.pause_before(end) or run.pause_before(end + 1))):
            # A longer number may begin with the groups of a card.
            longer = (on_card or not printed) and _is_set_apart(run, around, first, last)
            if (last in on_card or longer) and not _is_other(run, around, first, last):
                found.append((first, last))
                break
    return found


def _ends(run: DigitRun, around: Surroundings, first: int) -> list[int]:
    """Return where a card number that begins with a group may end by issuer, length and check digit."""
    start, ends = run.firsts[first], []
    lengths = _lengths(run.digits[start : start + 4])
    if not lengths and around.near_bank_card and _WIDE_MAESTRO.match(run.digits, start):
        lengths = _MAESTRO
    for end in (start + length for length in lengths):
        last = bisect_left(run.firsts, end)
        if run.firsts[last : last + 1] == [end] and _is_valid(run.digits[start:end]):
            ends.append(last)
    return ends


@lru_cache(maxsize=10_000)
def _lengths(prefix: str) -> tuple[int, ...]:
    issuer = _ISSUER.match(prefix)
    return _ISSUERS[issuer.lastindex - 1][1] if issuer and issuer.lastindex else ()


def _is_valid(digits: str) -> bool:
    """Return whether the check digit is right (Luhn, ISO/IEC 7812)."""
    values = [*map(int, reversed(digits))]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def _is_printed(sizes: tuple[int, ...]) -> bool:
    """Return whether digits are in one piece, or grouped as on a card."""
    fours = sum(sizes) >= _SHORTEST_IN_GROUPS and all(size % 4 == 0 for size in sizes[:-1])
    return len(sizes) == 1 or sizes in _PRINTED or fours


def _is_set_apart(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    """Return whether digits that begin a phrase are all of it, or near words that speak of a card."""
    code_behind = run.firsts[min(last + _SHORTEST_BEHIND, len(run.groups))] - run.firsts[last] >= _SHORTEST_BEHIND
    whole = run.pause_before(last) or (code_behind and run.pause_before(first))
    if last - first == 1 or not (whole or around.near_card):
        return False
    start, *inner, end = run.firsts[first : last + 1]
    edges, fours = {edge - start for edge in inner}, {*range(4, end - start, 4)}
    like_a_card = (
        edges >= fours or (edges <= fours and end - inner[-1] <= 4) or (edges >= {4, 10} and end - start in (14, 15))
    )
    dictated = all(group.word or len(group.digits) <= 2 for group in run.groups[first:last])
    pauses = any(group.pause for group in run.groups[first + 1 : last])
    start, end = run.span(first, last)
    return (like_a_card or dictated or not pauses) and not _OTHER_SHAPE.search(run.text[start:end])


def _is_other(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    """Return whether the words or the shape around the digits say that they are no card number."""
    names = around.names(first, last)
    return (
        ("parcel" in names and "card" not in names)
        or ("phone" in names and run.sizes(first, last) not in _PRINTED)
        # An id is one piece; after groups, a letter is a slip.
        or (last - first == 1 and around.touch(first, last))
        or around.enclose(first, last)
    )
