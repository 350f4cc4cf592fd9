"""Data for the model's eyes: other people's words in a block that they can neither close nor forge. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..guardrails.pii import mask
from ..telemetry.masking import EMAIL, PHONE

_HARMLESS = re.compile(r"[A-Za-z0-9 .,:;!?'()/_&@#%+*$=-]*")
_LOOKS_LIKE_A_BRACKET = frozenset("\u1433\u1438\u16b2\u02c2\u02c3")
"""Letters that people and models read as < and >; what is no letter is taken out by its category."""
_VARIATION = re.compile("[\u180b-\u180d\ufe00-\ufe0f\u3164\u115f\u1160\uffa0\U000e0100-\U000e01ef]")
"""Marks and letters that nobody sees, and models read."""
_KEPT = frozenset("LMN")
_INSTEAD = {"Ps": "(", "Pi": "(", "Pe": ")", "Pf": ")", "Pd": "-"}
_AS_THEY_ARE = frozenset(".,:;!?'()/_&@#%+*$=-")
_WIDEST = 18
"""Characters that compatibility normalisation makes of one, at most."""


def plain(text: object, limit: int) -> str:
    """Return anything as one line of at most ``limit`` characters that holds no delimiter, and nothing that is hidden.

    Letters, digits, currency signs and everyday punctuation stay. Brackets of every kind become round, double quotes
    single; line breaks, control characters, marks of direction, invisible characters and lone surrogates become
    blanks. Applying it twice changes nothing.
    """
    given = str(text)[: 4 * limit]
    if _HARMLESS.fullmatch(given) is None:
        given = "".join(map(_harmless, unicodedata.normalize("NFKC", given)[: _WIDEST * limit]))
    line = " ".join(given.split())
    return line if len(line) <= limit else f"{line[: limit - 3].rstrip()}..."


def private(text: object, limit: int) -> str:
    """Return :func:`plain` text without card and social security numbers, e-mail addresses and telephone numbers."""
    return without_contacts(mask(plain(text, 4 * limit)).text, limit)


def without_contacts(masked: object, limit: int) -> str:
    """Return :func:`plain` text without e-mail addresses and telephone numbers, of a text that is masked already."""
    return plain(PHONE.sub(_ending, EMAIL.sub("(e-mail)", plain(masked, 4 * limit))), limit)


def quoted(text: object, limit: int) -> str:
    """Return :func:`private` text between double quotes, of which it holds none itself."""
    return f'"{private(text, limit)}"'


def block(name: str, about: str, lines: Iterable[str], *, limit: int) -> str:
    """Return the lines between ``<name>`` and ``</name>``, at most ``limit`` bytes of UTF-8 in all.

    The first lines matter most: one that does not fit is left out, and shorter ones after it may still be taken.
    Nothing comes out when there is no line. Lines hold nothing but :func:`plain` text and our own quotes.
    """
    opening, closing = f"<{name}>\n{about}", f"\n</{name}>"
    room = limit - len(opening.encode()) - len(closing.encode())
    taken = list[str]()
    for line in lines:
        size = len(line.encode()) + 1
        if size <= room:
            taken.append(line)
            room -= size
    return "\n".join((opening, *taken)) + closing if taken else ""


def _ending(found: re.Match[str]) -> str:
    return f"number ending in {''.join(filter(str.isdigit, found[0]))[-4:]}"


def _harmless(character: str) -> str:
    if character in _AS_THEY_ARE:
        return character
    category = unicodedata.category(character)
    if character in '"\u201c\u201d\u201e':
        return "'"
    if character in "<>":
        return "(" if character == "<" else ")"
    if (category[0] in _KEPT or category == "Sc") and not _misleads(character):
        return character
    return _INSTEAD.get(category, " ")


def _misleads(character: str) -> bool:
    """Tell whether a letter or mark looks like a bracket, or like nothing at all."""
    return character in _LOOKS_LIKE_A_BRACKET or _VARIATION.match(character) is not None
