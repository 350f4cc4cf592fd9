"""Staff without an agent: the real API over a real file store, whose lanes run only when a test says so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette

from tandem.entries import Decision, Entry
from tandem.errors import StoreUnavailable, TandemError
from tandem.model import Approval, ApprovalStatus, Channel, Conversation, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Change, Receipt
from tandem.staff.aliases import Aliases
from tandem.staff.approvals import ApprovalDesk
from tandem.staff.approvals_api import ApprovalsApi
from tandem.staff.auth import StaffTokens
from tandem.staff.page_view import PageView
from tandem.web.status import error_response

from .serving import serve

ANNA, BEN = "token-of-anna-0123456789", "token-of-ben-0123456789"
SUBJECT = SubjectId("phone_14155550100")
OTHER = SubjectId("phone_14155550101")
FAR = 4_000_000_000.0
NOW = 1_900_000_000.0
CANARY = "snapshot-canary-4711"


@dataclass
class Lanes:
    """Stands where the engine stands: keeps decisions in the store's lanes. ``down`` makes it a store that is away;
    ``meanwhile`` happens once, just before a decision arrives.
    """

    store: LaneStore
    down: bool = False
    meanwhile: Callable[[], Awaitable[object]] | None = None
    decisions: list[tuple[SubjectId, str, Decision]] = field(default_factory=list)

    async def decide(self, subject: SubjectId, decision: Decision, *, key: str, not_after: float | None) -> Receipt:
        if self.down:
            raise StoreUnavailable
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        self.decisions.append((subject, key, decision))
        token = f"decide-{len(self.decisions)}"
        (receipt,) = await self.store.accept(subject, [Entry(key, decision)], token=token, not_after=not_after)
        return receipt


class Schemas:
    """Stands where the runner stands: one tool, whose amount is a number."""

    def argument_problem(self, tool: str, arguments: Mapping[str, Any]) -> str | None:
        if tool != "process_refund":
            return "The agent has no such tool any more."
        amount = arguments.get("amount")
        fits = isinstance(amount, int | float) and not isinstance(amount, bool)
        return None if fits else f"amount: {amount!r} is not of type 'number'"

    async def call_problem(
        self, approval: Approval, arguments: Mapping[str, Any], conversation: Conversation, *, now: float
    ) -> str | None:
        return None


@dataclass
class Answered:
    """What the API answered."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def ids(self) -> list[str]:
        """The ids of a listing."""
        return [one["id"] for one in self.body["approvals"]]

    @property
    def statuses(self) -> list[str]:
        """The status of each decision."""
        return [one["status"] for one in self.body["results"]]


@dataclass
class Desk:
    """The API under test and what is behind it."""

    store: LaneStore
    lanes: Lanes
    url: str
    session: aiohttp.ClientSession
    turns: int = 0

    async def ask(
        self, method: str, path: str, *, token: str | None = ANNA, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answered:
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(
            method, self.url + path, headers={**sent, **(headers or {})}, **more
        ) as response:
            return Answered(response.status, await response.text(), dict(response.headers))

    async def listed(self, **query: str | int) -> Answered:
        """Ask for approvals."""
        return await self.ask("GET", "/approvals", params=query)

    async def post(self, body: Any, *, token: str = ANNA) -> Answered:
        """Send a body as JSON."""
        return await self.ask("POST", "/approvals", token=token, json=body)

    async def decide(self, *decisions: Mapping[str, Any], token: str = ANNA, **more: Any) -> Answered:
        """Decide about requests of the one customer."""
        return await self.post({"subjectId": SUBJECT, "decisions": list(decisions), **more}, token=token)

    async def put(self, *approvals: Approval, consumed: tuple[str, ...] = ()) -> None:
        """Commit approvals into their customers' conversations, as a turn does, in place of what was there."""
        for subject in dict.fromkeys(one.subject for one in approvals):
            self.turns += 1
            claim = await self.store.claim(subject, holder=f"turn-{self.turns}", seconds=5.0)
            assert claim is not None
            own = tuple(one for one in approvals if one.subject == subject)
            conversation = Conversation(subject=subject, created_at=1.0, updated_at=1.0, approvals=own)
            change = Change(conversation=conversation, consumed=consumed)
            await self.store.commit(claim, change, token=f"commit-{self.turns}")
            await self.store.release(claim)


def approval(id: str, subject: SubjectId = SUBJECT, **fields: Any) -> Approval:
    """A refund that waits."""
    known: dict[str, Any] = {
        "call_id": f"call_{id}",
        "tool": "process_refund",
        "arguments": {"order_id": "ORD_12345", "amount": 139.97},
        "customer_text": "I want my money back",
        "channel": Channel.SMS,
        "requested_at": 1_800_000_000.0,
        "expires_at": FAR,
        "snapshot": CANARY,
        "fingerprint": CANARY,
        "effect_key": CANARY,
    }
    return Approval(id=id, subject=subject, **{**known, **fields})


def in_doubt(id: str, **fields: Any) -> Approval:
    """A refund of which nobody knows whether it happened."""
    return approval(id, status=ApprovalStatus.UNKNOWN, version=3, **fields)


async def no_numbers(subjects: Sequence[SubjectId]) -> Mapping[str, str]:
    return {}


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    """Serve the API to Anna and Ben."""
    async with open_file_store(folder / "state") as store:
        lanes = Lanes(store)
        desk = ApprovalDesk(store, lanes, Schemas(), clock=lambda: NOW)
        pages = PageView(Aliases("key"), no_numbers)
        api = ApprovalsApi(desk, StaffTokens({"anna": ANNA, "ben": BEN}), pages, region="US")
        app = Starlette(routes=list(api.routes()), exception_handlers={TandemError: error_response})
        async with serve(app) as url, aiohttp.ClientSession() as session:
            yield Desk(store, lanes, url, session)
