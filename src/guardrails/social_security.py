"""Finds United States social security numbers in a run of digits.

Pure. Nine digits are a social security number when they are grouped 3-2-4, when they are said one by one and nothing
else is said with them, or when the words near them say so. Impossible ones count only when they are named.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .digits import DigitRun, Stretch
from .surroundings import Surroundings

_LENGTH = 9
_GROUPED = (3, 2, 4)
_POSSIBLE = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
"""The numbers that the Social Security Administration may have issued."""
_PHONE_GROUP = 3
_PHONE_LENGTHS = range(10, 14)


def find_social_security(run: DigitRun, around: Surroundings) -> list[Stretch]:
    """Return the parts of a run that are social security numbers, from left to right and apart from each other."""
    end = len(run.groups)
    grouped = {(at, at + 3) for at in range(end - 2) if run.sizes(at, at + 3) == _GROUPED}
    phrases = pairwise(group for group in range(end + 1) if run.pause_before(group))
    dictated = pairwise(group for group in range(end + 1) if not _goes_on(run, group))
    found: list[Stretch] = []
    for first, last in sorted({(0, end), *grouped, *phrases, *dictated}):
        nine = run.firsts[last] - run.firsts[first] == _LENGTH
        if nine and (not found or first >= found[-1][1]) and _is_one(run, around, first, last):
            found.append((first, last))
    return found


def _is_one(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    if around.touch(first, last) or around.enclose(first, last):
        return False
    names = around.names(first, last)
    if "social" in names:
        return True
    if not _POSSIBLE.fullmatch(run.digits, run.firsts[first], run.firsts[last]):
        return False
    one_by_one = last - first > 1 and all(_goes_on(run, group) for group in range(first + 1, last))
    apart = not _goes_on(run, first) and not _goes_on(run, last)
    return (one_by_one and apart and names <= {None, "card"}) or _is_written_like_one(run, first, last)


def _is_written_like_one(run: DigitRun, first: int, last: int) -> bool:
    """Return whether the digits are grouped and parted as these numbers are, and no piece of another number."""
    marks = {group.between.strip() for group in run.groups[first + 1 : last]}
    if run.sizes(first, last) != _GROUPED or any(group.pause for group in run.groups[first + 1 : last]):
        return False
    if marks & {"x", "X", "\uff58", "×"}:
        # 120x80x2000 is how large something is.
        return False
    if "." in marks and len(marks) > 1:
        # 123.45 and 2024 are an amount and a year.
        return False
    beside = [(edge, at) for edge, at in ((first, first - 1), (last, last)) if not run.pause_before(edge)]
    joined = any(run.groups[edge].between.strip() for edge, _ in beside)
    # Behind a trunk prefix, 3-2-4 is the beginning of a telephone number.
    trunk = run.digits[run.firsts[first]] == "0" or any(len(run.groups[at].digits) <= _PHONE_GROUP for _, at in beside)
    return not joined and not (beside and trunk and len(run.digits) in _PHONE_LENGTHS)


def _goes_on(run: DigitRun, group: int) -> bool:
    """Return whether a group is said one by one like the one before it."""
    return 0 < group < len(run.groups) and all(
        one.word or len(one.digits) == 1 for one in run.groups[group - 1 : group + 1]
    )
