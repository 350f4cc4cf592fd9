"""The Lua scripts: one per operation, each behind the parts that it shares with others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_LANE: Final = ("entries",)
_LINES: Final = ("lines",)

OPERATIONS: Final = {
    "accept": _LANE,
    "claim": _LANE,
    "renew": (),
    "release": _LANE,
    "commit": ("entries", "lines", "approvals"),
    "pass_over": _LANE,
    "waiting": _LANE,
    "effect_begin": (),
    "effect_finish": (),
    "next_reply": _LINES,
    "skip_reply": _LINES,
    "settle": _LINES,
    "delivery_status": _LINES,
    "replies": _LINES,
    "presence": (),
    "present": (),
    "due": _LINES,
    "counts": (),
    "purge": ("approvals", "forget"),
    "erase": ("approvals", "forget"),
    "absorb": ("entries", "lines", "approvals", "forget", "move"),
}
"""Every script, with the shared parts that go between the common one and it."""

ENDS: Final = {"absorb": "commit"}
"""What a script ends with, where that is not the part of its own name."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text, and the name by which a server knows it."""

    text: str
    sha: str


@cache
def script(operation: str) -> Script:
    """Return the whole script of an operation."""
    text = "".join(_part(name) for name in ("common", *OPERATIONS[operation], ENDS.get(operation, operation)))
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def all_scripts() -> Iterator[Script]:
    """Yield the script of every operation."""
    for operation in OPERATIONS:
        yield script(operation)


@cache
def _part(name: str) -> str:
    return resources.files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
