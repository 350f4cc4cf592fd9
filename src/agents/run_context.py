"""Makes the run context of a turn: who is calling, and what tools may ask for."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

from ..conversation.approvals import pending_key
from ..conversation.customer_profile import render
from ..entries import Decision, Entry, Verdict
from ..identity.phone import e164
from ..model import Conversation, Route, SubjectId, Ticket
from ..persistence.values import Outcome, Receipt
from ..shop.base import Shop
from .caller_context import CallerContext, EmptyLibrary, Library, PendingWrites
from .profile_source import Facts, ProfileRecords, ProfileSource


class Lane(ProfileRecords, Protocol):
    """The part of the store that tools reach through their caller; see :class:`~tandem.persistence.base.LaneStore`."""

    async def accept(
        self, subject: SubjectId, entries: Sequence[Entry], *, token: str, not_after: float | None = None
    ) -> tuple[Receipt, ...]:
        """Append entries to a lane."""
        ...

    async def ticket(self, ticket_id: str) -> Ticket | None:
        """Find one ticket by its id, whoever it belongs to."""
        ...


class CallerContexts:
    """Knows what all callers share: the shop, the store, and the region of short spellings of numbers."""

    def __init__(
        self, shop: Shop, lane: Lane, *, region: str, knowledge: Library | None = None, facts: Facts | None = None
    ) -> None:
        self._shop = shop
        self._lane = lane
        self._region = region
        self._knowledge = knowledge or EmptyLibrary()
        self._profiles = ProfileSource(shop, lane, facts)

    def caller(self, conversation: Conversation, route: Route, now: float) -> CallerContext:
        """Return the context of one run. ``now`` is the store's clock."""

        async def withdraw(approval_id: str) -> bool:
            return await self._withdraw(conversation.subject, approval_id, now)

        return CallerContext(
            subject=conversation.subject,
            phone=e164(route.customer.value, self._region),
            route=route,
            region=self._region,
            shop=self._shop,
            now=now,
            deeds=PendingWrites(),
            approvals=conversation.approvals,
            withdraw=withdraw,
            ticket=self._lane.ticket,
            knowledge=self._knowledge,
        )

    async def profile(self, conversation: Conversation, route: Route, now: float) -> str:
        """Return the profile block of a turn; see :mod:`~tandem.conversation.customer_profile`.

        Never fails, nor takes long.
        """
        phone = e164(route.customer.value, self._region)
        found = await self._profiles.gather(conversation.subject, phone, route)
        return render(found, conversation, route.channel, now=now)

    def expect(self, subject: SubjectId, phone: str | None) -> None:
        """Begin to gather the profile of a customer who is about to speak."""
        self._profiles.expect(subject, phone)

    async def _withdraw(self, subject: SubjectId, approval_id: str, now: float) -> bool:
        decision = Decision(approval_id, Verdict.WITHDRAW, actor="customer", decided_at=now)
        entry = Entry(pending_key(approval_id), decision)
        (receipt,) = await self._lane.accept(subject, [entry], token=uuid.uuid4().hex)
        earlier = receipt.earlier.body if receipt.earlier else None
        # A turn that is run again after a crash meets its own withdrawal.
        mine = isinstance(earlier, Decision) and earlier.verdict is Verdict.WITHDRAW
        return receipt.outcome is Outcome.ACCEPTED or mine
