"""Finds account numbers (IBAN, ISO 13616) by their length and check digits, written or said piece by piece. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from .digits import SAID, TENS, TIMES, UNITS

MARK: Final = "[IBAN removed, ends in {}]"
_LENGTHS: Final = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO", "16:BE", "18:DK FI FO GL NL", "19:MK SI", "20:AT BA EE KZ LT LU XK", "21:CH HR LI LV",
            "22:BG BH CR DE GB GE IE ME RS", "23:AE GI IL IQ TL", "24:AD CZ ES MD PK RO SA SE SK TN VG", "25:PT ST",
            "26:IS TR", "27:FR GR IT MC MR SM", "28:AL AZ BY CY DO GT HU LB PL SV", "29:BR EG PS QA UA", "30:JO KW MU",
            "31:MT SC", "32:LC",
        )
    )
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN by its country (the registry of ISO 13616)."""
_APART: Final = r"[\s.\-_\u00ad\u200b-\u200d\u2060\ufeff]{0,2}"
_START: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d")
"""In one piece: "no. 9 4 7" and "is 35" are no countries."""
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
_FILLERS: Final = frozenset({"and", "then", "uh", "um", "space", "dash"})
_LETTERS: Final = {
    word: word[0]
    for word in (
        "alpha", "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo",
        "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor",
        "whiskey", "xray", "yankee", "zulu",
    )
}  # fmt: skip

Found = tuple[int, int, str]
"""Where a number stands in its text, and the mark that takes its place."""


def find_ibans(text: str) -> Iterator[Found]:
    """Yield the account numbers whose length and check digits are right."""
    plain = text if text.isascii() else "".join(map(_ascii, text))
    for found in _START.finditer(plain):
        left = _LENGTHS.get(found[0][:2].upper(), 4) - 4
        rest = re.compile(rf"(?:{_APART}[A-Za-z0-9]){{{left}}}(?![A-Za-z0-9])").match(plain, found.end())
        if left and rest and (whole := _checked("".join(filter(str.isalnum, plain[found.start() : rest.end()])))):
            yield found.start(), rest.end(), MARK.format(whole[-4:])
    yield from _dictated(plain)


def _dictated(text: str) -> Iterator[Found]:
    """Yield those that are said letter by letter and digit by digit: "D E eight nine, three seven double zero"."""
    pieces, end, times, before = list[tuple[str, int, int]](), 0, 1, ""
    for found in _PIECE.finditer(text):
        word = found[0].lower()
        if word in _FILLERS and pieces:
            continue
        said = (
            found[0]
            if word.isdigit()
            else SAID.get(word) or _LETTERS.get(word) or _letters(found[0], text, found.end())
        )
        if not (said or word in TIMES):
            yield from _within(pieces)
            pieces, times = [], 1
        elif word in TIMES:
            times = TIMES[word]
        elif pieces and word in UNITS and before in TENS and text[end : found.start()] in (" ", "-"):
            pieces[-1] = (pieces[-1][0][:-1] + said, pieces[-1][1], found.end())
        else:
            pieces.append((said[0] * (times - 1) + said, found.start(), found.end()))
            times = 1
        end, before = found.end(), word
    yield from _within(pieces)


def _letters(piece: str, text: str, end: int) -> str:
    """Return a piece of text that is one letter or a country; "no." and "is" are words."""
    country = len(piece) == 2 and (text[end : end + 1].isdigit() or (piece.isupper() and piece != "NO"))
    return piece if len(piece) == 1 or country else ""


def _within(pieces: list[tuple[str, int, int]]) -> Iterator[Found]:
    """Yield the numbers in pieces that follow each other; each begins and ends with one."""
    whole = "".join(said for said, _, _ in pieces)
    places = [0]
    for said, _, _ in pieces:
        places.append(places[-1] + len(said))
    last, behind = {place: number for number, place in enumerate(places)}, 0
    for number, place in enumerate(places[:-1]):
        length = _LENGTHS.get(whole[place : place + 2].upper(), 0)
        stop = last.get(place + length)
        if length and stop and place >= behind and (checked := _checked(whole[place : place + length])):
            yield pieces[number][1], pieces[stop - 1][2], MARK.format(checked[-4:])
            behind = place + length


def _checked(number: str) -> str:
    """Return a number in capitals when its check digits are right, else nothing."""
    whole = number.upper()
    digits = whole[2:4].isdigit() and int("".join(str(int(character, 36)) for character in whole[4:] + whole[:4]))
    return whole if digits and digits % 97 == 1 else ""


def _ascii(character: str) -> str:
    """Return a letter or digit of another alphabet as ASCII, where it is one character."""
    plain = unicodedata.normalize("NFKC", character)
    digit = unicodedata.digit(plain, None) if len(plain) == 1 else None
    return str(digit) if digit is not None else plain if len(plain) == 1 else character
