"""Protocols of a channel adapter and of what it is handed.

An adapter translates between a provider and the gateway; it decides nothing. It is given everything it needs and
never imports the app: it only names the routes that the app shall serve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.routing import BaseRoute

from ..conversation.base import Carrier
from ..entries import Entry
from ..model import ReplyStatus, SubjectId
from ..persistence.values import Receipt


class Inbox(Protocol):
    """Where adapters put what happened. Fulfilled by the turn engine."""

    async def accept(self, subject: SubjectId, entries: Sequence[Entry], *, token: str) -> tuple[Receipt, ...]:
        """Make entries durable in the subject's lane and see that a turn takes them up.

        As :meth:`~tandem.persistence.base.LaneStore.accept`: once per key; raises StoreUnavailable.
        """
        ...


class DeliveryStatuses(Protocol):
    """Where adapters report what became of replies. Fulfilled by the turn engine."""

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
    ) -> bool:
        """Store what the provider says of a reply and return whether that was news.

        Repeated, late and unknown statuses are normal and harmless. Raises StoreUnavailable.
        """
        ...


class ChannelAdapter(Carrier, Protocol):
    """One provider's way in and out: routes for what it sends us, and a carrier for our replies."""

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve. Their handlers raise the errors of ``STATUS_CODES``."""
        ...
