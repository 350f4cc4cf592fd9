"""Many spellings of one number meet, two numbers never do, nobody shares a withheld subject."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from tandem.errors import MalformedRequest
from tandem.identity.base import Resolution
from tandem.identity.phone import PhoneResolver, e164, subject_id
from tandem.model import Address, SubjectId

from ...kit.tables import each

pytestmark = pytest.mark.promise("V18", "I2")

REGIONS = ("US", "GB", "DE", "IT", "FR", "BR", "MX", "AR", "IN", "CN", "RU", "AU", "NO", "SM", "BY", "HU", "NG", "JP")


HOSTS = ("h", "carrier.example", "sip.example.com", "example.com")
"""Switchboards whose caller ids are believed here."""


def at_once(looked_up: Coroutine[Any, Any, Resolution]) -> Resolution:
    """Return what a look-up finds that waits for nothing: an event loop for each would take most of the time."""
    try:
        looked_up.send(None)
    except StopIteration as done:
        found: Resolution = done.value
        return found
    raise AssertionError("it waits")


def resolve(text: str, session: str = "SM1", region: str = "US") -> Resolution:
    return at_once(PhoneResolver(region, HOSTS).resolve(Address.parse(text), session=session))


def nobody(session: str = "SM1") -> Resolution:
    return Resolution(SubjectId(f"withheld_{session}"), nobody=True)


@st.composite
def full_numbers(draw: st.DrawFn) -> str:
    """A number that can exist, in E.164: an example number of a region with some of its digits changed."""
    region = draw(st.sampled_from(REGIONS))
    kind = draw(st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    digits = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    tail = draw(st.integers(2, 6))
    return digits[:-tail] + draw(st.text("0123456789", min_size=tail, max_size=tail))


def spellings(number: str) -> list[str]:
    parsed = phonenumbers.parse(number)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    return [
        number,
        f" {number} ",
        international,
        international.replace(" ", "-"),
        international.replace(" ", "."),
        f"whatsapp:{number}",
        f"rcs:{number}",
        f"sip:{number}@carrier.example;user=phone",
        f"tel:{number}",
    ]


@each(
    "text",
    ["+14155550100", "4155550100", "(415) 555-0100", "415-555-0100", "whatsapp:+14155550100", "1 415 555 0100",
     "415.555.0100", "rcs:+14155550100", "sip:+14155550100@sip.example.com", "sip:%2B14155550100@h",
     "+1 (415) 555-0100"],
)  # fmt: skip
def test_spellings_of_one_number_meet(text: str) -> None:
    assert resolve(text) == Resolution("phone_14155550100", "+14155550100")


def test_a_sample_number_that_nobody_can_own_is_a_number() -> None:
    assert resolve("+15551234567").subject == "phone_15551234567"


def test_a_trunk_zero_in_brackets_is_no_digit_of_the_number() -> None:
    assert resolve("+44 (0)20 7946 0000").subject == "phone_442079460000"


def test_an_italian_zero_in_brackets_is_a_digit_of_the_number() -> None:
    assert resolve("+39 (0)6 12345678").subject == "phone_390612345678"


def test_italian_numbers_with_and_without_the_zero_differ() -> None:
    assert resolve("+390612345678").subject != resolve("+39612345678").subject


REWRITTEN = ("+521", "+55", "+54", "+229")
"""Countries whose numbers are written in two ways; tests/field/test_who_is_calling.py has what becomes of them."""


def test_a_number_that_was_a_subject_as_it_was_written_is_joined() -> None:
    assert resolve("whatsapp:+551187654321").earlier == ("phone_551187654321",)
    assert resolve("+5511987654321").earlier == ()


@given(full_numbers().filter(lambda number: e164(number, "US")))
def test_every_spelling_of_a_possible_number_meets(number: str) -> None:
    assert {resolve(text).subject for text in spellings(number)} == {f"phone_{e164(number, 'US')[1:]}"}  # type: ignore[index]


@given(full_numbers().filter(lambda number: e164(number, "US")), st.sampled_from(REGIONS))
def test_a_national_spelling_meets_in_its_own_region(number: str, other: str) -> None:
    parsed = phonenumbers.parse(number)
    region = phonenumbers.region_code_for_country_code(parsed.country_code)
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    back = e164(national, region)
    assert back in (e164(number, other), None)


@given(full_numbers(), full_numbers(), st.sampled_from(REGIONS))
def test_two_numbers_never_meet(one: str, two: str, region: str) -> None:
    first, second = e164(one, region), e164(two, region)
    written_in_two_ways = one.startswith(REWRITTEN) and two.startswith(REWRITTEN)
    assert one == two or first is None or second is None or first != second or written_in_two_ways


@given(full_numbers(), st.sampled_from(["0", "00", "1", "8", "15", "9", "06", "80"]), st.sampled_from(REGIONS))
def test_a_number_that_can_exist_keeps_all_its_digits(number: str, prefix: str, region: str) -> None:
    """The library would drop such a prefix, and two numbers would become one."""
    country = phonenumbers.parse(number).country_code
    national = prefix + number.removeprefix(f"+{country}")
    zeros = len(national) - len(national.lstrip("0"))
    built = phonenumbers.PhoneNumber(country_code=country, national_number=int(national))
    if zeros:
        built.italian_leading_zero, built.number_of_leading_zeros = True, zeros
    can_exist = phonenumbers.is_possible_number_with_reason(built) == phonenumbers.ValidationResult.IS_POSSIBLE
    written = f"+{country}{national}"
    assert not can_exist or written.startswith(REWRITTEN) or e164(written, region) == written


@given(full_numbers(), st.sampled_from(REGIONS), st.sampled_from(REGIONS))
def test_an_international_number_is_the_same_from_everywhere(number: str, here: str, there: str) -> None:
    assert e164(number, here) == e164(number, there)


@given(full_numbers(), st.sampled_from(REGIONS))
def test_reading_a_number_twice_changes_nothing(number: str, region: str) -> None:
    once = e164(number, region)
    assert once is None or e164(once, region) == once


@given(st.text("0123456789", min_size=3, max_size=6), st.sampled_from(REGIONS))
def test_a_short_code_is_no_number(code: str, region: str) -> None:
    assert resolve(code, region=region) == Resolution(f"short_{region.lower()}_{code}")


def test_the_same_short_code_of_two_countries_is_two_senders() -> None:
    assert resolve("12345", region="US").subject != resolve("12345", region="GB").subject


@each("text", ["+14155550100 x12", "+14155550100;ext=12", "+14155550100 ext. 12", "+14155550100,,12",
                                  "+14155550100#12", "1-800-FLOWERS"])  # fmt: skip
def test_extensions_and_letters_are_never_read_as_digits(text: str) -> None:
    assert resolve(text) == nobody()


WITHHELD = ["anonymous", "Anonymous", "Restricted", "Unavailable", "unknown", "BLOCKED", "private", "", "+266696687",
            "266696687", "+7378742833", "+2562533", "+86282452253", "+8656696", "+8566696", "8656696", "No Caller ID",
            "sip:anonymous@anonymous.invalid", "sip:Restricted@10.0.0.1"]  # fmt: skip


@each("text", WITHHELD)
def test_a_withheld_number_has_a_subject_of_its_own(text: str) -> None:
    assert resolve(text, "CA" + "1" * 32) == nobody("CA" + "1" * 32)


@given(st.sampled_from(WITHHELD), st.sampled_from(WITHHELD), st.text(min_size=1), st.text(min_size=1))
def test_two_calls_never_share_a_withheld_subject(one: str, two: str, first: str, second: str) -> None:
    assert first == second or resolve(one, first).subject != resolve(two, second).subject


def test_ten_digits_that_could_spell_a_word_are_a_number_in_texas() -> None:
    assert resolve("7378742833").subject == "phone_17378742833"


def test_senders_without_a_number_are_kept_apart_by_scheme() -> None:
    subjects = [resolve(text).subject for text in ("rcs:acme", "whatsapp:acme", "client:acme", "sip:acme@h")]
    assert subjects == ["rcs_acme", "whatsapp_acme", "client_acme", "sip_acme@h"]


def test_host_names_of_sip_ignore_case() -> None:
    assert resolve("sip:Alice@Example.COM:5060;transport=udp").subject == "sip_Alice@example.com"


HOSTILE = ["../../etc/passwd", "..\\x", "+1415555\x000100", "\x00", "+" + "9" * 10_000, "1" * 10_000, "a" * 10_000,
           "http://x", "whatsapp:../../x", "rcs:a/b", "sip:a\x00@b", "+", "++14155550100", "+١٤١٥٥٥٥٠١٠٠", "+12345",
           "'; drop table lanes; --", "12", "+999123456789", "rcs:", "whatsapp: ", "\ud800", "rcs:..",
           "sip:..@x"]  # fmt: skip


@each("text", HOSTILE)
def test_hostile_senders_are_nobody(text: str) -> None:
    assert resolve(text) == nobody()


NOT_OURS = ["sip:+14155550100@x.example", "sip:alice@x.example", "sip:+14155550100@h.evil", "sips:+14155550100",
            "sip:+14155550100@evil@h"]  # fmt: skip


@each("text", NOT_OURS)
def test_whatever_a_foreign_switchboard_writes_is_nobody(text: str) -> None:
    assert resolve(text) == nobody()


@each("text", ["client:4155550100", "client:1-415-555-0100", "messenger:14155550100"])
def test_a_name_of_digits_is_no_number(text: str) -> None:
    found = resolve(text)
    assert (found.phone, found.nobody) == (None, False)
    assert found.subject.startswith(text.partition(":")[0] + "_")


@given(
    st.text() | st.sampled_from(HOSTILE), st.sampled_from(["tel", "whatsapp", "rcs", "sip", "client", "x"]), st.text()
)
def test_nothing_is_ever_raised_but_for_want_of_a_session(value: str, scheme: str, session: str) -> None:
    try:
        found = at_once(PhoneResolver("US").resolve(Address(scheme, value), session=session))
    except MalformedRequest:
        assert not session
        return
    assert found.subject.isprintable()
    assert "/" not in found.subject


@each("text", ["phone_14155550100", "phone_+14155550100", "+14155550100", "(415) 555-0100"])
def test_staff_may_spell_a_subject_in_several_ways(text: str) -> None:
    assert subject_id(text, "US") == "phone_14155550100"


@each("text", ["short_us_12345", "withheld_CA1", "crm_0042", "phone_short"])
def test_other_subject_ids_stay_as_they_are(text: str) -> None:
    assert subject_id(text, "US") == text


@each("text", ["", "  ", "a\x00b", "x" * 1000, "a\nb"])
def test_what_can_be_no_subject_id_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRequest):
        subject_id(text, "US")


@given(full_numbers().filter(lambda number: e164(number, "US")))
def test_a_resolved_subject_reads_back_as_itself(number: str) -> None:
    subject = resolve(number).subject
    assert subject_id(subject, "IT") == subject
