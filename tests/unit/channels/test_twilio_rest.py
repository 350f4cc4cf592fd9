"""What Twilio's answers mean, over real HTTP against the pretend Twilio."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from tandem.channels.twilio import open_twilio_rest
from tandem.errors import DeliveryError, DeliveryFailed, DeliveryRefused, DeliveryThrottled, DeliveryUnclear
from tandem.simulator.wire import Fault

from ...kit.tables import each
from ...kit.texting import ACCOUNT, CUSTOMER, OURS, TOKEN, Texting, open_texting

pytestmark = pytest.mark.promise("S15")

BODY = "Your order is on its way."


@pytest.fixture
async def texting() -> AsyncIterator[Texting]:
    async with open_texting() as opened:
        yield opened


async def create(texting: Texting, **change: str) -> str:
    return await texting.rest.create_message(**({"to": CUSTOMER, "from_": OURS, "body": BODY} | change))


async def test_a_created_message_has_a_sid(texting: Texting) -> None:
    assert await create(texting) == texting.simulator.messages[0].sid


async def test_a_messaging_service_is_enough_as_sender(texting: Texting) -> None:
    sid = await texting.rest.create_message(to=CUSTOMER, body=BODY, messaging_service_sid="MG1")
    assert [(row.sid, row.service_sid) for row in texting.simulator.messages] == [(sid, "MG1")]


ANSWERS = [
    (Fault(429, 20429), DeliveryThrottled),
    (Fault(400, 20429), DeliveryThrottled),
    (Fault(400, 21611), DeliveryThrottled),
    (Fault(500, 20500), DeliveryUnclear),
    (Fault(502, 0), DeliveryUnclear),
    (Fault(503, 20503), DeliveryUnclear),
    (Fault(400, 21610), DeliveryRefused),
    (Fault(400, 21211), DeliveryRefused),
    (Fault(400, 21617), DeliveryRefused),
    (Fault(400, 63016), DeliveryRefused),
    (Fault(403, 21408), DeliveryRefused),
    (Fault(404, 20404), DeliveryRefused),
    (Fault(401, 20003), DeliveryFailed),
    (Fault(408, 0), DeliveryFailed),
]


@each(("fault", "kind"), ANSWERS)
async def test_every_refusal_has_its_kind_and_keeps_the_code(
    texting: Texting, fault: Fault, kind: type[DeliveryError]
) -> None:
    texting.simulator.faults.append(fault)
    with pytest.raises(kind) as caught:
        await create(texting)
    assert (type(caught.value), caught.value.provider_code) == (kind, fault.code)


@each("fault", [Fault(drop=True), Fault(drop=True, created=True)])
async def test_a_connection_lost_after_sending_is_unclear(texting: Texting, fault: Fault) -> None:
    texting.simulator.faults.append(fault)
    with pytest.raises(DeliveryUnclear):
        await create(texting)


async def test_no_answer_in_time_is_unclear() -> None:
    async with open_texting(rest_seconds=1.0) as texting:
        texting.simulator.faults.append(Fault(hang=True, created=True))
        with pytest.raises(DeliveryUnclear):
            await create(texting)


async def test_a_connection_closed_without_an_answer_is_unclear() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        async with open_twilio_rest(account_sid=ACCOUNT, username=ACCOUNT, password=TOKEN, base_url=base) as rest:
            with pytest.raises(DeliveryUnclear):
                await rest.create_message(to=CUSTOMER, from_=OURS, body=BODY)


async def test_a_refused_connection_is_a_plain_failure() -> None:
    with socket.socket() as unused:  # bound and never listening: nobody else can take the port
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        await refused(base)


async def refused(base: str) -> None:
    async with open_twilio_rest(account_sid=ACCOUNT, username=ACCOUNT, password=TOKEN, base_url=base) as rest:
        with pytest.raises(DeliveryFailed):
            await rest.create_message(to=CUSTOMER, from_=OURS, body=BODY)


async def test_wrong_credentials_may_be_right_later() -> None:
    async with open_texting(login=(ACCOUNT, "wrong")) as texting:
        with pytest.raises(DeliveryFailed) as caught:
            await create(texting)
    assert caught.value.provider_code == 20003


async def test_an_api_key_is_accepted() -> None:
    async with open_texting(login=("SK1", "secret"), api_key=("SK1", "secret")) as texting:
        assert await create(texting)


@each("fault", [fault for fault, _ in ANSWERS] + [Fault(drop=True)])
async def test_errors_quote_neither_words_nor_numbers_nor_credentials(texting: Texting, fault: Fault) -> None:
    texting.simulator.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        await create(texting)
    told = repr(caught.value) + repr(caught.value.__cause__)
    assert [secret for secret in (BODY, CUSTOMER, OURS, TOKEN, ACCOUNT, texting.gateway) if secret in told] == []


async def test_the_list_holds_messages_to_that_number_newest_first(texting: Texting) -> None:
    one = await create(texting)
    await create(texting, to="+14155550199")
    two = await create(texting)
    listed = await texting.rest.list_messages(to=CUSTOMER, since=time.time() - 60)
    assert [row.sid for row in listed] == [two, one]


async def test_the_list_leaves_out_what_is_older(texting: Texting) -> None:
    await create(texting)
    assert await texting.rest.list_messages(to=CUSTOMER, since=time.time() + 60) == ()


async def test_the_list_goes_on_over_its_pages(texting: Texting) -> None:
    for _ in range(120):
        await texting.simulator.create({"To": CUSTOMER, "From": OURS, "Body": BODY})
    assert len(await texting.rest.list_messages(to=CUSTOMER, since=time.time() - 60)) == 120


async def test_a_list_that_fails_leaves_it_unclear() -> None:
    async with open_texting(login=(ACCOUNT, "wrong")) as texting:
        with pytest.raises(DeliveryUnclear):
            await texting.rest.list_messages(to=CUSTOMER, since=0.0)
