"""Telephone numbers as subjects: many spellings of one number meet, two different numbers never do.

Subject ids, told apart by what stands before the first underscore, so that no two kinds can be equal:

=====================================  ========================================================
``phone_14155550100``                  a full number: the digits of its E.164 form
``short_us_12345``                     a short code, which means something only in its country
``rcs_acme_agent``, ``client_anna``    a sender of that scheme, which proves no number
``withheld_CA0123…``                   nobody we know: one per call or message
=====================================  ========================================================

An address proves a number where a network stands behind it (docs/identity.md). What cannot be read is nobody, never
an error: what carriers and switchboards write where a number should be is not for us to refuse.

Numbers are checked for being *possible*, not for being assigned: +1 555 123 4567 is a number. Decisions are pure;
no network, no state.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

from ..errors import MalformedRequest
from ..model import NUMBERED, Address, Route, SubjectId
from .base import NO_METADATA, Metadata, Resolution

_MAX = 160
"""No address of any provider is longer; nothing reads longer texts."""

_NUMBER = re.compile(r"\+?[0-9 ().\-/\u00a0]+", re.ASCII)
"""What may spell a number. No letters: the library would read ``1-800-FLOWERS`` and extensions as digits."""

_TWO_WAYS: Final = (
    (re.compile(r"\+521([0-9]{10})", re.ASCII), r"+52\1"),  # Mexico gave up its 1 in 2019
    (re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})", re.ASCII), r"+55\g<1>9\2"),  # Brazil put a 9 in front, 2012 to 2016
    (re.compile(r"\+54([1-8][0-9]{9})", re.ASCII), r"+549\1"),  # Argentina's 9 tells a mobile line, not another number
    (re.compile(r"\+229([0-9]{8})", re.ASCII), r"+22901\1"),  # Benin put 01 in front in 2024
    (re.compile(r"\+225([04-9][0-3][0-9]{6})", re.ASCII), r"+22501\1"),  # Côte d'Ivoire put its operator in front, 2021
    (re.compile(r"\+225([04-9][4-6][0-9]{6})", re.ASCII), r"+22505\1"),
    (re.compile(r"\+225([04-9][7-9][0-9]{6})", re.ASCII), r"+22507\1"),
)
"""Numbers that networks write in two ways, and the one that counts: WhatsApp and some carriers keep old plans."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=~-]*", re.ASCII)
_SESSION = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_SIP: Final = frozenset({"sip", "sips"})
_NAMED_SCHEMES: Final = frozenset({"whatsapp", "rcs", "client", "messenger"}) | _SIP
ANY_REGION: Final = "ZZ"
"""Reads only numbers that say their country."""

_WITHHELD_WORDS = frozenset(
    {"", "anonymous", "restricted", "unavailable", "blocked", "unknown", "private", "withheld", "nocallerid"}
)
_WITHHELD_DIGITS = frozenset({"266696687", "7378742833", "2562533", "86282452253", "8656696", "8566696"})
"""The words as dialled on a keypad (twilio.com/docs/voice/twiml, request parameter ``From``)."""

_FILLED_UP: Final = re.compile(r"\+1(?:[01][0-9]{9}|9{10})", re.ASCII)
"""What switches write where there is no number: no area code of North America begins with 0 or 1, and none is 999."""

_SHORT_ALWAYS, _SHORT_MAX = 6, 8
"""Without a plus: up to six digits are a short code everywhere; seven or eight where no full number is that short."""


def e164(address: str, region: str) -> str | None:
    """Read a telephone number in any spelling, or return None.

    ``region`` (``US``) completes numbers written without a country. Short codes and extensions are no numbers. A
    number written with a plus keeps its digits even where the library would drop some of them as a national prefix:
    otherwise two numbers that both exist could become one.
    """
    text = address.strip()
    if not text or len(text) > _MAX or not _NUMBER.fullmatch(text):
        return None
    if not text.startswith("+") and len(_digits(text)) <= _SHORT_ALWAYS:
        return None
    whole = text.startswith("+") and "(0)" not in text  # "+44 (0)20 …": the library knows where that zero is dropped
    if whole:
        text = _one_way(f"+{_digits(text)}")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if whole:
        number = _as_written(_digits(text), number.country_code or 0) or number
    if not _possible(number):
        return None
    return _one_way(str(phonenumbers.format_number(number, PhoneNumberFormat.E164)))


def given_number(text: str, region: str) -> str | None:
    """Read a number that a person gave, in the digits of any script, or return None.

    Out of habit people write a zero behind the country (``+49 0151 …``); it goes where the number exists without it
    alone.
    """
    number = e164(re.sub(r"\d", lambda digit: str(int(digit[0])), text), region)
    if number is None:
        return None
    usual = phonenumbers.parse(number)
    written = _as_written(_digits(number), usual.country_code or 0)
    if written is None or phonenumbers.is_valid_number(written) or not phonenumbers.is_valid_number(usual):
        return number
    return _one_way(str(phonenumbers.format_number(usual, PhoneNumberFormat.E164)))


def proven_number(address: Address, region: str = ANY_REGION) -> str | None:
    """Return the telephone number that the network of an address vouches for, in E.164, or None."""
    if address.scheme not in NUMBERED or _spells_withheld(address.value, region):
        return None
    number = e164(address.value, region)
    return None if number and _FILLED_UP.fullmatch(number) else number


def home_region(number: str | None) -> str:
    """Return the region in which the owner of a number leaves out the country when they write another one."""
    if number is None:
        return ANY_REGION
    country = phonenumbers.parse(number).country_code or 0
    return str(phonenumbers.region_code_for_country_code(country))


def zones_of(number: str | None) -> tuple[str, ...]:
    """Return the time zones in which a number in E.164 may be at home; none where that is not known."""
    zones = time_zones_for_number(phonenumbers.parse(number)) if number else ()
    return tuple(zone for zone in zones if zone != UNKNOWN_TIMEZONE)


def subject_of_number(number: str) -> SubjectId:
    """Give the subject of a number in E.164 form."""
    return SubjectId(f"phone_{number.removeprefix('+')}")


def withheld(session: str) -> Resolution:
    """Give somebody whom we cannot tell from others a subject of their own, for one call or message."""
    if not session:
        raise MalformedRequest("No call or message id.")
    # The dash keeps hashed ids apart from the others; ids of the provider are plain letters and digits.
    if _SESSION.fullmatch(session):
        return Resolution(SubjectId(f"withheld_{session}"), nobody=True)
    digest = hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()
    return Resolution(SubjectId(f"withheld_-{digest}"), nobody=True)


def subject_id(spelling: str, region: str) -> SubjectId:
    """Read a subject id as people write it: ``phone_+1415…``, ``phone_1415…``, E.164, a number, any other id.

    The digits of a ``phone_`` id always include the country. Raises MalformedRequest for what can be no id.
    """
    text = spelling.strip()
    if not text or len(text) > _MAX or not text.isprintable():
        raise MalformedRequest("No subject id.")
    prefixed = text.startswith("phone_")
    number = e164(f"+{text[6:].lstrip('+')}" if prefixed else text, region)
    return subject_of_number(number) if number else SubjectId(text)


class PhoneResolver:
    """The resolver that needs no service: the subject is the telephone number.

    ``sip_hosts`` are those whose caller ids are believed: a switchboard of one's own.
    """

    def __init__(self, default_region: str, sip_hosts: Collection[str] = ()) -> None:
        self._region = default_region.upper()
        self._sip_hosts = frozenset(host.lower() for host in sip_hosts)

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Fulfil :class:`~tandem.identity.base.Identity`. Raises MalformedRequest without a session; nothing else."""
        scheme, value = address.scheme, address.value.strip()
        if len(value) > _MAX or not value.isprintable():
            return withheld(session)
        if scheme in _SIP:
            user, host = _sip(value)
            if host not in self._sip_hosts:
                return withheld(session)  # whoever reaches us by SIP writes any caller id, of a number or a name
            number, value = proven_number(Address("tel", user), self._region), f"{user}@{host}"
        else:
            user, number = value, proven_number(address, self._region)
        if number is not None:
            return Resolution(subject_of_number(number), number, earlier=_former(user, number))
        if _spells_withheld(user, self._region):
            return withheld(session)
        if scheme in ("tel", "sms"):
            return self._short_code(value) or withheld(session)
        if scheme not in _NAMED_SCHEMES or not _NAME.fullmatch(value) or ".." in value:
            return withheld(session)
        return Resolution(SubjectId(f"{scheme}_{value}"))

    async def resolve_cached(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Do the same: there is nobody to wait for."""
        return await self.resolve(address, session=session)

    async def facts(self, route: Route, subject: SubjectId) -> Mapping[str, Any]:
        """Return nothing: a number says nothing about its owner."""
        return {}

    def known(self, subject: SubjectId) -> Resolution | None:
        """Return None: there is no source."""
        return None

    def _short_code(self, value: str) -> Resolution | None:
        if not is_short_code(value):
            return None
        return Resolution(SubjectId(f"short_{self._region.lower()}_{_digits(value)}"))


def is_short_code(value: str) -> bool:
    """Tell whether a sender that is no number is a short code."""
    return _NUMBER.fullmatch(value) is not None and value[0] != "+" and 3 <= len(_digits(value)) <= _SHORT_MAX


def _spells_withheld(text: str, region: str) -> bool:
    """Tell whether a text names nobody. With a plus, RESTRICTED is ``+7378742833``; without, that is in Texas."""
    if text.startswith("+"):
        return _digits(text) in _WITHHELD_DIGITS and _NUMBER.fullmatch(text) is not None
    letters = re.sub(r"[ _-]", "", text).lower()
    return letters in _WITHHELD_WORDS or (letters in _WITHHELD_DIGITS and e164(text, region) is None)


def _former(written: str, number: str) -> tuple[SubjectId, ...]:
    """Return the subject that a number had as it was written, where its plan writes it otherwise."""
    former = f"+{_digits(written)}"
    return (subject_of_number(former),) if written.startswith("+") and former != number else ()


def _one_way(number: str) -> str:
    """Return a number in E.164 as its numbering plan writes it today."""
    for pattern, today in _TWO_WAYS:
        if match := pattern.fullmatch(number):
            return match.expand(today)
    return number


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _possible(number: PhoneNumber) -> bool:
    """Tell whether a number can exist; one that can be dialled only inside its town cannot be a sender."""
    return bool(phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE)


def _as_written(digits: str, country: int) -> PhoneNumber | None:
    """Read international digits without dropping any; None when they cannot be a number."""
    national = digits.removeprefix(str(country))
    if not national or national == digits:
        return None
    zeros = len(national) - len(national.lstrip("0"))
    number = PhoneNumber(country_code=country, national_number=int(national))
    if zeros:
        # E.164 writes these zeros out (Italy: +39 06 …), so +39 06… and +39 6… stay two numbers.
        number.italian_leading_zero, number.number_of_leading_zeros = True, zeros
    return number if _possible(number) else None


def _sip(value: str) -> tuple[str, str]:
    """``+1415…:secret@Host:5060;user=phone`` → ``+1415…`` and ``host`` (RFC 3261, section 19.1.1)."""
    name, _, host = re.split("[;?]", value, maxsplit=1)[0].partition("@")
    return unquote(name.partition(":")[0]), re.sub(r"\.?(?::[0-9]*)?$", "", host).lower()
