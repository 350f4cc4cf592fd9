"""What Twilio signed, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tandem.channels.twilio import SignatureCheck
from tandem.errors import BadSignature

from ...kit.tables import each

pytestmark = pytest.mark.promise("S9")

BASE = "https://gateway.example"
FORM = [("From", "+14155550100"), ("Body", " hello "), ("MediaUrl0", ""), ("To", "+15550001111")]


def check(*tokens: str) -> SignatureCheck:
    return SignatureCheck(public_base_url=BASE, tokens=tokens)


def signed(url: str, params: dict[str, str], token: str = "new") -> str:
    return str(RequestValidator(token).compute_signature(url, params))


GOOD = signed(f"{BASE}/sms?a=1", dict(FORM))


@each("tokens", [("new",), ("new", "old"), ("old", "new")])
def test_a_signed_form_passes_with_either_token_of_a_rotation(tokens: tuple[str, ...]) -> None:
    check(*tokens).check_form("/sms?a=1", FORM, GOOD)


@each(
    ("path", "form", "signature"),
    [
        ("/sms?a=1", [*FORM[1:], ("From", "+14155550199")], GOOD),  # another sender
        ("/sms?a=1", FORM[:-1], GOOD),  # a field left out
        ("/sms?a=1", [*FORM, ("Extra", "1")], GOOD),  # a field more
        ("/sms?a=1", [*FORM, ("From", "+14155550199")], GOOD),  # a second value
        ("/sms?a=1", [(name, value.strip()) for name, value in FORM], GOOD),  # trimmed
        ("/sms?a=2", FORM, GOOD),  # another query
        ("/sms", FORM, GOOD),  # no query
        ("/sms/status?a=1", FORM, GOOD),  # another path
        ("/sms?a=1", FORM, signed("https://evil.example/sms?a=1", dict(FORM))),  # another host
        ("/sms?a=1", FORM, signed("http://gateway.example/sms?a=1", dict(FORM))),  # another scheme
        ("/sms?a=1", FORM, signed(f"{BASE}/sms?a=1", dict(FORM), "stolen")),  # another token
        ("/sms?a=1", FORM, ""),  # empty
        ("/sms?a=1", FORM, None),  # missing
        ("/sms?a=1", FORM, "é" * 28),  # not base64
    ],
)
def test_anything_else_is_refused(path: str, form: list[tuple[str, str]], signature: str | None) -> None:
    with pytest.raises(BadSignature):
        check("new", "old").check_form(path, form, signature)


def test_repeated_names_are_signed_with_every_value_once() -> None:
    url, form = f"{BASE}/sms", [("A", "2"), ("A", "1"), ("A", "2"), ("B", "")]
    expected = signed(f"{url}A1A2B", {})
    check("new").check_form("/sms", form, expected)


def test_without_a_token_nothing_passes() -> None:
    with pytest.raises(BadSignature):
        check("").check_form("/sms?a=1", FORM, signed(f"{BASE}/sms?a=1", dict(FORM), ""))


def test_refusals_are_counted() -> None:
    counted: list[None] = []
    signatures = SignatureCheck(public_base_url=BASE, tokens=["new"], refused=lambda: counted.append(None))
    for _ in range(2):
        with pytest.raises(BadSignature):
            signatures.check_form("/sms", FORM, "wrong")
    assert len(counted) == 2


def test_a_socket_address_is_checked_as_written() -> None:
    url = "wss://gateway.example/conversation-relay/abc"
    check("new").check_url(url, signed(url, {}))


def test_another_socket_address_is_refused() -> None:
    with pytest.raises(BadSignature):
        check("new").check_url(
            "wss://gateway.example/conversation-relay/abd", signed("wss://gateway.example/c/abc", {})
        )


def test_checking_can_be_switched_off() -> None:
    SignatureCheck(public_base_url=BASE, tokens=[], required=False).check_form("/sms", FORM, None)


@given(st.lists(st.tuples(st.text(min_size=1), st.text())), st.text())
def test_no_form_breaks_the_check(form: list[tuple[str, str]], signature: str) -> None:
    with pytest.raises(BadSignature):
        check("new").check_form("/sms", form, signature)
