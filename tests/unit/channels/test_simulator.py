"""The pretend Twilio behaves as the real one where the gateway can tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from tandem.conversation.phrases import FAILURE
from tandem.model import ReplyStatus
from tandem.simulator.twilio_simulator import TwilioSimulator
from tandem.simulator.wire import Fault, SimMessage, listing, twiml_messages

from ...kit.serving import serve
from ...kit.tables import each
from ...kit.texting import ACCOUNT, CUSTOMER, OURS, TOKEN, Texting, open_texting

LOGIN = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
CREATE = {"To": CUSTOMER, "From": OURS, "Body": "Hello"}


@pytest.fixture
async def texting() -> AsyncIterator[Texting]:
    async with open_texting() as opened:
        yield opened


async def call(
    texting: Texting, method: str, path: str, headers: dict[str, str] | None = None, **request: Any
) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers=LOGIN if headers is None else headers) as session,
        session.request(method, texting.gateway + path, **request) as response,
    ):
        return response.status, await response.json()


# --- the customer's telephone ------------------------------------------------------------------------------


async def test_every_text_has_a_sid_of_its_own(texting: Texting) -> None:
    await texting.simulator.text(CUSTOMER, "one", to=OURS)
    await texting.simulator.text(CUSTOMER, "two", to=OURS)
    assert len({entry.key for _, entry in texting.desk.entries}) == 2


async def test_a_text_can_be_delivered_twice(texting: Texting) -> None:
    answers = await texting.simulator.text(CUSTOMER, "once", to=OURS, deliveries=2)
    assert ([answer.status for answer in answers], len(texting.desk.entries)) == ([200, 200], 1)


async def test_a_text_can_be_delivered_again_later(texting: Texting) -> None:
    (first,) = await texting.simulator.text(CUSTOMER, "once", to=OURS)
    await texting.simulator.text(CUSTOMER, "once", to=OURS, sid=first.sid)
    assert [entry.key for _, entry in texting.desk.entries] == [first.sid]


async def test_pictures_come_with_their_addresses(texting: Texting) -> None:
    await texting.simulator.text(CUSTOMER, "", to=OURS, media=2)
    assert texting.desk.entries[0][1].body.media == 2


async def test_a_failing_webhook_is_followed_by_the_fallback(texting: Texting) -> None:
    texting.desk.down = True
    await texting.simulator.text(CUSTOMER, "hello", to=OURS)
    assert [message.body for message in texting.simulator.sent_to(CUSTOMER)] == [FAILURE]


async def test_a_gateway_that_is_not_there_is_status_0() -> None:
    nobody = "http://127.0.0.1:9"  # the discard port
    async with TwilioSimulator(account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=nobody) as simulator:
        assert (await simulator.post("/sms", {})).status == 0


async def test_what_a_customer_receives_can_be_waited_for(texting: Texting) -> None:
    waiting = asyncio.create_task(texting.simulator.wait_for(CUSTOMER, 2))
    for text in ("one", "two"):
        await texting.rest.create_message(to=CUSTOMER, from_=OURS, body=text)
    assert [message.body for message in await waiting] == ["one", "two"]


async def test_waiting_in_vain_ends(texting: Texting) -> None:
    with pytest.raises(TimeoutError):
        await texting.simulator.wait_for(CUSTOMER, seconds=0.01)


async def test_messages_are_a_stream_from_the_beginning(texting: Texting) -> None:
    for text in ("one", "two"):
        await texting.rest.create_message(to=CUSTOMER, from_=OURS, body=text)
    stream = texting.simulator.changes(CUSTOMER)
    assert [(await anext(stream)).body for _ in range(2)] == ["one", "two"]
    await stream.aclose()  # type: ignore[attr-defined]


# --- the REST API ------------------------------------------------------------------------------------------


@each("headers", [{}, {"Authorization": "Basic !"}, {"Authorization": "Bearer x"},
                                     {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, "wrong")}])  # fmt: skip
@each(("method", "path"), [("POST", MESSAGES), ("GET", MESSAGES)])
async def test_every_route_asks_for_the_login(
    texting: Texting, method: str, path: str, headers: dict[str, str]
) -> None:
    status, answer = await call(texting, method, path, headers)
    assert (status, answer["code"], texting.simulator.messages) == (401, 20003, [])


async def test_another_account_is_not_found(texting: Texting) -> None:
    status, _ = await call(texting, "POST", "/2010-04-01/Accounts/AC9/Messages.json", data=CREATE)
    assert status == 404


async def test_a_created_message_looks_as_at_twilio(texting: Texting) -> None:
    status, answer = await call(texting, "POST", MESSAGES, data=CREATE)
    assert status == 201
    assert answer["sid"].startswith("SM")
    assert {name: answer[name] for name in ("to", "from", "body", "direction", "num_segments", "error_code")} == {
        "to": CUSTOMER, "from": OURS, "body": "Hello", "direction": "outbound-api", "num_segments": "1",
        "error_code": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [({"To": ""}, 21604), ({"From": ""}, 21603), ({"Body": ""}, 21602), ({"Body": "a" * 1601}, 21617)],
)
async def test_a_wrong_create_is_refused_as_at_twilio(texting: Texting, change: dict[str, str], code: int) -> None:
    status, answer = await call(texting, "POST", MESSAGES, data=CREATE | change)
    assert (status, answer["code"]) == (400, code)


async def test_a_fault_happens_once(texting: Texting) -> None:
    texting.simulator.faults.append(Fault(429, 20429))
    statuses = [(await call(texting, "POST", MESSAGES, data=CREATE))[0] for _ in range(2)]
    assert statuses == [429, 201]


@pytest.mark.parametrize(("created", "messages"), [(False, 0), (True, 1)])
async def test_a_fault_says_whether_the_message_exists(texting: Texting, created: bool, messages: int) -> None:
    texting.simulator.faults.append(Fault(500, created=created))
    await call(texting, "POST", MESSAGES, data=CREATE)
    assert len(texting.simulator.messages) == messages


async def test_statuses_are_called_back_in_order() -> None:
    async with open_texting(statuses=("queued", "sent", "undelivered")) as texting:
        callback = "https://gateway.example/sms/status?reply=r1"
        await call(texting, "POST", MESSAGES, data=CREATE | {"StatusCallback": callback})
        await texting.simulator.settle()
        assert [row[2] for row in texting.desk.statuses] == [
            ReplyStatus.SENT,
            ReplyStatus.SENT,
            ReplyStatus.UNDELIVERED,
        ]


@each("callback", ["https://elsewhere.example/sms/status?reply=r1", "https://gateway.example.evil/x"])
async def test_no_other_host_is_ever_called(texting: Texting, callback: str) -> None:
    await call(texting, "POST", MESSAGES, data=CREATE | {"StatusCallback": callback})
    await texting.simulator.settle()
    assert texting.desk.statuses == []


ROWS = [
    SimMessage("SM1", "outbound-api", OURS, CUSTOMER, "a", 86_400.0, statuses=["queued", "sent"]),
    SimMessage("SM2", "outbound-api", OURS, CUSTOMER, "b", 2 * 86_400.0, statuses=["queued"]),
    SimMessage("SM3", "inbound", CUSTOMER, OURS, "c", 3 * 86_400.0),
]


@each(
    ("query", "sids"),
    [({}, ["SM3", "SM2", "SM1"]), ({"To": CUSTOMER}, ["SM2", "SM1"]), ({"From": CUSTOMER}, ["SM3"]),
     ({"DateSent": "1970-01-02"}, ["SM1"]), ({"DateSent>": "1970-01-03"}, ["SM3"]),
     ({"DateSent<": "1970-01-03"}, ["SM1"]), ({"PageSize": "1", "Page": "1"}, ["SM2"])],
)  # fmt: skip
def test_the_list_is_filtered_as_at_twilio(query: dict[str, str], sids: list[str]) -> None:
    assert [row["sid"] for row in listing(ROWS, query, ACCOUNT, MESSAGES)["messages"]] == sids


def test_the_last_page_has_no_next() -> None:
    pages = [listing(ROWS, {"PageSize": "2", "Page": page}, ACCOUNT, MESSAGES)["next_page_uri"] for page in "01"]
    assert [bool(page) for page in pages] == [True, False]


def test_texts_are_read_out_of_twiml() -> None:
    assert twiml_messages("<Response><Message>I&apos;m</Message><Message to='x'>a</Message></Response>") == ["I'm", "a"]


@each("header", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "CF-Connecting-IP"])
async def test_a_forwarded_request_finds_nothing(header: str) -> None:
    simulator = TwilioSimulator(account_sid="AC1", auth_token="t", gateway_url="http://127.0.0.1:9")
    login, path = {"Authorization": aiohttp.encode_basic_auth("AC1", "t")}, "/2010-04-01/Accounts/AC1/Messages.json"
    async with simulator, serve(Starlette(routes=list(simulator.routes()))) as url, aiohttp.ClientSession() as session:
        async with session.get(url + path, headers=login) as response:
            assert response.status == 200
        async with session.get(url + path, headers=login | {header: "x"}) as response:
            assert response.status == 404
        strange = login | {"Host": "evil.example"}
        async with session.get(url + path, headers=strange) as response:
            assert response.status == 404
