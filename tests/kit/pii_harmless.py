"""Numbers that must pass: of orders, parcels, telephones, dates, amounts and things, as customers write them.

Everything comes from a seed. Lengths and beginnings are those that the carriers publish; the rest is random, so that
some pass for a card by chance, as they do in life.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import phonenumbers

from .pii_corpus import UNITS, Case, check_digit, cut, digits


def _words(line: str) -> list[str]:
    return line.split()


COUNTRIES = _words(
    "US US US CA MX GB IE FR DE AT CH ES PT IT NL BE DK NO SE FI PL CZ HU RO GR UA TR IL AE SA EG ZA NG KE IN PK BD LK "
    "TH VN MY SG ID PH CN HK TW JP KR AU NZ BR AR CL CO PE"
)
MONTHS = _words("January February March April May June July August September October November December")
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
        " ".join(cut(postal, (4,) * 5)),
        f"420{digits(rng, 5)}{postal}",
        certified,
        " ".join(cut(certified, (4,) * 4)),
        fedex,
        " ".join(cut(fedex, (4,) * 4)),
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
        "-".join(cut(imei, (2, 6, 6, 1))),
        " ".join(cut(imei, (6, 2, 6, 1))),
        f"IMEI: {' '.join(imei)}",
        isbn,
        "-".join(cut(isbn, (3, 1, 5, 3, 1))),
        f"89{digits(rng, 17)}",
        f"gift card {rng.choice(['6006', '6036', '7777', '9840'])} {' '.join(cut(digits(rng, 12), (4, 4)))}",
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
    kinds = [*KINDS]
    for at in range(count):
        label = kinds[at % len(kinds)]
        make, sentences = KINDS[label]
        yield Case(rng.choice(sentences).format(make(rng), other=make(rng)), label)
