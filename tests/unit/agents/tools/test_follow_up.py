"""Coming back to a customer later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tandem.agents.offline.canned_rules import next_step
from tandem.agents.tools.follow_up import LONGEST, LONGEST_MINUTES, schedule_follow_up
from tandem.conversation.bounds import Allowance, Bound
from tandem.conversation.notes import PREFIX, TimeToComeBack, note_item, words

from ....kit.callers import JOHN, NOW, caller_of

pytestmark = pytest.mark.promise("X6")


async def schedule(use: Any, caller: Any, minutes: int, about: str = "whether the parcel has come") -> dict[str, Any]:
    return dict(json.loads(await use(schedule_follow_up, caller, minutes=minutes, about=about)))


async def test_it_is_asked_of_the_commit_with_its_time(use: Any, shop: Any) -> None:
    john = caller_of(shop, JOHN)
    told = await schedule(use, john, 90, "a" * (LONGEST + 50))
    (one,) = john.deeds.follow_ups
    assert (told["status"], one.at, len(one.text), one.actor) == ("scheduled", NOW + 90 * 60, LONGEST, "")


@pytest.mark.parametrize(
    ("minutes", "about", "phone", "allowed"),
    [(0, "x", JOHN, 5), (LONGEST_MINUTES + 1, "x", JOHN, 5), (5, "  ", JOHN, 5), (5, "x", None, 5), (5, "x", JOHN, 0)],
)
async def test_what_cannot_be_is_refused(
    use: Any, shop: Any, minutes: int, about: str, phone: str | None, allowed: int
) -> None:
    caller = caller_of(shop, phone, allowance=Allowance(follow_ups=allowed))
    assert "error" in await schedule(use, caller, minutes, about)
    assert caller.deeds.follow_ups == []
    assert caller.deeds.refused == ([Bound.FOLLOW_UPS] if not allowed else [])


def test_the_canned_rules_come_back_too() -> None:
    note = words(TimeToComeBack("whether the parcel has come"))
    assert note.startswith(PREFIX)
    said = next_step([{"role": "system", "content": note}], frozenset())
    assert said == "As agreed, I am coming back to you about this: whether the parcel has come"
    assert note_item(TimeToComeBack("x"))["kind"] == "time_to_come_back"
