"""Requests to other systems. Neither an address nor a body gets into an error: both may hold secrets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import stamina
from yarl import URL

ANSWER_LIMIT = 1_000_000
"""Bytes. Of an answer with as many, only the status is known; with a limit of 0 no body is waited for."""
LONGEST_PAUSE = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed (developer.mozilla.org, HTTP response status codes)."""


class HttpTrouble(Exception):
    """No usable answer came; the text is the kind of trouble, such as ``ClientConnectorError`` or ``HTTP 503``.

    ``sent`` is False when no connection stood, so that nothing was asked. ``retry_in`` is the pause in seconds that a
    busy server asks for.
    """

    def __init__(self, kind: str, *, sent: bool = True, retry_in: float | None = None) -> None:
        super().__init__(kind)
        self.sent = sent
        self.retry_in = retry_in


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer. ``body`` is None when it is too long; ``retry_in`` is ``Retry-After`` in seconds, None without.

    ``location`` is where a redirect leads, which is not followed.
    """

    status: int
    body: bytes | None
    retry_in: float | None
    location: str = ""

    def json(self) -> Any:
        """Return the JSON value in the body, None for anything else."""
        try:
            return json.loads(self.body or b"", parse_constant=_no_number)
        except (ValueError, RecursionError):
            return None

    def json_object(self) -> Mapping[str, Any]:
        """Return the JSON object in the body, an empty one for anything else, such as a proxy's page."""
        value = self.json()
        return value if isinstance(value, dict) else {}


class HttpClient:
    """Connections to one system, kept open. Redirects are not followed and cookies not kept."""

    def __init__(self, session: aiohttp.ClientSession, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._way = lru_cache(maxsize=100)(proxy_for)

    async def ask(self, method: str, url: str | URL, **request: Any) -> HttpAnswer:
        """Send a request as aiohttp does and return the answer, whatever its status. Raises HttpTrouble."""
        try:
            request["proxy"] = self._way(URL(url).origin())
            async with self._session.request(method, url, allow_redirects=False, **request) as response:
                body = bytearray()
                while len(body) < self._limit and (chunk := await response.content.readany()):
                    body += chunk
                asked = read_pause(response.headers.get("Retry-After", ""))
                location = response.headers.get("Location", "")
                return HttpAnswer(response.status, bytes(body) if len(body) < self._limit else None, asked, location)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ValueError) as error:
            raise HttpTrouble(type(error).__name__, sent=False) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise HttpTrouble(type(error).__name__) from None


@asynccontextmanager
async def open_http(
    *,
    seconds: float,
    connect_seconds: float | None = None,
    headers: Mapping[str, str] | None = None,
    limit: int = ANSWER_LIMIT,
) -> AsyncIterator[HttpClient]:
    """Open a client; nobody is asked yet. ``seconds`` bound a whole request, ``headers`` go with each.

    Of this machine's environment nothing counts but the proxies (:func:`proxy_for`).
    """
    async with aiohttp.ClientSession(
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=seconds, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as session:
        yield HttpClient(session, limit)


def proxy_for(address: str | URL) -> str | None:
    """Return the proxy that the environment names for an address: ``HTTPS_PROXY``, but for what ``NO_PROXY`` names.

    This machine itself is reached directly.
    """
    url = URL(address)
    near = url.host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(url.host or "")
    return None if near else getproxies().get(url.scheme)


def retrying(
    again: Callable[[Exception], bool | float], *, attempts: int, pause: float, longest: float, jitter: float = 0.0
) -> AsyncIterator[stamina.Attempt]:
    """Yield the attempts of a request, each a context manager in which it is made.

    ``again`` says whether an error may pass, or after how many seconds. Pauses begin with ``pause`` and double up to
    ``longest``; each is longer by up to ``jitter``.
    """
    # Its own hooks would log the errors, whose texts may quote an address or a customer.
    stamina.instrumentation.set_on_retry_hooks(())
    return stamina.retry_context(
        again, attempts=attempts, timeout=None, wait_initial=pause, wait_max=longest, wait_jitter=jitter
    )


def read_pause(text: str) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, from 0 to a day; None without one, and for nonsense.

    It may also be a date (RFC 9110, 10.2.3).
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def _no_number(name: str) -> None:
    raise ValueError(name)
