"""Says replies in live calls."""

from __future__ import annotations

import asyncio

from ...conversation.delivery import CALL_ENDED
from ...errors import DeliveryRefused
from ...model import Channel, Reply, Route
from ..sms.sender import sms_route
from .call_registry import CallRegistry


class VoiceSender:
    """Fulfils :class:`~tandem.conversation.base.Sender` for calls.

    ``number`` is where SMS leave from, for what can no longer be said.
    """

    channels = frozenset({Channel.VOICE})

    def __init__(self, registry: CallRegistry, *, number: str | None = None) -> None:
        self._registry = registry
        self._number = number

    def compose(self, text: str) -> tuple[str, ...]:
        """Return an answer as it is: a call has no message length."""
        return (text,) if text.strip() else ()

    async def send(self, reply: Reply) -> str:
        """Say a reply in the customer's live call, between turns; return once it was said.

        A call whose socket was lost a moment ago is waited for. Raises DeliveryRefused with CALL_ENDED when no call is
        here any more: the reply then goes another way.
        """
        while True:
            calls = list(self._registry.on(reply.route))
            for call in calls:
                if await call.say_between(reply.text, reply.turn):
                    return f"spoken:{reply.id}"
            # A call that is just ending may have lost its socket only, and is expected back in a moment.
            if not calls and not self._registry.expects(reply.route):
                raise DeliveryRefused("The call ended.", provider_code=CALL_ENDED)
            await asyncio.sleep(0.1)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Return None: whether a caller heard something before a crash is not known, so it is told again."""
        return None

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a caller whose number is known."""
        return sms_route(route, ours=self._number)
