"""A store that goes away under a running server: 503, one line in the log, and recovery without a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ..kit.gateway import JOHN, running
from ..kit.model_server import Answer, ModelServer
from .test_process import world
from .test_real_number import quiet
from .test_text import echo

pytestmark = pytest.mark.promise("P8")


async def test_a_state_folder_that_goes_and_comes_back(tmp_path: Path) -> None:
    state, away = tmp_path / "state", tmp_path / "unmounted"
    with capture_logs() as logs:
        async with running(tmp_path, ModelServer(echo)) as it:
            await it.ask("before")
            await quiet(it)
            state.rename(away)
            refused = [await it.say("lost?") for _ in range(3)]
            away.rename(state)
            assert await it.ask("after") == "You said: after"
            conversation = await it.conversation()
    assert refused == [503, 503, 503]
    assert conversation.turns_taken == 2
    told = Counter(line["event"] for line in logs if line["event"].startswith("store_"))
    assert told == {"store_unavailable": 1, "store_back": 1}


async def test_a_database_that_another_process_locks_for_seconds(tmp_path: Path) -> None:
    """Reading goes on, so that only the refused writes tell of it."""
    model = ModelServer(lambda request: Answer("You said: " + str(request["input"][-1]["content"])))
    async with world(tmp_path, model) as it:
        gateway = await it.start()
        with closing(sqlite3.connect(tmp_path / "state" / "tandem.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await asyncio.gather(*(it.text("lost?") for _ in range(3))) == [503] * 3
        apologies = len(it.bodies())
        assert await it.text("after") == 200
        heard = await it.twilio.wait_for(JOHN, apologies + 1)
        assert await gateway.terminate() == 0
    assert apologies == 3  # from the fallback, which needs no store
    assert heard[-1].body == "You said: after"
    log = gateway.log.read_text()
    assert (log.count("store_unavailable"), log.count("store_back")) == (1, 1)
    assert "database is locked" in log
