"""Names of events: one list, used by whoever writes them, and explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tandem
from tandem.events import NOT_STORED, EventName
from tandem.model import ApprovalStatus
from tandem.telemetry.metrics import COUNTED

from ..kit.tables import each

pytestmark = pytest.mark.promise("E1")

SRC = Path(tandem.__file__).parent
ROOT = Path(__file__).parents[2]
OF_A_STATUS = {
    EventName(f"approval_{status}")
    for status in (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED, ApprovalStatus.UNKNOWN, ApprovalStatus.VOID)
}
"""Written with the status as part of the name."""
EMITTERS = {"TimelineEvent", "note", "approval_event", "tell_of", "_event", "_row"}
ROOMS = ("conversation", "persistence")


def sources() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for module in (SRC / room).rglob("*.py"):
            yield str(module.relative_to(SRC)), module.read_text(encoding="utf-8")


def literal_names(source: str) -> list[str]:
    """Return the texts that a module gives where an event's name belongs."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or ast.unparse(call.func).rpartition(".")[2] not in EMITTERS:
            continue
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
        names = {str(name) for name in EventName}
        found += [str(one.value) for one in given if isinstance(one, ast.Constant) and one.value in names]
    return found


def test_emitters_use_the_list() -> None:
    assert [(module, name) for module, source in sources() for name in literal_names(source)] == []


@each("source", ['draft.note("heard", channel)', 'TimelineEvent("turn", Source.AGENT)', 'TimelineEvent(name="turn")'])
def test_a_literal_name_is_noticed(source: str) -> None:
    assert len(literal_names(source)) == 1


def test_no_name_is_never_written() -> None:
    written = "".join(source for _, source in sources())
    names = set(EventName) - OF_A_STATUS
    assert {name for name in names if not re.search(rf"\bEventName\.{name.name}\b", written)} == set()


def test_each_name_is_explained_once() -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    table = page.partition("## Names")[2].partition("\n## ")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(EventName)


def test_what_is_counted_is_stored() -> None:
    assert set(EventName) - NOT_STORED >= COUNTED
