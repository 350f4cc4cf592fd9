"""Which messages were taken, whatever lane took them.

A lane takes a message once, by its key. When a source of customers goes down or comes back between two deliveries of
one message, they name two lanes: then this is what keeps the second from being answered too.
"""

from __future__ import annotations

import uuid
from typing import Protocol

from ...model import SubjectId
from ...persistence.own_lanes import TAKEN_MESSAGES
from ...persistence.values import Effect, EffectState


class Ledger(Protocol):
    """The part of the store that is used; see :class:`~tandem.persistence.base.LaneStore`."""

    async def effect_begin(self, subject: SubjectId, key: str, *, token: str) -> Effect:
        """Record that something is about to happen."""
        ...

    async def effect_finish(self, subject: SubjectId, key: str, *, result: str) -> None:
        """Record that it happened."""
        ...


class Delivered:
    """Notes messages. Only needed where one address may name different lanes."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def before(self, sid: str) -> bool:
        """Tell whether a message is durable in some lane already. Raises StoreUnavailable."""
        effect = await self._ledger.effect_begin(TAKEN_MESSAGES, sid, token=uuid.uuid4().hex)
        return effect.state is EffectState.DONE

    async def note(self, sid: str) -> None:
        """Note that a message is durable now. Raises StoreUnavailable."""
        await self._ledger.effect_finish(TAKEN_MESSAGES, sid, result="")
