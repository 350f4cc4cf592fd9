"""Reads the digits of a text in every usual spelling, as runs: groups of digits that may be parts of one number.

Pure and linear: each token is looked at once, also in a text that is still growing. A group is what was written or said
in one piece: ``4111``, ``４１１１``, "four", "forty-one", "double one". Between two groups of a run stand marks
and filler words; anything else ends the run. The words are English in full; of Spanish, French and German the digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

UNITS = dict(zip(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], "123456789", strict=True))
TENS = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "fourty"],
        "234567894",
        strict=True,
    )
)
TIMES = {"double": 2, "doble": 2, "triple": 3, "treble": 3, "quadruple": 4}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_OTHER_LANGUAGES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "null eins zwei drei vier fünf sechs sieben acht neun",
    "zero uma dois três quatro cinco seis sete oito nove",
)
SAID = {"zero": "0", "oh": "0", "nought": "0", "naught": "0", "niner": "9", "hundred": "00", "thousand": "000"}
SAID |= {"o" * times: "0" * times for times in range(1, 5)}
SAID |= UNITS | {word: str(value) for value, word in enumerate(_TEENS.split(), 10)}
SAID |= {ten: digit + "0" for ten, digit in TENS.items()}
SAID |= {ten + unit: TENS[ten] + UNITS[unit] for ten in TENS for unit in UNITS}
SAID |= {word: str(digit) for line in _OTHER_LANGUAGES for digit, word in enumerate(line.split())}
"""Every word that says digits by itself. "Four hundred eleven" is 411, "forty-one hundred" is 4100."""

ORDINALS = frozenset(["first", "next", "last", "final", "second", "third", "fourth", "other", "middle"])
COUNTS = frozenset(["two", "three", "four", "five", "six", "eight", "2", "3", "4", "5", "6", "7", "8"])
COUNTED = frozenset(["are", "is", "ones", "digit", "digits", "number", "numbers"])
"""In "the last four are 1111", four is no digit of the number."""
HUNDREDS = frozenset({"hundred", "thousand"})

_BETWEEN = (
    "a again ah and are by colon comma dash digit digits dot e eh er erm et followed got group hmm hold hundred "
    "hyphen i is it its just let me minus mm mmm moment no now number numbers of ok okay on ones part period "
    "please point ready right s sec see set slash so sorry space that the them then these they this thousand uh "
    "uhh um umm und underscore wait with y yeah yep yes"
)
CROSSES = frozenset({"x", "\uff58"})
"""Put between the groups of a number as a dash is: ``4111x1111``."""
FILLERS = frozenset([*CROSSES, *_BETWEEN.split(), *ORDINALS, *filter(str.isalpha, COUNTS)])
"""Words that people put between the groups of one number. "or" and "to" are not among them: they part two numbers."""

FEWEST = 9
"""A run of fewer digits holds nothing that has to be masked."""
_LONGEST_GAP = 60

_INVISIBLE = (
    "\u00ad\u0300-\u036f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\u20d0-\u20ff\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e01ef"
)
"""Zero-width characters, and those that colour the one before: strokes, key-caps, the choice of an emoji."""
_FILLED = "\u115f\u1160\u3164\uffa0"
"""Letters to Unicode, and blanks to all who see them."""
DIGIT = r"\d²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒"
"""Every script's digits, then superscript, subscript and circled ones, which are no decimals to Python."""
LETTER = rf"[^\W_{DIGIT}{_FILLED}]"
_PLAIN = r" \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000_~\-‐-―−﹘﹣－" + _INVISIBLE + _FILLED
_PICTURES = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u2775\u2794-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"
_MARKS = r"\s.．·•,;…，、؛،٬٫'\"’/:|*()<>=\\+#&^{}\[\]×" + _PLAIN + _PICTURES

TOKEN = re.compile(
    rf"(?P<digits>[{DIGIT}]++(?:[{_INVISIBLE}]++[{DIGIT}]++)*+[\ufe0e\ufe0f\u20e3]*+)|(?P<word>{LETTER}++)|[\W_{_FILLED}]++"
)
_JOINING = re.compile(f"[{_MARKS}]*+")
# A dot between two digits is no pause, but the end of a sentence is.
_NO_PAUSE = re.compile(f"[{_PLAIN}]{{0,8}}+| ?[xX\uff58×] ?|[{_INVISIBLE}]?[.．·•][{_INVISIBLE}]?")
_PAUSE = re.compile(f"[{_MARKS}]{{0,12}}+|.*{LETTER}.*[{_MARKS}]", re.DOTALL)
_CLOSE = re.compile(r"[\s-]{0,2}")
_ORDINAL = re.compile(rf"\b(?:{'|'.join(ORDINALS)})\s\Z", re.IGNORECASE)

Stretch = tuple[int, int]
"""Some groups of a run: the first, and the one after the last."""


@dataclass(slots=True)
class Group:
    """Digits written or said in one piece, the text in front of them, and the word that says them."""

    start: int
    end: int
    digits: str
    between: str
    word: str
    pause: bool


class DigitRun:
    """Groups of a text, in order; group ``i`` is ``digits[firsts[i]:firsts[i + 1]]``, in ASCII."""

    def __init__(self, text: str, groups: Sequence[Group]) -> None:
        self.text = text
        self.groups = groups
        self.digits = "".join(group.digits for group in groups)
        self.firsts = list(accumulate((len(group.digits) for group in groups), initial=0))

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return where a stretch begins and ends in the text."""
        return self.groups[first].start, self.groups[last - 1].end

    def sizes(self, first: int, last: int) -> tuple[int, ...]:
        """Return how many digits each group of a stretch has."""
        return tuple(len(group.digits) for group in self.groups[first:last])

    def pause_before(self, group: int) -> bool:
        """Return whether a phrase begins with this group; the end of the run counts as one."""
        return group >= len(self.groups) or self.groups[group].pause


class RunReader:
    """Puts the tokens of a text together to runs; the last run stays open for what may follow."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        """The run that is open."""
        self.between = ""
        """The text behind its last group."""
        self._times: tuple[str, int] | None = None
        """A "double" that waits for its digit, and where it stands."""

    def start(self, skipped: int) -> int | None:
        """Return where the open run begins, without its first groups; None if there is nothing more of it."""
        if skipped < len(self.groups):
            return self.groups[skipped].start
        return self._times[1] if self._times else None

    def take(self, token: str, start: int, *, word: bool) -> Sequence[Group]:
        """Take in the next token and return the groups of the run that it ends."""
        said = folded(token) if word else ""
        if said in SAID:
            return self._add(start, start + len(token), SAID[said], said)
        if token[0].isdigit():
            return self._add(start, start + len(token), _ascii(token), "")
        if said in TIMES:
            ended = self.close() if self._times else ()
            self._times = said, start
            return ended
        if self._times:
            return () if not word and _CLOSE.fullmatch(token) else self.close()
        if not self.groups:
            self.between = token if word else (self.between + token)[-_LONGEST_GAP:]
            return ()
        last = self.groups[-1]
        # Letters that touch digits are those of an id: 2711e4127. "Oh, 123 45 6789" begins with no zero.
        joins = (self.between and said in FILLERS) or said in CROSSES if word else _JOINING.fullmatch(token)
        exclaimed = last.word in {"o", "oh"} and len(self.groups) == 1 and (self.between or token)[0] in ",.!…"
        if said in COUNTED and self.between.isspace():
            self._retract(last, said)
        self.between += token
        if joins and not exclaimed and len(self.between) <= _LONGEST_GAP:
            return ()
        ended, self.between = self.close(), token if word else ""
        return ended

    def close(self) -> Sequence[Group]:
        """End the run and return its groups."""
        ended, self.groups, self.between, self._times = self.groups, [], "", None
        return ended

    def _add(self, start: int, end: int, digits: str, said: str) -> Sequence[Group]:
        if self.groups and self.between:
            self._retract(self.groups[-1], said)
        last = self.groups[-1] if self.groups else None
        if self._times:
            said, start = self._times
            digits, self._times = digits[0] * (TIMES[said] - 1) + digits, None
        elif last and not self.between and _is_written(last.word) and _is_written(said):
            last.digits, last.end, last.word = last.digits + digits, end, last.word and said
            return ()
        elif last and last.word in TENS and said in UNITS and _CLOSE.fullmatch(self.between):
            last.digits, last.end, last.word, self.between = last.digits[:-1] + digits, end, said, ""
            return ()
        between, pause = self.between, not _NO_PAUSE.fullmatch(self.between)
        ended = self.close() if last and pause and not _PAUSE.fullmatch(between) else ()
        self.groups.append(Group(start, end, digits, between, said, pause or not self.groups))
        self.between = ""
        return ended

    def _retract(self, last: Group, said: str) -> None:
        """Make the last group a filler word: the "four" of "the last four are", the "hundred" of "hundred eleven"."""
        spelled = last.word or last.digits
        counts = spelled in COUNTS and len(last.between) <= _LONGEST_GAP and _ORDINAL.search(last.between)
        if counts or (spelled in HUNDREDS and said in SAID):
            self.groups.pop()
            self.between = last.between + spelled + self.between


def runs(text: str, start: int = 0) -> Iterator[DigitRun]:
    """Yield the runs of a text that have digits enough to matter, in order."""
    reader = RunReader()
    for token in TOKEN.finditer(text, start):
        if is_long(ended := reader.take(token[0], token.start(), word=token.lastgroup == "word")):
            yield DigitRun(text, ended)
    if is_long(ended := reader.close()):
        yield DigitRun(text, ended)


def is_long(groups: Sequence[Group]) -> bool:
    """Return whether a run may hold a number to mask."""
    return bool(groups) and sum(len(group.digits) for group in groups) >= FEWEST


def _is_written(word: str) -> bool:
    """Return whether a group is written, or the letter o that may stand for a zero among digits."""
    return not word.strip("o")


def _ascii(token: str) -> str:
    """Return the digits of any script in ASCII, leaving out invisible characters between them."""
    if token.isascii():
        return token
    values = (unicodedata.digit(character, None) for character in token)
    return "".join(str(value) for value in values if value is not None)


def folded(word: str) -> str:
    """Return a word with its case folded as regular expressions do, which take the Turkish letters for an i."""
    return word.lower() if word.isascii() else word.casefold().replace("ı", "i").replace("\u0307", "")
