"""The words in which people say the digits of a number, and those that they say between them.

English in full; of Spanish, French and German the ten digits.
"""

from __future__ import annotations


def _words(line: str) -> list[str]:
    return line.split()


UNITS = {word: str(digit) for digit, word in enumerate(_words("one two three four five six seven eight nine"), 1)}
TENS = {
    word: str(digit) for digit, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
TENS["fourty"] = "4"
TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}

_TEENS = _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
_OTHER_LANGUAGES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "null eins zwei drei vier fünf sechs sieben acht neun",
)
SAID = {"zero": "0", "oh": "0", "nought": "0", "naught": "0", "niner": "9", "hundred": "00", "thousand": "000"}
SAID |= {"o" * times: "0" * times for times in range(1, 5)}
SAID |= UNITS | {word: str(value) for value, word in enumerate(_TEENS, 10)}
SAID |= {word: digit + "0" for word, digit in TENS.items()}
for _line in _OTHER_LANGUAGES:
    SAID |= {word: str(digit) for digit, word in enumerate(_words(_line))}
"""Every word that says digits by itself. "Four hundred eleven" is 411, "forty-one hundred" is 4100."""

ORDINALS = _words("first next last final second third fourth other middle")
COUNTS = _words("two three four five six eight")
"""In "the last four are 1111", four is no digit of the number."""

_BETWEEN = (
    "a again ah and are by colon comma dash digit digits dot e eh er erm et followed got group hmm hold hundred "
    "hyphen i is it its just let me minus mm mmm moment no now number numbers of ok okay on ones part period "
    "please point ready right s sec see set slash so sorry space that the them then these they this thousand uh "
    "uhh um umm und underscore wait with y yeah yep yes"
)
FILLERS = frozenset([*_words(_BETWEEN), *ORDINALS, *COUNTS])
"""Words that people put between the groups of one number. "or" and "to" are not among them: they part two numbers."""


def digits_said(word: str) -> str:
    """Return the digits that a word of :data:`SAID` stands for."""
    return SAID[folded(word)]


def folded(word: str) -> str:
    """Fold case as regular expressions do, which take the Turkish letters for an i."""
    return word.casefold().replace("ı", "i").replace("\u0307", "")
