"""Finds payment card numbers in a run of digits: by issuer prefix, length and check digit, and by how they are grouped.

Pure. Digits alone decide little: one random number of 16 digits in 40 passes for a card. So a number in one piece or
in the groups of a card counts wherever it stands; digits said one by one, or in unusual groups, count when they are
what the customer said between two pauses; and what is named something else, or has another shape, does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from . import surroundings as around
from .digits import Gap, Run

Groups = tuple[int, int]
"""The first group of a finding, and the one after its last."""
Accepts = Callable[[Run, int, int], bool]

_TO_19 = (19, 18, 17, 16)
_MAESTRO_LENGTHS = (*_TO_19, 15, 14, 13, 12)
# Public ranges as of 2025 and the lengths in use, the longest first.
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard, both ranges
    (r"4", (19, 16, 13)),  # Visa; 13 digits are of old
    (r"3[47]", (15,)),  # American Express
    (r"6011|64[4-9]|65", _TO_19),  # Discover
    (r"62|81[0-6]|817[01]", _TO_19),  # UnionPay
    (r"352[89]|35[3-8]", _TO_19),  # JCB
    (r"2131|1800", (15,)),  # JCB, old
    (r"30[0-5]|3095|3[689]", (19, 16, 14)),  # Diners Club
    (r"5018|5020|5038|5893|6304|6759|676[1-3]", _MAESTRO_LENGTHS),
    (r"220[0-4]|5019|508[5-9]|60(?:69|7|8)", (16,)),  # Mir, Dankort, RuPay
    # All that Maestro may use is so wide that the words have to say that it is a card.
    (r"5[06-8]|6", _MAESTRO_LENGTHS),
)
_ISSUER = re.compile("|".join(f"({prefix})" for prefix, _ in _ISSUERS))
_WIDE = re.compile("(?!" + "|".join(prefix for prefix, _ in _ISSUERS[:-1]) + ")")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_CARD_GROUPS = frozenset({(4, 6, 4), (4, 6, 5), (4, 5, 6), (6, 13), (6, 10), (6, 12)})
_SHORTEST_IN_GROUPS = 14
"""Twelve and thirteen digits in groups may as well be a telephone number."""
_SHORTEST_BEHIND = 3
"""A security code, or an expiry date; fewer digits behind a number are a part of it."""
_LONGEST_LEAD = 4
_LONGEST_PHONE = 15
"""Digits of a telephone number with its country code (E.164)."""
_SHORTEST_PHONE = 7
_LONGEST_PARCEL = 34
_OTHER_GROUPS = re.compile(
    r"(?<!\d)(?:\d\W{1,2})?\(?[2-9]\d{2}\)?\W{1,2}[2-9]\d{2}\W\d{4}(?!\d)"  # a North American telephone number
    r"|(?<!\d)(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d)(?!\d)"  # a date
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"  # an address of a computer
    r"|(?<!\d)\d{1,3}(?:,\d{3})+(?!\d)"  # an amount
)


def find_cards(run: Run) -> list[Groups]:
    """Return the groups of a run that are card numbers, from left to right and apart from each other."""
    candidates = _candidates(run)
    if not candidates:
        return []
    return list(_scan(run, candidates, _in_card_groups)) or list(_scan(run, candidates, _set_apart))


def _candidates(run: Run) -> dict[int, list[int]]:
    """Return, for groups with which a card number may begin, where it may end: the longest first.

    Issuer, length and check digit are right. Running sums make every check cost the same, however long the run is.
    """
    groups = {first: group for group, first in enumerate(run.firsts)}
    sums = _running_sums(run.digits)
    candidates = {}
    for group, first in enumerate(run.firsts[:-1]):
        issuer = _ISSUER.match(run.digits, first)
        lengths = _ISSUERS[issuer.lastindex - 1][1] if issuer and issuer.lastindex else ()
        edges = [first + length for length in lengths if first + length in groups]
        # The last digit is the check digit and is not doubled (ISO/IEC 7812).
        ends = [groups[edge] for edge in edges if (sums[edge % 2][edge] - sums[edge % 2][first]) % 10 == 0]
        if ends:
            candidates[group] = ends
    return candidates


def _running_sums(digits: str) -> tuple[list[int], list[int]]:
    """Return the running sums of the digits with those at even places doubled, and with those at odd places doubled."""
    even = [ord(digit) - ord("0") for digit in digits]
    odd = even[:]
    even[::2] = [_DOUBLED[value] for value in even[::2]]
    odd[1::2] = [_DOUBLED[value] for value in odd[1::2]]
    return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))


def _scan(run: Run, candidates: Mapping[int, list[int]], accepts: Accepts) -> Iterator[Groups]:
    """Yield findings from left to right; of those that begin with one group, the longest."""
    free = 0
    for group, ends in candidates.items():
        if group < free:
            continue
        for end in ends:
            if accepts(run, group, end) and not _is_something_else(run, group, end):
                yield group, end
                free = end
                break


def _in_card_groups(run: Run, first: int, last: int) -> bool:
    """Accept a number in one piece, and groups of four (or 4-6-5) wherever they stand."""
    if last - first == 1:
        return True
    sizes = tuple(run.sizes(first, last))
    if sum(sizes) < _SHORTEST_IN_GROUPS or len(sizes) > len(["4444", "4444", "4444", "4444", "444"]):
        return False
    return sizes in _CARD_GROUPS or all(size % 4 == 0 for size in sizes[:-1])


def _set_apart(run: Run, first: int, last: int) -> bool:
    """Accept any groups that are what was said between two pauses, or near words that speak of a card."""
    start, end = run.starts[first], run.ends[last - 1]
    named = around.called_card(run.text, start, end)
    pauses = named or run.dictated(first, last) or _parted_like_a_card(run, first, last)
    if run.widest_gap(first, last) > (Gap.SOFT if pauses else Gap.PLAIN):
        return False
    return (named or _stands_apart(run, first, last)) and not _OTHER_GROUPS.search(run.text, start, end)


def _parted_like_a_card(run: Run, first: int, last: int) -> bool:
    """Tell whether the groups keep to the edges of four, or of 4-6-5, in whatever pieces they are said."""
    start, *inner, end = run.firsts[first : last + 1]
    within = {edge - start for edge in inner}
    return within >= {4, 8} | set(range(12, end - start, 4)) or (within >= {4, 10} and end - start in (14, 15))


def _stands_apart(run: Run, first: int, last: int) -> bool:
    """Tell whether nothing else was said in one breath, but for a code behind the number or a short word before it.

    "For" and "to" before a number are often heard as digits.
    """
    behind, group = 0, last
    while not run.pause_before(group) and behind < _SHORTEST_BEHIND:
        behind += run.firsts[group + 1] - run.firsts[group]
        group += 1
    if first == 0 or run.pause_before(first):
        return behind == 0 or behind >= _SHORTEST_BEHIND
    alone = first == 1 or run.pause_before(first - 1)
    return alone and behind == 0 and run.firsts[first] - run.firsts[first - 1] <= _LONGEST_LEAD


def _is_something_else(run: Run, first: int, last: int) -> bool:
    """Tell whether the words or the shape around the digits say that they are no card number."""
    place = run.text, run.starts[first], run.ends[last - 1]
    length = run.firsts[last] - run.firsts[first]
    return (
        (length <= _LONGEST_PHONE and around.called_phone(*place))
        or _in_phone_number(run, first, last)
        or around.called_tracking(*place)
        or around.part_of_a_word(*place)
        or around.inside_another_shape(*place)
        or (_WIDE.match(run.digits, run.firsts[first]) is not None and not around.called_debit_card(*place))
        or (_in_parcel_number(run, first) and not around.called_card(*place))
        or (last - first == 1 and _is_fraction(*place))
    )


def _in_phone_number(run: Run, first: int, last: int) -> bool:
    """Tell whether the digits are a piece of a number that begins with a plus sign."""
    plus = "+" in run.text[max(0, run.starts[0] - 2) : run.starts[0]]
    return plus and run.firsts[first] < _SHORTEST_PHONE and run.firsts[last] <= _LONGEST_PHONE


def _in_parcel_number(run: Run, first: int) -> bool:
    """Tell whether the digits are inside a longer number as postal services use: 20 to 22 digits, or 30 with the zip."""
    start = end = first
    while start and not run.pause_before(start) and run.firsts[first] - run.firsts[start] <= _LONGEST_PARCEL:
        start -= 1
    while not run.pause_before(end) or end == first:
        end += 1
        if run.firsts[end] - run.firsts[start] > _LONGEST_PARCEL:
            return False
    whole = run.digits[run.firsts[start] : run.firsts[end]]
    if start == first:
        return False
    return whole[0] in "06789" if 20 <= len(whole) <= 22 else whole.startswith("420") and len(whole) >= 28


def _is_fraction(text: str, start: int, end: int) -> bool:
    """Tell whether the digits are the decimals of a number, as in 0.4111111111111111."""
    return text[start - 1 : start] == "." and text[max(0, start - 2) : start - 1].isdigit()
