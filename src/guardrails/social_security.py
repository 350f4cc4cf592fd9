"""Finds United States social security numbers in a run of digits.

Pure. Nine digits are a social security number when they are grouped 3-2-4, when they are said one by one and nothing
else is said with them, or when the words near them say so. Impossible ones count only when they are named.
"""

from __future__ import annotations

import re
from itertools import pairwise

from .digits import DigitRun, Gap, Groups
from .surroundings import Surroundings

_LENGTH = 9
_GROUPED = [3, 2, 4]
_POSSIBLE = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
"""What the Social Security Administration may have issued."""
_PHONE_LENGTHS = range(10, 14)
_PHONE_GROUP = 3


def find_social_security(run: DigitRun, around: Surroundings) -> list[Groups]:
    """Return the groups of a run that are social security numbers, from left to right and apart from each other."""
    found: list[Groups] = []
    for first, last in _nine_digits(run):
        if (not found or first >= found[-1][1]) and _is_one(run, around, first, last):
            found.append((first, last))
    return found


def _nine_digits(run: DigitRun) -> list[Groups]:
    """Return the nine digits that are a whole run, a phrase of one, a stretch said one by one, or grouped 3-2-4."""
    end = len(run.gaps)
    if len(run.digits) == _LENGTH:
        return [(0, end)]
    sizes = run.sizes(0, end)
    grouped = {(at, at + 3) for at, size in enumerate(sizes) if size == _GROUPED[0] and sizes[at : at + 3] == _GROUPED}
    phrases = [*(group for group, gap in enumerate(run.gaps) if gap > Gap.PLAIN), end]
    single = [size == 1 or said for size, said in zip(sizes, run.spoken, strict=True)]
    goes_on = [one and before for one, before in zip(single, [False, *single], strict=False)]
    stretches = [*(at for at, gap in enumerate(run.gaps) if not goes_on[at] or gap > Gap.SOFT), end]
    nine = {
        (first, last)
        for first, last in (*pairwise(phrases), *pairwise(stretches))
        if run.firsts[last] - run.firsts[first] == _LENGTH
    }
    return sorted(nine | grouped)


def _is_one(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    """Decide about nine digits."""
    if around.touch(first, last) or around.enclose(first, last):
        return False
    if around.name_social_security(first, last):
        return True
    digits = run.digits[run.firsts[first] : run.firsts[last]]
    if not _POSSIBLE.fullmatch(digits):
        return False
    return _written_like_one(run, around, first, last) or _said_like_one(run, around, first, last)


def _written_like_one(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    """Tell whether the digits are grouped and parted the way these numbers are, and no piece of another number."""
    marks = [run.text[run.ends[group - 1] : run.starts[group]].strip() for group in range(first + 1, last)]
    if run.sizes(first, last) != _GROUPED or run.widest_gap(first, last) > Gap.PLAIN:
        return False
    if "." in marks and marks != [".", "."]:
        # 123.45 and 2024 are an amount and a year.
        return False
    # A run may begin with an "oh" that turned out to be no digit; there is no group before it then.
    sides = [(group, size) for group, size in ((first, first - 1), (last, last)) if 0 < group < len(run.gaps)]
    beside = [(group, size) for group, size in sides if not run.pause_before(group)]
    if any(run.text[run.ends[group - 1] : run.starts[group]].strip() for group, _ in beside):
        return False
    if "" in marks and around.name_a_phone(first, last):
        return False
    # Behind a trunk prefix, 3-2-4 is the beginning of a telephone number.
    small = run.digits[run.firsts[first]] == "0" or any(
        run.sizes(group, group + 1)[0] <= _PHONE_GROUP for _, group in beside
    )
    return not (beside and small and len(run.digits) in _PHONE_LENGTHS)


def _said_like_one(run: DigitRun, around: Surroundings, first: int, last: int) -> bool:
    """Tell whether the digits were said one by one, with no others beside them, and not called something else."""
    if last - first == 1 or not all(_goes_on(run, group) for group in range(first + 1, last)):
        return False
    beside = [group for group in (first, last) if 0 < group < len(run.gaps)]
    return not any(_goes_on(run, group) for group in beside) and not around.name_something_else(first)


def _goes_on(run: DigitRun, group: int) -> bool:
    """Tell whether a group is said one by one like the one before it."""
    before, size = run.sizes(group - 1, group + 1)
    one_by_one = (size == 1 or run.spoken[group]) and (before == 1 or run.spoken[group - 1])
    return one_by_one and run.gaps[group] <= Gap.SOFT
