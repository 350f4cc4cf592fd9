"""Socket tokens: for one call, for a short time, from us."""

from __future__ import annotations

import base64
from urllib.parse import quote

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.voice.socket_token import LONGEST_CALL, SECONDS, SocketTokens
from tandem.errors import BadSignature

from ...kit.tables import each

pytestmark = pytest.mark.promise("V4")

TOKENS = SocketTokens("secret")
CALL = "CA" + "1" * 32


def test_a_token_says_what_it_was_made_for() -> None:
    assert TOKENS.read(TOKENS.make(CALL, now=1000), now=1000 + SECONDS).call == CALL


@each("proven", [True, False])
def test_a_token_says_whether_the_number_is_believed(proven: bool) -> None:
    assert TOKENS.read(TOKENS.make(CALL, now=1000, proven=proven), now=1000).proven is proven


def test_every_token_is_another_one() -> None:
    first, second = (TOKENS.read(TOKENS.make(CALL, now=1000), now=1000) for _ in range(2))
    assert first.nonce != second.nonce


def test_a_token_fits_into_a_path_as_it_is() -> None:
    token = TOKENS.make(CALL, now=1000)
    assert quote(token, safe="") == token


def test_an_expired_token_is_refused() -> None:
    with pytest.raises(BadSignature):
        TOKENS.read(TOKENS.make(CALL, now=1000), now=1001 + SECONDS)


@pytest.mark.promise("V25")
def test_a_token_whose_line_may_come_back_outlives_its_first_use_by_the_longest_call() -> None:
    token = TOKENS.make(CALL, now=1000, returns=True)
    early, late = (TOKENS.read(token, now=1000 + SECONDS + seconds) for seconds in (0, 1))
    assert (early.returns, early.expired, late.returns, late.expired) == (True, False, True, True)
    with pytest.raises(BadSignature):
        TOKENS.read(token, now=1001 + SECONDS + LONGEST_CALL)


def test_a_token_of_another_secret_is_refused() -> None:
    with pytest.raises(BadSignature):
        SocketTokens("other").read(TOKENS.make(CALL, now=1000), now=1000)


@given(st.integers(0, 2), st.integers(0, 10_000))
def test_a_token_with_one_bit_changed_is_refused(part: int, place: int) -> None:
    parts = TOKENS.make(CALL, now=1000).split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    raw[place % len(raw)] ^= 1 << (place % 8)
    parts[part] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(BadSignature):
        TOKENS.read(".".join(parts), now=1000)


def test_a_token_without_a_signature_is_refused() -> None:
    claims = {"sub": CALL, "exp": 2000, "jti": "1", "attempt": 0, "resumed": False}
    with pytest.raises(BadSignature):
        TOKENS.read(jwt.encode(claims, None, "none"), now=1000)


@given(st.text(max_size=200))
def test_anything_else_is_refused_and_nothing_raises_otherwise(text: str) -> None:
    with pytest.raises(BadSignature):
        TOKENS.read(text, now=1000)
