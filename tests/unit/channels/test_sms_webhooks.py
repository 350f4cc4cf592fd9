"""Webhooks in, messages out, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import aiohttp
import pytest
from structlog.testing import capture_logs

from tandem.channels.sms.sender import sms_route
from tandem.channels.twilio import BODY_LIMIT
from tandem.conversation.phrases import FAILURE
from tandem.entries import TextReceived
from tandem.errors import DeliveryUnclear
from tandem.model import Address, Channel, Reply, ReplyStatus, Route
from tandem.simulator.wire import Fault, SimMessage, sign, webhook_form

from ...kit.canaries import found
from ...kit.tables import each
from ...kit.texting import ACCOUNT, CUSTOMER, OLD_TOKEN, OURS, PUBLIC, TOKEN, Texting, open_texting

pytestmark = pytest.mark.promise("S1", "S9", "S14", "S16")

SUBJECT = "phone_14155550100"
SID = "SM" + "a" * 32
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@pytest.fixture
async def texting() -> AsyncIterator[Texting]:
    async with open_texting() as opened:
        yield opened


def form(**change: str) -> dict[str, str]:
    return webhook_form(SimMessage(SID, "inbound", CUSTOMER, OURS, "Hello", 0.0), ACCOUNT, change)


def reply(text: str = "An answer.", channel: Channel = Channel.SMS, scheme: str = "tel", at: float = 0.0) -> Reply:
    return Reply("rpl_1", Route(channel, Address(scheme, CUSTOMER), Address(scheme, OURS)), text, 1, at)


# --- POST /sms ---------------------------------------------------------------------------------------------


async def test_a_text_becomes_an_entry_of_its_sender(texting: Texting) -> None:
    await texting.simulator.post("/sms", form())
    route = Route(Channel.SMS, Address("tel", CUSTOMER), Address("tel", OURS))
    assert [(who, entry.key, entry.body) for who, entry in texting.desk.entries] == [
        (SUBJECT, SID, TextReceived(route, "Hello"))
    ]


async def test_the_answer_is_empty_twiml(texting: Texting) -> None:
    body = urlencode(form())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(f"{PUBLIC}/sms", form(), TOKEN),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{texting.gateway}/sms", data=body, headers=headers) as got,
    ):
        assert (got.status, got.content_type, await got.text()) == (200, "text/xml", EMPTY)


@pytest.mark.parametrize(("scheme", "channel"), [("whatsapp", Channel.WHATSAPP), ("rcs", Channel.RCS)])
async def test_other_channels_have_the_same_subject_and_their_own_way_back(
    texting: Texting, scheme: str, channel: Channel
) -> None:
    await texting.simulator.post("/sms", form(From=f"{scheme}:{CUSTOMER}", To=f"{scheme}:{OURS}"))
    ((who, entry),) = texting.desk.entries
    assert (who, entry.body.route) == (SUBJECT, Route(channel, Address(scheme, CUSTOMER), Address(scheme, OURS)))


async def test_an_rcs_agent_of_ours_is_answered_from(texting: Texting) -> None:
    await texting.simulator.post("/sms", form(From=f"rcs:{CUSTOMER}", To="rcs:acme_agent"))
    assert texting.desk.entries[0][1].body.route.ours == Address("rcs", "acme_agent")


async def test_a_short_code_is_a_sender(texting: Texting) -> None:
    await texting.simulator.post("/sms", form(From="12345"))
    assert texting.desk.entries[0][0] == "short_us_12345"


async def test_blank_bodies_are_texts_too(texting: Texting) -> None:
    await texting.simulator.post("/sms", form(Body="", NumMedia="2"))
    assert [(entry.body.text, entry.body.media) for _, entry in texting.desk.entries] == [("", 2)]


async def test_every_character_arrives(texting: Texting) -> None:
    text = " é “quoted” & 100% + 🙂\n= "
    await texting.simulator.post("/sms", form(Body=text))
    assert texting.desk.entries[0][1].body.text == text


async def test_a_word_of_advanced_opt_out_means_stop(texting: Texting) -> None:
    await texting.simulator.post("/sms", form(Body="no more", OptOutType="STOP"))
    body = texting.desk.entries[0][1].body
    assert (body.text, body.opt_out) == ("no more", "STOP")


async def test_unknown_fields_are_welcome(texting: Texting) -> None:
    answer = await texting.simulator.post("/sms", form(NewIn2027="yes"))
    assert answer.status == 200


async def test_the_older_token_passes_during_rotation(texting: Texting) -> None:
    answer = await texting.simulator.post("/sms", form(), signature=sign(f"{PUBLIC}/sms", form(), OLD_TOKEN))
    assert answer.status == 200


@each(
    "signature",
    ["", "forged", sign(f"{PUBLIC}/sms", form(Body="other"), TOKEN), sign("http://127.0.0.1/sms", form(), TOKEN)],
)
@each("path", ["/sms", "/sms/status?reply=rpl_1", "/sms/fallback"])
async def test_unsigned_and_forged_requests_reach_nothing(texting: Texting, path: str, signature: str) -> None:
    answer = await texting.simulator.post(path, form(MessageStatus="sent"), signature=signature)
    assert (answer.status, texting.desk.entries, texting.desk.statuses) == (403, [], [])


async def test_host_headers_do_not_choose_what_was_signed(texting: Texting) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
               "X-Twilio-Signature": sign("https://evil.example/sms", form(), TOKEN)}  # fmt: skip
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{texting.gateway}/sms", data=form(), headers=headers) as got,
    ):
        assert got.status == 403


MALFORMED = {
    "no recipient": {"To": ""},
    "no sid": {"MessageSid": "", "SmsSid": ""},
    "sid like a path": {"MessageSid": "../../x"},
    "sid made longer": {"MessageSid": SID + "NumMedia0"},
    "NUL in a name that is there already": {"Fr\0om": "+14155550199"},
    "recipient like a path": {"To": "../x"},
    "recipient without end": {"To": "1" * 10_000},
}


@each("change", MALFORMED.values())
async def test_signed_nonsense_is_malformed(texting: Texting, change: dict[str, str]) -> None:
    answer = await texting.simulator.post("/sms", form(**change))
    assert (answer.status, texting.desk.entries) == (400, [])


UNANSWERABLE = {
    "no sender": "",
    "NUL in the sender": "\0",
    "path": "../../etc/passwd",
    "path behind a scheme": "whatsapp:../../x",
    "10 kB sender": "1" * 10_000,
    "unknown scheme": "http://x",
    "impossible number": "+12345",
    "a name": "SUPPORT",
}


@pytest.mark.parametrize("sender", UNANSWERABLE.values(), ids=UNANSWERABLE.keys())
async def test_a_sender_who_cannot_be_read_is_nobody(texting: Texting, sender: str) -> None:
    answer = await texting.simulator.post("/sms", form(From=sender))
    ((who, entry),) = texting.desk.entries
    assert (answer.status, who, entry.body.text) == (200, f"withheld_{SID}", "Hello")
    assert not entry.body.route.customer.reachable
    assert len(entry.body.route.customer.value) <= 40


async def test_nul_is_left_out(texting: Texting) -> None:
    await texting.simulator.post("/sms", form(Body="a\0b", From="+1415555\x000100"))
    ((who, entry),) = texting.desk.entries
    assert (who, entry.body.text) == (SUBJECT, "ab")


async def post_raw(texting: Texting, body: object, **headers: str) -> int:
    sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{texting.gateway}/sms", data=body, headers=sent) as got,
    ):
        return got.status


async def test_a_sender_given_twice_is_malformed(texting: Texting) -> None:
    pairs = [("MessageSid", SID), ("To", OURS), ("From", "+14155550100"), ("From", "+14155550199")]
    signed = sign(f"{PUBLIC}/smsFrom+14155550100From+14155550199MessageSid{SID}To{OURS}", {}, TOKEN)
    assert await post_raw(texting, urlencode(pairs), **{"X-Twilio-Signature": signed}) == 400


async def test_a_large_body_is_refused_by_its_length(texting: Texting) -> None:
    assert await post_raw(texting, b"a" * (BODY_LIMIT + 1)) == 413


async def test_a_large_body_without_a_length_is_refused_at_the_limit(texting: Texting) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * BODY_LIMIT:
            sent += 4096
            yield b"a" * 4096

    try:
        status = await post_raw(texting, endless())
    except aiohttp.ClientError:
        status = 413  # the server closed while we were still writing
    assert status == 413
    assert sent < 100 * BODY_LIMIT


@each("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain", "x"])
async def test_other_content_types_are_not_served(texting: Texting, kind: str) -> None:
    assert await post_raw(texting, b"Body=x", **{"Content-Type": kind}) == 415


@each("body", [b"\xff\xfe", b"&".join(b"a%d=1" % n for n in range(500))])
async def test_a_body_that_is_no_form_is_malformed(texting: Texting, body: bytes) -> None:
    assert await post_raw(texting, body) == 400


async def test_other_methods_are_not_served(texting: Texting) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{texting.gateway}/sms") as got:
        assert got.status == 405


async def test_a_store_that_is_away_answers_503(texting: Texting) -> None:
    texting.desk.down = True
    assert (await texting.simulator.post("/sms", form())).status == 503


# --- POST /sms/status and /sms/fallback --------------------------------------------------------------------


async def test_how_a_call_ended_is_no_message(texting: Texting) -> None:
    said = {"CallSid": "CA" + "1" * 32, "CallStatus": "completed", "From": CUSTOMER, "To": OURS}
    assert (await texting.simulator.post("/sms/status", said)).status == 200
    assert texting.desk.statuses == []


@pytest.mark.parametrize(
    ("status", "stored"),
    [("queued", ReplyStatus.SENT), ("sent", ReplyStatus.SENT), ("delivered", ReplyStatus.DELIVERED),
     ("undelivered", ReplyStatus.UNDELIVERED), ("failed", ReplyStatus.UNDELIVERED), ("read", ReplyStatus.READ)],
)  # fmt: skip
async def test_a_status_reaches_its_reply(texting: Texting, status: str, stored: ReplyStatus) -> None:
    said = {"MessageSid": SID, "MessageStatus": status, "To": CUSTOMER, "From": OURS}
    await texting.simulator.post("/sms/status?reply=rpl_1", said)
    assert texting.desk.statuses == [(SUBJECT, "rpl_1", stored, SID, None)]


async def test_an_error_code_comes_along(texting: Texting) -> None:
    said = {"MessageSid": SID, "MessageStatus": "undelivered", "To": CUSTOMER, "ErrorCode": "63016"}
    await texting.simulator.post("/sms/status?reply=rpl_1", said)
    assert texting.desk.statuses == [(SUBJECT, "rpl_1", ReplyStatus.UNDELIVERED, SID, 63016)]


@each(("path", "status"), [("/sms/status", "sent"), ("/sms/status?reply=rpl_1", "new-in-2027")])
async def test_statuses_of_nothing_we_know_are_taken_and_forgotten(texting: Texting, path: str, status: str) -> None:
    answer = await texting.simulator.post(path, {"MessageSid": SID, "MessageStatus": status, "To": CUSTOMER})
    assert (answer.status, texting.desk.statuses) == (200, [])


async def test_a_status_with_the_store_away_answers_503(texting: Texting) -> None:
    texting.desk.down = True
    said = {"MessageSid": SID, "MessageStatus": "sent", "To": CUSTOMER}
    assert (await texting.simulator.post("/sms/status?reply=rpl_1", said)).status == 503


@pytest.mark.promise("O8")
async def test_the_fallback_apologises_with_the_store_away(texting: Texting) -> None:
    texting.desk.down = True
    answer = await texting.simulator.post("/sms/fallback", form(ErrorCode="11200"))
    assert f"<Message>{FAILURE}</Message>" in answer.body.replace("&apos;", "'")


# --- replies -----------------------------------------------------------------------------------------------


@pytest.mark.promise("S2")
async def test_a_reply_leaves_from_the_number_that_was_texted(texting: Texting) -> None:
    sid = await texting.sender.send(reply())
    (message,) = texting.simulator.sent_to(CUSTOMER)
    assert (message.sid, message.from_, message.body) == (sid, OURS, "An answer.")


async def test_a_whatsapp_reply_stays_on_whatsapp(texting: Texting) -> None:
    await texting.sender.send(reply(channel=Channel.WHATSAPP, scheme="whatsapp"))
    assert [row.from_ for row in texting.simulator.sent_to(f"whatsapp:{CUSTOMER}")] == [f"whatsapp:{OURS}"]


async def test_a_messaging_service_carries_sms_from_the_same_number() -> None:
    async with open_texting(service="MG1") as texting:
        await texting.sender.send(reply())
        (message,) = texting.simulator.messages
        assert (message.service_sid, message.from_) == ("MG1", OURS)


async def test_statuses_find_their_way_back_to_the_reply(texting: Texting) -> None:
    sid = await texting.sender.send(reply())
    await texting.simulator.settle()
    assert texting.desk.statuses == [
        (SUBJECT, "rpl_1", status, sid, None) for status in (ReplyStatus.SENT, ReplyStatus.SENT, ReplyStatus.DELIVERED)
    ]


async def test_the_callback_address_names_nobody(texting: Texting) -> None:
    await texting.sender.send(reply())
    callback = texting.simulator.messages[0].callback or ""
    assert (callback.startswith(PUBLIC), "4155550100" in callback) == (True, False)


async def test_a_message_whose_answer_was_lost_is_found(texting: Texting) -> None:
    texting.simulator.faults.append(Fault(drop=True, created=True))
    lost = reply(at=time.time())
    with pytest.raises(DeliveryUnclear):
        await texting.sender.send(lost)
    assert await texting.sender.find(lost, known=frozenset()) == texting.simulator.messages[0].sid


async def test_a_message_that_was_never_created_is_not_found(texting: Texting) -> None:
    await texting.sender.send(reply("Another answer."))
    assert await texting.sender.find(reply(), known=frozenset()) is None


async def test_the_same_words_of_another_reply_are_not_taken_for_it(texting: Texting) -> None:
    earlier = await texting.sender.send(reply())
    assert await texting.sender.find(reply(), known=frozenset({earlier})) is None


async def test_a_lost_picture_without_words_is_found_by_what_came_with_it(texting: Texting) -> None:
    picture = replace(reply(""), media=("https://files.example/map.png",))
    await texting.sender.send(reply())
    assert await texting.sender.find(picture, known=frozenset()) is None
    sid = await texting.sender.send(picture)
    assert await texting.sender.find(picture, known=frozenset()) == sid


def test_sms_is_the_way_out_when_whatsapp_is_closed() -> None:
    route = reply(channel=Channel.WHATSAPP, scheme="whatsapp").route
    assert sms_route(route, ours=None) == Route(Channel.SMS, Address("tel", CUSTOMER), Address("tel", OURS))


def test_a_sender_without_a_number_has_no_sms() -> None:
    route = Route(Channel.RCS, Address("rcs", "someone"), Address("rcs", "acme_agent"))
    assert sms_route(route, ours=OURS) is None


# --- what the log holds ------------------------------------------------------------------------------------


@pytest.mark.promise("E3")
async def test_nothing_of_a_customer_or_a_secret_is_logged(texting: Texting) -> None:
    with capture_logs() as lines:
        await texting.simulator.post("/sms", form(Body="my secret"))
        await texting.simulator.post("/sms", form(Body="my secret"), signature="forged")
        await texting.sender.send(reply())
        await texting.simulator.settle()
    secrets = ("my secret", "4155550100", TOKEN, OLD_TOKEN, "An answer.", SID, "forged")
    assert found(secrets, repr(lines)) == []


async def test_our_own_trouble_is_not_explained_to_the_caller(texting: Texting) -> None:
    texting.desk.down = True
    answer = await texting.simulator.post("/sms", form())
    assert answer.body == '{"error":"The store does not answer.","code":"store_unavailable"}'
