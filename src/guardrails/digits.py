"""Reads the digits of a text in every usual spelling, as runs: groups of digits that may be parts of one number.

Pure and linear. A group is what was written or said in one piece: ``4111``, ``４１１１``, "four", "forty-one",
"double one". What stands between two groups of a run is a :class:`Gap`; anything else ends the run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, pairwise

from .number_words import COUNTS, FILLERS, ORDINALS, SAID, TENS, TIMES, UNITS, digits_said, folded

FEWEST = 9
"""A run of fewer digits holds nothing that has to be masked."""
LONGEST_GAP = 60
MOSTFILLERS = 6
"""So many words may stand between two groups: "and then the next four are"."""

Groups = tuple[int, int]
"""Some groups of a run: the first, and the one after the last."""


class Gap(IntEnum):
    """What stands between two groups, from what belongs inside a number to what hardly does."""

    PLAIN = 0
    """Spaces, dashes, dots, or nothing."""
    SOFT = 1
    """A pause: a comma, a line break, a filler word."""
    ODD = 2
    """Marks of dates, times and lists: slashes, colons, brackets."""
    BREAK = 3
    """Anything else: what follows is another number."""


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Groups of digits of ``text``, in order, as parallel lists; ``firsts`` has one more entry.

    Group ``i`` stands at ``starts[i]`` to ``ends[i]`` of the text and is ``digits[firsts[i]:firsts[i + 1]]``, in
    ASCII. ``gaps[i]`` is in front of it; ``spoken[i]`` tells that it was given in words.
    """

    text: str
    digits: str
    starts: list[int]
    ends: list[int]
    gaps: list[Gap]
    spoken: list[bool]
    firsts: list[int]

    def sizes(self, first: int, last: int) -> list[int]:
        """Return how many digits each group has, from ``first`` up to but without ``last``."""
        return [after - before for before, after in pairwise(self.firsts[first : last + 1])]

    def widest_gap(self, first: int, last: int) -> Gap:
        """Return the widest gap between the groups from ``first`` up to but without ``last``."""
        return max(self.gaps[first + 1 : last], default=Gap.PLAIN)

    def dictated(self, first: int, last: int) -> bool:
        """Tell whether the groups are as small as people dictate them: digit by digit, in pairs, or in words."""
        sizes = self.sizes(first, last)
        return all(size <= 2 or said for size, said in zip(sizes, self.spoken[first:last], strict=True))

    def pause_before(self, group: int) -> bool:
        """Tell whether a phrase begins with this group; the end of the run counts as one."""
        return group == len(self.gaps) or self.gaps[group] > Gap.PLAIN


_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\u20e3\ufeff"
"""Zero-width characters, and the two that make a digit a key-cap emoji."""
DIGIT = r"\d²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒"
"""Every script's digits, then superscript, subscript and circled ones, which are no decimals to Python."""
_PLAIN = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000_~" + r"\-‐-―−﹘﹣－" + _INVISIBLE
_SOFT = r"\s.．·•,;…，、؛،٬٫'\"’" + _PLAIN
_ODD = r"/:|*()\[\]<>=\\" + _SOFT


def _any(words: Iterable[str]) -> str:
    """Return a pattern of any of some words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


_NO_LETTER = r"(?![^\W\d])"
_SAID = rf"(?:{_any(SAID)}){_NO_LETTER}"
_INITIALS = "".join({word[0] for word in (*SAID, *TIMES, *ORDINALS)})
# Digits, and among them what is invisible, and the letter o for a zero.
_NUMBER = rf"[{DIGIT}]+(?:[{_INVISIBLE}o]++[{DIGIT}]+)*+(?:o{{1,4}}{_NO_LETTER})?[\ufe0e\ufe0f\u20e3]*+"
_GROUP = re.compile(
    rf"(?P<number>{_NUMBER})"
    # The first letters are looked at first: this is tried at every place of a text.
    rf"|(?=[{_INITIALS}])(?<![^\W\d])(?:"
    rf"(?P<after_o>o{{1,3}}{_NUMBER})"
    rf"|(?P<counted>(?:{_any(ORDINALS)})\s(?:{_any(COUNTS)}|[2-8])"
    rf"(?=\W{{1,3}}(?:are|is|ones|digits?|numbers?|[{DIGIT}]|{_SAID})))"
    rf"|(?P<times>{_any(TIMES)})[\s-]{{1,3}}(?:(?P<again>[{DIGIT}]+)|(?P<word>{_SAID}))"
    rf"|(?P<tens>{_any(TENS)})[\s-]{{0,2}}(?P<unit>{_any(UNITS)}){_NO_LETTER}"
    rf"|(?!(?:hundred|thousand)\W{{1,3}}(?:and\W{{1,3}})?{_SAID})(?P<said>{_SAID})"
    r")",
    re.IGNORECASE,
)
_GAPS = (
    # A dot between two digits, but not the end of a sentence.
    (Gap.PLAIN, re.compile(f"[{_PLAIN}]{{0,8}}+|[{_INVISIBLE}]?[.．·•][{_INVISIBLE}]?")),
    (Gap.SOFT, re.compile(f"[{_SOFT}]{{0,12}}+")),
    (Gap.ODD, re.compile(f"[{_ODD}]{{0,12}}+")),
)
_WRITTEN = {"number", "after_o"}
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN_WORDS = re.compile(rf"[{_ODD}\d]*+")
_EXCLAIMED = re.compile(r"(?:o|oh)[,.!…]", re.IGNORECASE)
_COMMON = {"": Gap.PLAIN, " ": Gap.PLAIN, "-": Gap.PLAIN, ".": Gap.PLAIN, ",": Gap.SOFT, ", ": Gap.SOFT}


def runs(text: str) -> Iterator[DigitRun]:
    """Yield the runs of a text that have digits enough to matter, in order."""
    found = [group for group in _GROUP.finditer(text) if group.lastgroup != "counted"]
    starts = [group.start() for group in found]
    ends = [group.end() for group in found]
    between = [text[end:start] for end, start in zip(ends, starts[1:], strict=False)]
    gaps = [Gap.BREAK, *(_COMMON[gap] if gap in _COMMON else _gap(gap) for gap in between)]
    cuts = [group for group, gap in enumerate(gaps) if gap is Gap.BREAK]
    for first, last in pairwise([*cuts, len(found)]):
        # "Oh, 123 45 6789": no zero.
        first += first < last and _EXCLAIMED.match(text, starts[first]) is not None
        tokens = [group[0] for group in found[first:last]]
        # What is not written in common digits is rare, and slower to read.
        digits = [
            token if token.isdecimal() and token.isascii() else _value(group)
            for token, group in zip(tokens, found[first:last], strict=True)
        ]
        firsts = list(accumulate(map(len, digits), initial=0))
        if firsts[-1] >= FEWEST:
            spoken = [group.lastgroup not in _WRITTEN for group in found[first:last]]
            yield DigitRun(
                text, "".join(digits), starts[first:last], ends[first:last], gaps[first:last], spoken, firsts
            )


def _value(found: re.Match[str]) -> str:
    """Return the digits that a group stands for, in ASCII."""
    token = found[0]
    match found.lastgroup:
        case "number" | "after_o":
            return _ascii(token)
        case "said":
            return digits_said(token)
        case "unit":
            return TENS[folded(found["tens"])] + UNITS[folded(found["unit"])]
        case _:
            digits = digits_said(found["word"]) if found["word"] else _ascii(found["again"])
            # "double 41" doubles the four.
            return digits[0] * (TIMES[folded(found["times"])] - 1) + digits


def _ascii(digits: str) -> str:
    """Fold digits of any script and the letter o, leaving out what is invisible between them."""
    values = (0 if character in "oO" else unicodedata.digit(character, None) for character in digits)
    return "".join(str(value) for value in values if value is not None)


def _gap(between: str) -> Gap:
    """Tell what a text between two groups means for them."""
    if len(between) > LONGEST_GAP:
        return Gap.BREAK
    for gap, pattern in _GAPS:
        if pattern.fullmatch(between):
            return gap
    if between[0].isalpha() or between[-1].isalpha():
        # The letters of an id are no words: 2711e4127.
        return Gap.BREAK
    words = _WORD.findall(between.casefold())
    filled = 0 < len(words) <= MOSTFILLERS and FILLERS.issuperset(words)
    return Gap.SOFT if filled and _BETWEEN_WORDS.fullmatch(_WORD.sub("", between)) else Gap.BREAK
