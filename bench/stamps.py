"""Moments as words: a model server writes when it wrote a token into the token, and whoever gets it knows the delay.

Nine letters without a digit, so that nothing which looks for numbers in an answer takes them for one. Moments are those
of ``time.monotonic``, which all processes of a machine share.
"""

from __future__ import annotations

import re

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_DIGITS = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
_ROUND = 16**9

STAMP = re.compile(r" ([a-p]{9})(?![a-z])")
"""A stamp in an answer, with the blank before it; a word may begin alike, as "headphones" does."""


def stamp(moment: float) -> str:
    """Write a moment, seconds, as a word of an answer."""
    return f" {int(moment * 1e6) % _ROUND:09x}".translate(_LETTERS)


def between(word: str, moment: float) -> float:
    """Return the seconds from a stamped moment to a later one, or negative ones to a moment shortly before."""
    apart = (int(moment * 1e6) - int(word.strip().translate(_DIGITS), 16)) % _ROUND
    return (apart if apart < _ROUND // 2 else apart - _ROUND) / 1e6
