"""Lets the agent answer, and writes into the draft everything that came of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from ..model import Item, Route
from . import approvals, phrases
from .base import AgentRunner, TurnRequest, TurnResult
from .draft import Draft
from .narrate import requested_events, turn_events


async def run_agent(
    runner: AgentRunner,
    draft: Draft,
    route: Route,
    covers: Sequence[str],
    *,
    texts: Sequence[str] = (),
    notes: Sequence[str] = (),
    otherwise: str | None = None,
) -> str:
    """Run one turn and return what the customer is to be told.

    ``texts`` are the customer's words, ``notes`` what happened meanwhile, ``covers`` the keys of the entries.
    ``otherwise`` is the answer when the agent has none. History says what the customer is told.
    """
    number = draft.conversation.turns_taken + 1
    request = TurnRequest(draft.conversation, route, tuple(texts), number, draft.now, key=covers[0], notes=tuple(notes))
    result = await runner.run(request)
    answer = result.text if result.error is None else ""
    items: list[Item] = list(result.items)
    if not answer.strip():
        answer = otherwise or (phrases.WAITING if result.gated else phrases.FAILURE)
        items.append({"role": "assistant", "content": answer})
    draft.remember(route, number, items)
    _record(draft, request, result, covers)
    return answer


def _record(draft: Draft, request: TurnRequest, result: TurnResult, covers: Sequence[str]) -> None:
    """Add to the draft what a turn left behind besides its answer."""
    conversation, channel = draft.conversation, request.channel
    said = "\n".join(request.texts)
    waiting = [
        approvals.requested(
            call, conversation, said=said, channel=channel, now=draft.now, seconds=draft.limits.approval_timeout
        )
        for call in result.gated
    ]
    unknown = [
        approvals.unknown(
            effect, f"apr_{uuid.uuid4().hex[:20]}", conversation, said=said, channel=channel, now=draft.now
        )
        for effect in result.unknown
    ]
    new = [*waiting, *unknown]
    draft.conversation = approvals.put(conversation, *new)
    draft.events += turn_events(request, result, covers)
    draft.events += requested_events(result.requested, new, channel, request.number)
    draft.grant(result.requested.tickets, result.requested.messages)
    if result.requested.escalation is not None:
        draft.conversation = replace(draft.conversation, escalation=result.requested.escalation)
