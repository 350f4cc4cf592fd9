"""Counts the calls that some work makes: how its cost grows, whatever else the machine is doing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType


def calls(act: Callable[[], object]) -> Counter[CodeType]:
    """Return how often each function was called meanwhile; those of C count for the one that calls them."""
    counted = Counter[CodeType]()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event in {"call", "c_call"}:
            counted[frame.f_code] += 1

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return counted
