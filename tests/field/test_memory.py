"""Met in the field, "Starting and running": a customer who returns after days is known (promise 16)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.commands.cleanup import cleanup
from tandem.model import Address, Channel, Conversation, Route, SubjectId, Turn
from tandem.persistence.file import open_file_store
from tandem.settings import Settings, load_settings

from ..contracts.records import write
from ..flows.test_memory import NOTES, agent, system_of
from ..kit.colleague import staffed
from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import ModelServer
from ..kit.sources import subject_of
from ..kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("F6")
DAY = 86_400.0
REX = "my dog is called Rex"


async def aged(it: Running, days: float) -> None:
    """Let days go by, once nothing is left to do."""
    await it.twilio.settle()
    it.store.clock_offset += days * DAY


def last_earlier(model: ModelServer) -> str:
    """Return what the model was told last of the time before."""
    turns = [one for one in model.requests if "You keep the notes" not in str(one.get("instructions"))]
    return system_of(turns[-1], "earlier_conversation")


async def test_with_a_model_what_aged_is_shown_at_once_and_told_as_a_story_afterwards(tmp_path: Path) -> None:
    model = ModelServer(agent)
    async with running(tmp_path, model) as it:
        await it.ask(REX)
        await aged(it, 2)
        assert await it.ask("what do you know of me?") == "You have a dog."
        async with asyncio.timeout(PATIENCE):
            while (now := await it.conversation()).unfolded or not now.summary:
                await asyncio.sleep(0.02)
    assert "Rex" in last_earlier(model)
    assert now.summary == f"story: {NOTES}"
    assert [turn.number for turn in now.history] == [2]


async def test_without_a_model_what_aged_is_in_the_summary_with_the_next_turn(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        await it.ask(f"thanks, {REX}")
        await aged(it, 2)
        await it.ask("thanks")
        now = await it.conversation()
    assert (len(now.history), now.unfolded) == (1, ())
    assert "Rex" in now.summary


def settings_for(folder: Path, **extra: str) -> Settings:
    """Settings of the command, as a gateway's on the same folder."""
    return load_settings({"STATE_PERSISTENCE_DIR": str(folder / "state"), **extra}, env_file=None)


def before(subject: SubjectId, **fields: Any) -> Conversation:
    """A conversation in which somebody told of their dog."""
    items = ({"role": "user", "content": REX}, {"role": "assistant", "content": "What a nice name."})
    turn = Turn(1, Channel.SMS, 1.0, items)
    route = Route(Channel.SMS, Address("tel", JOHN), Address("tel", OURS))
    stored = Conversation(subject, created_at=1.0, updated_at=1.0, turns_taken=1, history=(turn,))
    return replace(stored, routes={Channel.SMS: route}, **fields)


async def stored(folder: Path, *, days: float, subject: SubjectId, **fields: Any) -> None:
    """Leave such a conversation in the store, ``days`` old."""
    async with open_file_store(folder / "state", clock_offset=-days * DAY) as store:
        await write(store, subject, conversation=before(subject, **fields))


async def read(folder: Path, subject: SubjectId) -> Conversation:
    async with open_file_store(folder / "state") as store:
        found = await store.conversation(subject)
    assert found is not None
    return found


@pytest.mark.parametrize("key", [{}, {"OPENAI_API_KEY": "test-key"}], ids=["canned rules", "a model"])
async def test_cleanup_folds_what_aged_and_the_desk_shows_the_summary_as_such(
    tmp_path: Path, key: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    old, young, settings = subject_of(JOHN), subject_of(JANE), settings_for(tmp_path, **key)
    await stored(tmp_path, days=2, subject=old)
    await stored(tmp_path, days=0.5, subject=young)
    first = await read(tmp_path, old)
    assert await cleanup(settings, hours=168, dry_run=True) == 0
    assert await read(tmp_path, old) == first
    for _ in range(2):
        assert await cleanup(settings, hours=168, dry_run=False) == 0
    after, other = await read(tmp_path, old), await read(tmp_path, young)
    assert (after.history, after.unfolded, after.updated_at) == ((), (), first.updated_at)  # its age goes on
    assert len(other.history) == 1
    assert ["folded=1" in line for line in capsys.readouterr().out.splitlines()] == [True, True, False]
    model = ModelServer(agent)
    async with staffed(tmp_path, model) as (it, mia):
        shown = await mia.shown()
        row = next(one for one in (await mia.get("/conversations"))["conversations"] if one["subjectId"] == old)
        assert await it.ask("what do you know of me?") == "You have a dog."
    assert (shown["transcript"], "Rex" in shown["summary"]) == ([], True)
    assert row["preview"] == "What a nice name."


async def test_cleanup_lets_a_summary_go_that_is_too_old_itself(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, CONTEXT_MAX_AGE=str(3 * 86_400_000))
    await stored(tmp_path, days=4, subject=subject_of(JOHN), summary="said: hello", context={"plan": "x"})
    assert await cleanup(settings, hours=168, dry_run=False) == 0
    after = await read(tmp_path, subject_of(JOHN))
    assert (after.history, after.summary, after.context) == ((), "", {})


async def test_what_waited_for_a_model_is_folded_by_cleanup_too(tmp_path: Path) -> None:
    subject = subject_of(JOHN)
    await stored(tmp_path, days=2, subject=subject, history=(), unfolded=before(subject).history)
    assert await cleanup(settings_for(tmp_path), hours=168, dry_run=False) == 0
    after = await read(tmp_path, subject)
    assert (after.unfolded, "Rex" in after.summary) == ((), True)
