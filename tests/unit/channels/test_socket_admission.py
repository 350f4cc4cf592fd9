"""Admission of sockets: an address once, and again for a moment after a line was lost that may come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tandem.channels.twilio import SignatureCheck
from tandem.channels.voice.socket_admission import BACK_SECONDS, Admitted, SocketAdmission
from tandem.channels.voice.socket_token import LONGEST_CALL, SECONDS, SocketTokens
from tandem.persistence.file import open_file_store

pytestmark = pytest.mark.promise("V4", "V25")

TOKENS = SocketTokens("secret")
CALL = "CA" + "1" * 32


@dataclass
class Door:
    """Two replicas over one store, at a time that a test moves."""

    replicas: list[SocketAdmission] = field(default_factory=list)
    now: float = 1000.0

    async def knock(self, token: str, *, at: int = 0) -> Admitted | None:
        socket: Any = Opening({"token": token})
        return await self.replicas[at].admit(socket)


@dataclass
class Opening:
    """The request that opens a socket."""

    path_params: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def doors(folder: Path) -> AsyncIterator[Door]:
    everything = SignatureCheck(public_base_url="https://x.example", tokens=[], required=False)
    door = Door()
    async with open_file_store(folder) as one, open_file_store(folder) as other:
        for store in (one, other):
            door.replicas.append(
                SocketAdmission(store, everything, TOKENS, "wss://x", clock=lambda: door.now, patience=0.0)
            )
        yield door


async def test_an_address_opens_once(tmp_path: Path) -> None:
    async with doors(tmp_path) as door:
        token = TOKENS.make(CALL, now=door.now)
        first = await door.knock(token)
        assert first is not None
        assert (first.claims.call, first.resumed) == (CALL, False)
        assert [await door.knock(token, at=at) for at in (0, 1)] == [None, None]
        await door.replicas[0].let_back(first)
        assert [await door.knock(token, at=at) for at in (0, 1)] == [None, None]


async def test_a_line_that_may_come_back_does_so_anywhere_as_often_as_it_is_lost(tmp_path: Path) -> None:
    async with doors(tmp_path) as door:
        token = TOKENS.make(CALL, now=door.now, returns=True)
        admitted = await door.knock(token)
        for returned in range(3):
            assert admitted is not None
            assert (admitted.returned, admitted.resumed) == (returned, returned > 0)
            assert await door.knock(token, at=1) is None  # the socket stands
            door.now += SECONDS + 60.0
            await door.replicas[returned % 2].let_back(admitted)
            door.now += BACK_SECONDS
            admitted = await door.knock(token, at=(returned + 1) % 2)


async def test_a_line_that_stays_away_does_not_come_back(tmp_path: Path) -> None:
    async with doors(tmp_path) as door:
        token = TOKENS.make(CALL, now=door.now, returns=True)
        admitted = await door.knock(token)
        assert admitted is not None
        await door.replicas[0].let_back(admitted)
        door.now += BACK_SECONDS + 1
        assert [await door.knock(token), await door.knock(token)] == [None, None]


async def test_a_token_that_was_never_used_expires_as_any_other(tmp_path: Path) -> None:
    async with doors(tmp_path) as door:
        token = TOKENS.make(CALL, now=door.now, returns=True)
        door.now += SECONDS + 1
        assert [await door.knock(token), await door.knock(token)] == [None, None]


async def test_no_line_comes_back_after_the_longest_call(tmp_path: Path) -> None:
    async with doors(tmp_path) as door:
        token = TOKENS.make(CALL, now=door.now, returns=True)
        admitted = await door.knock(token)
        assert admitted is not None
        door.now += SECONDS + LONGEST_CALL + 1
        await door.replicas[0].let_back(admitted)
        assert await door.knock(token) is None
