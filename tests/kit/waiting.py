"""The one length of a wait in tests, and waiting for a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

PATIENCE = 30.0
"""Seconds for whatever comes by itself: only what is broken takes so long, also on a machine with better things to do.

pytest's own limit is longer, so that the wait that failed is named and everything behind it is closed.
"""


async def until(condition: Callable[[], Any]) -> None:
    """Return when a condition holds, or what it returns turns out true. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not (await held if isawaitable(held := condition()) else held):
            await asyncio.sleep(0.01)
