"""What comes with a request besides the address."""

import pytest

from tandem.identity.base import read_metadata

from ...kit.tables import each

pytestmark = pytest.mark.promise("I6")


@each(
    ("given", "kept"),
    [
        ({"userId": "u7", "email": "a@b.c"}, {"userId": "u7", "email": "a@b.c"}),
        ({"user_id": "u7", "anonymous_id": "a1"}, {"userId": "u7", "anonymousId": "a1"}),
        ({"accountNumber": " 42 "}, {"accountNumber": "42"}),
        ({"CallSid": "CA1", "From": "+14155550100"}, {}),
        ({"userId": ""}, {}),
        ({"userId": "a\nb"}, {}),
        ({"userId": "x" * 201}, {}),
        ({"user-id": "u7", "1st": "x", "": "y"}, {}),
    ],
)  # fmt: skip
def test_ours_are_read_and_the_provider_s_left(given: dict[str, str], kept: dict[str, str]) -> None:
    assert read_metadata(given) == kept


def test_there_are_not_too_many() -> None:
    assert len(read_metadata({f"name{number}": "x" for number in range(100)})) == 16
