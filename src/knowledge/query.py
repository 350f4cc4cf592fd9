"""Turns a question into a full-text query. Pure.

Only letters and digits of a question reach the search, each word in quotes, so no character of it is an operator
(sqlite.org/fts5.html, section 3).
"""

from __future__ import annotations

import re

MAX_WORDS = 12
"""Words of a question that are looked for, the longest ones when there are more."""
SHORTEST_BEGINNING = 3
"""Letters from which on a word may stand for longer ones."""
_READ = 2000
"""Characters of a question that are looked at."""
_WORD = re.compile(r"[^\W_]+")
_MEANINGLESS = """
a about all am an and any anybody anyone are as at be been being but by can could did do does for from get got had has
have having he hello hey hi her him his how i if in into is it its just know let like ll long many may me might mine
more much must my need no not of on one or our ours please pls re s say she should so some somebody someone something t
tell than thank thanks that the their theirs them then there these they thing things this those to too us ve very want
was we were what whats when where which while who whom whose why will with would yes you your yours
"""
"""English words that say nothing about what is asked."""


_SKIPPED = frozenset(_MEANINGLESS.split())


def words_of(question: str) -> tuple[str, ...]:
    """Return the words of a question that mean something, each once, in lower case and in order."""
    found = dict.fromkeys(_WORD.findall(question[:_READ].casefold()))
    words = [word for word in found if word not in _SKIPPED]
    if len(words) > MAX_WORDS:
        longest = set(sorted(words, key=len, reverse=True)[:MAX_WORDS])
        words = [word for word in words if word in longest]
    return tuple(words)


def exactly(word: str) -> str:
    """Look for a word, whatever its ending."""
    return f'"{word}"'


def beginning(word: str) -> str:
    """Look for every word that begins so."""
    return f'"{word}" *'


def in_headings(expression: str) -> str:
    """Look in titles and headings alone."""
    return f"{{title heading}} : ({expression})"


def all_of(expressions: list[str]) -> str:
    """Look for passages with every one of several."""
    return " AND ".join(expressions)


def any_of(expressions: list[str]) -> str:
    """Look for at least one of several."""
    return " OR ".join(expressions)
