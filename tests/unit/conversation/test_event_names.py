"""Every name that the source writes on a timeline is known and explained. Proves E1."""

from __future__ import annotations

import re
from pathlib import Path

import tandem
from tandem.conversation.event_names import EventName
from tandem.model import ApprovalStatus
from tandem.telemetry.metrics import COUNTED

SRC = Path(tandem.__file__).parent
ROOT = Path(__file__).parents[3]
WRITES = re.compile(
    r"""(?:\.note\(|_row\(draft,|TimelineEvent\(|(?<!approval)_event\(|happened\.append\(|\bname\s*=\s)
        \s*(?:name=)?(?P<first>"[a-z_]+")(?:\s+if\s[^"]+?\s+else\s+(?P<other>"[a-z_]+"))?""",
    re.VERBOSE,
)
OF_A_STATUS = {
    f"approval_{status}"
    for status in (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED, ApprovalStatus.UNKNOWN, ApprovalStatus.VOID)
}
"""Written with the status as part of the name."""


def written() -> set[str]:
    """Return the names that occur where rows are written."""
    found = set()
    for folder in ("conversation", "persistence"):
        for module in (SRC / folder).rglob("*.py"):
            for match in WRITES.finditer(module.read_text(encoding="utf-8")):
                found |= {text.strip('"') for text in match.groups() if text}
    return found


def test_what_is_written_has_a_name_that_listeners_can_compare_with() -> None:
    literal = {name for name in written() if name not in set(EventName)}
    assert literal == set()


def test_no_name_is_never_written() -> None:
    source = "".join(
        module.read_text(encoding="utf-8") for module in SRC.rglob("*.py") if module.name != "event_names.py"
    )
    assert {name for name in set(EventName) - OF_A_STATUS if f'"{name}"' not in source} == set()


def test_each_name_is_explained_once() -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    table = page.partition("## Names")[2].partition("## Listeners")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell)) == sorted(EventName)


def test_what_is_counted_exists() -> None:
    assert set(EventName) >= COUNTED
