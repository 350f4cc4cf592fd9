"""JSON over HTTP to a source of customers. Its troubles become the identity errors; nothing of a body is repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from yarl import URL

from ..errors import IdentityRefused, IdentityUnavailable, IdentityUnreadable
from ..web.http_client import HttpClient, HttpTrouble, open_http

SECONDS = 10.0
BODY_LIMIT = 262_144
LONGEST_REST = 60.0


class SourceClient:
    """Asks one source. Connections are kept open, because a handshake costs more than the question."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the JSON object at an address whose values are escaped already; None for 404.

        Raises IdentityUnavailable, IdentityRefused and IdentityUnreadable.
        """
        try:
            answer = await self._http.ask(method, URL(url, encoded=True), json=body)
        except HttpTrouble as error:
            raise IdentityUnavailable(f"({error})") from error
        status, asked = answer.status, answer.retry_in
        if status == 404:
            return None
        if status in (408, 429) or status >= 500:
            rest = None if asked is None else min(asked, LONGEST_REST)
            raise IdentityUnavailable(f"(HTTP {status})", retry_in=rest)
        if not 200 <= status < 300:
            raise IdentityRefused(f"(HTTP {status})")
        found = answer.json()
        if not isinstance(found, dict):
            raise IdentityUnreadable("(too large)" if answer.body is None else "(no JSON object)")
        return found


@asynccontextmanager
async def open_client(headers: Mapping[str, str]) -> AsyncIterator[SourceClient]:
    """Open connections to a source; ``headers`` go with every question."""
    async with open_http(headers=headers, seconds=SECONDS, limit=BODY_LIMIT) as http:
        yield SourceClient(http)
