"""Finds payment card numbers in a run of digits: by issuer prefix, length and check digit, and by how they are grouped.

Pure. Digits alone decide little: one random number of 16 digits in 40 passes for a card. So a number in one piece or
in the groups of a card counts wherever it stands; digits said one by one, or in unusual groups, count when they are
what the customer said between two pauses; and what is named something else, or has another shape, does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import accumulate

from .digits import DigitRun, Gap, Groups
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
_LONGEST_PREFIX = 4
_PREFIXES = 10_000
_WIDE_MAESTRO = re.compile("5[06-8]|6")
"""All that Maestro may use: so much that the words have to say that it is a card."""
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_CARD_GROUPS = frozenset({(4, 6, 4), (4, 6, 5), (4, 5, 6), (6, 13), (6, 10), (6, 12)})
_MOST_CARD_GROUPS = 5
_SHORTEST_IN_GROUPS = 14
"""Twelve and thirteen digits in groups may as well be a telephone number."""
_SHORTEST_BEHIND = 3
"""A security code, or an expiry date; fewer digits behind a number are a part of it."""
_LONGEST_LEAD = 4
_PHONE_FIRST = re.compile(r"(?:1\W{1,2})?[2-9]\d{2}\)?\W{1,2}[2-9]\d{2}\W\d{4}(?!\d)")
"""A North American telephone number: what follows it may be another."""
_OTHER_GROUPS = re.compile(
    r"(?<!\d)(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d)(?!\d)"  # a date
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"  # the address of a computer
    r"|(?<!\d)\d{1,3}(?:,\d{3})+(?!\d)|\d\.\d\d\s"  # an amount
    r"|\d\.\d{7}"  # the decimals of a measurement
)
_PARCEL = re.compile(r"(?!0[1-9](?:2[4-9]|3\d))[06-9]\d{19,21}|420\d{25,31}")
"""Postal services number parcels with 20 to 22 digits; in front there may be 420 and a zip code."""
_LONGEST_PARCEL = 34

Accepts = Callable[["_Reader", int, int, bool], bool]


def find_cards(run: DigitRun, around: Surroundings) -> list[Groups]:
    """Return the groups of a run that are card numbers, from left to right and apart from each other."""
    if len(run.digits) < min(_MAESTRO):
        return []
    reader = _Reader(run, around)
    pieces = [group for group, size in enumerate(run.sizes(0, len(run.gaps))) if size >= len("4111")]
    found = list(_scan(reader, pieces, _from_card_groups))
    if found or len(run.gaps) == 1:
        return found
    led = [group for group, gap in enumerate(run.gaps) if gap > Gap.PLAIN]
    near = sorted({*led, *(group + 1 for group in led)})
    starts = range(len(run.gaps)) if around.speak_of_a_card else near
    return list(_scan(reader, starts, _set_apart))


class _Reader:
    """A run, what is around it, and sums by which every check digit costs the same, however long the run is."""

    def __init__(self, run: DigitRun, around: Surroundings) -> None:
        self.run = run
        self.around = around
        self._groups = {first: group for group, first in enumerate(run.firsts)}

    def ends(self, group: int) -> list[int]:
        """Return where a card number that begins with a group may end by issuer, length and check digit."""
        first = self.run.firsts[group]
        lengths = _lengths(self.run.digits[first : first + _LONGEST_PREFIX])
        if not lengths and self.around.speak_of_a_bank_card and _WIDE_MAESTRO.match(self.run.digits, first):
            lengths = _MAESTRO
        groups = self._groups
        edges = [first + length for length in lengths if first + length in groups]
        # The last digit is the check digit and is not doubled (ISO/IEC 7812).
        return [groups[edge] for edge in edges if (self._sums[edge % 2][edge] - self._sums[edge % 2][first]) % 10 == 0]

    @cached_property
    def _sums(self) -> tuple[list[int], list[int]]:
        """The running sums of the digits, with those at even places doubled and with those at odd places doubled."""
        even = list(map(int, self.run.digits))
        odd = even[:]
        even[::2] = [_DOUBLED[value] for value in even[::2]]
        odd[1::2] = [_DOUBLED[value] for value in odd[1::2]]
        return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))


@lru_cache(maxsize=_PREFIXES)
def _lengths(prefix: str) -> tuple[int, ...]:
    """Return how many digits an issuer's cards have, the most first; nothing for what no issuer uses."""
    issuer = _ISSUER.match(prefix)
    return _ISSUERS[issuer.lastindex - 1][1] if issuer and issuer.lastindex else ()


def _scan(reader: _Reader, starts: Iterable[int], accepts: Accepts) -> Iterator[Groups]:
    """Yield findings from left to right; of those that begin with one group, the longest."""
    free = 0
    for start in starts:
        group = start if start >= free else None
        while group is not None and group < len(reader.run.gaps):
            end = _end(reader, group, accepts, follows=0 < free == group)
            if end is not None:
                yield group, end
                free = end
            group = end


def _end(reader: _Reader, group: int, accepts: Accepts, *, follows: bool) -> int | None:
    """Return where the card number ends that begins with a group: at a pause rather than within what follows it."""
    ends = reader.ends(group)
    if len(ends) > 1:
        ends.sort(key=lambda end: not _ends_clearly(reader.run, end))
    for end in ends:
        if accepts(reader, group, end, follows) and not _is_something_else(reader, group, end):
            return end
    return None


def _in_card_groups(run: DigitRun, first: int, last: int) -> bool:
    """Accept a number in one piece, and groups of four (or 4-6-5), wherever they stand."""
    if last - first == 1:
        return True
    sizes = tuple(run.sizes(first, last))
    if len(sizes) > _MOST_CARD_GROUPS or sum(sizes) < _SHORTEST_IN_GROUPS:
        return False
    return sizes in _CARD_GROUPS or all(size % 4 == 0 for size in sizes[:-1])


def _ends_clearly(run: DigitRun, last: int) -> bool:
    """Tell whether a pause follows, or an expiry date such as "12/27"."""
    return run.pause_before(last) or (last + 1 < len(run.gaps) and run.gaps[last + 1] is Gap.ODD)


def _from_card_groups(reader: _Reader, first: int, last: int, follows: bool) -> bool:
    """Accept the groups of a card, or a longer number that begins with them."""
    if _in_card_groups(reader.run, first, last):
        return True
    begins = any(_in_card_groups(reader.run, first, end) for end in reader.ends(first) if end < last)
    return begins and _set_apart(reader, first, last, follows)


def _set_apart(reader: _Reader, first: int, last: int, follows: bool) -> bool:
    """Accept any groups that are what was said between two pauses, or near words that speak of a card."""
    run, named = reader.run, reader.around.speak_of_a_card
    if last - first == 1 or not (named or _stands_apart(run, first, last, follows)):
        return False
    if run.widest_gap(first, last) > _widest_gap_allowed(reader, first, last):
        return False
    start, end = run.starts[first], run.ends[last - 1]
    return not (_PHONE_FIRST.match(run.text, start, end) or _OTHER_GROUPS.search(run.text, start, end))


def _widest_gap_allowed(reader: _Reader, first: int, last: int) -> Gap:
    """Return what may stand between the groups: pauses only where the groups or the words make up for them."""
    like_a_card = _parted_like_a_card(reader.run, first, last)
    if like_a_card and reader.around.speak_of_a_card:
        return Gap.ODD
    pauses = like_a_card or reader.run.dictated(first, last) or reader.around.name_a_card(first)
    return Gap.SOFT if pauses else Gap.PLAIN


def _parted_like_a_card(run: DigitRun, first: int, last: int) -> bool:
    """Tell whether the groups keep to the edges of four, or of 4-6-5, in whatever pieces they are said."""
    start, *inner, end = run.firsts[first : last + 1]
    within = {edge - start for edge in inner}
    fours = set(range(4, end - start, 4))
    return (
        within >= fours or (within <= fours and end - inner[-1] <= 4) or (within >= {4, 10} and end - start in (14, 15))
    )


def _stands_apart(run: DigitRun, first: int, last: int, follows: bool) -> bool:
    """Tell whether nothing else was said in one breath, but for a code behind the number or a short word before it.

    "For" and "to" before a number are often heard as digits.
    """
    behind, group = 0, last
    while not run.pause_before(group) and behind < _SHORTEST_BEHIND:
        behind += run.firsts[group + 1] - run.firsts[group]
        group += 1
    if follows or run.pause_before(first):
        return behind == 0 or behind >= _SHORTEST_BEHIND or _ends_clearly(run, last)
    alone = run.pause_before(first - 1) and run.firsts[first] - run.firsts[first - 1] <= _LONGEST_LEAD
    return alone and behind == 0 and run.text[run.ends[first - 1] : run.starts[first]].isspace()


def _is_something_else(reader: _Reader, first: int, last: int) -> bool:
    """Tell whether the words or the shape around the digits say that they are no card number."""
    run, around = reader.run, reader.around
    one_piece = last - first == 1
    return (
        # An id is one piece; after groups, a letter is a slip.
        (one_piece and around.touch(first, last))
        or around.name_a_parcel(first, last)
        or (tuple(run.sizes(first, last)) not in _CARD_GROUPS and around.name_a_phone(first, last))
        or around.enclose(first, last)
        or _in_parcel_number(run, first)
        or (one_piece and _is_fraction(run.text, run.starts[first]))
    )


def _in_parcel_number(run: DigitRun, first: int) -> bool:
    """Tell whether an even longer number began in front of the group, of a length that postal services use.

    Its groups are of one size, and its first is no expiry date that stands in front of a card number.
    """
    start = end = first
    while not run.pause_before(start) and run.firsts[first] - run.firsts[start] < _LONGEST_PARCEL:
        start -= 1
    while end > start and not run.pause_before(end) and run.firsts[end] - run.firsts[start] <= _LONGEST_PARCEL:
        end += 1
    if start == first or not _PARCEL.fullmatch(run.digits, run.firsts[start], run.firsts[end]):
        return False
    return len({*run.sizes(start, end - 1)}) == 1 or run.dictated(start, end)


def _is_fraction(text: str, start: int) -> bool:
    """Tell whether digits that start there are the decimals of a number, as in 0.4111111111111111."""
    return start > 1 and text[start - 1] == "." and text[start - 2].isdigit()
