"""What every adapter for text promises, whoever the provider is.

An adapter joins by a row in ``OPENERS``: a context manager that yields what :class:`~tests.kit.texting.Texting` is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tandem.errors import (
    BadSignature,
    DeliveryRefused,
    DeliveryThrottled,
    DeliveryUnclear,
    MalformedRequest,
    NotAuthorised,
    RequestRejected,
    StoreUnavailable,
    TandemError,
)
from tandem.model import Address, Channel, Reply, Route
from tandem.simulator.wire import Fault
from tandem.web.status import STATUS_CODES, status_code

from ..kit.canaries import found
from ..kit.texting import CUSTOMER, OLD_TOKEN, OURS, TOKEN, Texting, open_texting

pytestmark = pytest.mark.promise("S1", "S7", "S8", "S9", "E3")

OPENERS = {"twilio": open_texting}
SECRETS = (TOKEN, OLD_TOKEN, CUSTOMER, CUSTOMER[1:], "my words", "an answer")


@pytest.fixture(params=OPENERS.values(), ids=OPENERS.keys())
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Texting]:
    async with request.param() as opened:
        yield opened


def reply(text: str = "an answer") -> Reply:
    return Reply("rpl_1", Route(Channel.SMS, Address("tel", CUSTOMER), Address("tel", OURS)), text, 1, 0.0)


async def test_a_message_is_stored_before_it_is_acknowledged(adapter: Texting) -> None:
    (answer,) = await adapter.simulator.text(CUSTOMER, "my words", to=OURS)
    assert (answer.status, len(adapter.desk.entries)) == (200, 1)


async def test_a_message_that_comes_twice_has_one_key(adapter: Texting) -> None:
    await adapter.simulator.text(CUSTOMER, "my words", to=OURS, deliveries=3)
    assert len({entry.key for _, entry in adapter.desk.entries}) == 1


async def test_without_a_store_nothing_is_acknowledged(adapter: Texting) -> None:
    adapter.desk.down = True
    (answer,) = await adapter.simulator.text(CUSTOMER, "my words", to=OURS)
    assert answer.status == 503


async def test_the_way_back_is_the_way_in(adapter: Texting) -> None:
    await adapter.simulator.text(CUSTOMER, "my words", to=OURS)
    route = adapter.desk.entries[0][1].body.route
    assert (str(route.customer), str(route.ours)) == (CUSTOMER, OURS)


async def test_every_part_of_an_answer_is_taken(adapter: Texting) -> None:
    parts = adapter.sender.compose("A sentence that says something. " * 150)
    for part in parts:
        await adapter.sender.send(reply(part))
    assert [message.body for message in adapter.simulator.sent_to(CUSTOMER)] == list(parts)


async def test_a_lost_answer_is_found_again(adapter: Texting) -> None:
    adapter.simulator.faults.append(Fault(500, created=True))
    with pytest.raises(DeliveryUnclear):
        await adapter.sender.send(reply())
    assert await adapter.sender.find(reply(), known=frozenset()) == adapter.simulator.messages[0].sid


async def test_only_messages_to_the_customer_are_found(adapter: Texting) -> None:
    await adapter.simulator.text(CUSTOMER, "an answer", to=OURS)
    assert await adapter.sender.find(reply(), known=frozenset()) is None


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault(429, 20429), DeliveryThrottled), (Fault(400, 21610), DeliveryRefused)]
)
async def test_what_was_not_created_is_told_apart(adapter: Texting, fault: Fault, kind: type[TandemError]) -> None:
    adapter.simulator.faults.append(fault)
    with pytest.raises(kind):
        await adapter.sender.send(reply())


async def test_no_secret_and_no_customer_is_logged(adapter: Texting) -> None:
    adapter.simulator.faults.append(Fault(400, 21610))
    with capture_logs() as lines:
        await adapter.simulator.text(CUSTOMER, "my words", to=OURS)
        await adapter.simulator.post("/sms", {"From": CUSTOMER, "Body": "my words"}, signature="forged")
        with pytest.raises(DeliveryRefused):
            await adapter.sender.send(reply())
    assert found(SECRETS, repr(lines)) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(BadSignature(), 403), (MalformedRequest(), 400), (NotAuthorised(), 401), (RequestRejected(), 400),
     (StoreUnavailable(), 503), (TandemError(), 500), (DeliveryUnclear(), 502)],
)  # fmt: skip
def test_every_error_has_its_status(error: TandemError, code: int) -> None:
    assert status_code(error) == code


def test_every_status_is_one_that_http_knows() -> None:
    assert all(400 <= code <= 599 for code in STATUS_CODES.values())
