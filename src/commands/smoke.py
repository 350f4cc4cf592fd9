"""``tandem smoke URL``: text, approve, call, stop a replica, kill one, go on; through whatever is in front of gateways.

It plays Twilio and the customers: webhooks are signed for ``PUBLIC_BASE_URL`` and sent to URL, and it takes what the
gateways send to ``TWILIO_API_BASE_URL``. A development server with the pretend Twilio inside is asked for that instead.
The customers are those of the made-up shop, so no real telephone rings.
"""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from starlette.applications import Starlette

from ..channels.twilio import open_twilio_rest
from ..errors import ConfigurationError, TandemError
from ..settings import Settings
from ..settings.development import SAMPLE_ACCOUNT_SID, SAMPLE_NUMBER, auth_tokens, simulated, staff_tokens
from ..shop.embedded import SHOP_FILE, reset_embedded_shop
from ..simulator.serving import listening, served
from ..simulator.twilio_simulator import TwilioSimulator
from .smoke_steps import PATIENCE, Smoke, SmokeFailed

Step = tuple[str, Callable[[], Awaitable[str]]]


async def smoke(
    settings: Settings, url: str, *, calls: int, drain: int | None = None, kill: int | None = None, speed: float = 1.0
) -> int:
    """Take every step through ``url``; return 1 with the first that fails. Raises ConfigurationError.

    ``drain`` and ``kill`` are ids of two processes: the one is stopped, the other killed, while calls are on the line.
    ``speed`` is how many times faster than people and Twilio the calls go; a moved call waits for seconds in real life.
    """
    if settings.shop_base_url is not None:
        raise ConfigurationError(["tandem smoke needs the made-up shop: leave SHOP_BASE_URL out."])
    if not settings.production:
        await reset_embedded_shop(SHOP_FILE)
    async with _opened(settings, url.rstrip("/")) as it, AsyncExitStack() as line:
        steps: list[Step] = [
            ("up", it.is_up),
            ("signatures", it.refuses_what_is_not_signed),
            ("text", it.answers_a_text),
            ("approval", it.carries_out_an_approval),
            ("calls", lambda: it.takes_calls(line, calls, speed)),
            ("quiet", it.stays_connected),
        ]
        if drain is not None:
            steps.append(("drain", lambda: it.goes_on_without(drain, signal.SIGTERM)))
        if kill is not None:
            steps.append(("kill", lambda: it.goes_on_without(kill, signal.SIGKILL)))
        steps += [("bounds", it.refuses_what_is_too_large), ("end", it.ends_calls)]
        return await _take(steps)


async def _take(steps: Sequence[Step]) -> int:
    for name, step in steps:
        began = time.monotonic()
        try:
            told = await step()
        except (SmokeFailed, TandemError, TimeoutError, aiohttp.ClientError, OSError) as error:
            print(f"FAIL  {name:<11} {time.monotonic() - began:6.2f} s  {error or type(error).__name__}", flush=True)
            return 1
        print(f"ok    {name:<11} {time.monotonic() - began:6.2f} s  {told}", flush=True)
    return 0


@asynccontextmanager
async def _opened(settings: Settings, url: str) -> AsyncIterator[Smoke]:
    """Open the world around the gateways: their Twilio, and a way to see what it was sent."""
    inside = simulated(settings)
    account, tokens = settings.twilio_account_sid or SAMPLE_ACCOUNT_SID, auth_tokens(settings)
    staff = next(iter(staff_tokens(settings).values()), "")
    if not tokens or not staff:
        raise ConfigurationError(["tandem smoke needs TWILIO_AUTH_TOKEN and STAFF_TOKENS as the gateways have them."])
    address = f"http://127.0.0.1:{settings.port}" if inside else settings.twilio_api_base_url
    login = (account, tokens[0]) if inside else settings.twilio_login or (account, tokens[0])
    public = settings.public_base_url or f"http://127.0.0.1:{settings.port}"
    async with AsyncExitStack() as stack:
        twilio = await stack.enter_async_context(
            TwilioSimulator(
                account_sid=account, auth_token=tokens[0], gateway_url=url, public_base_url=public, api_key=login
            )
        )
        if not inside:
            listener = stack.enter_context(listening(*_loopback(address)))
            await stack.enter_async_context(served(Starlette(routes=list(twilio.routes())), listener))
        rest = await stack.enter_async_context(
            open_twilio_rest(account_sid=account, username=login[0], password=login[1], base_url=address)
        )
        http = await stack.enter_async_context(
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=PATIENCE))
        )
        yield Smoke(url, twilio, rest, http, staff, settings.twilio_phone_number or SAMPLE_NUMBER)


def _loopback(address: str) -> tuple[str, int]:
    """Return host and port of a Twilio that may be pretended. Raises ConfigurationError."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost") or not parts.port:
        raise ConfigurationError(
            [
                "tandem smoke plays Twilio: let TWILIO_API_BASE_URL of the gateways be a free port here, such as"
                f" http://127.0.0.1:9999 (it is {address})."
            ]
        )
    return "127.0.0.1", parts.port
