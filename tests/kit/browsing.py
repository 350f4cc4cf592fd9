"""A real browser for tests of the pages: an installed Chromium, and pages that report what went wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

AXE = AXE_FILE_PATH.read_text("utf-8")
SERIOUS = ("serious", "critical")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30_000
"""Milliseconds that a page may take to show what is expected; the machine may be busy."""


def chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path and Path(path).exists()), None)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Start the browser, without a sandbox: tests may run as root. Grey edges of letters make pictures lighter."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-lcd-text"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """One page in a browser profile of its own. ``problems`` is what its console complained about."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def expect_problems(self, *words: str) -> None:
        """Strike out complaints that belong to the test, such as refused requests."""
        self.problems = [one for one in self.problems if not any(word in one for word in words)]

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.text} {message.location.get('url', '')}")


@asynccontextmanager
async def visit(browser: Browser, address: str = "about:blank", **options: Any) -> AsyncIterator[Visit]:
    """Open an address. ``options`` are the browser context's (viewport, color_scheme, …).

    At the end there must be no complaint of the console that the test did not expect.
    """
    context = await browser.new_context(
        **{"viewport": {"width": 1360, "height": 900}, "locale": "en-US", "reduced_motion": "reduce", **options}
    )
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    it = Visit(page)
    page.on("console", it._note)
    page.on("pageerror", lambda error: it.problems.append(str(error)))
    try:
        await page.goto(address)
        yield it
        assert it.problems == []
    finally:
        await context.close()


async def settle(page: Page) -> None:
    """Let a page draw, and what changes its colours end: between two colours no contrast can be judged."""
    await page.evaluate(
        """async () => {
            for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
            const changing = document.getAnimations().filter((one) => one instanceof CSSTransition);
            await Promise.allSettled(changing.map((one) => one.finished));
        }"""
    )


async def barriers(page: Page, within: str = "html") -> list[str]:
    """Return what axe-core calls serious or critical in a part of the page as it is."""
    await settle(page)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    found: dict[str, Any] = await page.evaluate(
        "within => axe.run(within, { resultTypes: ['violations'], preload: false })", within
    )
    return [
        f"{one['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
