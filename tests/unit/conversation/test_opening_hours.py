"""Opening hours: read from one line, asked in their own zone."""

from datetime import UTC, datetime

import pytest

from tandem.conversation.opening_hours import ALWAYS, ContactHours, OpeningHours
from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ...kit.tables import each

SHOP = OpeningHours.parse("Mon-Fri 09:00-17:30, Sat 10:00-14:00", "Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@each(
    ("moment", "is_open", "opens"),
    [
        ("2026-11-30T07:59+00:00", False, "Monday at 09:00"),
        ("2026-11-30T08:00+00:00", True, "Monday at 09:00"),
        ("2026-11-30T16:29+00:00", True, "Monday at 17:29"),
        ("2026-11-30T16:30+00:00", False, "Tuesday at 09:00"),
        ("2026-12-04T20:00+00:00", False, "Saturday at 10:00"),
        ("2026-12-05T13:00+00:00", False, "Monday at 09:00"),
        ("2026-07-06T07:00+00:00", True, "Monday at 09:00"),  # summer: two hours before UTC
        ("2026-03-28T20:00+00:00", False, "Monday at 09:00"),  # over the night in which summer begins
    ],
)
def test_hours_are_those_of_the_zone(moment: str, is_open: bool, opens: str) -> None:
    now = at(moment)
    assert (SHOP.open_at(now), SHOP.in_words(SHOP.opens_after(now))) == (is_open, opens)


def test_days_go_over_the_end_of_the_week_and_a_day_ends_at_midnight() -> None:
    hours = OpeningHours.parse("Sat-Mon 20:00-24:00", "UTC")
    assert [hours.open_at(at(f"2026-12-0{day}T23:59+00:00")) for day in (4, 5, 6, 7, 8)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_none_at_all_means_always() -> None:
    assert ALWAYS.open_at(0.0)
    assert ALWAYS.opens_after(5.0) == 5.0
    assert OpeningHours.parse("", "UTC") == ALWAYS


@each("text", ["9-5", "Mon 9:00", "Mon-Fry 09:00-17:00", "Mon 17:00-09:00", "Mon 09:00-24:30",
                                  "Mon 09:60-10:00", "Mon 09:00-09:00", "Monday 09:00-10:00"])  # fmt: skip
def test_hours_that_are_none_are_answered_in_plain_words(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"HUMAN_TRANSFER_HOURS": text}, env_file=None)
    assert raised.value.problems == (
        "HUMAN_TRANSFER_HOURS must be days and hours such as Mon-Fri 09:00-17:30, Sat 10:00-14:00.",
    )


@each("zone", ["Mars/One", "../../etc/passwd", "Europe"])
def test_a_zone_that_is_none_is_answered_in_plain_words(zone: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"HUMAN_TRANSFER_ZONE": zone}, env_file=None)
    assert raised.value.problems[0].startswith("HUMAN_TRANSFER_ZONE must be a time zone such as Europe/Berlin")


@pytest.mark.promise("X6")
@each(
    ("number", "now", "opens"),
    [
        ("+12125550100", "2026-11-30T15:00", "2026-11-30T15:00"),  # New York: 10 o'clock
        ("+12125550100", "2026-11-30T06:00", "2026-11-30T13:00"),
        ("+12125550100", "2026-11-30T02:00", "2026-11-30T13:00"),  # 21 o'clock is too late
        ("+493090182000", "2026-11-30T22:00", "2026-12-01T07:00"),
        ("+61412345678", "2026-11-29T23:00", "2026-11-30T01:30"),  # a mobile: from Sydney to the Cocos Islands
        ("+15551234567", "2026-11-30T22:00", "2026-12-01T07:00"),  # at home nowhere: our own zone, Berlin
        (None, "2026-11-30T22:00", "2026-12-01T07:00"),
    ],
)
def test_we_begin_by_the_customers_own_clock(number: str | None, now: str, opens: str) -> None:
    hours = ContactHours(OpeningHours.parse("Mon-Sun 08:00-21:00", "UTC").spans, "Europe/Berlin")
    found = hours.opens_after(number, datetime.fromisoformat(f"{now}Z").timestamp())
    assert datetime.fromtimestamp(found, UTC) == datetime.fromisoformat(f"{opens}Z")
