"""Voice webhooks: what goes wrong behind them is heard as an apology."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.channels.twilio import SignatureCheck
from tandem.channels.voice.call_registry import CallRegistry
from tandem.channels.voice.options_hook import OptionsPerCall
from tandem.channels.voice.reception import Reception
from tandem.channels.voice.socket_token import SocketTokens
from tandem.channels.voice.voice_config import CallRules, VoiceAddresses
from tandem.channels.voice.voice_options import VoiceOptions
from tandem.channels.voice.webhooks import VoiceWebhooks
from tandem.conversation.phrases import CALL_FAILURE, CUT_OFF
from tandem.conversation.spoken_turn import LEFT_OPEN
from tandem.conversation.translations import load_translations
from tandem.errors import StoreUnavailable, TandemError
from tandem.identity.base import Resolution
from tandem.identity.phone import PhoneResolver
from tandem.model import Conversation, SubjectId
from tandem.simulator.wire import sign
from tandem.web.status import error_response

from ...kit.serving import listen, port_of, serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("O8")

TOKEN = "token"
FORM = {"CallSid": "CA" + "1" * 32, "From": "+15551234567", "To": "+15550001111"}


async def name_of(resolution: Resolution) -> str:
    return "John"


class Store:
    """Has a conversation in which an answer was not heard to its end; None: it is away."""

    def __init__(self, unheard: str | None) -> None:
        self._unheard = unheard

    async def conversation(self, subject: SubjectId) -> Conversation:
        if self._unheard is None:
            raise StoreUnavailable
        left = {LEFT_OPEN: {"text": self._unheard, "at": time.time()}}
        return Conversation(subject, created_at=0, updated_at=0, context=left)


async def warm() -> None:
    return None


@asynccontextmanager
async def gateway(store: Any = None, registry: CallRegistry | None = None) -> AsyncIterator[str]:
    engine: Any = SimpleNamespace(identity=PhoneResolver("US"))
    rest: Any = None  # nothing here is called back
    listener = listen()
    url = f"http://127.0.0.1:{port_of(listener)}"
    webhooks = VoiceWebhooks(
        engine,
        CallRegistry() if registry is None else registry,
        store=store,
        signatures=SignatureCheck(public_base_url=url, tokens=[TOKEN]),
        tokens=SocketTokens(TOKEN),
        ways=VoiceAddresses(base_url=url, socket_url="wss://x/relay"),
        rules=CallRules(),
        reception=Reception(store, OptionsPerCall(VoiceOptions), load_translations(), name_of),
        warm=warm,
        rest=rest,
    )
    app = Starlette(routes=list(webhooks.routes()), exception_handlers={TandemError: error_response})
    async with serve(app, listener=listener):
        yield url


async def post(url: str, path: str, form: Mapping[str, str], *, signed: bool = True) -> tuple[int, str]:
    headers = {"X-Twilio-Signature": sign(url + path, form, TOKEN)} if signed else {}
    async with aiohttp.ClientSession() as session, session.post(url + path, data=form, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.promise("V2")
@each("store", [Store(None), None])
async def test_a_failure_behind_the_webhook_is_heard_as_an_apology(store: Store | None) -> None:
    async with gateway(store) as url:
        status, twiml = await post(url, "/voice", FORM)
    assert status == 200
    assert f"<Say>{CALL_FAILURE}</Say>" in twiml


@pytest.mark.promise("V15")
async def test_a_redial_begins_with_what_was_not_heard_and_not_with_all_of_a_long_answer() -> None:
    async with gateway(Store("z" * 1000)) as url:
        _, twiml = await post(url, "/voice", FORM)
    assert f'welcomeGreeting="Hello John! {CUT_OFF} {"z" * 300}"' in twiml


async def test_the_fallback_needs_no_store_and_apologises() -> None:
    async with gateway() as url:
        status, twiml = await post(url, "/voice/fallback", FORM)
    assert status == 200
    assert CALL_FAILURE in twiml


@each("path", ["", "/action", "/fallback", "/whisper", "/dialed"])
async def test_unsigned_voice_webhooks_are_refused(path: str) -> None:
    async with gateway() as url:
        assert (await post(url, f"/voice{path}", FORM, signed=False))[0] == 403


@each("call", ["", "../../x", "SM123", "CA" + "1" * 100])
async def test_a_call_without_a_call_sid_is_malformed(call: str) -> None:
    async with gateway() as url:
        assert (await post(url, "/voice", FORM | {"CallSid": call}))[0] == 400


@each(
    ("told", "connected"),
    [
        ({"CallStatus": "ringing"}, True), ({"CallStatus": "in-progress", "AnsweredBy": "human"}, True),
        ({"AnsweredBy": "unknown"}, True), ({"AnsweredBy": ""}, True),
        ({"AnsweredBy": "machine_start"}, False), ({"AnsweredBy": "machine_end_beep"}, False),
        ({"AnsweredBy": "Machine_End_Silence"}, False), ({"AnsweredBy": "fax"}, False),
        ({"CallStatus": "completed", "CallDuration": "17"}, False), ({"CallStatus": "no-answer"}, False),
        ({"CallStatus": "BUSY"}, False), ({"CallStatus": "canceled"}, False), ({"CallStatus": "failed"}, False),
    ],
)  # fmt: skip
async def test_the_agent_talks_with_people_and_with_no_machine(told: dict[str, str], connected: bool) -> None:
    """A voicemail would be talked to for minutes, and its own words would be taken for the customer's."""
    async with gateway(Store("x")) as url:
        status, twiml = await post(url, "/voice", FORM | {"Direction": "outbound-api"} | told)
    assert (status, "<ConversationRelay" in twiml, "<Hangup" in twiml) == (200, connected, not connected)


@pytest.mark.promise("V17")
@each(
    ("status", "told"),
    [("completed", False), ("answered", False), ("no-answer", True), ("busy", True), ("failed", True), ("", True)],
)
async def test_only_a_caller_who_reached_no_colleague_is_told_that_nobody_is_free(status: str, told: bool) -> None:
    async with gateway() as url:
        _, twiml = await post(url, "/voice/dialed", FORM | {"DialCallStatus": status})
    assert ("Nobody is free" in twiml) is told


@pytest.mark.promise("O2")
async def test_a_replica_that_is_leaving_takes_no_socket() -> None:
    registry = CallRegistry()
    registry.leaving = True
    token = SocketTokens(TOKEN).make(FORM["CallSid"], now=time.time(), attempt=0, resumed=False)
    signed = {"X-Twilio-Signature": sign(f"wss://x/relay/{token}", {}, TOKEN)}
    async with gateway(registry=registry) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}/conversation-relay/{token}", headers=signed)
    assert refused.value.status == 403
