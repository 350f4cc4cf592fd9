"""Masks numbers of payment cards and the like, in customers' words and in JSON values.

Pure: :func:`mask` for a text, :func:`mask_value` for arguments, outputs and timeline data, :func:`mask_incoming` for
what customers write and say. There IBANs and security codes go, too: what the agent says holds none that a customer
gave, and a shop may tell its own account. E-mail addresses and telephone numbers pass. What is found in which spelling,
how often it errs and what it cannot find: docs/privacy.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from .cards import find_cards
from .digits import DIGIT, FEWEST, SAID, DigitRun, runs
from .iban import find_ibans
from .social_security import find_social_security
from .surroundings import Surroundings

Kind = Literal["card", "ssn", "iban", "security code"]

CARD_MARK = "[card number removed, ends in {}]"
SSN_MARK = "[social security number removed]"
TOO_DEEP = "[removed: nested too deeply]"
MARK = re.compile(
    r"\[(?:card number removed, ends in [0-9]{4}|social security number removed|IBAN removed, ends in [0-9A-Z]{4}"
    r"|security code removed)\]"
)
"""What stands where a number was. Readers of numbers should skip it: its four digits are no order number."""

_DEEPEST = 64
_MOST_PASSES = 4
_LONGEST_NUMBER = 10**19
_NAME_OF_KEY = re.compile(r"ssn|itin|tax_?id|social_?security|track|imei|serial|phone|card", re.IGNORECASE)


CODE_MARK: Final = "[security code removed]"

_WORD: Final = rf"(?:{'|'.join(sorted(SAID, key=len, reverse=True))})"
_CODE: Final = (
    rf"(?P<code>[{DIGIT}](?:[ .\-]?[{DIGIT}]){{2,3}}(?![{DIGIT}])|\b{_WORD}(?:[\s\-]{{1,2}}{_WORD}){{0,3}}\b)"
)
_SURE: Final = (
    r"cvv2?|cvc2?|cvn2?|csc|(?:card|cc) (?:verification|security) (?:code|value|number)|prüfziffer|kartenprüfnummer"
    r"|cryptogramme(?: visuel)?"
)
_ON_CARD: Final = (
    r"(?:security|secret) (?:code|number)|(?:three|four|3|4)[ -](?:digits?|numbers?)(?: code)?|sicherheitscode"
    r"|código(?: de (?:seguridad|segurança))?|code de sécurité|codice di sicurezza|beveiligingscode"
)
"""Names that are a card's only where a card is spoken of."""
_ELSEWHERE: Final = (
    r"(?<![a-z\d])(?:cvv|cvc)2?(?:[码碼号號]|番号|코드)?(?![a-z\d])|安全[码碼]|背[面后後]的?[三四34]位(?:[数數]字?)?"
    r"|(?:安全|セキュリティー?)コード|सुरक्षा (?:कोड|नंबर|संख्या)|(?:सिक्योरिटी|सेक्योरिटी) (?:कोड|नंबर)|सी ?वी ?वी"
)
_ON_CARD_ELSEWHERE: Final = (
    "보안 ?코드|код безопасности|رمز ال[أا]مان|קוד ה?אבטחה|κωδικ[όο]ς ασφαλείας|güvenlik kodu|kod bezpieczeństwa"
    "|säkerhetskod|mã bảo mật|รหัสความปลอดภัย|kode keamanan"
)
"""The same where words are not parted by blanks, or end in signs that are no letters to a pattern."""
_CARD: Final = re.compile(
    r"\b(?:exp(?:iry|ires|iration|\.)?|card|visa|master\s?card|amex|tarjeta|carte|karte|kort|thẻ)\b"
    r"|\bkart|карт|카드|بطاق|כרטיס|κάρτα|บัตร",
    re.IGNORECASE,
)
_CARD_MARK: Final = r"\[card number removed, ends in [0-9]{4}\]"
_LINK: Final = (
    r"(?:[\s:=#\-,.：，、是为為はが]|है(?:ं)?|\b(?:is|was|it's|its|it|code|number|no|nr|of|on|the|back|my|card|are|es|ist|und|and"
    r"|это|карты|to|là)\b|คือ|[은는이هو]){0,24}"
)
_NAMED: Final = re.compile(rf"(?:\b(?:{_SURE})\b|{_ELSEWHERE}){_LINK}{_CODE}", re.IGNORECASE)
_NAMED_ON_CARD: Final = re.compile(
    rf"(?:(?:\b(?:{_ON_CARD})|{_CARD_MARK}\W{{1,4}}(?:(?:and|with|the|my)\s){{0,2}}code)\b|{_ON_CARD_ELSEWHERE})"
    rf"{_LINK}{_CODE}",
    re.IGNORECASE,
)
_NAMED_BEHIND: Final = re.compile(
    rf"(?<![{DIGIT}])(?<!ends in )(?P<code>[{DIGIT}]{{3,4}})(?![{DIGIT}])\W{{1,3}}(?:(?:is|as|for|my|the)\s){{0,3}}"
    rf"(?:{_SURE})\b",
    re.IGNORECASE,
)
_EXPIRY: Final = (
    r"(?:\W{0,3}(?:exp\w*|valid|good|until|thru|through|date|is|and|on)\b){0,4}"
    rf"\W{{0,3}}[{DIGIT}]{{1,2}}\s?[/.\-]\s?[{DIGIT}]{{2,4}}"
)
_BEHIND_CARD: Final = re.compile(
    rf"{_CARD_MARK}(?:{_EXPIRY}[\s,;/|]+|(?=[\s,;/|.\-]+(?:and\s)?[{DIGIT}]+\s*[.!]?\s*(?:\n|\Z))[\s,;/|.\-]+(?:and\s)?)"
    rf"(?P<code>[{DIGIT}]{{3,4}})(?![{DIGIT}])",
    re.IGNORECASE,
)


_ANSWERS: Final = re.compile(
    rf"\W*(?:(?:sure|yes|yeah|ok|okay|it|it's|its|is|that's|the|my|code|number|of|on|back|here"
    rf"|caller|entered)\W+){{0,6}}{_CODE}\W*(?:please|thanks|with the keys)?\W*",
    re.IGNORECASE,
)
"""A code and hardly more, also as a call tells that it was entered."""
_ASKS: Final = re.compile(rf"\b(?:{_SURE})\b|{_ELSEWHERE}", re.IGNORECASE)
_ASKS_ON_CARD: Final = re.compile(rf"\b(?:{_ON_CARD})\b|{_ON_CARD_ELSEWHERE}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without the numbers, and the kind of each number that was in it, in their order."""

    text: str
    found: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A number to mask: where it stands in its text, and the mark that takes its place."""

    start: int
    end: int
    kind: Kind
    mark: str = SSN_MARK


def mask(text: str) -> Masked:
    """Replace every card number and social security number by a mark; a text without one is returned as it is.

    Of a card the last four digits stay. Masking twice changes nothing. Any string is legal; the time grows with its
    length.
    """
    parts, kinds, at = [], [], 0
    for one in findings(text):
        parts += [text[at : one.start], one.mark]
        kinds.append(one.kind)
        at = one.end
    return Masked("".join((*parts, text[at:])), tuple(kinds))


def mask_incoming(text: str) -> Masked:
    """Replace in a customer's words what :func:`mask` does, and IBANs and security codes of cards.

    A code counts where it is named, or stands behind a card's number or expiry date.
    """
    text, ibans = _replaced(text, find_ibans(text))
    masked = mask(text)
    text, codes = _replaced(masked.text, _codes(masked.text))
    iban: Kind = "iban"
    code: Kind = "security code"
    found = [iban] * ibans + [*masked.found] + [code] * codes
    return Masked(text, tuple(found))


def mask_code(answer: str, *, question: str, talk: str) -> str:
    """Replace a security code that is all of an answer, where the question was for one; ``talk`` may name the card."""
    asked = _ASKS.search(question) or (_ASKS_ON_CARD.search(question) and _CARD.search(talk))
    found = _ANSWERS.fullmatch(answer) if asked else None
    if found is None or not _is_code(found["code"]):
        return answer
    return answer[: found.start("code")] + CODE_MARK + answer[found.end("code") :]


def mask_value(value: Any) -> Any:
    """Mask the texts and the whole numbers of a JSON value, however nested; its keys stay, and name what they hold."""
    return _masked_value(value, "", _DEEPEST)


def findings(text: str, start: int = 0) -> Iterator[Finding]:
    """Yield the numbers to mask that stand behind ``start``, in order. Each piece between two marks is read alone."""
    begin = 0
    for mark in (*MARK.finditer(text), None):
        end = mark.start() if mark else len(text)
        if end > start:
            yield from _findings(text[begin:end], begin, max(0, start - begin), _MOST_PASSES)
        begin = mark.end() if mark else end


def _findings(text: str, offset: int, start: int, passes: int) -> Iterator[Finding]:
    """Yield the numbers in a text without marks; what is left between them is read alone, until nothing is found."""
    at = 0
    numbers = _numbers(text, start) if len(text) - start >= FEWEST else ()
    for one in list(numbers) if passes else _everything(text):
        yield from _findings(text[at : one.start], offset + at, max(0, start - at), passes - 1)
        yield replace(one, start=offset + one.start, end=offset + one.end)
        at = one.end
    if at:
        yield from _findings(text[at:], offset + at, 0, passes - 1)


def _numbers(text: str, start: int) -> Iterator[Finding]:
    """Yield the numbers as a text has them; of a run with cards, its social security numbers come later."""
    for run in runs(text, start):
        around = Surroundings(run)
        cards = find_cards(run, around)
        yield from (_card(run, first, last) for first, last in cards)
        for first, last in () if cards else find_social_security(run, around):
            yield Finding(*run.span(first, last), "ssn")


def _everything(text: str) -> Iterator[Finding]:
    """Yield every run when a text still holds a finding after so many passes: it was made to keep us busy."""
    if next(_numbers(text, 0), None):
        yield from (_card(run, 0, len(run.groups)) for run in runs(text))


def _card(run: DigitRun, first: int, last: int) -> Finding:
    end = run.firsts[last]
    return Finding(*run.span(first, last), "card", CARD_MARK.format(run.digits[end - 4 : end]))


def _masked_value(value: Any, name: str, depth: int) -> Any:
    """Mask a value whose key is ``name``."""
    if isinstance(value, str):
        return _masked_under(name, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = isinstance(value, int) or value.is_integer()
        digits = str(abs(int(value))) if whole and abs(value) < _LONGEST_NUMBER else ""
        masked = _masked_under(name, digits)
        return value if masked == digits else masked
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if not depth:
        return TOO_DEEP
    if isinstance(value, Mapping):
        return {key: _masked_value(inner, str(key), depth - 1) for key, inner in value.items()}
    return [_masked_value(inner, name, depth - 1) for inner in value]


def _masked_under(name: str, text: str) -> str:
    """Mask a text as if its key were written in front of it: ``{"ssn": "123456789"}``."""
    named = _NAME_OF_KEY.search(name)
    before = f"{named[0].replace('_', ' ')}: " if named else ""
    return mask(before + text).text.removeprefix(before)


def _replaced(text: str, found: Iterator[tuple[int, int, str]]) -> tuple[str, int]:
    parts, at, count = [], 0, 0
    for start, end, mark in sorted(set(found)):
        if start >= at:
            parts += [text[at:start], mark]
            at, count = end, count + 1
    return "".join((*parts, text[at:])), count


def _codes(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the security codes of a text whose card numbers are marks."""
    spoken_of = _CARD.search(text)
    patterns = (_NAMED, _NAMED_BEHIND, _BEHIND_CARD, *((_NAMED_ON_CARD,) if spoken_of else ()))
    for found in (one for pattern in patterns for one in pattern.finditer(text)):
        if _is_code(found["code"]):
            yield *found.span("code"), CODE_MARK


def _is_code(text: str) -> bool:
    """Tell whether what was written or said has three or four digits."""
    said = "".join(SAID.get(word, word) for word in re.findall(r"[^\W\d_]+|\d", text.lower()))
    return 3 <= len(said) <= 4
