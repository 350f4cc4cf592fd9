"""Tests in a real browser: skipped, with the reason, where no Chromium is installed.

They share one browser per worker, and so one event loop; each test has pages and profiles of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from ..kit.browsing import chromium, open_browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if chromium() is None:
        pytest.skip("no Chromium on the PATH (chromium, chromium-browser, google-chrome, google-chrome-stable)")
    async with open_browser() as opened:
        yield opened
