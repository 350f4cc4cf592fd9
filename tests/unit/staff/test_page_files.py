"""The pages' files: complete, light, and under a policy that lets nothing of anybody else in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette

import tandem.staff
from tandem.staff.page_files import POLICY, PageFiles

from ...kit.serving import serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("U1", "U4")

PAGES = Path(tandem.staff.__path__[0]) / "pages"
FILES = sorted(path for path in PAGES.rglob("*") if path.is_file())
HEAVIEST = 250_000
"""Bytes of all pages together, as they are sent."""
LONGEST = 300
EXECUTED = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(Starlette(routes=list(PageFiles().routes()))) as served:
        yield served


@each("path", ["/staff", "/pages/desk/desk.js", "/pages/shared/shared.css"])
async def test_every_file_comes_with_the_policy_and_is_asked_for_again(url: str, path: str) -> None:
    async with aiohttp.ClientSession(url) as http:
        async with http.get(path) as first:
            assert (first.status, first.headers["Content-Security-Policy"]) == (200, POLICY)
            assert first.headers["X-Content-Type-Options"] == "nosniff"
            assert first.headers["Referrer-Policy"] == "no-referrer"
            assert first.headers["Cache-Control"] == "no-cache"
        async with http.get(path, headers={"If-None-Match": first.headers["ETag"]}) as again:
            assert (again.status, await again.read()) == (304, b"")


@each(
    "path",
    ["/pages/", "/pages/none.js", "/pages/../auth.py", "/pages/%2e%2e/auth.py", "/pages/desk", "/pages//etc/passwd"],
)
async def test_nothing_else_is_served(url: str, path: str) -> None:
    from yarl import URL

    async with aiohttp.ClientSession() as http, http.get(URL(url + path, encoded=True)) as response:
        assert response.status == 404


def test_all_pages_together_are_light() -> None:
    assert sum(path.stat().st_size for path in FILES) < HEAVIEST


@each("path", FILES)
def test_a_file_is_short_and_never_reads_text_as_html(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST
    assert [word for word in EXECUTED if word in text] == []


@each("path", [path for path in FILES if path.suffix in (".html", ".js", ".css")])
def test_what_a_file_names_exists_and_is_ours(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r'(?:from|import) "([^"]+)"', text) if path.suffix == ".js" else []
    linked = re.findall(r'(?:src|href)="(pages/[^"]+)"', text) if path.suffix == ".html" else []
    assert [name for name in named if not (path.parent / name).is_file()] == []
    assert [name for name in linked if not (PAGES.parent / name).is_file()] == []
    assert [found for found in re.findall(r"https?://[^\s\"'<>)]+", text) if "www.w3.org" not in found] == []


def test_the_desk_names_all_its_modules_so_that_they_load_at_once() -> None:
    reached, ahead = set(), [PAGES / "desk/desk.js"]
    while ahead:
        here = ahead.pop()
        named = re.findall(r'(?:from|import) "([^"]+)"', here.read_text(encoding="utf-8"))
        fresh = {(here.parent / name).resolve() for name in named} - reached
        reached |= fresh
        ahead += fresh
    page = (PAGES / "desk/desk.html").read_text(encoding="utf-8")
    assert {PAGES.parent / name for name in re.findall(r'modulepreload" href="([^"]+)"', page)} == reached
