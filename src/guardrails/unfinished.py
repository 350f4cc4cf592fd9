"""Tells how much of a text that is still growing may go out: all but what could still become part of a number. Pure.

The rules of :mod:`.digits` decide what a number is; here they are asked for the longest stretch that could become one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .digits import DIGIT, FEWEST, LONGEST_GAP, MOSTFILLERS, runs
from .number_words import FILLERS, SAID, TIMES, folded
from .pii import MARK, mask
from .surroundings import NEAR, NEAR_AFTER

MOST_HELD = 400
"""Characters after which a number that does not end is let go: a card number dictated with pauses takes 250."""

_NUMBER_WORDS = frozenset((*SAID, *TIMES))
_NUMBER_BEGINNINGS = frozenset(word[:size] for word in _NUMBER_WORDS for size in range(1, len(word) + 1))
_BEGINNINGS = _NUMBER_BEGINNINGS | {word[:size] for word in FILLERS for size in range(1, len(word) + 1)}
_LETTER = rf"[^\W_{DIGIT}]"
_WORDS = "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"[{DIGIT}]|(?=[{''.join({word[0] for word in _NUMBER_WORDS})}])(?<!{_LETTER})(?:{_WORDS})(?!{_LETTER})",
    re.IGNORECASE,
)
# The rest of a word that is out already is one too, but no number.
_TOKEN = re.compile(rf"(?P<digits>[{DIGIT}]+)|(?P<word>(?<!{_LETTER}){_LETTER}+)|(?P<rest>{_LETTER}+)|[\W_]+")
_LAST_WORD = re.compile(rf"(?<!{_LETTER}){_LETTER}+\Z")
_LONGEST_WORD = max(map(len, _BEGINNINGS))
_EXCLAIMED = re.compile(r"oh?[,.!…]", re.IGNORECASE)
# Payment cards begin with 2 to 6 (ISO/IEC 7812); 1800 is JCB's of old, 81 UnionPay's.
_BEGINS_A_CARD = re.compile(r"[2-6]|1800|81")
_LONGEST_CARD_GROUP = 4
_NINE_DIGITS = "1" * FEWEST


def has_number(text: str, start: int, end: int) -> bool:
    """Tell whether a stretch of a text holds a digit or a word for one."""
    return _NUMBER.search(text, start, end) is not None


def runs_across(text: str, place: int) -> int | None:
    """Return where the run of digits ends that stands on both sides of a place, if there is one."""
    return next((run.ends[-1] for run in runs(text) if run.starts[0] < place < run.ends[-1]), None)


def settled(text: str, start: int) -> int:
    """Return up to where a growing text may go out, if it is out up to ``start`` already.

    Behind a number that is long enough to matter, what may name it ("… is my social") is waited for.
    """
    if not has_number(text, start, len(text)):
        return _last_word(text, start)
    if len(text) - start > MOST_HELD:
        return len(text)
    # A mark is no part of a number, and what stands on its two sides is read alone.
    first = max((mark.end() for mark in MARK.finditer(text)), default=0)
    until = _open_number(text, max(start, first))
    for run in reversed([*runs(text[first:])]):
        end = first + run.ends[-1]
        if end <= start:
            break
        if end + NEAR_AFTER > until:
            until = min(until, first + run.starts[0])
    return max(until, start, first)


def _open_number(text: str, start: int) -> int:
    """Return where the number begins that the end of a text is in, or what could be one; else the text's end."""
    numbers: list[re.Match[str]] = []
    fillers = 0
    for token in _TOKEN.finditer(text, start):
        if _is_number(token):
            numbers.append(token)
            fillers = 0
            continue
        if not numbers:
            continue
        fillers += token.lastgroup is not None
        joins = fillers <= MOSTFILLERS and token.end() - numbers[-1].end() <= LONGEST_GAP
        if not (joins and _may_join(token)):
            numbers.clear()
            fillers = 0
    return next((token.start() for token in numbers if not _stays_alone(token)), _last_word(text, start))


def _is_number(token: re.Match[str]) -> bool:
    """Tell whether a token is digits or a word for them."""
    if token.lastgroup != "word":
        return token.lastgroup == "digits"
    word = folded(token[0])
    return word in _NUMBER_WORDS or not word.strip("o")


def _may_join(token: re.Match[str]) -> bool:
    """Tell whether a word or marks may stand between two groups of one number; a word that is unfinished may become."""
    if token.lastgroup is None:
        return all(map(_joins, token[0]))
    word = folded(token[0])
    return word in FILLERS or (token.end() == len(token.string) and word in _BEGINNINGS)


@lru_cache(maxsize=1024)
def _joins(mark: str) -> bool:
    """Tell whether a character may stand between two groups of one number."""
    return next(runs(f"{_NINE_DIGITS[1:]}{mark}1"), None) is not None


def _stays_alone(token: re.Match[str]) -> bool:
    """Tell whether a finished group at the beginning is no part of what has to be masked, whatever follows.

    As order numbers are: longer than the groups of a card, and no card begins so. An exclamation is no zero either.
    """
    text = token.string
    if token.end() == len(text):
        return False
    if token.lastgroup == "word":
        return _EXCLAIMED.match(text, token.start()) is not None
    if not _LONGEST_CARD_GROUP < len(token[0]) < FEWEST or _BEGINS_A_CARD.match(token[0]) or not token[0].isascii():
        return False
    return not mask(text[max(0, token.start() - NEAR) : token.start()] + _NINE_DIGITS).found


def _last_word(text: str, start: int) -> int:
    """Return where an unfinished word begins that may become a word for digits, else the text's end."""
    word = _LAST_WORD.search(text, max(start, len(text) - _LONGEST_WORD))
    return word.start() if word and folded(word[0]) in _NUMBER_BEGINNINGS else len(text)
