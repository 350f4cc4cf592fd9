"""``REPLIES_FILE``: ready replies for colleagues who may write, and what does not fit stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.staff.ready_replies import ReadyReply, load_ready_replies

from ..kit.colleague import staffed
from ..kit.tables import each

pytestmark = pytest.mark.promise("D4")

FILE = '''
Greeting = "Hello {first_name}, {colleague} here."
"Where it is" = """
Your parcel {tracking} is on its way.
"""
'''


async def test_replies_are_served_in_their_order_to_those_who_may_write(tmp_path: Path) -> None:
    file = tmp_path / "replies.toml"
    file.write_text(FILE, "utf-8")
    tokens = "mia:mia-token-123456789,tom:tom-token-123456789:read"
    async with staffed(tmp_path, REPLIES_FILE=str(file), STAFF_TOKENS=tokens) as (_, mia):
        served = await mia.get("/staff/replies")
        read = await mia.ask("GET", "/staff/replies", headers={"Authorization": "Bearer tom-token-123456789"})
    assert served["replies"] == [
        {"name": "Greeting", "text": "Hello {first_name}, {colleague} here."},
        {"name": "Where it is", "text": "Your parcel {tracking} is on its way."},
    ]
    assert read.status == 403


@each(
    ("text", "problem"),
    [
        ('Greeting = "Hello {firstname}."', '"Greeting" names firstname'),
        ('Greeting = ""', '"Greeting" must be a text of 1 to 6400 characters.'),
        ("Greeting = 5", '"Greeting" must be a text of 1 to 6400 characters.'),
        ("Greeting", "is no TOML"),
        (f"Greeting = {'[' * 5000}", "is no TOML"),
        (f"Greeting = {'1' * 5000}", "is no TOML"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "replies.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_ready_replies(file)
    assert problem in str(raised.value.problems)


def test_a_file_of_an_editor_that_marks_its_beginning_is_read(tmp_path: Path) -> None:
    (tmp_path / "replies.toml").write_bytes('\ufeffHi = "Hello."\r\n'.encode())
    assert load_ready_replies(tmp_path / "replies.toml") == (ReadyReply("Hi", "Hello."),)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="REPLIES_FILE"):
        load_ready_replies(tmp_path / "nothing.toml")
    assert load_ready_replies(None) == ()
