"""Requests of a simulated call: signed webhooks and the signed socket, on the gateway's own address."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from yarl import URL

from .wire import sign

_FRAME_LIMIT = 1 << 20
_OPEN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class MessagePage:
    """An answer of the gateway; status 0 when there was none."""

    url: str
    status: int
    body: str

    @property
    def failed(self) -> bool:
        """Tell whether Twilio would go to the fallback."""
        return not 0 < self.status < 400


@dataclass(slots=True)
class GatewayClient:
    """Client of the gateway. ``url`` is its real address and may change during a call; ``public`` is signed.

    ``route``, where given, chooses the address of each request instead, as a load balancer does.
    """

    http: aiohttp.ClientSession
    auth_token: str
    url: str
    public: str
    route: Callable[[], str] | None = None

    @property
    def address(self) -> str:
        """Return where the next request goes."""
        return self.route() if self.route is not None else self.url

    async def fetch(
        self,
        method: str,
        url: str,
        form: Mapping[str, str],
        *,
        base: str | None = None,
        signature: str | None = None,
    ) -> MessagePage:
        """Make a request, signed as Twilio signs it, or with ``signature`` ("" for none). Never leaves the gateway.

        ``url`` may be relative to ``base``, or to the gateway.
        """
        target = urljoin(base or f"{self.public}/", url)
        if target.startswith(f"{self.public}/"):
            if method == "GET":
                target += ("&" if "?" in target else "?") + urlencode(form)
            params = {} if method == "GET" else form
            made = sign(target, params, self.auth_token) if signature is None else signature
            headers = {"X-Twilio-Signature": made} if made else {}
            headers |= {"I-Twilio-Idempotency-Token": secrets.token_hex(16), "User-Agent": "TwilioProxy/1.1"}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            real = URL(self.address + target.removeprefix(self.public).partition("#")[0], encoded=True)
            try:
                async with self.http.request(method, real, data=urlencode(params), headers=headers) as response:
                    return MessagePage(target, response.status, await response.text())
            except (aiohttp.ClientError, TimeoutError):
                pass
        return MessagePage(target, 0, "")

    async def open_socket(self, url: str, *, signature: str | None = None) -> ClientConnection:
        """Open the socket of a ``wss://`` address, on the gateway's real one, signed as it is written.

        Raises InvalidHandshake, with the status, when it is refused, and OSError when nobody listens.
        """
        made = sign(url, {}, self.auth_token) if signature is None else signature
        named, real = urlsplit(url), urlsplit(self.address)
        path = (named.path or "/") + (f"?{named.query}" if named.query else "")
        return await connect(
            f"ws://{real.netloc}{path}",
            additional_headers={"X-Twilio-Signature": made} if made else {},
            user_agent_header="TwilioMediaProxy/1.1",
            compression=None,
            proxy=None,
            ping_interval=None,  # Twilio sends none; it answers ours
            open_timeout=_OPEN_SECONDS,
            close_timeout=1.0,
            max_size=_FRAME_LIMIT,
        )
