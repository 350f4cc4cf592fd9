"""Run context of the agent's tools: the caller and the turn's pending writes. The model never sees it."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..conversation.approvals import pending_key
from ..conversation.base import PendingWrites
from ..conversation.bounds import UNLIMITED, Allowance, Bound
from ..conversation.opening_hours import Hours, always
from ..conversation.prompt_blocks import REMEMBERED
from ..entries import Decision, Entry, Verdict
from ..identity.phone import home_region, proven_number
from ..knowledge.index import Found
from ..model import Approval, Channel, Conversation, Route, SubjectId, Ticket
from ..persistence.base import LaneStore
from ..persistence.values import Outcome
from ..shop.base import Shop
from .profile_source import Facts, ProfileSource
from .remembered import to_keep

MOST_MEDIA = 10
"""Pictures and documents of one answer: as many as a message takes (twilio.com/docs/messaging/api/message-resource)."""
LONGEST_ADDRESS = 2000

Withdraw = Callable[[str], Awaitable[bool]]
"""Withdraws a waiting request by its id; False when it is not waiting any more."""

FindTicket = Callable[[str], Awaitable[Ticket | None]]
"""Finds a ticket by its id in any lane: what a customer may see of it is decided by its subject."""


class Library(Protocol):
    """Article search of the company; see :class:`~tandem.knowledge.library.Knowledge`."""

    async def search(self, question: str, *, category: str = "", limit: int = 5) -> Found:
        """Find passages of articles, the best first. Raises StoreUnavailable."""
        ...


class EmptyLibrary:
    """A library without an article, for agents that have none."""

    async def search(self, question: str, *, category: str = "", limit: int = 5) -> Found:
        """Find nothing."""
        return Found((), ())


_DERIVED = frozenset({"channel", "region"})
"""Names of what follows from other fields."""


class ContextMisused(AttributeError):
    """A tool asked the context for what it does not hold, or tried to change what it may not."""


@dataclass(slots=True)
class CallerContext:
    """The customer of this turn, as the channel proved it: tools take identity from here, never from the model.

    ``phone`` is the caller's own number in E.164, None when none is proven; then no account is reachable.
    ``now`` is the store's clock, seconds since the epoch. ``region`` is the caller's own: it completes numbers that
    they give without a country.
    ``allowance`` bounds what is done for one customer. ``hours`` are those of people; ``connects`` tells whether this
    caller can be put through to one now. ``texts_wanted`` is false for a customer who opted out of them.

    ``remembered`` is what tools keep of the customer; they use :meth:`remember` and :meth:`recall`.

    ``own`` is the context object of an agent of one's own (:mod:`.own_context`): every name that is none of ours is an
    attribute of it, so tools that were written for it find it here. What the channel proved cannot be set.
    """

    subject: SubjectId
    phone: str | None
    route: Route
    shop: Shop
    now: float
    deeds: PendingWrites
    approvals: tuple[Approval, ...]
    withdraw: Withdraw
    ticket: FindTicket
    knowledge: Library = field(default_factory=EmptyLibrary)
    allowance: Allowance = UNLIMITED
    hours: Hours = always
    connects: bool = False
    texts_wanted: bool = True
    own: Any = None
    remembered: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channel(self) -> Channel:
        """Return the channel that the customer is on."""
        return self.route.channel

    @property
    def region(self) -> str:
        """Return the region of the caller's number."""
        return home_region(self.phone)

    def remember(self, name: str, value: Any) -> None:
        """Remember a JSON value of this customer under a name, from the turn's commit on; None forgets it.

        Both channels share it, and it is erased with the person. Raises ValueError, with a sentence for the model, for
        what is no JSON or too much: 50 values, 8,000 bytes in all.
        """
        self.deeds.remembered[name] = None if value is None else to_keep(self._remembered(), name, value)

    def recall(self, name: str, default: Any = None) -> Any:
        """Return what is remembered of this customer under a name, this turn's changes included."""
        return copy.deepcopy(self._remembered().get(name, default))

    def forget(self, name: str) -> None:
        """Forget what is remembered under a name; nothing happens where nothing is."""
        self.remember(name, None)

    def attach(self, url: str) -> None:
        """Send a picture or document with the answer; in a call it is texted to the caller.

        Twilio fetches it, so all who know ``url`` can. Raises ValueError, with a sentence for the model.
        """
        checked = media_address(url)
        reached = self.phone is not None and self.texts_wanted
        if self.channel is Channel.VOICE and not self.deeds.media and not (reached and self.may_text()):
            raise ValueError("This caller cannot be texted now, so nothing was sent. Tell them what it says.")
        if checked not in self.deeds.media:
            if len(self.deeds.media) >= MOST_MEDIA:
                raise ValueError(f"{MOST_MEDIA} pictures and documents go with an answer; this one was left out.")
            self.deeds.media.append(checked)

    def _remembered(self) -> dict[str, Any]:
        together = {**self.remembered, **self.deeds.remembered}
        return {name: value for name, value in together.items() if value is not None}

    def may_open_ticket(self) -> bool:
        """Tell whether one more ticket is within the customer's bounds, and note it when it is not."""
        return self._within(Bound.TICKETS, len(self.deeds.tickets), self.allowance.tickets)

    def may_text(self) -> bool:
        """Tell whether one more text is, and note it when it is not."""
        return self._within(Bound.TEXTS, len(self.deeds.messages), self.allowance.texts)

    def may_follow_up(self) -> bool:
        """Tell whether one more follow-up is, and note it when it is not."""
        return self._within(Bound.FOLLOW_UPS, len(self.deeds.follow_ups), self.allowance.follow_ups)

    def may_wait(self, waiting: int) -> bool:
        """Tell whether one more request may wait beside ``waiting`` ones of this turn, and note it when not."""
        return self._within(Bound.WAITING_REQUESTS, waiting, self.allowance.requests)

    def _within(self, bound: Bound, used: int, allowed: int) -> bool:
        if used < allowed:
            return True
        self.deeds.refused.append(bound)
        return False

    def __getattr__(self, name: str) -> Any:
        own = object.__getattribute__(self, "own")
        try:
            return getattr(own, name)
        except AttributeError:
            raise ContextMisused(
                f"The context of tools has no {name!r}: it is a CallerContext, and no earlier tool set {name!r}. "
                "An agent's own context class is named by Agent[Class](…), see docs/extending.md."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).__slots__ and name not in _DERIVED:
            if self.own is None:
                object.__setattr__(self, "own", SimpleNamespace())
            setattr(self.own, name, value)
        elif name in _DERIVED or _is_set(self, name):
            raise ContextMisused(f"{name!r} is what the channel proved of the customer; a tool cannot change it.")
        else:
            object.__setattr__(self, name, value)


def _is_set(caller: CallerContext, name: str) -> bool:
    try:
        object.__getattribute__(caller, name)
    except AttributeError:
        return False
    return True


def media_address(url: str) -> str:
    """Return the address of a picture or document as it is sent. Raises ValueError for what no provider fetches."""
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and "." in (parts.hostname or "") and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_ADDRESS:
        raise ValueError("A picture or document needs a public https address, without a password in it.")
    return url


class CallerContexts:
    """Makes the run context of a turn from what all callers share: shop, store, region of short numbers."""

    def __init__(
        self,
        shop: Shop,
        store: LaneStore,
        *,
        region: str,
        knowledge: Library | None = None,
        facts: Facts | None = None,
        hours: Hours = always,
        transfers: bool = False,
    ) -> None:
        self._shop = shop
        self._hours = hours
        self._transfers = transfers
        self._store = store
        self._region = region
        self._knowledge = knowledge or EmptyLibrary()
        self.profiles = ProfileSource(shop, store, facts)
        """Gathers what the model is told of a caller."""

    def caller(
        self,
        conversation: Conversation,
        route: Route,
        now: float,
        allowance: Allowance = UNLIMITED,
        *,
        own: object | None = None,
        live: bool = False,
    ) -> CallerContext:
        """Return the context of one run. ``now`` is the store's clock, ``own`` the agent's own context object.

        ``live``: the customer is on the telephone.
        """
        return CallerContext(
            subject=conversation.subject,
            phone=proven_number(route.customer, self._region),
            route=route,
            shop=self._shop,
            now=now,
            deeds=PendingWrites(),
            approvals=conversation.approvals,
            withdraw=partial(self._withdraw, conversation.subject, now),
            ticket=self._store.ticket,
            knowledge=self._knowledge,
            allowance=allowance,
            own=own,
            remembered=conversation.context.get(REMEMBERED, {}),
            hours=self._hours,
            connects=live and self._transfers and self._hours().open_at(now),
            texts_wanted=Channel.SMS not in conversation.opted_out,
        )

    async def _withdraw(self, subject: SubjectId, now: float, approval_id: str) -> bool:
        decision = Decision(approval_id, Verdict.WITHDRAW, actor="customer", decided_at=now)
        entry = Entry(pending_key(approval_id), decision)
        (receipt,) = await self._store.accept(subject, [entry], token=uuid.uuid4().hex)
        earlier = receipt.earlier.body if receipt.earlier else None
        # A turn that is run again after a crash meets its own withdrawal.
        mine = isinstance(earlier, Decision) and earlier.verdict is Verdict.WITHDRAW
        return receipt.outcome is Outcome.ACCEPTED or mine
