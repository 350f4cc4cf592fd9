"""A conversation as staff read it: what was said, by whom, and what the tools did. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..conversation.approvals import request_of
from ..conversation.notes import CallerSpeaks, Note, StaffWhispered, StaffWrote, read_note, words
from ..entries import SpokenPrompt, StaffMessage, TextReceived, Waiting
from ..model import Approval, ApprovalStatus, Conversation, Item, StoredReply, TimelineEvent, Tone, Turn
from .answers import written
from .earlier_words import delivery


def transcript(
    conversation: Conversation,
    timeline: Sequence[TimelineEvent],
    approvals: Sequence[Approval],
    replies: Sequence[StoredReply] = (),
) -> list[dict[str, Any]]:
    """Return the turns that are remembered, oldest first.

    The timeline says which calls failed and what was heard; ``approvals``, as staff see them, what became of calls
    that waited: history keeps only that they did; ``replies``, whether the words of a turn arrived.
    """
    requests = {one.id: one for one in approvals}
    failed = {row.data.get("call_id") for row in timeline if row.name == "tool" and row.tone is Tone.ERROR}
    cut = {row.turn for row in timeline if row.name == "heard" or (row.name == "turn" and row.data.get("interrupted"))}
    return [
        {
            "number": turn.number,
            "channel": turn.channel.value,
            "at": written(turn.at),
            "language": _language(turn),
            "entries": _entries_of(turn, failed, requests, replies, interrupted=turn.number in cut),
        }
        for turn in (*conversation.unfolded, *conversation.history)
    ]


def waiting_words(waiting: Sequence[Waiting]) -> list[dict[str, Any]]:
    """Return what was said and no turn has taken up yet."""
    found: list[dict[str, Any]] = []
    for one in waiting:
        body, at = one.entry.body, written(one.accepted_at)
        if isinstance(body, TextReceived | SpokenPrompt):
            found.append({"kind": "customer", "channel": body.route.channel.value, "at": at, "text": body.text})
        elif isinstance(body, StaffMessage):
            found.append({"kind": "staff", "channel": None, "at": at, "actor": body.actor, "text": body.text})
    return found


def _entries_of(
    turn: Turn,
    failed: set[Any],
    requests: Mapping[str, Approval],
    replies: Sequence[StoredReply],
    *,
    interrupted: bool,
) -> list[dict[str, Any]]:
    """Return the entries of a turn; the last of our words in it tells what became of them."""
    entries = list(_entries(turn, failed, requests, interrupted=interrupted))
    ours = [entry for entry in entries if entry["kind"] in ("agent", "staff")]
    for entry in ours:
        entry["delivery"] = delivery(replies, turn.number) if entry is ours[-1] else None
    return entries


def _entries(
    turn: Turn, failed: set[Any], requests: Mapping[str, Approval], *, interrupted: bool
) -> Iterator[dict[str, Any]]:
    outputs = {item["call_id"]: item for item in turn.items if item.get("type") == "function_call_output"}
    greeting = any(item.get("role") == "user" for item in turn.items)  # what precedes their words is one
    for item in turn.items:
        kind, role = item.get("type"), item.get("role")
        if kind == "function_call":
            yield _tool(item, outputs.get(item["call_id"]), failed, requests)
        elif role == "user":
            greeting = False
            yield {"kind": "customer", "text": _text(item)}
        elif role == "assistant":
            yield {"kind": "agent", "text": _text(item), "interrupted": interrupted and not greeting}
        elif role == "system":  # a note of an older version
            yield {"kind": "note", "text": _text(item)}
        elif (note := read_note(item)) is not None and not isinstance(note, CallerSpeaks):
            yield _note(note)


def _language(turn: Turn) -> str | None:
    """Return the language that the caller spoke, None for plain English and for texts."""
    notes = (read_note(item) for item in turn.items)
    return next((note.language for note in notes if isinstance(note, CallerSpeaks)), None)


def _tool(call: Item, output: Item | None, failed: set[Any], requests: Mapping[str, Approval]) -> dict[str, Any]:
    told = _joined(output["output"]) if output else None
    status = "done"
    if (request := request_of(told or "")) is not None:
        status, told = _became(requests.get(request), told)
    elif call["call_id"] in failed or (told or "").startswith('{"error"'):
        status = "failed"
    arguments = _object(call["arguments"])
    return {
        "kind": "tool",
        "callId": call["call_id"],
        "tool": call["name"],
        "arguments": arguments if isinstance(arguments, dict) else {"raw": arguments},
        "result": _object(told) if told is not None else None,
        "status": status,
    }


def _became(request: Approval | None, told: str | None) -> tuple[str, str | None]:
    """Return status and result of a call that waited; a conversation carries old requests no longer."""
    if request is None:
        return "decided", told
    if request.status is ApprovalStatus.PENDING:
        return "waiting", told
    return request.status.value, request.result or told


def _note(note: Note) -> dict[str, Any]:
    if isinstance(note, StaffWrote):
        return {"kind": "staff", "actor": note.actor, "text": note.text}
    if isinstance(note, StaffWhispered):
        return {"kind": "whisper", "actor": note.actor, "text": note.text}
    return {"kind": "note", "text": words(note)}


def _object(text: str) -> Mapping[str, Any] | str:
    """Return the JSON object that a text is, or the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _text(item: Item) -> str:
    return _joined(item.get("content"))


def _joined(content: Any) -> str:
    """Return a message's or an output's text, whichever of the two forms it has."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or "") for part in content or ())
