"""JSON over HTTP to a source of customers. Its troubles become the identity errors; nothing of a body is repeated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import aiohttp
from yarl import URL

from ..errors import IdentityRefused, IdentityUnavailable, IdentityUnreadable

SECONDS = 10.0
BODY_LIMIT = 262_144
CONNECTIONS = 50
LONGEST_REST = 60.0


class SourceClient:
    """Asks one source. Connections are kept open, because a handshake costs more than the question."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str) -> dict[str, Any] | None:
        """Return the JSON object at an address whose values are escaped already; None for 404.

        Raises IdentityUnavailable, IdentityRefused and IdentityUnreadable.
        """
        return await self._ask("GET", url, None)

    async def post(self, url: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Post a JSON object; answers and errors as for :meth:`get`."""
        return await self._ask("POST", url, body)

    async def _ask(self, method: str, url: str, body: Mapping[str, Any] | None) -> dict[str, Any] | None:
        try:
            async with self._session.request(
                method, URL(url, encoded=True), json=body, allow_redirects=False
            ) as response:
                if response.status == 404:
                    return None
                if not response.ok or response.status >= 300:
                    _refuse(response)
                raw = bytearray()
                async for chunk in response.content.iter_any():
                    raw += chunk
                    if len(raw) > BODY_LIMIT:
                        raise IdentityUnreadable("(too large)")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise IdentityUnavailable(f"({type(error).__name__})") from error
        return _object(raw)


def _refuse(response: aiohttp.ClientResponse) -> NoReturn:
    status = response.status
    if status == 429 or status >= 500 or status == 408:
        wait = response.headers.get("Retry-After", "")
        asked = min(float(wait), LONGEST_REST) if wait.isascii() and wait.isdigit() else None
        raise IdentityUnavailable(f"(HTTP {status})", retry_in=asked)
    raise IdentityRefused(f"(HTTP {status})")


def _object(raw: bytes | bytearray) -> dict[str, Any]:
    try:
        value = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        # Its text would quote the body.
        raise IdentityUnreadable("(no JSON)") from error
    if not isinstance(value, dict):
        raise IdentityUnreadable("(no JSON object)")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError


@asynccontextmanager
async def open_client(headers: Mapping[str, str]) -> AsyncIterator[SourceClient]:
    """Open connections to a source; ``headers`` go with every question."""
    async with aiohttp.ClientSession(
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=SECONDS),
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as session:
        yield SourceClient(session)
