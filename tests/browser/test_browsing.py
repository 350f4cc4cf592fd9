"""Pages that several tests use one after the other: nothing of one test reaches the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute

from ..kit.phone_page import development
from .test_phone import SMALL, page_of

LEFT = """() => [document.cookie, localStorage.a ?? "", sessionStorage.a ?? "", innerWidth,
    matchMedia("(prefers-color-scheme: dark)").matches, matchMedia("(forced-colors: active)").matches]"""
AS_NEW = ["", "", "", 1360, False, False]


async def leave_a_clock(page: Page) -> None:
    await page.clock.install(time=0)


async def leave_a_held_line(page: Page) -> None:
    await page.route_web_socket("**/line", WebSocketRoute.connect_to_server)


async def leave_a_function(page: Page) -> None:
    await page.expose_function("harm", lambda: None)


async def leave_a_cache(page: Page) -> None:
    await page.evaluate("caches.open('left')")


async def leave_a_window(page: Page) -> None:
    await page.context.new_page()


async def test_a_page_that_is_used_again_is_as_new(browser: Browser, tmp_path: Path) -> None:
    async with development(tmp_path) as it:
        async with page_of(browser, it, "/phone", forced_colors="active", **SMALL) as seen:
            first = seen.page
            await first.emulate_media(color_scheme="dark")
            await first.route("**/phone", lambda route: route.fulfill(body="of another test"))
            await first.evaluate("localStorage.a = sessionStorage.a = 1; document.cookie = 'a=1'")
        async with page_of(browser, it, "/phone") as seen:
            assert seen.page is first
            assert await seen.page.evaluate(LEFT) == AS_NEW
            assert await seen.page.title() == "Phone"


@pytest.mark.parametrize("leave", [leave_a_clock, leave_a_held_line, leave_a_function, leave_a_cache, leave_a_window])
async def test_a_page_is_not_used_again_where_something_stays(
    browser: Browser, tmp_path: Path, leave: Callable[[Page], Awaitable[None]]
) -> None:
    async with development(tmp_path) as it, page_of(browser, it, "/phone") as seen:
        await leave(seen.page)
    assert seen.page.is_closed()
