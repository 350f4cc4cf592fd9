"""Tests in a real browser: skipped, with the reason, where no Chromium is installed.

They share one browser per worker, and so one event loop, and pages of which nothing is left (tests/kit/browsing.py).
Two workers are enough for them: each browser, and each page that is not used again, costs seconds of processor time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from ..kit.browsing import chromium, open_browser

HERE = Path(__file__).parent
FIRST_HALF = {"test_day", "test_desk", "test_phone"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group(f"browser {1 if item.path.stem in FIRST_HALF else 2}"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if chromium() is None:
        pytest.skip("no Chromium on the PATH (chromium, chromium-browser, google-chrome, google-chrome-stable)")
    async with open_browser() as opened:
        yield opened
