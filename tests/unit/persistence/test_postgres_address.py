"""Addresses of PostgreSQL servers, and that no password is ever shown."""

from __future__ import annotations

import pytest

from tandem.errors import ConfigurationError
from tandem.persistence.postgres.address import PostgresAddress

from ...kit.tables import each

pytestmark = pytest.mark.promise("E3")


@each(
    ("url", "place"),
    [
        ("postgresql://me:secret@db.example:6432/chats", "PostgreSQL at db.example:6432, database chats"),
        ("postgres://db.example/chats?sslmode=require", "PostgreSQL at db.example, database chats"),
        ("postgresql://me:secret@one:5432,two:5432/chats", "PostgreSQL at one:5432,two:5432, database chats"),
        ("postgresql://me:se%40cret@[::1]:5432/chats", "PostgreSQL at [::1]:5432, database chats"),
        ("postgresql:///chats", "PostgreSQL at localhost, database chats"),
    ],
)
def test_a_place_says_host_and_database(url: str, place: str) -> None:
    assert PostgresAddress.of_url(url).place == place


def test_a_place_of_settings() -> None:
    address = PostgresAddress(host="db", port=1, database="chats", user="me", password="secret")
    assert address.place == "PostgreSQL at db:1, database chats"


@each("password", ["se#cret", "se/cret", "se?cret", "1#2", "1/2", "1?2", "[", "se#c@ret"])
def test_a_password_that_breaks_the_address_is_not_shown(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PostgresAddress.of_url(f"postgresql://me:{password}@db.example/chats")
    assert password not in str(caught.value)


@each("address", [PostgresAddress(password="secret"), PostgresAddress.of_url("postgresql://a:secret@b/c")])
def test_a_printed_address_hides_the_password(address: PostgresAddress) -> None:
    assert "secret" not in repr(address) + address.place
