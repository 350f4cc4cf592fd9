"""Numbers that must be masked and numbers that must not, in the spellings and sentences that customers use.

Everything comes from a seed: the same seed gives the same cases. No number is anybody's: all are drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import phonenumbers

ISSUERS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "visa": (("4",), (16, 16, 16, 16, 13, 19)),
    "mastercard": (("51", "52", "53", "54", "55"), (16,)),
    "mastercard 2": (("2221", "2229", "23", "245", "26", "2701", "2720"), (16,)),
    "amex": (("34", "37"), (15,)),
    "discover": (("6011", "644", "649", "65"), (16, 16, 19)),
    "diners": (("300", "305", "36", "38", "39"), (14,)),
    "jcb": (("3528", "3535", "3589"), (16,)),
    "unionpay": (("62", "621", "6250"), (16, 16, 17, 18, 19)),
    "maestro": (("5018", "5020", "5038", "6304", "6759", "6761", "6763"), (12, 13, 14, 15, 16, 17, 18, 19)),
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
    links = [
        ", and then ",
        " then ",
        ", next ",
        " and ",
        ", um, ",
        " followed by ",
        " - ",
        "; ",
        ", the next four are ",
    ]
    return "".join(group + rng.choice(links) for group in groups[:-1]) + groups[-1]


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
    "threes": lambda rng, groups: " ".join(_cut("".join(groups), (3,) * 7)),
    "uneven": lambda rng, groups: " ".join(
        _cut("".join(groups), (rng.choice([2, 4, 5]), *rng.choices([2, 3, 4, 5], k=9)))
    ),
}


def _half(groups: list[str]) -> str:
    return ("" if groups[-1:] == groups[1:2] and len(groups[-1]) == 4 else " ").join(groups)


def _cut(number: str, sizes: tuple[int, ...]) -> list[str]:
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
    "mi seguro social es {}",
    "the social on my account is {}",
    "my ssn, in case you need it for the order, is {}",
)
_SSN_UNNAMED = {"dashes", "spaces", "dots", "wide dashes", "two spaces", "no-break spaces", "thin spaces", "en dashes"}
_SSN_UNNAMED |= {"words", "doubles", "pairs", "key caps"} | {name for name in SPELLINGS if name.endswith(", spaces")}
_SSN_UNNAMED |= {name for name in SPELLINGS if name.startswith("one by one")}


def card_groups(rng: random.Random, number: str) -> list[str]:
    if len(number) == 15:
        return _cut(number, rng.choice([(4, 6, 5), (4, 4, 4, 3)]))
    return _cut(number, (4, 6, 4) if len(number) == 14 else (4, 4, 4, 4, 3))


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
        spelled = SPELLINGS[name](rng, _cut(social_security(rng), (3, 2, 4)))
        sentence = rng.choice(NAMED_SSN_SENTENCES if named else SSN_SENTENCES)
        yield _case(sentence, spelled, f"ssn, {'named, ' * named}{name}", "ssn")


def _case(sentence: str, spelled: str, label: str, kind: str) -> Case:
    before, after = sentence.format("\0").split("\0")
    return Case(before + spelled + after, label, kind, before, after)


# --- what must pass ----------------------------------------------------------------------------------------

COUNTRIES = (
    "US",
    "US",
    "US",
    "CA",
    "MX",
    "GB",
    "IE",
    "FR",
    "DE",
    "AT",
    "CH",
    "ES",
    "PT",
    "IT",
    "NL",
    "BE",
    "DK",
    "NO",
    "SE",
    "FI",
    "PL",
    "CZ",
    "HU",
    "RO",
    "GR",
    "UA",
    "TR",
    "IL",
    "AE",
    "SA",
    "EG",
    "ZA",
    "NG",
    "KE",
    "IN",
    "PK",
    "BD",
    "LK",
    "TH",
    "VN",
    "MY",
    "SG",
    "ID",
    "PH",
    "CN",
    "HK",
    "TW",
    "JP",
    "KR",
    "AU",
    "NZ",
    "BR",
    "AR",
    "CL",
    "CO",
    "PE",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
OUR_SENTENCES = (
    "{}",
    "my number is {}",
    "it's {}",
    "can you look up {} for me?",
    "Hi, {} please, thanks",
    "I paid by card, the number of the order is {}",
    "{} and also 12345",
    "status of {}?",
)
TRACKING_SENTENCES = (
    "tracking number {}",
    "My tracking number is {}",
    "tracking: {}",
    "{} is the tracking number",
    "FedEx {}",
    "USPS says {} was delivered",
    "track {} please",
    "UPS tracking no. {}",
    "the tracking number says {}",
)
PARCEL_SENTENCES = (*TRACKING_SENTENCES, "where is my parcel {}?", "the shipment is {}", "did {} arrive?")
PHONE_SENTENCES = (
    "{}",
    "call me at {}",
    "my phone is {}",
    "my number: {}",
    "text {} please",
    "reach me on {} or {other}",
)


def phone(rng: random.Random) -> str:
    """Return a number of some country, possible in its last digits, in one of the usual spellings."""
    country = rng.choice(COUNTRIES)
    kind = rng.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
    number = phonenumbers.example_number_for_type(country, kind)
    assert number is not None
    known = str(number.national_number)
    number.national_number = int(known[:-6] + digits(rng, 6))
    forms = phonenumbers.PhoneNumberFormat
    form = rng.choice([forms.E164, forms.INTERNATIONAL, forms.NATIONAL, forms.NATIONAL, forms.RFC3966])
    spelled = phonenumbers.format_number(number, form)
    return rng.choice(
        [spelled, spelled, spelled.replace(" ", "-"), spelled.replace("-", "."), spelled.replace("-", " ")]
    )


def north_american(rng: random.Random) -> str:
    area, exchange, line = str(rng.randint(201, 989)), str(rng.randint(200, 999)), digits(rng, 4)
    form = rng.choice(
        ["{}-{}-{}", "({}) {}-{}", "{} {} {}", "{}.{}.{}", "{}{}{}", "1-{}-{}-{}", "+1 {} {} {}", "1{}{}{}"]
    )
    spelled = form.format(area, exchange, line)
    return " ".join(UNITS[int(digit)] for digit in area + exchange + line) if rng.random() < 0.1 else spelled


def moment(rng: random.Random) -> str:
    year, month, day = rng.randint(1940, 2030), rng.randint(1, 12), rng.randint(1, 28)
    time = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    forms = (
        f"{month:02}/{day:02}/{year}",
        f"{day:02}.{month:02}.{year} {time}",
        f"{year}-{month:02}-{day:02}",
        f"{year}-{month:02}-{day:02}T{time}:{rng.randint(0, 59):02}.{digits(rng, 6)}Z",
        f"{year}-{month:02}-{day:02} {time}:{rng.randint(0, 59):02}",
        f"{MONTHS[month - 1]} {day}, {year} at {time}",
        f"{day:02}-{month:02}-{year} {time}",
        f"between {month}/{day}/{year} and {month}/{day + 2}/{year}",
        f"{year}{month:02}{day:02}{digits(rng, 6)}",
        f"{rng.randint(1_500_000_000, 1_900_000_000)}",
        f"{rng.randint(1_500_000_000_000, 1_900_000_000_000)}",
        f"{day} {month} {year} {rng.randint(10, 23)} {rng.randint(10, 59)}",
    )
    return rng.choice(forms)


def amount(rng: random.Random) -> str:
    cents, big = rng.randint(1, 10**6), rng.randint(10**6, 10**13)
    forms = (
        f"${cents / 100:,.2f}",
        f"{cents / 100:.2f} dollars and {rng.randint(1, 99999) / 100:.2f} tax",
        f"€{cents / 100:.2f}",
        f"{cents / 100:,.2f}".replace(",", " ").replace(".", ",") + " EUR",
        f"${big:,}",
        f"{big:,}",
        f"{rng.randint(1, 20)} x {cents / 100:.2f} = {cents * 3 / 100:.2f}",
        " ".join(f"{rng.randint(100, 99999) / 100:.2f}" for _ in range(rng.randint(2, 5))),
        ", ".join(str(rng.randint(1, 500)) for _ in range(rng.randint(3, 8))),
        f"{rng.random() * 100}",
        f"{rng.uniform(-90, 90):.7f}, {rng.uniform(-180, 180):.7f}",
    )
    return rng.choice(forms)


def order(rng: random.Random) -> str:
    number = digits(rng, rng.choice([5, 5, 5, 6, 7, 8, 10]))
    forms = ("ORD_{}", "{}", "#{}", "ord {}", "ORD-{}", "order {}", "order number {}", "orders {} and 12345, 67890")
    said = " ".join(UNITS[int(digit)] for digit in number[:8])
    return rng.choice([*(form.format(number) for form in forms), f"order {said}", f"order {' '.join(number[:8])}"])


def own_id(rng: random.Random) -> str:
    hexadecimal = f"{rng.getrandbits(160):040x}"
    forms = (
        f"TRK_{hexadecimal[:6].upper()}",
        f"TRK_{digits(rng, 16)}",
        f"REF_{hexadecimal[:12].upper()}",
        f"TKT_{hexadecimal[:10]}",
        f"apr_{hexadecimal[:20]}",
        f"SM{hexadecimal[:32]}",
        f"CA{hexadecimal[:32]}",
        f"phone_{digits(rng, 11)}",
        hexadecimal,
        f"{hexadecimal[:8]}-{hexadecimal[8:12]}-4{hexadecimal[12:15]}-a{hexadecimal[15:18]}-{hexadecimal[18:30]}",
        "-".join(digits(rng, size) for size in (8, 4, 4, 4, 12)),
        ".".join(str(rng.randint(0, 255)) for _ in range(4)),
        " ".join(".".join(str(rng.randint(1, 255)) for _ in range(4)) for _ in range(2)),
        ":".join(hexadecimal[at : at + 2] for at in range(0, 12, 2)),
        f"v{rng.randint(1, 30)}.{rng.randint(0, 99)}.{rng.randint(0, 999)}",
        f"jo.{digits(rng, 4)}@example.com",
        f"{digits(rng, 9)}@example.com",
    )
    return rng.choice(forms)


def parcel(rng: random.Random) -> str:
    """Return a number of a carrier, in the lengths and beginnings that they publish, otherwise at random."""
    postal = rng.choice(["9400", "9205", "9407", "9303", "9270", "9208", "9202", "9361", "9214"]) + digits(rng, 18)
    certified = rng.choice(["7", "82", "03"])
    certified += digits(rng, 20 - len(certified))
    fedex = rng.choice([str(rng.randint(1, 9)) + digits(rng, 11), digits(rng, 15), "61" + digits(rng, 18)])
    forms = (
        postal,
        " ".join(_cut(postal, (4,) * 5)),
        f"420{digits(rng, 5)}{postal}",
        certified,
        " ".join(_cut(certified, (4,) * 4)),
        fedex,
        " ".join(_cut(fedex, (4,) * 4)),
        f"96{digits(rng, 20)}",
        f"1Z{rng.getrandbits(30):06X}"[:8] + digits(rng, 10),
        f"1Z {digits(rng, 3)} {digits(rng, 3)} {digits(rng, 2)} {digits(rng, 4)} {digits(rng, 4)}",
        f"1Z{digits(rng, 16)}",
        digits(rng, rng.choice([10, 11])),
        f"JD{digits(rng, 18)}",
        f"RR{digits(rng, 9)}US",
        f"TBA{digits(rng, 12)}",
    )
    return rng.choice(forms)


def spoken_parcel(rng: random.Random) -> str:
    """Return a tracking number said digit by digit, or one of 16 digits; only words tell it from a card."""
    number = rng.choice(["94" + digits(rng, 20), digits(rng, 12), digits(rng, 15), digits(rng, 16)])
    return rng.choice([" ".join(UNITS[int(digit)] for digit in number), " ".join(number), number])


def of_a_thing(rng: random.Random) -> str:
    tac = rng.choice(["35", "35", "86", "01", "99"]) + digits(rng, 12)
    imei = tac + check_digit(tac)
    isbn = "978" + digits(rng, 10)
    forms = (
        imei,
        f"IMEI {imei}",
        "-".join(_cut(imei, (2, 6, 6, 1))),
        " ".join(_cut(imei, (6, 2, 6, 1))),
        f"IMEI: {' '.join(imei)}",
        isbn,
        "-".join(_cut(isbn, (3, 1, 5, 3, 1))),
        f"89{digits(rng, 17)}",
        f"gift card {rng.choice(['6006', '6036', '7777', '9840'])} {' '.join(_cut(digits(rng, 12), (4, 4)))}",
        f"member {digits(rng, rng.choice([8, 9, 10]))}",
        f"account {digits(rng, rng.choice([8, 10]))}",
        f"routing number {digits(rng, 9)}",
        f"EIN-free VAT DE{digits(rng, 9)}",
        f"zip {digits(rng, 5)}-{digits(rng, 4)}",
    )
    return rng.choice(forms)


def invoice(rng: random.Random) -> str:
    forms = (
        f"invoice INV-{rng.randint(2015, 2026)}-{digits(rng, 6)}",
        f"invoice {digits(rng, rng.choice([6, 7, 8, 9, 10]))}",
        f"INV{digits(rng, 10)}",
        f"invoice no. {rng.randint(2015, 2026)}/{digits(rng, 5)}",
        f"receipt {digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}",
        f"{rng.choice(['113', '114', '701', '026'])}-{digits(rng, 7)}-{digits(rng, 7)}",
        f"PO {digits(rng, 8)}, line {digits(rng, 2)}",
    )
    return rng.choice(forms)


def iban(rng: random.Random) -> str:
    country, length = rng.choice([("DE", 22), ("GB", 22), ("FR", 27), ("ES", 24), ("NL", 18), ("BE", 16), ("NO", 15)])
    letters = {"GB": "NWBK", "NL": "ABNA"}.get(country, "")
    account = letters + digits(rng, length - 4 - len(letters))
    numeric = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    number = f"{country}{98 - int(numeric) % 97:02}{account}"
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return rng.choice([number, spaced, f"IBAN {spaced}", f"my IBAN: {number}"])


KINDS: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "order number": (order, OUR_SENTENCES),
    "parcel": (parcel, (*OUR_SENTENCES, *PARCEL_SENTENCES)),
    "spoken parcel": (spoken_parcel, TRACKING_SENTENCES),
    "telephone, world": (phone, PHONE_SENTENCES),
    "telephone, North America": (north_american, PHONE_SENTENCES),
    "date and time": (moment, OUR_SENTENCES),
    "amount": (amount, OUR_SENTENCES),
    "id": (own_id, OUR_SENTENCES),
    "thing": (of_a_thing, OUR_SENTENCES),
    "invoice": (invoice, OUR_SENTENCES),
    "IBAN": (iban, OUR_SENTENCES),
}


def harmless(seed: int, count: int) -> Iterator[Case]:
    """Yield texts with other numbers, as many of each kind."""
    rng = random.Random(seed)
    while count > 0:
        for label, (make, sentences) in islice(KINDS.items(), count):
            yield Case(rng.choice(sentences).format(make(rng), other=make(rng)), label)
        count -= len(KINDS)
