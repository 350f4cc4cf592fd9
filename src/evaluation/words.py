"""Words: whether they were said, whether arguments fit, and which language a text is in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LANGUAGES: Mapping[str, str] = {
    "en": "the and you your is are of to in it for have has that this we can will not with order",
    "es": "el la los las de que su sus es ha y en un una por para con pedido no se está puede lo",
    "fr": "le la les de des et vous votre est a que en un une pour avec commande pas nous du sur",
    "de": "der die das und ist sie ihre ihr wir nicht ein eine mit für von zu wurde bestellung den",
    "it": "il la lo i gli le di che è e un una per con ordine non suo sua del della ha può",
    "pt": "o a os as de que e é um uma para com pedido não seu sua do da foi está em pode",
    "nl": "de het een en is van uw u we niet met voor bestelling dat deze te zijn wordt op",
}
"""The languages that can be told, by the words that make up most of their sentences."""
FEWEST_WORDS = 3
"""Words of a language that a text must hold before it is told."""
_WORDS = {name: frozenset(words.split()) for name, words in LANGUAGES.items()}


def holds(text: str, wanted: str) -> bool:
    """Tell whether a text holds words, or matches a regular expression between slashes; case does not matter."""
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        return re.search(wanted[1:-1], text, re.IGNORECASE) is not None
    return _even(wanted) in _even(text)


def fit(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a call's arguments are those that are wanted; further ones do not matter."""
    return all(name in given and _same(given[name], value) for name, value in wanted.items())


def language_of(text: str) -> str | None:
    """Return the language that most words of a text speak for; None where they are too few, or undecided."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    found = sorted(((sum(word in known for word in words), name) for name, known in _WORDS.items()), reverse=True)
    (most, name), (second, _) = found[:2]
    return name if most >= FEWEST_WORDS and most > second else None


def _same(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(given, bool):
        return given is wanted
    if isinstance(wanted, (int, float)) and isinstance(given, (int, float)):
        return abs(given - wanted) < 0.005
    if isinstance(wanted, str) and isinstance(given, (str, int, float)):
        return holds(str(given), wanted) if wanted.startswith("/") else _even(str(given)) == _even(wanted)
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        return fit(given, wanted)
    return bool(given == wanted)


def _even(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").casefold().split())
