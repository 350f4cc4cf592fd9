"""``GET`` and ``POST /approvals``: what waits for people, and what they decide about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..model import ApprovalStatus
from .answers import ApprovalView
from .approvals import NEXT, ApprovalDesk, Result
from .auth import StaffTokens
from .bodies import InvalidBody, Submission, read_submission
from .http import answer, choice_of, limit_of, read_bytes
from .page_view import PageView
from .scopes import Scope

STATUSES: Final[Mapping[str, ApprovalStatus | None]] = {"all": None, **{one.value: one for one in ApprovalStatus}}
_NOTHING_WAITS = "No request waits for a decision."
_NOT_NEXT = "Name the request: only development servers take next."
_REFUSED = {
    "unknown": "There is no such request.",
    "decided": "The request was decided already.",
    "expired": "The time to decide about the request is over.",
    "stale": "The request is not as you saw it.",
    "second_needed": "You approved this already; another colleague has to approve it too.",
}


class ApprovalsApi:
    """Serves approvals to staff. A colleague who decides is named by their token, never by a body."""

    def __init__(self, desk: ApprovalDesk, tokens: StaffTokens, pages: PageView, *, region: str) -> None:
        self._pages = pages
        self._desk = desk
        self._tokens = tokens
        self._region = region

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve; their handlers raise the errors of ``STATUS_CODES``."""
        return [
            Route("/approvals", self._list, methods=["GET"]),
            Route("/approvals", self._decide, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        self._tokens.actor(request, Scope.READ, Scope.APPROVE)
        status = choice_of(request, "status", STATUSES, ApprovalStatus.PENDING)
        page = await self._desk.page(status, limit=limit_of(request), cursor=self._pages.cursor(request))
        shown = {"approvals": [ApprovalView.of(one) for one in page.items], "next": page.next}
        return answer(await self._pages.seen(request, shown))

    async def _decide(self, request: Request) -> Response:
        actor = self._tokens.actor(request, Scope.APPROVE)
        body = await read_bytes(request)
        if not body.strip():
            raise InvalidBody
        submission = read_submission(body, region=self._region, named=self._pages.aliases.named)
        results = await self._desk.decide(submission, actor=actor)
        told, status = _told(submission, results, takes_next=self._desk.takes_next)
        return answer(await self._pages.seen(request, told), status)


def _told(submission: Submission, results: Sequence[Result], *, takes_next: bool) -> tuple[dict[str, Any], int]:
    """Say what became of each decision: 200 when any was accepted; else 404 when none was found, or 409."""
    subject = submission.subject or next((one.approval.subject for one in results if one.approval), None)
    success = any(one.accepted for one in results)
    told = {"success": success, "subjectId": subject, "results": [_result(one) for one in results]}
    if success:
        return told, 200
    # The first that was found says most: it is the one to look at again.
    code = next((one.status for one in results if one.approval), "unknown")
    error = _REFUSED[code]
    if code == "unknown" and any(one.ask.approval_id == NEXT for one in results):
        error = _NOTHING_WAITS if takes_next else _NOT_NEXT
    return {**told, "error": error, "code": code}, 404 if code == "unknown" else 409


def _result(one: Result) -> dict[str, Any]:
    found = one.approval
    told: dict[str, Any] = {
        "toolCallId": found.call_id if found else one.ask.call_id,
        "approvalId": found.id if found else one.ask.approval_id,
        "status": one.status,
    }
    if found and one.status == ApprovalStatus.PENDING:
        told |= {"approvalsNeeded": 2, "firstApprovedBy": found.first_by}
    if found and not one.accepted:
        told["approval"] = ApprovalView.of(found)
    return told
