"""A conversation as a text that can be filed or printed; the JSON of an export is what the desk is sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Line = tuple[str, str]
"""When, and what."""
_WHO: Final = {"customer": "Customer", "agent": "Agent", "whisper": "Colleague to the agent"}


def export_text(shown: Mapping[str, Any]) -> str:
    """Return an export as a text: who it is, then a line for everything that was said or done, oldest first."""
    name = shown["name"] or shown["contact"] or "a withheld number"
    head = [
        f"Conversation with {name}" + (f" ({shown['contact']})" if shown["name"] and shown["contact"] else ""),
        f"Exported {shown['exportedAt']} by {shown['exportedBy']}; times are UTC",
    ]
    head += [f"Rated {shown['rating']} of 5 by the customer"] if shown["rating"] else []
    head += [f"Summary of what is not remembered word for word: {shown['summary']}"] if shown["summary"] else []
    lines = sorted((*_messages(shown), *_turns(shown), *_notes(shown)), key=lambda line: line[0])
    return "\n".join([*head, "", *(f"{at}  {text}" for at, text in lines), ""])


def _messages(shown: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what was said before the agent's memory, and what no turn has taken up yet."""
    for one in (*shown["earlier"], *shown["waiting"]):
        yield one["at"], _said(one, one["channel"], one.get("media") or ())


def _turns(shown: Mapping[str, Any]) -> Iterator[Line]:
    for turn in shown["transcript"]:
        for one in turn["entries"]:
            yield turn["at"], _tool(one) if one["kind"] == "tool" else _said(one, turn["channel"])


def _notes(shown: Mapping[str, Any]) -> Iterator[Line]:
    for row in shown["timeline"]:
        if row["name"] == "staff_note":
            yield row["at"], f"{row['data']['actor']}, for colleagues: {row['data']['text']}"


def _said(one: Mapping[str, Any], channel: str | None, media: tuple[str, ...] = ()) -> str:
    who = one.get("actor") or _WHO.get(one["kind"], "Note")
    by = f"{who} ({channel})" if channel else who
    files = f" [{', '.join(media)}]" if media else ""
    status = (one.get("delivery") or {}).get("status")
    cut = " (interrupted)" if one.get("interrupted") else ""
    return f"{by}: {one['text']}{files}{cut}" + (f" ({status})" if status else "")


def _tool(one: Mapping[str, Any]) -> str:
    result = one["result"] if isinstance(one["result"], str) else json.dumps(one["result"], ensure_ascii=False)
    return f"Tool {one['tool']} {json.dumps(one['arguments'], ensure_ascii=False)}: {one['status']}, {result}"
