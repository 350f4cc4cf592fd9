"""Turns a stored conversation into a scenario, without the customer's number, addresses and telephone numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..agents.tool_gate import read_arguments
from ..conversation.prompt_blocks import private
from ..events import EventName
from ..model import Channel, Conversation, Item, TimelineEvent
from .scenario import SAMPLE_CUSTOMER

LONGEST = 1000
_HEAD = """\
# Recorded from a conversation. The customer's number is that of a sample customer, and e-mail addresses, telephone,
# card and social security numbers are taken out. Names and orders that were mentioned are still in it. Put the
# business data that it needs under `shop:`, and say under `expect:` what must be true.
"""
_DECISIONS = {"approve": "approve", "reject": "reject"}


def recorded(conversation: Conversation, timeline: Sequence[TimelineEvent]) -> str:
    """Return the scenario of a conversation as YAML; its expectations are what happened."""
    turns = list(_turns(conversation))
    first = turns[0]["channel"] if turns else "text"
    for turn in turns:
        if turn["channel"] == first:
            del turn["channel"]
    tools = [call for turn in conversation.history for call in _calls(turn.items)]
    asked = [row.data for row in timeline if row.name == EventName.APPROVAL_REQUESTED]
    decided = {row.data["tool"]: row.data for row in timeline if row.name == EventName.APPROVAL_DECIDED}
    staff = {
        tool: {"decide": data["verdict"]} | ({"reason": private(data["reason"], LONGEST)} if data["reason"] else {})
        for tool, data in decided.items()
        if data["verdict"] in _DECISIONS
    }
    expect: dict[str, Any] = {"tools": [one for number, one in enumerate(tools) if one not in tools[:number]]}
    if asked:
        expect["approvals"] = [{"tool": one["tool"], "arguments": _plain(one["arguments"])} for one in asked]
    began = datetime.fromtimestamp(conversation.created_at, UTC)
    scenario = {
        "name": f"recorded-{began:%Y-%m-%d-%H%M}",
        "from": SAMPLE_CUSTOMER,
        "channel": first,
        "turns": [turn["say"] if set(turn) == {"say"} else turn for turn in turns],
        **({"staff": staff} if staff else {}),
        "expect": expect,
    }
    return _HEAD + str(yaml.safe_dump([scenario], sort_keys=False, allow_unicode=True, width=110))


def _turns(conversation: Conversation) -> Iterator[dict[str, Any]]:
    for turn in (*conversation.unfolded, *conversation.history):
        said = [str(item["content"]) for item in turn.items if item.get("role") == "user"]
        if words := private(" ".join(said), LONGEST):
            yield {"say": words, "channel": "phone" if turn.channel is Channel.VOICE else "text"}


def _calls(items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    for item in items:
        if item.get("type") == "function_call":
            yield {"tool": item["name"], "arguments": _plain(read_arguments(item["arguments"]))}


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are the same in every wording: numbers, and single words."""
    return {
        name: value if isinstance(value, (bool, int, float)) else private(value, LONGEST)
        for name, value in arguments.items()
        if isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value.split()) == 1)
    }
