"""Values that tools keep: JSON, masked, few and small."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunContextWrapper, function_tool
from agents.testing import function_call

from tandem.agents.remembered import LARGEST, MOST, to_keep
from tandem.conversation.history import with_remembered
from tandem.conversation.prompt_blocks import REMEMBERED

from ...kit.tables import each
from .test_execution import SAID, bench, empty

pytestmark = pytest.mark.promise("G3")


@each("value", ["Sam", 3, 2.5, True, [1, "two"], {"seat": {"row": 12}}])
def test_json_values_are_kept_as_they_are(value: Any) -> None:
    assert to_keep({}, "name", value) == value


@each("value", [{1, 2}, object(), math.nan, [math.inf]])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="name is no JSON value"):
        to_keep({}, "name", value)


@each("name", ["", "1", "a b", "a" * 65, "näme", "a\n"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(ValueError, match="begin with a letter"):
        to_keep({}, name, "x")


def test_numbers_are_masked_by_their_name_too() -> None:
    assert to_keep({}, "ssn", "123456789") == "[social security number removed]"
    assert to_keep({}, "card", "4111 1111 1111 1111") == "[card number removed, ends in 1111]"
    with pytest.raises(ValueError, match="begin with a letter"):
        to_keep({}, "card.4111111111111111", "x")


def test_there_is_room_for_so_many_and_so_much() -> None:
    many = {f"n{number}": number for number in range(MOST)}
    assert to_keep(many, "n0", "again") == "again"
    with pytest.raises(ValueError, match="which are enough"):
        to_keep(many, "one_more", 1)
    half = {"half": "ü" * (LARGEST // 4)}
    assert to_keep(half, "rest", "x" * (LARGEST // 4))
    with pytest.raises(ValueError, match="rest is too large"):
        to_keep(half, "rest", "x" * (LARGEST // 2))


def test_what_became_none_is_forgotten() -> None:
    conversation = with_remembered(empty(), {"a": 1, "b": False})
    assert conversation.context == {REMEMBERED: {"a": 1, "b": False}}
    assert with_remembered(conversation, {"a": None}).context == {REMEMBERED: {"b": False}}
    assert with_remembered(conversation, {"a": None, "b": None}).context == {}


async def test_a_turn_that_is_run_again_remembers_what_its_call_did_the_first_time(tmp_path: Path) -> None:
    ran: list[str] = []

    @function_tool
    async def book(context: RunContextWrapper[Any], seat: str) -> str:
        """Book a seat, which only happens once."""
        ran.append(seat)
        context.context.remember("seat", seat)
        context.context.attach("https://files.example/pass.pdf")
        return "booked"

    step = [function_call("book", {"seat": "12A"}, call_id="c1")]
    async with bench(tmp_path, Agent("a", tools=[book]), [step, SAID, step, SAID]) as it:
        first = await it.turn(empty(), key="SM1")
        again = await it.turn(empty(), key="SM1")  # the first one was never committed
    assert ran == ["12A"]
    assert first.requested.remembered == again.requested.remembered == {"seat": "12A"}
    assert first.requested.media == again.requested.media == ["https://files.example/pass.pdf"]


async def test_what_a_decided_call_remembers_is_written_with_its_outcome(tmp_path: Path) -> None:
    @function_tool(needs_approval=True)
    async def upgrade(context: RunContextWrapper[Any], plan: str) -> str:
        """Upgrade."""
        context.context.remember("plan", plan)
        return "upgraded"

    script = [[function_call("upgrade", {"plan": "gold"}, call_id="c1")], SAID]
    async with bench(tmp_path, Agent("a", tools=[upgrade]), script) as it:
        conversation, (waiting,), result = await it.paused()
        done = await it.execute(waiting, conversation)
    assert (result.requested.remembered, done.requested.remembered) == ({}, {"plan": "gold"})
