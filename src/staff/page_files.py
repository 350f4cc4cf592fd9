"""The pages' files: HTML, CSS and scripts of the package, served from memory under a strict policy."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
)
_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file. ``etag`` is made of its content, so a browser asks again and is told that nothing changed."""

    content: bytes
    media_type: str
    etag: str


class PageFiles:
    """Everything in the folder ``pages``, read once in a process."""

    def __init__(self) -> None:
        self._files = _all()

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes of the staff page and of all files; nothing in them is secret."""
        return [
            Route("/staff", self.page("desk/desk.html")),
            Route("/staff/audit", self.page("reports/audit.html")),
            Route("/staff/figures", self.page("reports/figures.html")),
            Route("/pages/{name:path}", self._file),
        ]

    def page(self, name: str, *, frames: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that answers with one file; ``frames``: the page may show other pages of ours."""
        file = self._files[name]

        async def show(request: Request) -> Response:
            return _answer(request, file, f"{POLICY}; frame-src 'self'" if frames else POLICY)

        return show

    async def _file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        return _answer(request, file, POLICY)


def _answer(request: Request, file: PageFile, policy: str) -> Response:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
        "ETag": file.etag,
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


@cache
def _all() -> Mapping[str, PageFile]:
    return {name: _read(file) for name, file in _walk(files(__package__) / "pages", "")}


def _walk(folder: Traversable, path: str) -> list[tuple[str, Traversable]]:
    found = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _walk(one, f"{path}{one.name}/")
        elif one.name.rpartition(".")[2] in _TYPES:
            found.append((path + one.name, one))
    return found


def _read(file: Traversable) -> PageFile:
    content = file.read_bytes()
    return PageFile(content, _TYPES[file.name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:20]}"')
