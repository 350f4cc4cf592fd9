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

FEWEST = 9
"""A run of fewer digits holds nothing that has to be masked."""
LONGEST_GAP = 60
MOST_FILLERS = 6
"""So many words may stand between two groups: "and then the next four are"."""


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
class Run:
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
        edges = self.firsts[first : last + 1]
        return [after - before for before, after in zip(edges, edges[1:], strict=False)]

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
_DIGIT = r"\d²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒"
"""Every script's digits, then superscript, subscript and circled ones, which are no decimals to Python."""
_PLAIN = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000._~·•．" + r"\-‐-―−﹘﹣－" + _INVISIBLE
_SOFT = r"\s,;…，、؛،٬٫'\"’" + _PLAIN
_ODD = r"/:|*()\[\]<>=\\" + _SOFT

_UNITS = {word: str(digit) for digit, word in enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], 1)}
_TENS = {word: str(digit) for digit, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)}
_TENS["fourty"] = "4"
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_SAID = {"zero": "0", "oh": "0", "nought": "0", "naught": "0", "niner": "9", "hundred": "00", "thousand": "000"}
_SAID |= {"o" * times: "0" * times for times in range(1, 5)}
_SAID |= _UNITS | {word: str(value) for value, word in enumerate(_TEENS, 10)}
for _language in (
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "null eins zwei drei vier fünf sechs sieben acht neun",
):
    _SAID |= {word: str(digit) for digit, word in enumerate(_language.split())}

_COUNTS = ("two", "three", "four", "five", "six", "eight")
_FILLERS = frozenset(
    ["a", "again", "ah", "and", "are", "by", "colon", "comma", "dash", "digit", "digits", "dot", "e", "eh", "er", "erm", "et", "final", "first", "followed", "fourth", "got", "group", "hmm", "hundred", "hyphen", "i", "is", "it", "its", "last", "let", "me", "middle", "minus", "mm", "mmm", "next", "no", "now", "number", "numbers", "of", "ok", "okay", "other", "part", "period", "please", "point", "right", "s", "second", "see", "set", "slash", "so", "space", "that", "the", "them", "then", "these", "they", "third", "this", "thousand", "uh", "uhh", "um", "umm", "und", "underscore", "wait", "with", "y", "yeah", "yep", "yes"]
).union(_COUNTS)
"""Words that people put between the groups of one number. "or" and "to" are not among them: they part two numbers."""


def _any(words: Iterable[str]) -> str:
    """Return a pattern of any of some words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


_NO_LETTER = r"(?![^\W\d])"
_NUMBER_WORD = rf"(?:{_any({*_SAID, *_TENS})}){_NO_LETTER}"
_INITIALS = "".join(sorted({word[0] for word in (*_SAID, *_TENS, *_TIMES, "first", "last", "middle", "final")}))
_GROUP = re.compile(
    rf"(?P<number>[{_DIGIT}]+(?:[{_INVISIBLE}]++[{_DIGIT}]+)*+[\ufe0e\ufe0f\u20e3]*+)"
    # The first letters are looked at first: a regular expression tries this at every place of a text.
    rf"|(?=[{_INITIALS}])(?<![^\W\d])(?:"
    # "the last four are 1111": that four is no digit of the number.
    rf"(?P<counted>(?:first|next|last|final|second|third|fourth|other|middle)\s(?:{_any(_COUNTS)}|[2-8](?!\d)){_NO_LETTER})"
    rf"|(?P<times>{_any(_TIMES)})[\s-]{{1,3}}(?:(?P<again>[{_DIGIT}]+)|(?P<word>{_NUMBER_WORD}))"
    rf"|(?P<tens>{_any(_TENS)})(?:[\s-]{{0,2}}(?P<unit>{_any(_UNITS)}))?{_NO_LETTER}"
    # "four hundred eleven" is 411, "forty-one hundred" is 4100.
    rf"|(?!(?:hundred|thousand)\W{{1,3}}(?:and\W{{1,3}})?{_NUMBER_WORD})(?P<said>{_NUMBER_WORD})"
    r")",
    re.IGNORECASE,
)
_GAPS = (
    (Gap.PLAIN, re.compile(f"[{_PLAIN}]{{0,8}}+")),
    (Gap.SOFT, re.compile(f"[{_SOFT}]{{0,12}}+")),
    (Gap.ODD, re.compile(f"[{_ODD}]{{0,12}}+")),
)
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN_WORDS = re.compile(rf"[{_ODD}\d]*+")
_EXCLAIMED = re.compile(r"(?:o|oh)[,.!…]", re.IGNORECASE)
_COMMON = {"": Gap.PLAIN, " ": Gap.PLAIN, "-": Gap.PLAIN, ".": Gap.PLAIN, ",": Gap.SOFT, ", ": Gap.SOFT}


def runs(text: str) -> Iterator[Run]:
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
        digits = [_value(group) for group in found[first:last]]
        firsts = list(accumulate(map(len, digits), initial=0))
        if firsts[-1] >= FEWEST:
            inner = slice(first, last)
            spoken = [group.lastgroup != "number" for group in found[inner]]
            yield Run(text, "".join(digits), starts[inner], ends[inner], gaps[inner], spoken, firsts)


def _value(found: re.Match[str]) -> str:
    """Return the digits that a group stands for, in ASCII."""
    if found.lastgroup == "number":
        return found[0] if found[0].isascii() else _ascii(found[0])
    if found.lastgroup == "said":
        return _digits_said(found[0])
    part = found.groupdict(default="")
    if part["tens"]:
        return _TENS[_folded(part["tens"])] + _UNITS.get(_folded(part["unit"]), "0")
    digits = _digits_said(part["word"]) if part["word"] else _ascii(part["again"])
    # "double 41" doubles the four.
    return digits[0] * (_TIMES[_folded(part["times"])] - 1) + digits


def _digits_said(word: str) -> str:
    folded = _folded(word)
    return _TENS[folded] + "0" if folded in _TENS else _SAID[folded]


def _folded(word: str) -> str:
    """Fold case as regular expressions do, which take the Turkish letters for an i."""
    return word.casefold().replace("ı", "i").replace("\u0307", "")


def _ascii(digits: str) -> str:
    """Fold digits of any script, leaving out what is invisible between them."""
    values = (unicodedata.digit(character, None) for character in digits)
    return "".join(str(value) for value in values if value is not None)


def _gap(between: str) -> Gap:
    """Tell what a text between two groups means for them."""
    if len(between) > LONGEST_GAP:
        return Gap.BREAK
    for gap, pattern in _GAPS:
        if pattern.fullmatch(between):
            return gap
    words = _WORD.findall(between.casefold())
    filled = 0 < len(words) <= MOST_FILLERS and _FILLERS.issuperset(words)
    return Gap.SOFT if filled and _BETWEEN_WORDS.fullmatch(_WORD.sub("", between)) else Gap.BREAK
