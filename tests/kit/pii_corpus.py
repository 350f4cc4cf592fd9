"""Card and social security numbers in the spellings and sentences that customers use; all of them must be masked.

Everything comes from a seed: the same seed gives the same cases. No number is anybody's: all are drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ISSUERS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "visa": (("4",), (16, 16, 16, 16, 13, 19)),
    "mastercard": (("51", "52", "53", "54", "55"), (16,)),
    "mastercard 2": (("2221", "2229", "23", "245", "26", "2701", "2720"), (16,)),
    "amex": (("34", "37"), (15,)),
    "discover": (("6011", "644", "649", "65"), (16, 16, 19)),
    "diners": (("300", "305", "36", "38", "39"), (14,)),
    "jcb": (("3528", "3535", "3589"), (16,)),
    "jcb, old": (("2131", "1800"), (15,)),
    "unionpay": (("62", "621", "6250"), (16, 16, 17, 18, 19)),
    "unionpay 81": (("810", "814", "8170", "8171"), (16, 17, 18, 19)),
    "maestro": (("5018", "5020", "5038", "6304", "6759", "6761", "6763"), (12, 13, 14, 15, 16, 17, 18, 19)),
    "mir": (("2200", "2202", "2204"), (16,)),
    "dankort": (("5019",), (16,)),
    "rupay": (("5085", "5089", "6069", "607", "608"), (16,)),
}
UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
SCRIPTS = {"fullwidth": "０１２３４５６７８９", "arabic": "٠١٢٣٤٥٦٧٨٩", "persian": "۰۱۲۳۴۵۶۷۸۹", "hindi": "०१२३४५६७८९"}
SCRIPTS |= {"bold": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹", "circled": "⓪①②③④⑤⑥⑦⑧⑨"}


@dataclass(frozen=True, slots=True)
class Case:
    """A text; for a number that must be masked, its kind and what else of the text must stay."""

    text: str
    label: str
    kind: str = ""
    before: str = ""
    after: str = ""


# --- numbers -----------------------------------------------------------------------------------------------


def check_digit(payload: str) -> str:
    """Return the Luhn digit that makes a payload a card number; written apart from the code under test."""
    total = 0
    for place, character in enumerate(reversed(payload)):
        value = int(character) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def card(rng: random.Random, issuer: str) -> str:
    prefixes, lengths = ISSUERS[issuer]
    prefix = rng.choice(prefixes)
    payload = prefix + digits(rng, rng.choice(lengths) - len(prefix) - 1)
    return payload + check_digit(payload)


def social_security(rng: random.Random) -> str:
    area = rng.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03}{rng.randint(1, 99):02}{rng.randint(1, 9999):04}"


# --- spellings ---------------------------------------------------------------------------------------------

Spelling = Callable[[random.Random, list[str]], str]
"""Writes the groups of a number, such as 4111 1111 1111 1111 or 123 45 6789."""


def joined(mark: str) -> Spelling:
    return lambda rng, groups: mark.join(groups)


def one_by_one(mark: str) -> Spelling:
    return lambda rng, groups: mark.join("".join(groups))


def in_script(name: str, mark: str) -> Spelling:
    table = str.maketrans("0123456789", SCRIPTS[name])
    return lambda rng, groups: mark.join(groups).translate(table)


def in_words(rng: random.Random, groups: list[str]) -> str:
    """Say each digit, with the zeros that people use, and a pause between the groups or none."""
    zero = rng.choice(["zero", "oh", "o"])
    said = [" ".join(zero if digit == "0" else UNITS[int(digit)] for digit in group) for group in groups]
    return rng.choice([" ", ", ", "... ", " and ", " dash ", " um ", " then "]).join(said)


def with_doubles(rng: random.Random, groups: list[str]) -> str:
    """Say "double one" and "triple oh" where digits repeat."""
    names = [*UNITS]
    names[0] = rng.choice(["zero", "oh"])
    number, said, at = "".join(groups), [], 0
    while at < len(number):
        times = next((n for n in (3, 2) if number[at : at + n] == number[at] * n and rng.random() < 0.9), 1)
        said.append({1: "", 2: "double ", 3: "triple "}[times] + names[int(number[at])])
        at += times
    return " ".join(said)


def in_pairs(rng: random.Random, groups: list[str]) -> str:
    """Say pairs as numbers, "forty-one eleven", where they can be said without doubt."""
    number, said, at = "".join(groups), [], 0
    hyphen = rng.choice("- ")
    while at < len(number):
        pair = number[at : at + 2]
        if len(pair) == 2 and pair[0] == "1":
            said.append(TEENS[int(pair[1])])
        elif len(pair) == 2 and pair[0] != "0" and pair[1] != "0":
            said.append(TENS[int(pair[0])] + hyphen + UNITS[int(pair[1])])
        else:
            said += [UNITS[int(digit)] for digit in pair]
        at += 2
    return " ".join(said)


def key_caps(rng: random.Random, groups: list[str]) -> str:
    return " ".join("".join(digit + "\ufe0f\u20e3" for digit in group) for group in groups)


def zero_width(rng: random.Random, groups: list[str]) -> str:
    mark = rng.choice(["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad"])
    return mark.join("".join(groups))


def words_between(rng: random.Random, groups: list[str]) -> str:
    """Put words between the groups; "next 7 12" would say that two digits follow, so those words stay away from one."""
    links = [", and then ", " then ", " and ", ", um, ", " followed by ", " - ", "; "]
    longer = [*links, ", next ", ", the next four are "]
    rest = ((rng.choice(links if len(group) == 1 else longer), group) for group in groups[1:])
    return groups[0] + "".join(link + group for link, group in rest)


def half_said(rng: random.Random, groups: list[str]) -> str:
    """Say some groups and write the others, as speech recognition does."""
    said = [" ".join(UNITS[int(digit)] for digit in group) if rng.random() < 0.5 else group for group in groups]
    return rng.choice([" ", ", "]).join(said)


def letter_o(rng: random.Random, groups: list[str]) -> str:
    return " ".join(groups[:1] + [group.replace("0", "O") for group in groups[1:]])


SPELLINGS: dict[str, Spelling] = {
    "plain": joined(""),
    "spaces": joined(" "),
    "dashes": joined("-"),
    "dots": joined("."),
    "wide dashes": joined(" – "),
    "two spaces": joined("  "),
    "no-break spaces": joined("\u00a0"),
    "thin spaces": joined("\u2009"),
    "en dashes": joined("–"),
    "line breaks": joined("\n"),
    "one by one": one_by_one(" "),
    "one by one, dashes": one_by_one("-"),
    "one by one, dots": one_by_one("."),
    "one by one, commas": one_by_one(", "),
    "one by one, lines": one_by_one("\n"),
    "zero width": zero_width,
    "key caps": key_caps,
    "words": in_words,
    "doubles": with_doubles,
    "pairs": in_pairs,
    "words between": words_between,
    "half said": half_said,
    "letter o": letter_o,
    **{f"{name}, plain": in_script(name, "") for name in SCRIPTS},
    **{f"{name}, spaces": in_script(name, " ") for name in SCRIPTS},
}
ONLY_CARDS = {
    "half": lambda rng, groups: f"{_half(groups[:2])}, {_half(groups[2:])}",
    "commas": joined(", "),
    "underscores": joined("_"),
    "slashes": lambda rng, groups: ("/" if len("".join(groups)) > 13 else "-").join(groups),
    "threes": lambda rng, groups: " ".join(cut("".join(groups), (3,) * 7)),
    "uneven": lambda rng, groups: " ".join(
        cut("".join(groups), (rng.choice([2, 4, 5]), *rng.choices([2, 3, 4, 5], k=9)))
    ),
}


def _half(groups: list[str]) -> str:
    return ("" if groups[-1:] == groups[1:2] and len(groups[-1]) == 4 else " ").join(groups)


def cut(number: str, sizes: tuple[int, ...]) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(number[at : at + size])
        at += size
    return [piece for piece in [*pieces, number[at:]] if piece]


# --- sentences ---------------------------------------------------------------------------------------------

CARD_SENTENCES = (
    "{}",
    "my card is {}",
    "My card number is {}, thanks",
    "card {} exp 12/27",
    "{} 12/27 123",
    "{} exp 0927 cvv 123",
    "Visa {}",
    "visa:{}",
    "card#{}",
    "please charge {} for order 12345",
    "It's {}.",
    "({})",
    "I paid with {} on March 3, is that right?",
    "my order is ORD_12345, I used {}",
    "my phone is 415-555-0100 and my card is {}",
    "+1 415 555 0100. {}",
    "zip 94110, number {}",
    "{} is my credit card",
    "does {} work? it is a debit card",
    "Hi!\n{}\nJohn Smith",
    "mi tarjeta es {} gracias",
    '{{"number": "{}"}}',
    "I never got the tracking number. {} is the card I used",
    "2 items, 49.99 each, put it on {}",
    "the number on the front is {} and it expires in March",
    "I want to pay for my package with {}",
    "as I said in my last call: {}",
    "track my refund please, {}",
    "DHL wants money, take {}",
    "use {} for my UPS shipment",
    "here is my card {}, tracking number 1Z999AA10123456784",
    "{}, the tracking number is wrong by the way",
)
SSN_SENTENCES = (
    "{}",
    "it is {}",
    "sure, {}, anything else?",
    "({})",
    "Hi!\n{}\nJohn Smith",
    "my order is ORD_12345, and I am {}",
    "my phone is 415-555-0100 but you want {}",
    "I was born on 03/04/1985. {}",
    "as I said in my last call: {}",
)
NAMED_SSN_SENTENCES = (
    "my ssn is {}",
    "SSN: {}",
    "ssn {}",
    "SSN#{}",
    "my social security number is {}",
    "my social is {}, ok?",
    "the last time I gave my social it was {}",
    "soc sec {}",
    "S.S.N. {}",
    "{} is my social",
    "{} is my SSN",
    "{} (SSN)",
    "{}, that's my social security number",
    "my tax id is {}",
    "ITIN {}",
    "taxpayer number: {}",
    "order 12345, social security {}",
    "order 987654321, my ssn is {}",
    "mi seguro social es {}",
    "the social on my account is {}",
    "my ssn, in case you need it for the order, is {}",
)
_SSN_UNNAMED = {"dashes", "spaces", "dots", "wide dashes", "two spaces", "no-break spaces", "thin spaces", "en dashes"}
_SSN_UNNAMED |= {"words", "doubles", "pairs", "key caps"} | {name for name in SPELLINGS if name.endswith(", spaces")}
_SSN_UNNAMED |= {name for name in SPELLINGS if name.startswith("one by one")}


def card_groups(rng: random.Random, number: str) -> list[str]:
    if len(number) == 15:
        return cut(number, rng.choice([(4, 6, 5), (4, 4, 4, 3)]))
    return cut(number, (4, 6, 4) if len(number) == 14 else (4, 4, 4, 4, 3))


def cards(seed: int, count: int) -> Iterator[Case]:
    """Yield cards of all issuers in all spellings and sentences."""
    rng = random.Random(seed)
    spellings = SPELLINGS | ONLY_CARDS
    for at in range(count):
        issuer = [*ISSUERS][at % len(ISSUERS)]
        name = rng.choice([*spellings])
        spelled = spellings[name](rng, card_groups(rng, card(rng, issuer)))
        yield _case(rng.choice(CARD_SENTENCES), spelled, f"{issuer}, {name}", "card")


def social_security_numbers(seed: int, count: int) -> Iterator[Case]:
    """Yield social security numbers: all spellings where words name them, those that speak for themselves elsewhere."""
    rng = random.Random(seed)
    for at in range(count):
        named = at % 2 == 0
        name = rng.choice([*SPELLINGS] if named else sorted(_SSN_UNNAMED))
        spelled = SPELLINGS[name](rng, cut(social_security(rng), (3, 2, 4)))
        sentence = rng.choice(NAMED_SSN_SENTENCES if named else SSN_SENTENCES)
        yield _case(sentence, spelled, f"ssn, {'named, ' * named}{name}", "ssn")


def _case(sentence: str, spelled: str, label: str, kind: str) -> Case:
    before, after = sentence.format("\0").split("\0")
    return Case(before + spelled + after, label, kind, before, after)
