"""The window of whole turns, and how long turns are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.conversation.base import EngineLimits
from tandem.conversation.history import Window, fresh, trim
from tandem.model import Channel, Conversation, SubjectId, Turn

turns = st.lists(st.integers(1, 9), max_size=60).map(
    lambda sizes: tuple(
        Turn(number, Channel.SMS, 0.0, tuple({"role": "user", "content": f"{number}.{n}"} for n in range(size)))
        for number, size in enumerate(sizes, 1)
    )
)


@pytest.mark.promise("P10")
@given(turns, st.integers(9, 60))
def test_the_window_is_bounded_and_holds_the_newest_whole_turns(history: tuple[Turn, ...], limit: int) -> None:
    kept = trim(history, Window(limit, 1_000_000))
    assert kept == history[len(history) - len(kept) :]
    assert sum(len(turn.items) for turn in kept) <= limit
    assert bool(kept) == bool(history)


@given(turns)
def test_a_trim_drops_a_block_so_that_the_next_turns_keep_their_prefix(history: tuple[Turn, ...]) -> None:
    kept = trim(history, Window(60, 1_000_000))
    if kept != history:
        assert sum(len(turn.items) for turn in kept) <= 40


def test_a_single_turn_larger_than_the_window_stays_whole() -> None:
    turn = Turn(1, Channel.SMS, 0.0, tuple({"role": "user", "content": str(n)} for n in range(100)))
    assert trim((turn,), Window(60, 1_000_000)) == (turn,)


def kept_parts(age: float) -> tuple[bool, bool, bool]:
    conversation = Conversation(
        SubjectId("phone_1"), created_at=0, updated_at=1000, summary="s", context={"k": 1},
        history=(Turn(1, Channel.SMS, 0.0, ()),),
    )  # fmt: skip
    after = fresh(conversation, EngineLimits(state_max_age=60, context_max_age=600), now=1000 + age)
    return bool(after.history), bool(after.summary), bool(after.context)


@pytest.mark.promise("P4")
def test_retention_forgets_history_first_and_context_later() -> None:
    assert kept_parts(60) == (True, True, True)
    assert kept_parts(61) == (False, True, True)
    assert kept_parts(601) == (False, False, False)
