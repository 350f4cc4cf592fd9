"""Hints between processes that share the file store: heard at once, by everybody else, and never in the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from tandem.model import SubjectId
from tandem.persistence.file.hints import FOLDER, HintPipes

from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("V30")

JANE = SubjectId("phone_14155550100")


@asynccontextmanager
async def listening(hints: HintPipes) -> AsyncIterator[asyncio.Queue[SubjectId | None]]:
    """Give what is heard, from when it is heard on."""
    heard: asyncio.Queue[SubjectId | None] = asyncio.Queue()

    async def listen() -> None:
        async with aclosing(hints.hints()) as listener:
            async for hint in listener:
                heard.put_nowait(hint)

    task = asyncio.create_task(listen())
    assert await asyncio.wait_for(heard.get(), PATIENCE) is None
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def heard_in(queue: asyncio.Queue[SubjectId | None]) -> SubjectId | None:
    return await asyncio.wait_for(queue.get(), PATIENCE)


async def test_a_hint_is_heard_by_all_others_and_not_by_its_sender(tmp_path: Path) -> None:
    one, other, third = (HintPipes(tmp_path) for _ in range(3))
    async with listening(one) as own, listening(other) as theirs, listening(third) as thirds:
        await one.notify(JANE)
        assert [await heard_in(theirs), await heard_in(thirds)] == [JANE, JANE]
        await other.notify(SubjectId("user_Zoë 1"))
        assert await heard_in(own) == "user_Zoë 1"
        assert theirs.empty()
    assert list((tmp_path / FOLDER).iterdir()) == []


async def test_many_hints_at_once_stay_whole(tmp_path: Path) -> None:
    one, other = HintPipes(tmp_path), HintPipes(tmp_path)
    async with listening(one) as heard:
        for number in range(1000):
            await other.notify(SubjectId(f"phone_1415555{number:04d}"))
        assert [await heard_in(heard) for _ in range(1000)] == [f"phone_1415555{number:04d}" for number in range(1000)]


async def test_an_id_that_is_too_long_says_that_there_is_work(tmp_path: Path) -> None:
    one, other = HintPipes(tmp_path), HintPipes(tmp_path)
    async with listening(one) as heard:
        await other.notify(SubjectId("x" * 10_000))
        assert await heard_in(heard) is None


async def test_the_pipe_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    one, other = HintPipes(tmp_path), HintPipes(tmp_path)
    async with listening(one) as heard:
        os.mkfifo(tmp_path / FOLDER / "dead")
        await other.notify(JANE)
        assert await heard_in(heard) == JANE
        assert len(list((tmp_path / FOLDER).iterdir())) == 1


async def test_a_process_that_does_not_listen_holds_nobody_up(tmp_path: Path) -> None:
    frozen = HintPipes(tmp_path)
    listener = frozen.hints()
    assert await anext(listener) is None
    other = HintPipes(tmp_path)
    for number in range(10_000):  # more than a pipe holds
        await other.notify(SubjectId(f"phone_1415555{number:04d}"))
    await listener.aclose()


async def test_where_there_are_no_pipes_the_store_is_polled(tmp_path: Path) -> None:
    (tmp_path / FOLDER).touch()
    assert [hint async for hint in HintPipes(tmp_path).hints()] == []
    await HintPipes(tmp_path).notify(JANE)
