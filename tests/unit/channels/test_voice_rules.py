"""The pure parts of a call: keys, patience, and what follows its end."""

from __future__ import annotations

import json

import pytest

from tandem.channels.voice.action_callback import MAX_ATTEMPTS, Ending, Next, read_ending
from tandem.channels.voice.call_patience import CallTimeouts, TimeoutKind
from tandem.channels.voice.dtmf import LONGEST, KeyMeaning, Keys

from ...kit.tables import each

pytestmark = pytest.mark.promise("V10", "V16", "V17")

LOST = {"CallStatus": "in-progress", "SessionStatus": "failed", "ErrorCode": "64105"}


def entered(pressed: str) -> tuple[KeyMeaning, str]:
    """Return what keys mean, the last of which may be #; and that nothing is left of them."""
    keys = Keys()
    ended = [keys.press(key) for key in pressed]
    assert ended[:-1] == [False] * (len(pressed) - 1)
    found = keys.take(ended=pressed.endswith("#"))
    assert keys.take(ended=True) == (KeyMeaning.NOTHING, "")
    return found


def test_zero_and_star_mean_something_alone_and_are_digits_within_a_number() -> None:
    number = KeyMeaning.NUMBER
    assert [entered(keys) for keys in ("0", "00", "*", "**", "")] == [
        (KeyMeaning.PERSON, ""), (KeyMeaning.PERSON, ""), (KeyMeaning.REPEAT, ""), (KeyMeaning.REPEAT, ""),
        (KeyMeaning.NOTHING, ""),
    ]  # fmt: skip
    assert [entered(keys) for keys in ("0#", "*#", "#")] == [
        (KeyMeaning.PERSON, ""), (KeyMeaning.REPEAT, ""), (KeyMeaning.NOTHING, ""),
    ]  # fmt: skip
    assert [entered(keys) for keys in ("10*#", "012345", "00#", "*1")] == [
        (number, "10*"), (number, "012345"), (number, "00"), (number, "*1"),
    ]  # fmt: skip


def test_a_stuck_key_fills_no_memory() -> None:
    keys = Keys()
    for _ in range(1000):
        keys.press("5")
    assert len(keys.take(ended=False)[1]) == LONGEST


def watch(**more: float) -> CallTimeouts:
    return CallTimeouts(started=0.0, silence=10.0, longest=more.get("longest", 1000.0))


def test_silence_is_asked_about_once_and_then_ends_the_call() -> None:
    patience = watch()
    assert [patience.look(now) for now in (9.9, 10.0, 15.0, 19.9, 20.0)] == [
        None, TimeoutKind.STILL_THERE, None, None, TimeoutKind.GOODBYE_SILENCE,
    ]  # fmt: skip


def test_an_answer_starts_the_patience_anew() -> None:
    patience = watch()
    assert patience.look(10.0) is TimeoutKind.STILL_THERE
    patience.touch(12.0)
    assert patience.look(21.9) is None
    assert patience.look(22.0) is TimeoutKind.STILL_THERE


def test_the_agents_own_speech_is_no_silence_and_no_answer() -> None:
    patience = watch()
    assert patience.look(10.0) is TimeoutKind.STILL_THERE
    patience.keep(12.0)
    assert patience.look(21.9) is None
    assert patience.look(22.0) is TimeoutKind.GOODBYE_SILENCE


@pytest.mark.promise("V19")
def test_a_long_call_is_warned_once_and_then_ended() -> None:
    patience = watch(longest=100.0)
    found = []
    for now in range(0, 101, 5):
        patience.touch(now)
        found.append(patience.look(now))
    assert [due for due in found if due] == [TimeoutKind.ALMOST_OVER, TimeoutKind.GOODBYE_LENGTH]


def test_a_call_that_may_last_no_minute_is_not_warned_at_its_beginning() -> None:
    patience = watch(longest=50.0)
    assert [patience.look(now) for now in (1.0, 50.0)] == [None, TimeoutKind.GOODBYE_LENGTH]


def test_a_call_that_is_moved_uses_up_no_attempt() -> None:
    form = {"CallStatus": "in-progress", "SessionStatus": "ended", "HandoffData": '{"reason": "moved"}'}
    assert read_ending(form, attempt=2) == Ending(Next.RECONNECT, attempt=2, moved=True)


def test_a_lost_socket_is_reconnected_a_few_times() -> None:
    assert read_ending(LOST, attempt=0) == Ending(Next.RECONNECT, attempt=1)
    assert read_ending(LOST, attempt=MAX_ATTEMPTS - 1).next is Next.RECONNECT
    assert read_ending(LOST, attempt=MAX_ATTEMPTS).next is Next.GIVE_UP


def test_a_session_that_held_long_starts_the_count_anew() -> None:
    assert read_ending(LOST | {"SessionDuration": "61"}, attempt=3) == Ending(Next.RECONNECT, attempt=1)


def test_a_handoff_transfers_with_its_ticket() -> None:
    form = {
        "CallStatus": "in-progress",
        "SessionStatus": "ended",
        "HandoffData": json.dumps({"reason": "transfer", "ticket": "TKT_1"}),
    }
    assert read_ending(form, attempt=0) == Ending(Next.TRANSFER, ticket="TKT_1")


@each(
    "form",
    [
        {"CallStatus": "completed", "SessionStatus": "completed"},
        {"CallStatus": "completed", "SessionStatus": "failed"},
        {"CallStatus": "in-progress", "SessionStatus": "ended", "HandoffData": '{"reason": "goodbye_silence"}'},
        {"CallStatus": "in-progress", "SessionStatus": "ended", "HandoffData": "not json"},
        {"CallStatus": "in-progress", "SessionStatus": "ended", "HandoffData": "[1]"},
        {},
    ],
)
def test_every_other_end_is_the_end(form: dict[str, str]) -> None:
    assert read_ending(form, attempt=0) == Ending(Next.HANG_UP)
