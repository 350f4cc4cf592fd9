"""Replaces unprofessional words. Pure.

The list is short and English: profanity, slurs and insults that have no other meaning in a support conversation. What
is also a name (Dick), a thing (screw, jerk chicken) or a word of a language that callers are answered in (French
"retard" is a delay, Swedish "slut" an end) is not on it. Each word has a neutral one that can be said in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .digits import DIGIT

_PEOPLE = (
    ("person", "people", "bastard bitch bullshitter cretin cunt dickhead dimwit dipshit douchebag dumbass faggot "
     "fucker fuckwit halfwit jackass kike moron motherfucker nigga nigger nitwit scumbag shithead smartass twat "
     "wanker wetback whore"),
    ("individual", "individuals", "arsehole asshole idiot imbecile"),  # these follow "an"
    ("behind", "behinds", "arse ass"),
)  # fmt: skip
"""A neutral word, its plural, and the nouns that they stand for."""
_OTHERS = {
    "mess": "crap fuck piss shit",
    "messes": "fucks shits",
    "messed": "crapped fucked",
    "messing": "crapping pissing shitting",
    "upset": "pissed",
    "complaining": "bitching",
    "very": "damn damned fuckin fucking goddam goddamn goddamned motherfucking",
    "nonsense": "bollocks bullshit horseshit",
    "poor": "crappier crappiest crappy shittier shittiest shitty",
    "mistaken": "dumb dumber dumbest moronic stupid stupider stupidest",
    "wrongly": "stupidly",
    "unwise": "asinine idiotic",
}


def _pairs() -> Iterator[tuple[str, str]]:
    """Yield each listed word in its simple forms, with what is said in its place."""
    for one, many, nouns in _PEOPLE:
        for noun in nouns.split():
            yield noun, one
            yield noun + ("es" if noun.endswith(("s", "ch")) else "s"), many
    for neutral, words in _OTHERS.items():
        yield from ((word, neutral) for word in words.split())


LISTED = dict(_pairs())
"""Every listed word in lower case, and the neutral one."""
# A word is letters only: an underscore is Markdown's emphasis, and of digits a mark may be left.
_WORD = re.compile(rf"[^\W_{DIGIT}]+")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text without the listed words, and which ones were in it, in lower case and in their order."""

    text: str
    replaced: tuple[str, ...] = ()


def professional(text: str) -> Cleaned:
    """Replace every listed word by a neutral one in the same case; a text without one is returned as it is.

    Only whole words count: "class", "assess" and "Scunthorpe" pass. Doing it twice changes nothing. Any string is
    legal; the time grows with its length.
    """
    replaced: list[str] = []

    def neutral(word: re.Match[str]) -> str:
        # Not casefold, which makes the German "aß" a listed word.
        listed = word[0].lower()
        if listed not in LISTED:
            return word[0]
        replaced.append(listed)
        return _in_case_of(word[0], LISTED[listed])

    cleaned = _WORD.sub(neutral, text)
    return Cleaned(cleaned, tuple(replaced))


def _in_case_of(word: str, neutral: str) -> str:
    """Write the neutral word in capitals, or with one, as the other word is."""
    if word.isupper() and len(word) > 1:
        return neutral.upper()
    return neutral.capitalize() if word[0].isupper() else neutral
