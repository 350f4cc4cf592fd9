"""Names in Redis and the server's address: pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ConfigurationError
from tandem.model import SubjectId
from tandem.persistence.redis.address import address, place_of
from tandem.persistence.redis.storage import decode_subject, encode_subject, split_member

from ...kit.tables import each

pytestmark = pytest.mark.promise("P6")

IDS = st.text(min_size=1).filter(lambda text: "\0" not in text)
SECRET = "p@ss/w:rd#4711"


@given(IDS)
def test_any_id_comes_back_from_its_encoding(text: str) -> None:
    assert decode_subject(encode_subject(SubjectId(text)).encode()) == text


@given(IDS)
def test_an_encoded_id_cannot_be_taken_for_part_of_a_key(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", encode_subject(SubjectId(text)))


@given(IDS, IDS)
def test_a_member_of_an_index_tells_subject_and_key(text: str, key: str) -> None:
    id = encode_subject(SubjectId(text))
    assert split_member(f"{id} {key}".encode()) == (id, key)


def test_a_lone_surrogate_is_no_id() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        encode_subject(SubjectId("a\ud800"))


def test_the_parts_of_an_address_make_one() -> None:
    url = address(host="store", port=6380, database=2, password=SECRET)
    assert unquote(url) == f"redis://:{SECRET}@store:6380/2"
    assert place_of(url, "p:") == "Redis at store:6380, database 2, keys p:…"


def test_an_ipv6_host_keeps_its_colons_to_itself() -> None:
    assert address(host="::1", port=6379, database=0, password=None) == "redis://[::1]:6379/0"


@each(
    ("url", "place"),
    [
        ("redis://localhost", "Redis at localhost:6379, database 0, keys p:…"),
        (f"rediss://me:{'secret'}@store/3?ssl_cert_reqs=none", "Redis at store:6379, database 3, keys p:…"),
        ("unix:///run/redis.sock?db=2", "Redis at /run/redis.sock, keys p:…"),
    ],
)
def test_a_place_names_the_server_and_no_secret(url: str, place: str) -> None:
    assert place_of(url, "p:") == place


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "http://:very-secret@store", "redis://:very-secret@store:port", "redis://:very-secret@store/x",
     "redis://:very-secret@store/0?socket_timeout=9", "redis://:very-secret@store?decode_responses=true"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        place_of(url, "p:")
    assert "REDIS_URL must be" in str(raised.value)
    assert "very-secret" not in str(raised.value)
