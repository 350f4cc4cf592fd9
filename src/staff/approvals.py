"""The staff desk: lists approvals as they are now, and hands decisions to the lanes. No HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from ..agents.tool_gate import CallChecks
from ..conversation.approvals import (
    TRANSITIONS,
    as_seen,
    call_of,
    consent,
    decidable,
    decision_key,
    foreseen,
    in_one_spelling,
    is_open,
    recorded_as,
)
from ..conversation.engine import TurnEngine
from ..entries import Decision, Verdict
from ..errors import MalformedRequest, StoreUnavailable, UnreadableRecord
from ..guardrails.pii import mask, mask_value
from ..model import Approval, ApprovalStatus, Conversation, SubjectId
from ..persistence.base import LaneStore
from ..persistence.reading import conversation_of
from ..persistence.values import Outcome, Page, Receipt
from ..telemetry.logs import subject_label
from .bodies import Submission, SubmittedDecision

log = structlog.get_logger(__name__)

NEXT = "next"
"""In place of an approval's id: whichever waiting request expires first. For trying it out."""


class CallImpossible(MalformedRequest):
    """The call cannot be carried out."""

    code = "call_impossible"


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one decision: its status when accepted; else unknown, decided, expired or stale.

    ``approval`` is how it stands now, None when there is no such approval.
    """

    ask: SubmittedDecision
    status: str
    accepted: bool
    approval: Approval | None


_Found = tuple[SubmittedDecision, Approval | None, Conversation | None]
"""A decision that is asked for, the approval that it addresses, and the conversation of that where it was read."""


class ApprovalDesk:
    """Reads approvals from the store and decides them through the engine."""

    def __init__(
        self,
        store: LaneStore,
        engine: TurnEngine,
        checks: CallChecks,
        *,
        takes_next: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` dates decisions for people to read; whether one is in time is told by the store's clock.

        ``takes_next``: a decision may be about :data:`NEXT`, unseen. Only a development server takes that.
        """
        self._store = store
        self._engine = engine
        self._checks = checks
        self.takes_next = takes_next
        self._clock = clock

    # --- listing ----------------------------------------------------------------------------------------

    async def page(self, status: ApprovalStatus | None, *, limit: int, cursor: str | None) -> Page[Approval]:
        """List approvals of one status, or of all, soonest expiry first.

        What was decided and is not yet carried into its record comes under its new status, before the others of that
        status. Raises MalformedRequest for a cursor that no listing gave.
        """
        sources = _sources(status)
        number, inner = _read_cursor(cursor, len(sources))
        found: dict[str, Approval] = {}
        following: str | None = ""
        while following is not None and len(found) < limit:
            part = await self._part(sources[number], limit - len(found), inner)
            found |= {one.id: one for one in part.items if status in (None, one.status)}
            inner, following = part.next, f"{number}.{part.next}"
            if part.next is None:
                number += 1
                following = f"{number}." if number < len(sources) else None
        return Page(tuple(sorted(found.values(), key=lambda one: (one.expires_at, one.id))), following)

    async def _part(self, status: ApprovalStatus | None, limit: int, cursor: str | None) -> Page[Approval]:
        """Read part of the index, each approval as it is seen now."""
        page = await self._store.approvals(status=status, limit=limit, cursor=cursor)
        lanes = dict.fromkeys(one.subject for one in page.items if is_open(one))
        if not lanes:
            return page
        waiting = {subject: await self._store.waiting(subject) for subject in lanes}
        # A decision that was carried out between the two reads is in neither of them; then the index has changed.
        again = await self._store.approvals(status=status, limit=limit, cursor=cursor)
        still = {one.id: one for one in again.items}
        seen = []
        for one in page.items:
            now = as_seen(one, waiting.get(one.subject, ()))
            if now is one and still.get(one.id) != one:
                now = await self._approval(one.id) or one
            seen.append(now)
        return Page(tuple(seen), page.next)

    # --- deciding ---------------------------------------------------------------------------------------

    async def decide(self, submission: Submission, *, actor: str) -> tuple[Result, ...]:
        """Offer decisions to the lanes, each on its own; what is accepted is durable when this returns.

        Raises MalformedRequest, and nothing was accepted, when one approves a call that cannot be carried out.
        """
        found = [await self._find(submission.subject, ask) for ask in submission.asks]
        for number, (ask, approval, conversation) in enumerate(found):
            if approval is not None:
                await self._look_at(ask, approval, conversation, f"decisions[{number}]")
        return tuple([await self._one(ask, approval, actor) for ask, approval, _ in found])

    async def _look_at(
        self, ask: SubmittedDecision, approval: Approval, conversation: Conversation | None, at: str
    ) -> None:
        """Raise MalformedRequest for an approval that cannot be carried out; what is refused anyway is passed over.

        ``conversation`` is its own, where it is at hand.
        """
        stale = ask.expected_version not in (None, approval.version)
        if stale or ask.verdict is not Verdict.APPROVE or not decidable(approval, ask.verdict):
            return
        arguments = _call(ask, approval)
        if ask.arguments is not None:
            at = f"{at}.arguments"
            if problem := self._checks.argument_problem(approval.tool, arguments):
                raise MalformedRequest(f"{at}: {problem}")
        conversation = conversation or await conversation_of(self._store, approval.subject)
        if conversation is None:
            return
        if problem := await self._checks.call_problem(approval, arguments, conversation, now=self._clock()):
            raise CallImpossible(f"{at}: {problem}")

    async def _find(self, subject: SubjectId | None, ask: SubmittedDecision) -> _Found:
        """Find the approval that a decision addresses, as it is seen now."""
        if ask.approval_id is None:
            return await self._newest(subject, ask) if subject is not None else (ask, None, None)
        unseen = self.takes_next and ask.approval_id == NEXT
        approval = await (self._soonest() if unseen else self._approval(ask.approval_id))
        if approval is None or subject not in (None, approval.subject) or ask.call_id not in (None, approval.call_id):
            return ask, None, None
        return ask, as_seen(approval, await self._store.waiting(approval.subject)), None

    async def _soonest(self) -> Approval | None:
        """Find the request that expires first of those that are not decided."""
        page = await self.page(ApprovalStatus.PENDING, limit=1, cursor=None)
        return page.items[0] if page.items else None

    async def _newest(self, subject: SubjectId, ask: SubmittedDecision) -> _Found:
        """Find the newest request with a call's id that can be decided, else the newest at all."""
        conversation, waiting = await self._store.conversation_and_waiting(subject)
        # Call ids are unique within one run only: models begin anew with call_1.
        same = [one for one in (conversation.approvals if conversation else ()) if one.call_id == ask.call_id]
        seen = [as_seen(one, waiting) for one in same]
        order = [(decidable(one, ask.verdict), one.requested_at, place) for place, one in enumerate(seen)]
        return ask, seen[max(order)[2]] if order else None, conversation

    async def _one(self, ask: SubmittedDecision, approval: Approval | None, actor: str) -> Result:
        if approval is None:
            return Result(ask, "unknown", False, None)
        if not decidable(approval, ask.verdict):
            return _refused(ask, approval)
        if ask.expected_version not in (None, approval.version):
            return Result(ask, "stale", False, approval)
        decision = self._decision(ask, approval, actor)
        if decision is None:
            return Result(ask, "second_needed", False, approval)
        not_after = approval.expires_at if approval.status is ApprovalStatus.PENDING else None
        receipt = await self._offer(approval, decision, not_after)
        first = decision.verdict is Verdict.FIRST
        if receipt.outcome is Outcome.ACCEPTED:
            now = await self._seen(approval) if first else None
            if now is not None and not decidable(now, Verdict.FIRST) and now.first_by != actor:
                return _refused(ask, now)  # a colleague decided in the same moment, and was first
            said = TRANSITIONS[decision.verdict].answer
            log.info("decision_accepted", approval=approval.id, subject=subject_label(approval.subject), said=said)
            return Result(ask, said, True, foreseen(approval, decision))
        if receipt.outcome is Outcome.LATE:
            return Result(ask, "expired", False, replace(approval, status=ApprovalStatus.EXPIRED))
        after = await self._after(approval, receipt)
        if first and decidable(after, Verdict.FIRST):
            return Result(ask, "stale", False, after)
        return _refused(ask, after)

    def _decision(self, ask: SubmittedDecision, approval: Approval, actor: str) -> Decision | None:
        """Return the decision asked for; None when a first approver approves again."""
        # Staff may quote the customer: no card or social security number is stored through this door either.
        decision = Decision(
            approval.id,
            ask.verdict,
            actor,
            self._clock(),
            reason=_masked(ask.reason),
            arguments=mask_value(_edited(approval, _call(ask, approval))),
            final_message=_masked(ask.final_message),
            note=_masked(ask.note),
        )
        if ask.verdict is not Verdict.APPROVE:
            return replace(decision, arguments=None)
        return consent(approval, decision)

    async def _seen(self, approval: Approval) -> Approval | None:
        """Return an approval as it is seen now, None where the store does not tell: what was accepted is durable."""
        try:
            now = await self._approval(approval.id)
            return as_seen(now, await self._store.waiting(now.subject)) if now else None
        except StoreUnavailable:
            return None

    async def _offer(self, approval: Approval, decision: Decision, not_after: float | None) -> Receipt:
        """Make a decision durable in the lane that holds its request.

        A lane may be moved into another one after its request was looked at; once a decision waits in it, it stays.
        """
        key, subject = decision_key(approval, decision.verdict), approval.subject
        receipt = await self._engine.decide(subject, decision, key=key, not_after=not_after)
        now = None
        with suppress(StoreUnavailable):  # the decision is durable by now, whatever comes
            now = await self._approval(approval.id)
        if now is not None and now.subject != subject:
            receipt = await self._engine.decide(now.subject, decision, key=key, not_after=not_after)
        return receipt

    async def _after(self, approval: Approval, receipt: Receipt) -> Approval:
        """Return an approval that a colleague decided first, with that decision."""
        now = await self._approval(approval.id) or approval
        earlier = receipt.earlier.body if receipt.earlier else None
        if isinstance(earlier, Decision) and now.status is approval.status and now.version == approval.version:
            return foreseen(now, earlier)
        return now

    async def _approval(self, approval_id: str) -> Approval | None:
        """Find an approval; one that cannot be read cannot be decided either."""
        try:
            return await self._store.approval(approval_id)
        except UnreadableRecord:
            return None


def _refused(ask: SubmittedDecision, approval: Approval) -> Result:
    """Say why an approval that is not what the decision is about cannot be decided so."""
    if approval.status is ApprovalStatus.EXPIRED:
        return Result(ask, "expired", False, approval)
    still_open = is_open(approval) and not decidable(approval, ask.verdict)
    return Result(ask, "stale" if still_open else "decided", False, approval)


def _call(ask: SubmittedDecision, approval: Approval) -> Mapping[str, Any]:
    """Return the call that is approved: as changed here; as it was seen; or, where none says so, as the agent asked."""
    if ask.arguments is not None:
        return ask.arguments
    return approval.arguments if ask.expected_version is None else call_of(approval)


def _edited(approval: Approval, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return arguments that staff changed; those that were sent back as they are count as unchanged."""
    return None if in_one_spelling(arguments) == in_one_spelling(approval.arguments) else arguments


def _sources(status: ApprovalStatus | None) -> Sequence[ApprovalStatus | None]:
    """Return the parts of the index in which approvals of a status may be."""
    return (None,) if status is None else recorded_as(status)


def _read_cursor(cursor: str | None, sources: int) -> tuple[int, str | None]:
    """Return which source goes on, and where: ``1.…`` is the second one."""
    if not cursor:
        return 0, None
    number, dot, inner = cursor.partition(".")
    if not dot or number not in map(str, range(sources)):
        raise MalformedRequest("(cursor)")
    return int(number), inner or None


def _masked(text: str | None) -> str | None:
    return text if text is None else mask(text).text
