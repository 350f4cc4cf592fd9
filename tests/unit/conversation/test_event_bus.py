"""Listeners: told once, never in the way (E1)."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tandem.conversation import event_bus
from tandem.conversation.event_bus import EventBus
from tandem.events import Happened
from tandem.model import Source, SubjectId, TimelineEvent

pytestmark = pytest.mark.promise("E1")

SUBJECT = SubjectId("phone_14155550100")
ROWS = [TimelineEvent(name=name, source=Source.SYSTEM) for name in ("conversation_start", "escalation")]


async def test_every_listener_is_told_everything_once_in_order() -> None:
    told: list[tuple[int, str]] = []

    async def first(happened: Happened) -> None:
        told.append((1, happened.event.name))

    async def second(happened: Happened) -> None:
        told.append((2, happened.event.name))

    async with EventBus({"first": first, "second": second}) as telling:
        telling.tell(SUBJECT, ROWS)
    assert [name for who, name in told if who == 1] == ["conversation_start", "escalation"]
    assert [name for who, name in told if who == 2] == ["conversation_start", "escalation"]


async def test_one_that_raises_and_one_that_hangs_harm_nobody() -> None:
    told: list[str] = []

    async def raising(happened: Happened) -> None:
        raise RuntimeError

    async def hanging(happened: Happened) -> None:
        await asyncio.Event().wait()

    async def good(happened: Happened) -> None:
        told.append(happened.event.name)

    with capture_logs() as logs:
        async with EventBus({"raising": raising, "hanging": hanging, "good": good}, patience=0.05) as telling:
            telling.tell(SUBJECT, ROWS)
    assert told == ["conversation_start", "escalation"]
    assert [line["event"] for line in logs] == ["listener_failed", "listener_failed", "listener_cut_off"]


async def test_one_that_falls_behind_is_not_told_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_bus, "LONGEST_QUEUE", 1)
    told: list[str] = []

    async def slow(happened: Happened) -> None:
        told.append(happened.event.name)

    with capture_logs() as logs:
        async with EventBus({"slow": slow}) as telling:
            telling.tell(SUBJECT, [*ROWS, *ROWS])
    assert told == ["conversation_start"]
    assert [line["event"] for line in logs] == ["listener_too_slow"]
