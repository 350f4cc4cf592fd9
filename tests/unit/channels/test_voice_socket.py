"""The wire of a call stays bounded, whatever the peer does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from tandem.channels.voice.relay_actions import Close
from tandem.channels.voice.relay_socket import NORMAL_CLOSE, QUEUE_FRAMES, TRY_AGAIN_LATER, RelaySocket

from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("V11")


class Peer:
    """A socket whose peer reads nothing, or sends what it was given and ends."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.sent: list[str] = []
        self.closed: int | None = None
        self.gone = False

    async def receive(self) -> dict[str, Any]:
        return self.messages.pop(0)

    async def send_text(self, text: str) -> None:
        if self.gone:
            raise WebSocketDisconnect(1006)
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code


def wire(peer: Peer) -> RelaySocket:
    socket: Any = peer
    return RelaySocket(socket)


async def test_a_peer_that_reads_nothing_is_closed_and_its_queue_dropped() -> None:
    peer = Peer()
    line = wire(peer)
    for number in range(QUEUE_FRAMES + 1):
        line.put(str(number))
    assert line.closed
    await asyncio.wait_for(line.write(), PATIENCE)
    assert (peer.sent, peer.closed) == ([], TRY_AGAIN_LATER)


async def test_frames_go_out_in_order_until_the_close() -> None:
    peer = Peer()
    line = wire(peer)
    for frame in ("a", "b", Close(1002, "x"), "c"):
        line.put(frame)
    await asyncio.wait_for(line.write(), PATIENCE)
    assert (peer.sent, peer.closed) == (["a", "b"], 1002)


async def test_a_peer_that_is_gone_ends_the_writing() -> None:
    peer = Peer()
    peer.gone = True
    line = wire(peer)
    line.put("a")
    await asyncio.wait_for(line.write(), PATIENCE)


async def test_text_and_binary_come_in_and_a_normal_close_is_no_loss() -> None:
    line = wire(
        Peer(
            {"type": "websocket.receive", "text": "a"},
            {"type": "websocket.receive", "bytes": b"b"},
            {"type": "websocket.disconnect", "code": NORMAL_CLOSE},
        )
    )
    assert [frame async for frame in line.frames()] == ["a", b"b"]
    assert not line.lost


async def test_every_other_end_is_a_loss() -> None:
    line = wire(Peer({"type": "websocket.disconnect", "code": 1006}))
    assert [frame async for frame in line.frames()] == []
    assert line.lost
