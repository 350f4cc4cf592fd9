"""Met in the field, "Stopping": texts from short codes are answered, and make neither loops nor piles of tickets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tandem.conversation import phrases
from tandem.model import SubjectId

from ..flows.test_people import escalates
from ..kit.colleague import staffed
from ..kit.gateway import Running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import until

pytestmark = pytest.mark.promise("F2", "I2")

CODE = "72345"
SUBJECT = SubjectId(f"short_us_{CODE}")
SPOKEN_TO = "Msg not recognized. Reply HELP for help, STOP to end."
ALERTS = [
    "Balance below $50",
    "Card used in Rome",
    "New login",
    "Rent is due",
    "Low battery",
    "Door open",
    "Rain today",
]


async def exchange(it: Running, texts: Sequence[str]) -> list[str]:
    """Text one after the other from a short code, each once the one before is done with; return what came back."""

    async def idle() -> bool:
        waits = await it.store.waiting(SUBJECT) or (await it.store.counts()).oldest_unsettled_reply_seconds
        return not waits

    for text in texts:
        assert await it.say(text, sender=CODE) == 200
        await until(idle)
    await it.twilio.settle()
    return [message.body for message in it.twilio.sent_to(CODE)]


def eager(body: dict[str, Any]) -> Answer:
    """An agent that calls for a person at every text."""
    done = body["input"][-1].get("type") == "function_call_output"
    return Answer("A colleague looks at it.") if done else escalates("low")


@pytest.mark.parametrize(
    ("texts", "answers", "tickets"),
    [
        ([f"{123456 + 7919 * at} is your Acme code. Don't share it." for at in range(12)], 4, 4),
        ([f"Thanks! Request {1000 + at} came at 10:{at:02}. STOP to end" for at in range(12)], 4, 4),
        ([SPOKEN_TO] * 12, 4, 4),
        (ALERTS, 7, 5),
    ],
    ids=["codes", "receipts", "one answer", "alerts"],
)
async def test_a_machine_behind_a_short_code_is_soon_left_alone(
    tmp_path: Path, texts: list[str], answers: int, tickets: int
) -> None:
    async with staffed(tmp_path, ModelServer(eager)) as (it, _):
        heard = await exchange(it, texts)
        opened = await it.store.tickets(SUBJECT)
    stopped = [phrases.REPEATED] if answers < len(texts) else []
    assert heard == [*["A colleague looks at it."] * answers, *stopped]
    assert len(opened) == tickets


async def test_questions_from_a_short_code_are_answered(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(lambda _: Answer("At ten."))) as (it, _):
        asked = ["when do you open?", "and on Sunday?", "is there parking?", "thanks", "where are you?", "do you ship?"]
        assert await exchange(it, asked) == ["At ten."] * len(asked)


async def test_who_sends_adverts_is_told_once_that_they_get_none(tmp_path: Path) -> None:
    async with staffed(tmp_path, ModelServer(())) as (it, _):
        adverts = [f"{off}% off today! Reply STOP to unsubscribe" for off in range(10, 60, 10)]
        assert await exchange(it, adverts) == [phrases.OPTED_OUT]
