"""A real browser for tests of the pages: an installed Chromium, and pages that report what went wrong in them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, ConsoleMessage, Error, Page, ViewportSize, async_playwright

AXE = AXE_FILE_PATH.read_text("utf-8")
SERIOUS = ("serious", "critical")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30_000
"""Milliseconds that a page may take to show what is expected; the machine may be busy."""
VIEWPORT = ViewportSize(width=1360, height=900)
PLAIN: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "reduce"}
BLANK = '<link rel="icon" href="data:,">'
LEFT_NOTHING = """async () => {
    localStorage.clear();
    sessionStorage.clear();
    const stored = [indexedDB.databases(), caches.keys(), navigator.serviceWorker.getRegistrations()];
    // Clocks and routed sockets of playwright stay in a profile until it is closed.
    stored.push(Object.getOwnPropertyNames(window).filter((name) => /^__(pw|playwright)/.test(name)));
    return (await Promise.all(stored)).every((one) => one.length === 0);
}"""
_at_rest: list[Page] = []


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
    """One page, alone in its browser profile. ``problems`` is what its console complained about."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def expect_problems(self, *words: str) -> None:
        """Strike out complaints that belong to the test, such as refused requests."""
        self.problems = [one for one in self.problems if not any(word in one for word in words)]

    def _note_error(self, error: Error) -> None:
        self.problems.append(str(error))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.text} {message.location.get('url', '')}")


@asynccontextmanager
async def visit(browser: Browser, address: str = "about:blank", **looks: Any) -> AsyncIterator[Visit]:
    """Open an address. ``looks`` are ``viewport``, ``color_scheme`` and ``forced_colors``.

    At the end there must be no complaint of the console that the test did not expect. The page is one that an earlier
    visit left as new, or one in a profile of its own: a renderer that starts costs a second of processor time.
    """
    page = await _page(browser)
    it = Visit(page)
    page.on("console", it._note)
    page.on("pageerror", it._note_error)
    try:
        await page.set_viewport_size(looks.pop("viewport", VIEWPORT))
        await page.emulate_media(**{**PLAIN, **looks})
        await page.goto(address)
        yield it
        assert it.problems == []
        page.remove_listener("console", it._note)
        page.remove_listener("pageerror", it._note_error)
        reusable = await _is_as_new(page)
    except BaseException:
        await page.context.close()
        raise
    if reusable:
        _at_rest.append(page)
    else:
        await page.context.close()


async def _page(browser: Browser) -> Page:
    while _at_rest:
        page = _at_rest.pop()
        if page.context.browser is browser and not page.is_closed():
            return page
    context = await browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE)
    return await context.new_page()


async def _is_as_new(page: Page) -> bool:
    """Take away what a visit left in a page; return whether that is all of it.

    It goes to a blank page of the same origin, where what the origin stored can be reached.
    """
    await page.unroute_all(behavior="ignoreErrors")
    if len(page.context.pages) > 1 or not page.url.startswith("http://127.0.0.1"):
        return False
    await page.mouse.move(-1, -1)
    await page.route("**/*", lambda route: route.fulfill(content_type="text/html", body=BLANK))
    await page.goto(urljoin(page.url, "/blank"))
    as_new: bool = await page.evaluate(LEFT_NOTHING)
    await page.context.clear_cookies()
    await page.unroute_all()
    return as_new


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
