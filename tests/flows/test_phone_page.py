"""The phone page's live channel, over the real webhooks and the real socket of a development gateway."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tandem.settings.development import staff_tokens

from ..kit.gateway import JANE, JOHN, Running, running
from ..kit.phone_page import deliver, development, page_of
from ..kit.process import gateway_process
from ..kit.serving import free_port
from ..kit.waiting import until

pytestmark = pytest.mark.promise("U3")
PARTIALS = {"VOICE_PARTIAL_PROMPTS": "true", "VOICE_SPEECH_MODEL": "flux"}


async def refused_with(it: Running, origin: str | None, headers: dict[str, str]) -> int:
    """Open the line and return the status of the refusal; 101 when there is none."""
    url = f"ws{it.url.removeprefix('http')}/phone/line"
    try:
        async with connect(url, origin=origin, additional_headers=headers, proxy=None):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def bearer(it: Running) -> dict[str, str]:
    return {"Authorization": f"Bearer {next(iter(staff_tokens(it.settings).values()))}"}


async def test_only_a_signed_in_page_on_this_machine_gets_the_line(tmp_path: Path) -> None:
    async with development(tmp_path) as it:
        assert await refused_with(it, it.url, bearer(it)) == 101
        assert await refused_with(it, it.url, {}) == 403
        assert await refused_with(it, it.url, {"Authorization": "Bearer wrong"}) == 403
        assert await refused_with(it, None, bearer(it)) == 403
        assert await refused_with(it, "http://127.0.0.1:1", bearer(it)) == 403
        assert await refused_with(it, it.url, bearer(it) | {"X-Forwarded-For": "203.0.113.9"}) == 403
        assert await refused_with(it, it.url, bearer(it) | {"Forwarded": "for=203.0.113.9"}) == 403


async def test_the_page_of_an_elsewhere_signed_in_browser_gets_the_line_by_its_cookie(tmp_path: Path) -> None:
    async with development(tmp_path) as it, aiohttp.ClientSession() as browser:
        token = next(iter(staff_tokens(it.settings).values()))
        headers = {"X-Tandem-Page": "1", "Origin": it.url}
        async with browser.post(f"{it.url}/staff/session", json={"token": token}, headers=headers) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert await refused_with(it, it.url, {"Cookie": cookie}) == 101
        assert await refused_with(it, it.url, {"Cookie": cookie[:-3]}) == 403


async def test_the_pages_are_for_this_machine_alone(tmp_path: Path) -> None:
    async with development(tmp_path) as it, aiohttp.ClientSession() as browser:

        async def status(path: str, **headers: str) -> int:
            async with browser.get(it.url + path, headers=headers) as answer:
                return answer.status

        for path in ("/", "/phone"):
            assert await status(path) == 200
            assert await status(path, Host="shop.example") == 404
            assert await status(path, **{"X-Forwarded-Proto": "https"}) == 404


async def test_production_has_no_phone(tmp_path: Path) -> None:
    extra = {
        "APP_ENV": "production",
        "ALLOW_SAMPLE_DATA": "true",
        "STAFF_TOKENS": "ann:0123456789abcdef0123456789abcdef",
        "PUBLIC_BASE_URL": "https://gateway.example",
    }
    async with running(tmp_path, **extra) as it, aiohttp.ClientSession() as browser:
        for path in ("/", "/phone", "/phone/line"):
            async with browser.get(it.url + path) as answer:
                assert answer.status == 404


async def test_with_a_real_account_the_page_is_told_that_there_is_no_pretend_line(tmp_path: Path) -> None:
    async with running(tmp_path) as it, page_of(it, "") as page:
        told = await page.hear("unavailable")
        assert "real Twilio account" in told["text"]


async def test_a_text_is_answered_and_every_state_of_both_is_told(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.do("text", body="Where is my order 12345?", pictures=2)
        mine = await page.hear("message", lambda one: one["mine"] and one["answered"] is not None)
        theirs = await page.hear("message", lambda one: not one["mine"] and one["status"] == "delivered")
        assert (mine["answered"], mine["pictures"], mine["segments"]) == (200, 2, 1)
        assert "shipped" in theirs["body"]
        states = [one["status"] for one in page.told if one["type"] == "message" and one["sid"] == theirs["sid"]]
        assert states[-1] == "delivered"
        (webhook,) = page.frames("POST /sms · 200")
        create = next(page.frames("POST /Messages.json · 201"))
        assert json.loads(webhook["text"])["NumMedia"] == "2"
        assert (webhook["inward"], create["inward"]) == (True, False)
        await page.hear("frame", lambda one: '"delivered"' in one["text"])
        callbacks = [json.loads(one["text"])["MessageStatus"] for one in page.frames("POST /sms/status · 200")]
        assert callbacks == ["queued", "sent", "delivered"]


@pytest.mark.promise("G5")
async def test_what_comes_with_an_answer_is_told_by_its_address(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await deliver(it, "", "https://files.example/pass.pdf", "https://files.example/map.png")
        theirs = await page.hear("message", lambda one: not one["mine"])
        create = next(page.frames("POST /Messages.json · 201"))
    assert theirs["media"] == ["https://files.example/pass.pdf", "https://files.example/map.png"]
    assert (theirs["body"], theirs["pictures"]) == ("", 2)
    assert "https://files.example/map.png" in create["text"]


async def test_a_page_that_comes_back_finds_its_thread_and_nobody_elses(tmp_path: Path) -> None:
    async with development(tmp_path) as it:
        async with page_of(it) as page:
            await page.do("text", body="hello there")
            await page.hear("message", lambda one: not one["mine"] and one["status"] == "delivered")
        async with page_of(it) as again:
            assert (await again.hear("message"))["body"] == "hello there"
        async with page_of(it, JANE) as other:
            await other.do("text", body="I am Jane")
            await other.hear("message", lambda one: not one["mine"])
            assert all(one.get("body") != "hello there" for one in other.told)


async def test_the_wire_log_shows_no_number_card_or_socket_address(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.do("text", body="my card is 4111 1111 1111 1111")
        await page.hear("message", lambda one: not one["mine"])
        await page.call()
        await page.do("hangup")
        await page.standing("ended")
        frames = [one["text"] for one in page.told if one["type"] == "frame"]
    assert any("setup" in one for one in frames)
    assert any('conversation-relay/…"' in one for one in frames)
    assert not [one for one in frames if JOHN in one or JOHN[2:] in one or "4111 1111" in one]


NONSENSE = [
    (json.dumps({"do": "fly"}), "cannot do"),
    (json.dumps({"do": ["text"]}), "cannot do"),
    (json.dumps({"do": "text", "body": 5}), "body is a text"),
    (json.dumps({"do": "text", "body": "x" * 1601}), "at most 1600"),
    (json.dumps({"do": "text", "body": "\ud800"}), "at most 1600"),
    (json.dumps({"do": "text", "body": "x", "pictures": 11}), "0 to 10 pictures"),
    (json.dumps({"do": "text", "body": "x", "pictures": True}), "0 to 10 pictures"),
    (json.dumps({"do": "number", "number": "abc"}), "no telephone number"),
    (json.dumps({"do": "call", "speed": 0}), "speed"),
    (json.dumps({"do": "call", "speed": "1"}), "speed"),
    (json.dumps({"do": "press", "keys": "1"}), "no call"),
    (json.dumps({"do": "hangup"}), "no call"),
    (json.dumps([]), "object"),
    ("{", "JSON"),
    ("[" * 50_000, "JSON"),
    ("", "JSON"),
]


async def test_nonsense_is_answered_and_the_line_lives(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        for sent, words in NONSENSE:
            told = len(page.told)
            await page.socket.send(sent)
            assert words in (await page.hear("error", after=told))["text"], sent[:80]
        await page.do("text", body="hello")
        await page.hear("message")


async def test_a_call_is_greeted_asked_and_answered_and_hung_up(tmp_path: Path) -> None:
    async with development(tmp_path, **PARTIALS) as it, page_of(it) as page:
        await page.call()
        await page.do("say", text="where is my order 12345")
        answer = await page.heard("shipped")
        assert answer["source"] == "agent"
        await page.do("press", keys="x")
        await page.hear("error")
        await page.do("hangup")
        await page.standing("ended")
        states = [one["state"] for one in page.told if one["type"] == "call"]
        assert states == ["ringing", "connected", "ended"]
        assert [one["text"] for one in page.told if one["type"] == "said"] == ["where is my order 12345"]
        prompts = [json.loads(one["text"]) for one in page.frames("prompt")]
        assert [one["last"] for one in prompts] == [False, False, False, True]
        await until(lambda: len(it.gateway.calls) == 0)


async def test_what_a_recogniser_hears_are_partial_prompts_and_one_final(tmp_path: Path) -> None:
    async with development(tmp_path, **PARTIALS) as it, page_of(it) as page:
        await page.call()
        await page.do("say", text="where is", part="partial")
        await page.do("say", text="where is my order 12345", part="final", lang="en-US")
        await page.heard("shipped")
        prompts = [json.loads(one["text"]) for one in page.frames("prompt")]
        assert [(one["voicePrompt"], one["last"]) for one in prompts] == [
            ("where is", False),
            ("where is my order 12345", True),
        ]


async def test_a_sound_stops_the_agent_where_it_is(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.do("call", speed=4)
        await page.hear("speech", lambda one: 8 <= one["heard"] < len(one["text"]))
        await page.do("interrupt")
        cut = await page.hear("speech", lambda one: one["over"])
        assert 8 <= cut["heard"] < len(cut["text"])
        frame = json.loads((await page.hear("frame", lambda one: one["kind"] == "interrupt"))["text"])
        assert frame["utteranceUntilInterrupt"] == cut["text"][: cut["heard"]]
        assert frame["durationUntilInterruptMs"] > 0


async def test_a_lost_line_is_connected_again_without_a_greeting(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.call()
        await page.do("lose")
        await page.standing("reconnecting")
        again = await page.hear("call", lambda one: one["state"] == "connected" and one["again"])
        assert again["again"] is True
        await page.do("say", text="where is my order 12345")
        await page.heard("shipped")
        assert len(list(page.frames("setup"))) == 2
        assert len({one["id"] for one in page.told if one["type"] == "speech" and one["source"] == "greeting"}) == 1


async def test_zero_transfers_and_the_whisper_is_shown(tmp_path: Path) -> None:
    async with development(tmp_path, HUMAN_TRANSFER_NUMBER="+15550102030") as it, page_of(it) as page:
        await page.call()
        await page.do("press", keys="0")
        transferred = await page.standing("transferred")
        assert transferred["number"] == "…2030"
        assert (await page.hear("whisper"))["text"]
        await page.standing("ended")


async def test_a_muted_caller_is_not_heard_but_their_keys_are(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.call()
        await page.do("mute", on=True)
        await page.do("say", text="where is my order 12345")
        await page.do("press", keys="5")
        await page.hear("frame", lambda one: one["kind"] == "dtmf")
        assert list(page.frames("prompt")) == []


async def test_a_withheld_number_calls_and_cannot_text(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it, "anonymous") as page:
        await page.do("text", body="hello")
        assert "number" in (await page.hear("error"))["text"]
        await page.call()
        setup = json.loads(next(page.frames("setup"))["text"])
        assert setup["from"] == "anonymous"


async def test_one_telephone_has_one_call_and_keeps_its_number_in_it(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.call()
        await page.do("call")
        assert "One call" in (await page.hear("error"))["text"]
        before = len(page.told)
        await page.do("number", number=JANE)
        assert "Hang up" in (await page.hear("error", after=before))["text"]


async def test_a_call_that_only_rings_can_be_given_up(tmp_path: Path) -> None:
    async with development(tmp_path) as it, page_of(it) as page:
        await page.do("call", speed=0.5)
        await page.standing("ringing")
        await page.do("hangup")
        await page.standing("ended")
        assert list(page.frames("POST /voice")) == []


async def test_a_page_that_goes_away_has_hung_up(tmp_path: Path) -> None:
    async with development(tmp_path) as it:
        async with page_of(it) as page:
            await page.call()
            assert len(it.gateway.calls) == 1
        await until(lambda: not len(it.gateway.calls))
        async with page_of(it) as again:
            await again.call()


async def said_at_start(folder: Path, **env: str) -> tuple[str, str]:
    """Start the server as a command; return its address and what it says to whoever started it."""
    async with gateway_process(folder, free_port(), env) as gateway:
        said = gateway.log.read_text(encoding="utf-8").partition("\n\n  model")[0]
        for token in re.findall("#token=([0-9a-f]+)", said):
            headers = {"X-Tandem-Page": "1", "Origin": gateway.url}
            async with (
                aiohttp.ClientSession() as browser,
                browser.post(f"{gateway.url}/staff/session", json={"token": token}, headers=headers) as answer,
            ):
                assert answer.status == 200
        return gateway.url, said


async def test_the_start_prints_a_link_that_signs_in(tmp_path: Path) -> None:
    url, said = await said_at_start(tmp_path)
    assert re.search(rf"^  open      {url}/#token=[0-9a-f]{{64}}$", said, re.MULTILINE)
    assert "curl -s " in said


async def test_the_start_prints_no_token_that_it_was_given(tmp_path: Path) -> None:
    url, said = await said_at_start(tmp_path, STAFF_TOKENS="ann:a-given-token-0123456789")
    assert f"  open      {url}/\n" in said
    assert "a-given-token" not in said


async def test_the_start_of_a_real_line_prints_the_desk_alone(tmp_path: Path) -> None:
    url, said = await said_at_start(tmp_path, TWILIO_ACCOUNT_SID="AC" + "1" * 32, TWILIO_AUTH_TOKEN="x" * 32)
    assert f"  desk      {url}/staff#token=" in said
    assert "phone" not in said
