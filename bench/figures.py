"""What was measured, in a table: figure, target, verdict."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the value in the middle; NaN of nothing."""
    return statistics.median(values) if values else float("nan")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``met`` is None where there is no target."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None


def ms(seconds: float) -> str:
    """Write seconds as milliseconds."""
    return f"{seconds * 1000:.2f} ms"


def table(title: str, rows: Sequence[Row]) -> str:
    """Return the lines of a table."""
    width = max(len(row.what) for row in rows)
    figures = max(len(row.figure) for row in rows)
    lines = [title]
    for row in rows:
        verdict = "" if row.met is None else f"   target {row.target}: {'met' if row.met else 'MISSED'}"
        lines.append(f"  {row.what:<{width}}  {row.figure:>{figures}}{verdict}")
    return "\n".join(lines)
