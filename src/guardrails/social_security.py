"""Finds United States social security numbers in a run of digits.

Pure. Nine digits are a social security number when they are grouped 3-2-4, when they are said one by one and nothing
else is said with them, or when the words near them say so. Impossible ones count only when they are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from . import surroundings as around
from .digits import Gap, Run

LENGTH = 9
Groups = tuple[int, int]

_POSSIBLE = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
"""What the Social Security Administration may have issued."""
_GROUPED = [3, 2, 4]
_EDGES = {3, 5}
_PHONE_LENGTHS = range(10, 14)
_PHONE_GROUP = 3


def find_social_security(run: Run) -> list[Groups]:
    """Return the groups of a run that are social security numbers, from left to right and apart from each other."""
    found: list[Groups] = []
    for first, last in _nine_digits(run):
        if (not found or first >= found[-1][1]) and _is_one(run, first, last):
            found.append((first, last))
    return found


def _nine_digits(run: Run) -> Iterator[Groups]:
    """Yield every sequence of whole groups that has nine digits."""
    groups = {first: group for group, first in enumerate(run.firsts)}
    for group, first in enumerate(run.firsts[:-1]):
        if last := groups.get(first + LENGTH):
            yield group, last


def _is_one(run: Run, first: int, last: int) -> bool:
    """Decide about nine digits."""
    phrase = (first == 0 or run.pause_before(first)) and run.pause_before(last)
    whole = first == 0 and last == len(run.gaps)
    grouped = run.sizes(first, last) == _GROUPED
    if not (grouped or phrase or whole):
        return False
    place = run.text, run.starts[first], run.ends[last - 1]
    if around.part_of_a_word(*place) or around.inside_another_shape(*place):
        return False
    if around.called_social_security(*place):
        return True
    digits = run.digits[run.firsts[first] : run.firsts[last]]
    if not _POSSIBLE.fullmatch(digits) or around.called_phone(*place):
        return False
    return (grouped and _looks_like_one(run, first, last)) or (whole and _said_like_one(run))


def _looks_like_one(run: Run, first: int, last: int) -> bool:
    """Tell whether 3-2-4 is written the way these numbers are, and is not a piece of another number."""
    marks = [run.text[run.ends[group] : run.starts[group + 1]].strip() for group in range(first, last - 1)]
    if run.widest_gap(first, last) > Gap.PLAIN or ("." in marks and marks != [".", "."]):
        return False
    beside = [group for group in (first, last) if not (group == 0 or run.pause_before(group))]
    joined = [run.text[run.ends[group - 1] : run.starts[group]].strip() for group in beside]
    if any(joined):
        return False
    sizes = [run.sizes(group - 1, group)[0] if group == first else run.sizes(group, group + 1)[0] for group in beside]
    return not (len(run.digits) in _PHONE_LENGTHS and any(size <= _PHONE_GROUP for size in sizes))


def _said_like_one(run: Run) -> bool:
    """Tell whether a whole run of nine digits was said the way these numbers are, and is not named otherwise."""
    end = len(run.gaps)
    pairs = pairwise(run.firsts)
    one_by_one = all(after - before == 1 or said for (before, after), said in zip(pairs, run.spoken, strict=True))
    if run.widest_gap(0, end) > Gap.SOFT or not one_by_one:
        return False
    return not around.called_something_else(run.text, run.starts[0], run.ends[-1])
