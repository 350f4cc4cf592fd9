"""The words in which people say the digits of a number, and those that they say between them.

English in full; of Spanish, French and German the ten digits.
"""

from __future__ import annotations


def _words(line: str) -> list[str]:
    return line.split()


UNITS = dict(zip(_words("one two three four five six seven eight nine"), "123456789", strict=True))
TENS = dict(zip(_words("twenty thirty forty fifty sixty seventy eighty ninety fourty"), "234567894", strict=True))
TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_OTHER_LANGUAGES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "zéro un deux trois quatre cinq six sept huit neuf",
    "null eins zwei drei vier fünf sechs sieben acht neun",
)
SAID = {"zero": "0", "oh": "0", "nought": "0", "naught": "0", "niner": "9", "hundred": "00", "thousand": "000"}
SAID |= {"o" * times: "0" * times for times in range(1, 5)}
SAID |= UNITS | {word: str(value) for value, word in enumerate(_TEENS.split(), 10)}
SAID |= {ten: digit + "0" for ten, digit in TENS.items()}
SAID |= {ten + unit: TENS[ten] + UNITS[unit] for ten in TENS for unit in UNITS}
SAID |= {word: str(digit) for line in _OTHER_LANGUAGES for digit, word in enumerate(line.split())}
"""Every word that says digits by itself. "Four hundred eleven" is 411, "forty-one hundred" is 4100."""

ORDINALS = frozenset(_words("first next last final second third fourth other middle"))
COUNTS = frozenset(_words("two three four five six eight 2 3 4 5 6 7 8"))
COUNTED = frozenset(_words("are is ones digit digits number numbers"))
"""In "the last four are 1111", four is no digit of the number."""
HUNDREDS = frozenset({"hundred", "thousand"})

_BETWEEN = (
    "a again ah and are by colon comma dash digit digits dot e eh er erm et followed got group hmm hold hundred "
    "hyphen i is it its just let me minus mm mmm moment no now number numbers of ok okay on ones part period "
    "please point ready right s sec see set slash so sorry space that the them then these they this thousand uh "
    "uhh um umm und underscore wait with y yeah yep yes"
)
FILLERS = frozenset([*_BETWEEN.split(), *ORDINALS, *filter(str.isalpha, COUNTS)])
"""Words that people put between the groups of one number. "or" and "to" are not among them: they part two numbers."""


def folded(word: str) -> str:
    """Return a word with its case folded as regular expressions do, which take the Turkish letters for an i."""
    return word.lower() if word.isascii() else word.casefold().replace("ı", "i").replace("\u0307", "")
