"""Customers of a CRM, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tandem.errors import IdentityError, IdentityRefused, IdentityUnavailable, IdentityUnreadable
from tandem.identity.base import Resolution
from tandem.identity.crm import CrmResolver, open_crm
from tandem.model import Address

from ...kit.crm_server import KEY, CrmServer
from ...kit.faults import Trouble
from ...kit.serving import free_port, serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("I5")

NUMBER = "+14155550100"
CALLER = Address("tel", NUMBER)


@asynccontextmanager
async def crm(server: CrmServer, *, key: str = KEY) -> AsyncIterator[CrmResolver]:
    async with serve(server.app) as url, open_crm(f"{url}/api", key, region="US") as resolver:
        yield resolver


async def look_up(record: dict[str, Any] | None, **metadata: str) -> Resolution:
    server = CrmServer()
    if record is not None:
        server.by["phone"][NUMBER] = record
    async with crm(server) as resolver:
        return await resolver.resolve(CALLER, session="SM1", metadata=metadata)


@each(
    ("record", "subject"),
    [
        ({"profileId": "P1", "customerId": "C1", "id": "I1"}, "crm_P1"),
        ({"customerId": "C1", "id": "I1"}, "crm_C1"),
        ({"id": "I1"}, "crm_I1"),
        ({"id": 4711}, "crm_4711"),
        ({"profileId": "null", "customerId": "C1"}, "crm_C1"),
        (None, "phone_14155550100"),
    ],
)
async def test_the_first_id_that_is_there_names_the_subject(record: dict[str, Any] | None, subject: str) -> None:
    assert (await look_up(record)).subject == subject


async def test_everything_else_is_a_fact_and_the_number_s_lane_is_theirs() -> None:
    found = await look_up({"id": "I1", "name": "Ada", "tier": "gold"})
    assert found.facts == {"name": "Ada", "tier": "gold"}
    assert (found.phone, found.earlier) == (NUMBER, ("phone_14155550100",))


@each("record", [{}, {"id": ""}, {"id": None}, {"id": "0"}, {"id": True}, {"id": "undefined"}])
async def test_an_id_that_would_make_one_of_many_is_garbage(record: dict[str, Any]) -> None:
    with pytest.raises(IdentityUnreadable):
        await look_up(record)


async def test_more_than_the_number_is_asked_when_more_is_known() -> None:
    server = CrmServer()
    server.by["userId"]["u7"] = {"id": "I7"}
    async with crm(server) as resolver:
        metadata = {"userId": "u7", "email": "ada@example.com", "campaign": "spring"}
        found = await resolver.resolve(CALLER, session="SM1", metadata=metadata)
    assert server.questions == [{"phone": NUMBER, "userId": "u7", "email": "ada@example.com"}]
    assert found.subject == "crm_I7"


@each(
    ("record", "earlier"),
    [
        ({"id": "I7"}, ()),
        ({"id": "I7", "phone": "+14155550199"}, ()),
        ({"id": "I7", "phone": "(415) 555-0100"}, ("phone_14155550100",)),
        ({"id": "I7", "phones": ["+14155550199", NUMBER]}, ("phone_14155550100",)),
    ],
)
async def test_whoever_uses_another_s_telephone_does_not_get_its_lane(
    record: dict[str, Any], earlier: tuple[str, ...]
) -> None:
    server = CrmServer()
    server.by["userId"]["u7"] = record
    async with crm(server) as resolver:
        found = await resolver.resolve(CALLER, session="SM1", metadata={"userId": "u7"})
    assert (found.subject, found.earlier) == ("crm_I7", earlier)


@each(
    ("numbers", "earlier"),
    [
        ({"phone": "+14155550199"}, ()),
        ({"phone": "+14155550199", "mobile": "415-555-0100"}, ("phone_14155550100",)),
        ({"phone": "call me"}, ("phone_14155550100",)),
        ({"phones": []}, ("phone_14155550100",)),
    ],
)
async def test_an_answer_about_another_number_joins_nobody(numbers: dict[str, Any], earlier: tuple[str, ...]) -> None:
    """Joining cannot be undone, so a record that names other numbers only is not enough for it."""
    assert (await look_up({"id": "I1", **numbers})).earlier == earlier


async def test_a_withheld_number_is_not_asked_about() -> None:
    server = CrmServer()
    async with crm(server) as resolver:
        found = await resolver.resolve(Address("tel", "anonymous"), session="CA1")
    assert (found.subject, server.asked) == ("withheld_CA1", [])


@each(
    ("trouble", "error"),
    [
        (Trouble.FAILING, IdentityUnavailable),
        (Trouble.THROTTLED, IdentityUnavailable),
        (Trouble.GARBAGE, IdentityUnreadable),
        (Trouble.NOT_AN_OBJECT, IdentityUnreadable),
        (Trouble.NO_ID, IdentityUnreadable),
    ],
)
async def test_each_trouble_has_its_error(trouble: Trouble, error: type[IdentityError]) -> None:
    async with crm(CrmServer(trouble=trouble)) as resolver:
        with pytest.raises(error):
            await resolver.resolve(CALLER, session="SM1")


async def test_throttling_says_how_long() -> None:
    async with crm(CrmServer(trouble=Trouble.THROTTLED, retry_after="7")) as resolver:
        with pytest.raises(IdentityUnavailable) as caught:
            await resolver.resolve(CALLER, session="SM1")
    assert caught.value.retry_in == 7


@asynccontextmanager
async def answering(response: Response) -> AsyncIterator[CrmResolver]:
    async def answer(request: Request) -> Response:
        return response

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    async with serve(app) as url, open_crm(url, KEY, region="US") as resolver:
        yield resolver


@each(
    ("response", "error"),
    [
        (JSONResponse({"id": "I1", "notes": "x" * 300_000}), IdentityUnreadable),
        (JSONResponse({"id": "I1"}, 302, {"Location": "https://elsewhere.example"}), IdentityRefused),
        (JSONResponse({}, 400), IdentityRefused),
        (Response(b'{"id": NaN}', media_type="application/json"), IdentityUnreadable),
        (Response(b"[" * 100_000, media_type="application/json"), IdentityUnreadable),
        (Response(b"", 204), IdentityUnreadable),
    ],
)
async def test_hostile_answers_are_neither_followed_nor_believed(
    response: Response, error: type[IdentityError]
) -> None:
    async with answering(response) as resolver:
        with pytest.raises(error):
            await resolver.resolve(CALLER, session="SM1")


async def test_a_large_answer_is_read_to_its_end() -> None:
    async with answering(JSONResponse({"notes": "x" * 200_000, "id": "I1"})) as resolver:
        assert (await resolver.resolve(CALLER, session="SM1")).subject == "crm_I1"


async def test_a_wrong_key_is_refused() -> None:
    async with crm(CrmServer(), key="another") as resolver:
        with pytest.raises(IdentityRefused, match="401"):
            await resolver.resolve(CALLER, session="SM1")


async def test_nobody_there_is_unavailable() -> None:
    async with open_crm(f"http://127.0.0.1:{free_port()}", KEY, region="US") as resolver:
        with pytest.raises(IdentityUnavailable):
            await resolver.resolve(CALLER, session="SM1")
