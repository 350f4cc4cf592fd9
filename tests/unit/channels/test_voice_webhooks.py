"""Voice webhooks: what goes wrong behind them is heard as an apology."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.channels.twilio import SignatureCheck
from tandem.channels.voice.call_registry import CallRegistry
from tandem.channels.voice.socket_token import SocketTokens
from tandem.channels.voice.voice_config import CallRules, VoiceAddresses
from tandem.channels.voice.webhooks import VoiceWebhooks
from tandem.conversation.phrases import CALL_FAILURE
from tandem.errors import TandemError
from tandem.identity.base import Resolution
from tandem.identity.phone import PhoneResolver
from tandem.simulator.wire import sign
from tandem.web.status import error_response

from ...kit.serving import listen, port_of, serve

pytestmark = pytest.mark.promise("O8")

TOKEN = "token"
FORM = {"CallSid": "CA" + "1" * 32, "From": "+15551234567", "To": "+15550001111"}


async def greet(resolution: Resolution) -> str:
    raise ValueError("the greeting's source is broken")


async def warm() -> None:
    return None


@asynccontextmanager
async def gateway() -> AsyncIterator[str]:
    nothing: Any = None
    engine: Any = SimpleNamespace(identity=PhoneResolver("US"))
    listener = listen()
    url = f"http://127.0.0.1:{port_of(listener)}"
    webhooks = VoiceWebhooks(
        engine,
        CallRegistry(),
        store=nothing,
        signatures=SignatureCheck(public_base_url=url, tokens=[TOKEN]),
        tokens=SocketTokens(TOKEN),
        ways=VoiceAddresses(base_url=url, socket_url="wss://x/relay"),
        rules=CallRules(),
        greet=greet,
        warm=warm,
    )
    app = Starlette(routes=list(webhooks.routes()), exception_handlers={TandemError: error_response})
    async with serve(app, listener=listener):
        yield url


async def post(url: str, path: str, form: Mapping[str, str], *, signed: bool = True) -> tuple[int, str]:
    headers = {"X-Twilio-Signature": sign(url + path, form, TOKEN)} if signed else {}
    async with aiohttp.ClientSession() as session, session.post(url + path, data=form, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.promise("V2")
async def test_a_failure_behind_the_webhook_is_heard_as_an_apology() -> None:
    async with gateway() as url:
        status, twiml = await post(url, "/voice", FORM)
    assert status == 200
    assert f"<Say>{CALL_FAILURE}</Say>" in twiml


async def test_the_fallback_needs_no_store_and_apologises() -> None:
    async with gateway() as url:
        status, twiml = await post(url, "/voice/fallback", FORM)
    assert status == 200
    assert CALL_FAILURE in twiml


@pytest.mark.parametrize("path", ["", "/action", "/fallback", "/whisper", "/dialed"])
async def test_unsigned_voice_webhooks_are_refused(path: str) -> None:
    async with gateway() as url:
        assert (await post(url, f"/voice{path}", FORM, signed=False))[0] == 403


@pytest.mark.parametrize("call", ["", "../../x", "SM123", "CA" + "1" * 100])
async def test_a_call_without_a_call_sid_is_malformed(call: str) -> None:
    async with gateway() as url:
        assert (await post(url, "/voice", FORM | {"CallSid": call}))[0] == 400
