"""A staff page on one replica hears of what another one did, on Redis and Postgres."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from tandem.model import Conversation, SubjectId
from tandem.persistence.values import Change

from ..kit.gateway import JANE, JOHN
from ..kit.model_server import ModelServer
from ..kit.replicas import Replicas, Shared, replicas, subject
from ..kit.waiting import PATIENCE
from .test_texts import echo

pytestmark = pytest.mark.promise("U2")

HEADERS = {"Authorization": "Bearer mia-token-123456789"}


async def told_of(response: aiohttp.ClientResponse, who: SubjectId) -> None:
    """Wait until an event names somebody; earlier ones may repeat others."""
    async with asyncio.timeout(PATIENCE):
        while True:
            line = (await response.content.readline()).decode()
            assert line, "the stream ended"
            if line.startswith("data: {") and who in json.loads(line.removeprefix("data: ")):
                return


async def test_a_page_hears_of_what_another_replica_does(tmp_path: Path, shared: Shared) -> None:
    async with replicas(tmp_path, ModelServer(echo), shared) as it:
        here, there = it.running
        async with it.http.get(f"{here.url}/staff/events", headers=HEADERS) as response:
            assert response.status == 200
            assert await it.text("hello", at=there) == 200
            await told_of(response, subject(JOHN))
            await it.twilio.wait_for(JOHN)
            # A commit comes without a hint: it is found by its version.
            await commit(it, subject(JANE))
            await told_of(response, subject(JANE))


async def commit(it: Replicas, who: SubjectId) -> None:
    """Write a conversation from a third place, in silence."""
    claim = await it.store.claim(who, holder="third", seconds=5.0)
    assert claim is not None
    await it.store.commit(claim, Change(Conversation(who, claim.now, claim.now)), token="third")
    await it.store.release(claim)
