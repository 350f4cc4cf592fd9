"""What a colleague is told before they are connected."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.channels.twilio import SignatureCheck
from tandem.channels.voice import transfer as transfer_module
from tandem.channels.voice.options_hook import OptionsPerCall
from tandem.channels.voice.reception import Reception
from tandem.channels.voice.transfer import Transfer
from tandem.channels.voice.voice_config import VoiceAddresses
from tandem.channels.voice.voice_options import VoiceOptions
from tandem.conversation.translations import load_translations
from tandem.errors import StoreUnavailable
from tandem.identity.base import Resolution
from tandem.model import Ticket

from ...contracts.records import ticket
from ...kit.serving import serve

pytestmark = pytest.mark.promise("V17")


class Tickets:
    """Has the ticket after so many looks; None: the store is away."""

    def __init__(self, looks: int | None) -> None:
        self.looks = looks

    async def ticket(self, ticket_id: str) -> Ticket | None:
        if self.looks is None:
            raise StoreUnavailable
        self.looks -= 1
        return ticket(ticket_id) if self.looks < 0 else None


async def nobody(resolution: Resolution) -> str:
    return ""


EVERYTHING = SignatureCheck(public_base_url="https://tandem.example", tokens=[], required=False)
"""Lets every request pass."""


@pytest.mark.parametrize(
    ("looks", "told"),
    [(0, True), (3, True), (10, False), (None, False)],
    ids=["there", "soon", "never", "no store"],
)
async def test_the_ticket_is_waited_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, looks: int | None, told: bool
) -> None:
    monkeypatch.setattr(transfer_module, "PAUSE_SECONDS", 0.001)
    store: Any = Tickets(looks)
    calls_nobody: Any = None
    reception = Reception(store, OptionsPerCall(VoiceOptions), load_translations(), nobody)
    ways = VoiceAddresses("https://tandem.example", "wss://tandem.example")
    transfer = Transfer(store, ways, EVERYTHING, reception, calls_nobody, to_agent=lambda call, greeting: greeting)
    async with (
        serve(Starlette(routes=list(transfer.routes()))) as url,
        aiohttp.ClientSession() as http,
        http.post(f"{url}/voice/whisper?ticket=TKT_1", data={"CallSid": "CA1"}) as answer,
    ):
        said = await answer.text()
    assert "A customer asked for a person." in said
    assert ("wants a person" in said) is told
