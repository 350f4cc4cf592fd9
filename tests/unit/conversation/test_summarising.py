"""Folding by a model: off the customer's way, under an engine over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation.base import EngineLimits
from tandem.conversation.history import remember
from tandem.conversation.notes import for_model
from tandem.conversation.summary import LONGEST_MATERIAL, Summarising, digest, digest_of, material, shown, told
from tandem.entries import Entry, TextReceived
from tandem.model import Channel, Conversation, Turn
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Claim, Committed

from ...kit.engine import JOHN, ROUTE, Lab, lab
from ...kit.tables import each
from ...kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("P10")


def turns(*numbers: int) -> tuple[Turn, ...]:
    return tuple(Turn(one, Channel.SMS, 0.0, ({"role": "user", "content": f"words {one}"},)) for one in numbers)


def conversation(unfolded: tuple[Turn, ...], summary: str = "") -> Conversation:
    return Conversation(JOHN, created_at=0, updated_at=0, unfolded=unfolded, summary=summary)


async def folded(
    summarise: Callable[[str], Awaitable[str]] | None, before: Conversation, after: Conversation, timeout: float = 5
) -> Conversation:
    """Fold a conversation and let another one, which came to be meanwhile, take the result over."""
    ready = asyncio.Event()
    async with Summarising(summarise, lambda _: ready.set(), timeout=timeout) as one:
        one.begin(before)
        await asyncio.wait_for(ready.wait(), PATIENCE)
        kept = one.adopt(JOHN, after)
        assert kept is not None
        return kept


async def story(material: str) -> str:
    return f"A story of {material.count('said')} words."


async def raises(material: str) -> str:
    raise RuntimeError("no model")


async def silent(material: str) -> str:
    return " "


async def test_the_story_takes_the_place_of_the_turns() -> None:
    now = conversation(turns(1, 2))
    after = await folded(story, now, now)
    assert (after.summary, after.unfolded) == ("story: A story of 2 words.", ())


async def test_turns_that_left_meanwhile_stay_for_the_next_time() -> None:
    after = await folded(story, conversation(turns(1, 2)), conversation(turns(1, 2, 3)))
    assert (after.summary, after.unfolded) == ("story: A story of 2 words.", turns(3))


@each("meanwhile", [conversation(turns(2)), conversation((), "digested"), conversation(turns(1, 2), "x")])
async def test_a_story_of_something_else_is_not_taken(meanwhile: Conversation) -> None:
    assert await folded(story, conversation(turns(1, 2)), meanwhile) == meanwhile


async def refuses(material: str) -> str:
    return "I’m sorry, but I can’t help with that."


@each("summarise", [None, raises, silent, refuses])
async def test_without_a_model_rules_remember(summarise: Callable[[str], Awaitable[str]] | None) -> None:
    now = conversation(turns(1, 2))
    after = await folded(summarise, now, now)
    assert (after.summary, after.unfolded) == ("said: words 1\nsaid: words 2", ())


async def test_a_model_that_takes_too_long_is_not_waited_for() -> None:
    async def never(material: str) -> str:
        await asyncio.Event().wait()
        return ""

    now = conversation(turns(1))
    assert (await folded(never, now, now, timeout=0.01)).summary == "said: words 1"


def test_a_lane_with_turns_to_fold_wakes_for_them() -> None:
    assert conversation(turns(1)).wake_at(now=10.0, after=2.0) == 12.0
    assert conversation(()).wake_at(now=10.0, after=2.0) is None


# --- in a lane ---------------------------------------------------------------------------------------------


AT_ONCE = {"history_max_items": 6, "unfolded_max_items": 100, "fold_after": 0.01}


async def texts(it: Lab, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await it.text(f"SM{number}", f"text {number}")
        await it.sender.texts(number)


async def nothing_to_fold(it: Lab) -> bool:
    found = await it.store.conversation(JOHN)
    return found is not None and not found.unfolded and bool(found.summary)


async def test_what_was_made_for_somebody_who_was_erased_meanwhile_is_dropped() -> None:
    ready, before = asyncio.Event(), conversation(turns(1, 2))
    async with Summarising(story, lambda _: ready.set(), timeout=5) as one:
        one.begin(before)
        await asyncio.wait_for(ready.wait(), PATIENCE)
        assert one.adopt(JOHN, None) is None
        assert one.adopt(JOHN, before) is before


async def test_what_leaves_the_window_is_folded_when_the_lane_is_idle(tmp_path: Path) -> None:
    async with lab(tmp_path, summarise=story, **AT_ONCE) as it:
        await texts(it, 1, 4)
        await until(lambda: nothing_to_fold(it))
        found = await it.store.conversation(JOHN)
    assert found is not None
    assert found.summary.startswith("story: A story")
    assert [one.number for one in found.history] == [3, 4]


async def test_a_text_does_not_wait_for_the_folding(tmp_path: Path) -> None:
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow(material: str) -> str:
        begun.set()
        await released.wait()
        return "At last."

    async with lab(tmp_path, summarise=slow, **AT_ONCE) as it:
        await texts(it, 1, 4)
        await asyncio.wait_for(begun.wait(), PATIENCE)
        await texts(it, 5, 5)  # answered while the model still thinks
        released.set()
        await until(lambda: nothing_to_fold(it))
        found = await it.store.conversation(JOHN)
    assert found is not None
    assert "At last." in found.summary


class LateText:
    """A store in which a text arrives just before a lane that has nothing to do is given back."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.came = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, claim: Claim, change: Change, **more: Any) -> Committed:
        if not change.consumed and not self.came:
            self.came = True
            await self._store.accept(JOHN, [Entry("SM5", TextReceived(ROUTE, "text 5"))], token="late")
        return await self._store.commit(claim, change, **more)


async def test_a_text_that_arrives_as_folding_begins_is_answered_at_once(tmp_path: Path) -> None:
    async with lab(tmp_path, wrap=LateText, lease=60, summarise=story, **AT_ONCE) as it:
        await texts(it, 1, 4)
        assert (await it.sender.texts(5))[4] == "You said: text 5"


async def test_too_many_turns_to_fold_are_folded_by_rules_at_once(tmp_path: Path) -> None:
    async def never(material: str) -> str:
        await asyncio.Event().wait()
        return ""

    async with lab(tmp_path, summarise=never, **{**AT_ONCE, "unfolded_max_items": 8}) as it:
        await texts(it, 1, 20)
        found = await it.store.conversation(JOHN)
    assert found is not None
    assert sum(len(one.items) for one in found.unfolded) <= 8
    assert "said: text 1\n" in found.summary


async def test_a_process_that_ends_while_it_folds_leaves_the_turns_for_the_next(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def never(material: str) -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    async with lab(tmp_path, summarise=never, **AT_ONCE) as it:
        await texts(it, 1, 4)
        await asyncio.wait_for(begun.wait(), PATIENCE)
    async with lab(tmp_path, summarise=story, **AT_ONCE) as it:
        left = await it.store.conversation(JOHN)
        assert left is not None
        assert [one.number for one in left.unfolded] == [1, 2]
        it.engine.wake(JOHN)
        await until(lambda: nothing_to_fold(it))


def test_what_leaves_the_window_is_digested_once_when_it_leaves() -> None:
    now, limits = conversation(()), EngineLimits(history_max_items=6, unfolded_max_items=100)
    for one in turns(*range(1, 12)):
        before, now = now, remember(now, one, limits)
        assert (now.digest != before.digest) == (now.unfolded != before.unfolded)
        assert digest_of(now) == digest(now.summary, now.unfolded)
    assert len(now.unfolded) > 3
    older = replace(now, digest="")  # as stored before there was one
    assert digest_of(older) == digest_of(now)
    smaller = replace(limits, history_max_items=2)
    assert digest_of(remember(older, turns(12)[0], smaller)).startswith("said: words 1\n")


@each("by_model", [False, True])
def test_a_thousand_turns_stay_flat_and_the_first_is_remembered(by_model: bool) -> None:
    now, limits = conversation(()), EngineLimits(unfolded_max_items=60 if by_model else 0)
    sizes, known = list[int](), list[bool]()
    for number in range(1, 1001):
        said = "the order is ORD_4711, my dog is Rex" if number == 1 else f"and what of number {number}?"
        items = ({"role": "user", "content": said}, {"role": "assistant", "content": f"I will look at it, {number}."})
        one = Turn(number, Channel.SMS, 0.0, items)
        now = remember(now, one, limits)
        given = shown(digest_of(now)) + str([for_model(turn.items) for turn in now.history])
        sizes.append(len(given))
        known.append("ORD_4711" in given and "Rex" in given)
        if by_model and now.unfolded:
            heard = material(now.summary, now.unfolded)
            assert len(heard) <= LONGEST_MATERIAL
            # A model that notes what it reads of the order, and chatter.
            story = "Order ORD_4711, dog Rex. " if "ORD_4711" in heard and "Rex" in heard else ""
            now = replace(now, summary=told(now.summary, now.unfolded, story + "chatter " * 90), unfolded=())
    assert all(known)
    assert max(sizes[500:]) <= 1.02 * max(sizes[100:500])
