"""Times as staff read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def written(seconds: float) -> str:
    """Write seconds since the epoch as ``2026-11-20T16:44:10.125Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
