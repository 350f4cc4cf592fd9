"""``tandem show``: one conversation on paper, read from the store without disturbing whoever runs it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from ..conversation.notes import for_model
from ..entries import TextReceived, Waiting
from ..identity.factory import subjects_named
from ..model import Conversation, StoredReply, SubjectId, TimelineEvent
from ..persistence.base import LaneStore
from ..persistence.factory import open_store
from ..settings import Settings
from .places import tell_places


async def show(settings: Settings, spelling: str, *, as_json: bool) -> int:
    """Print the conversation of a subject id or number; return the exit code."""
    tell_places(settings)
    subjects = await subjects_named(settings, spelling)
    async with open_store(settings, create=False) as store:
        for subject in subjects:
            conversation, waiting = await store.conversation(subject), await store.waiting(subject)
            if conversation or waiting:
                break
        else:
            print(f"{subjects[0]}: nothing is stored.", file=sys.stderr)
            return 1
        if as_json:
            print(await _as_json(store, subject, conversation, waiting))
        else:
            for line in _lines(conversation, waiting):
                print(harmless(line))
    return 0


async def _as_json(
    store: LaneStore, subject: SubjectId, conversation: Conversation | None, waiting: tuple[Waiting, ...]
) -> str:
    record = {
        "conversation": TypeAdapter(Conversation | None).dump_python(conversation, mode="json"),
        "waiting": TypeAdapter(tuple[Waiting, ...]).dump_python(waiting, mode="json"),
        "timeline": TypeAdapter(tuple[TimelineEvent, ...]).dump_python(await store.timeline(subject), mode="json"),
        "replies": TypeAdapter(tuple[StoredReply, ...]).dump_python(await store.replies(subject), mode="json"),
    }
    return json.dumps(record, indent=2, ensure_ascii=False)


def _lines(conversation: Conversation | None, waiting: tuple[Waiting, ...]) -> Iterator[str]:
    if conversation is not None:
        began = datetime.fromtimestamp(conversation.created_at, UTC)
        yield f"{conversation.subject}   since {began:%Y-%m-%d %H:%M} UTC, version {conversation.version}"
        yield from transcript(conversation)
    for entry in waiting:
        body = entry.entry.body
        yield f"  (waiting) {f'customer: {body.text}' if isinstance(body, TextReceived) else body.kind}"


_ACTING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that do something to a terminal, or turn the direction of what follows."""


def harmless(line: str) -> str:
    """Return a line of a transcript for a terminal: what acts is spelled, and what was said begins no line of ours."""
    spelled = _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), line.replace("\r\n", "\n"))
    return spelled.replace("\n", "\n        | ")


def transcript(conversation: Conversation) -> Iterator[str]:
    """Yield what was said and which tools ran, a line each."""
    for turn in (*conversation.unfolded, *conversation.history):
        for item in for_model(turn.items):
            yield f"  [{turn.channel.value}] {_line(item)}"


def _line(item: Mapping[str, Any]) -> str:
    if item.get("type") == "function_call":
        return f"  tool {item['name']} {item['arguments']}"
    if item.get("type") == "function_call_output":
        return f"  tool → {item['output']}"
    who = {"user": "customer", "assistant": "agent"}.get(item["role"], item["role"])
    return f"{who}: {item['content']}"
