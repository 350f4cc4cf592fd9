"""Prices turns, and refuses further ones of a customer, or of the day, whose cost has reached its cap."""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from ..errors import CostCapReached, StoreUnavailable
from ..model import Approval, Conversation, Route
from ..persistence.base import LaneStore
from ..persistence.values import SPENDING, EffectState
from .base import AgentRunner, Execution, TurnRequest, TurnResult
from .bounds import DAY, MILLION, Bound, PriceTable, spent
from .history import beginning

PIECES: Final = 50
"""Into which a day's budget is divided: so much of it, at most, is lost with a process that dies."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Most that may be spent in a day, in millionths of the currency: on one customer, and in all; 0 for no cap."""

    customer: int = 0
    day: int = 0


class DayBudget:
    """Budget of a day (UTC) that all gateways over one store share.

    Each takes a piece when its last one is used up, and a piece is taken once: the store's ledger says so.
    """

    def __init__(self, store: LaneStore, cap: int) -> None:
        self._store = store
        self._cap = cap
        self._day = ""
        self._left = 0
        self._next = 0

    async def has_left(self, now: float) -> bool:
        """Tell whether something is left; ``now`` is seconds since the epoch."""
        if not self._cap:
            return True
        if (day := _day_of(now)) != self._day:
            self._day, self._left, self._next = day, 0, 0
        await self._take(1)
        return self._left > 0

    async def spend(self, cost: int) -> None:
        """Take a cost off what is left; a turn that runs is finished, so it may be more, and take the next pieces too.

        They are taken at once: a process that starts anew begins where this one was.
        """
        if self._cap:
            self._left -= cost
            await self._take(0)

    async def _take(self, wanted: int) -> None:
        """Take pieces until so much is left, or no piece is."""
        while self._left < wanted and self._next < PIECES:
            piece, self._next = self._next, self._next + 1
            taken = await self._store.effect_begin(SPENDING, f"{self._day}:{piece}", token=uuid.uuid4().hex)
            if taken.state is EffectState.NEW:
                self._left += self._cap * (piece + 1) // PIECES - self._cap * piece // PIECES


class PricedRunner:
    """Runs turns, says what they cost, and refuses them when a cap is reached. Fulfils :class:`.base.AgentRunner`.

    Only a customer's own words are refused: what was promised, such as the outcome of a request, is told.
    """

    def __init__(self, runner: AgentRunner, prices: PriceTable, caps: Caps, store: LaneStore) -> None:
        self._runner = runner
        self._prices = prices
        self._caps = caps
        self._budget = DayBudget(store, caps.day)
        self._day = ""
        self._by_agent: Counter[str] = Counter()

    async def run(self, request: TurnRequest) -> TurnResult:
        """Run a turn; see the protocol. ``error`` is CostCapReached when no model was asked because of the cost."""
        if request.texts and await self._over(request):
            return TurnResult(beginning(request), "", error=CostCapReached())
        result = await self._runner.run(request)
        cost = self._prices.cost(result.models)
        with suppress(StoreUnavailable):  # nothing is committed without the store either
            await self._budget.spend(cost)
        self._begin_day(request.now)
        self._by_agent[result.agent] += cost
        return replace(result, cost=cost, unpriced=self._prices.unpriced(result.models))

    async def execute(self, approval: Approval, conversation: Conversation, route: Route, *, now: float) -> Execution:
        """Run exactly one decided call; see the protocol. It asks no model."""
        return await self._runner.execute(approval, conversation, route, now=now)

    def figures(self) -> dict[str, Any]:
        """Return what this process spent today (UTC), by agent."""
        self._begin_day(datetime.now(UTC).timestamp())
        return {
            "currency": self._prices.currency,
            "today": sum(self._by_agent.values()) / MILLION,
            "byAgent": {name: cost / MILLION for name, cost in self._by_agent.items()},
        }

    async def _over(self, request: TurnRequest) -> bool:
        cap, meter = self._caps.customer, request.conversation.meter
        if cap and spent(meter, Bound.COST, now=request.now, seconds=DAY) >= cap:
            return True
        try:
            return not await self._budget.has_left(request.now)
        except StoreUnavailable:
            return False

    def _begin_day(self, now: float) -> None:
        if (day := _day_of(now)) != self._day:
            self._day = day
            self._by_agent.clear()


def _day_of(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()
