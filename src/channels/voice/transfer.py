"""Handing a caller to a colleague: who is dialled, what the colleague is told first, and what follows.

Source: twilio.com/docs/voice/twiml/dial, twilio.com/docs/voice/twiml/number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ...conversation import phrases
from ...errors import StoreUnavailable, UnreadableRecord
from ...model import Ticket
from ...persistence.base import LaneStore
from ..twilio import SignatureCheck, word
from .call_back import nobody_free
from .call_language import say_attribute
from .reception import Reception
from .twiml import answer, hang_up, say, transfer
from .voice_config import VoiceAddresses

LOOKS: Final = 10
PAUSE_SECONDS: Final = 0.2
"""The ticket is written while the colleague's phone rings; one who answers at once waits two seconds for it at most."""


class Transfer:
    """The colleague's side of a call that is handed over.

    ``to_agent`` gives the TwiML that connects a call (its CallSid) with the agent again, with a greeting.
    """

    def __init__(
        self,
        store: LaneStore,
        ways: VoiceAddresses,
        signatures: SignatureCheck,
        reception: Reception,
        *,
        to_agent: Callable[[str, str], str],
    ) -> None:
        self._store = store
        self._reception = reception
        self._ways = ways
        self._signatures = signatures
        self._to_agent = to_agent

    def routes(self) -> Sequence[BaseRoute]:
        """Name the webhooks."""
        return (
            Route("/voice/whisper", self._whisper, methods=["POST"]),
            Route("/voice/dialed", self._dialed, methods=["POST"]),
        )

    def dial(self, number: str, *, ticket: str, before: str, reachable: bool, language: str) -> Response:
        """Connect the caller with a colleague; ``before`` is said to the caller, ``ticket`` tells the colleague why.

        ``reachable``: the caller's number is known, so that they can be called back when nobody answers. ``language``
        is the caller's, "" for the line's.
        """
        asked = {"ticket": ticket, "withheld": "" if reachable or not ticket else "1", "language": language}
        whisper = _with_query(f"{self._ways.base_url}/voice/whisper", {"ticket": ticket})
        action = _with_query(f"{self._ways.base_url}/voice/dialed", asked)
        said = self._reception.say(before, language=language)
        return answer(
            transfer(
                number,
                whisper=whisper,
                action=action,
                digits=self._ways.transfer_digits,
                before=said.text,
                language=say_attribute(said),
            )
        )

    async def _whisper(self, request: Request) -> Response:
        """Tell the colleague who answered what it is about; the caller does not hear it."""
        await self._signatures.read_form(request)
        ticket = await self._ticket(request.query_params.get("ticket", ""))
        return answer(say(f"A customer asked for a person. {ticket.description if ticket else ''}".strip()))

    async def _ticket(self, ticket_id: str) -> Ticket | None:
        try:
            for _ in range(LOOKS if ticket_id else 0):
                if (ticket := await self._store.ticket(ticket_id)) is not None:
                    return ticket
                await asyncio.sleep(PAUSE_SECONDS)
        except (StoreUnavailable, UnreadableRecord):
            pass  # the colleague is connected all the same
        return None

    async def _dialed(self, request: Request) -> Response:
        form = await self._signatures.read_form(request)
        if word(form, "DialCallStatus") in ("completed", "answered"):
            return answer(hang_up())
        asked = request.query_params
        ticket = await self._ticket(asked.get("ticket", ""))
        sentence = nobody_free(ticket.id if ticket else None, reachable="withheld" not in asked)
        said = self._reception.say(sentence, language=asked.get("language", ""))
        # Asked for a number, the caller can answer the agent alone.
        if sentence == phrases.ASK_NUMBER:
            return answer(self._to_agent(form.get("CallSid", ""), said.text))
        return answer(say(said.text, say_attribute(said)))


def _with_query(address: str, values: Mapping[str, str]) -> str:
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{address}?{query}" if query else address
