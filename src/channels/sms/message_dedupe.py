"""Which messages were taken, whatever lane took them.

A lane takes a message once, by its key. When a source of customers goes down or comes back between two deliveries of
one message, they name two lanes: then this is what keeps the second from being answered too.
"""

from __future__ import annotations

import uuid

from ...persistence.base import LaneStore
from ...persistence.own_lanes import TAKEN_MESSAGES
from ...persistence.values import EffectState


class Delivered:
    """Notes messages. Only needed where one address may name different lanes."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store

    async def before(self, sid: str) -> bool:
        """Tell whether a message is durable in some lane already. Raises StoreUnavailable."""
        effect = await self._store.effect_begin(TAKEN_MESSAGES, sid, token=uuid.uuid4().hex)
        return effect.state is EffectState.DONE

    async def note(self, sid: str) -> None:
        """Note that a message is durable now. Raises StoreUnavailable."""
        await self._store.effect_finish(TAKEN_MESSAGES, sid, result="")
