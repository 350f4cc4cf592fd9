"""Customers of a Segment space, over real HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tandem.errors import IdentityError, IdentityRefused, IdentityUnavailable, IdentityUnreadable
from tandem.identity.base import Resolution
from tandem.identity.segment import ADDRESSES, SegmentResolver, open_segment
from tandem.model import Address

from ...kit.faults import Trouble
from ...kit.segment_server import SPACE, TOKEN, Person, SegmentServer
from ...kit.serving import serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("I6")

NUMBER = "+14155550100"
CALLER = Address("tel", NUMBER)
PHONE = "phone_14155550100"
ADA = Person({"first_name": "Ada"}, (("phone", NUMBER), ("user_id", "ada"), ("anonymous_id", "web-1")))
BOB = Person({"first_name": "Bob"}, (("email", "bob@example.com"), ("user_id", "bob")))
EVE = Person({"first_name": "Eve"}, (("user_id", "eve"),))


@asynccontextmanager
async def segment(server: SegmentServer, *, token: str = TOKEN, space: str = SPACE) -> AsyncIterator[SegmentResolver]:
    async with serve(server.app) as url, open_segment(url, token, space, region="US") as resolver:
        yield resolver


async def look_up(*people: Person, address: Address = CALLER, session: str = "SM1", **metadata: str) -> Resolution:
    async with segment(SegmentServer(people=list(people))) as resolver:
        return await resolver.resolve(address, session=session, metadata=metadata)


async def test_a_number_finds_a_profile_with_its_traits() -> None:
    found = await look_up(ADA)
    assert (found.subject, found.phone, found.facts) == ("segment_user_ada", NUMBER, {"first_name": "Ada"})


async def test_user_id_comes_before_e_mail_and_that_before_the_number() -> None:
    everybody = (ADA, BOB, EVE)
    assert (await look_up(*everybody, userId="eve", email="bob@example.com")).subject == "segment_user_eve"
    assert (await look_up(*everybody, userId="nobody", email="bob@example.com")).subject == "segment_user_bob"
    assert (await look_up(*everybody, userId="nobody", email="no@example.com")).subject == "segment_user_ada"


async def test_values_are_escaped_and_both_halves_asked_for_with_the_token() -> None:
    server = SegmentServer(people=[ADA])
    async with segment(server) as resolver:
        await resolver.resolve(CALLER, session="SM1", metadata={"userId": "a/b?c=d&e#f%2F"})
    assert {what for what, _ in server.asked} == {
        f"{who}/{part}" for who in ("user_id:a/b?c=d&e#f%2F", f"phone:{NUMBER}") for part in ("traits", "external_ids")
    }


@each("missing", ["null", "undefined", "0", ""])
async def test_a_user_id_that_is_none_is_not_asked_about(missing: str) -> None:
    server = SegmentServer(people=[ADA])
    async with segment(server) as resolver:
        await resolver.resolve(CALLER, session="SM1", metadata={"userId": missing})
    assert all(what.startswith("phone:") for what, _ in server.asked)


async def test_the_oldest_of_several_user_ids_stays_the_subject() -> None:
    person = Person({}, (("phone", NUMBER), ("user_id", "first"), ("user_id", "second")))
    assert (await look_up(person)).subject == "segment_user_first"


async def test_nobody_known_is_a_hash_of_the_number_whatever_the_channel() -> None:
    found = await look_up()
    assert re.fullmatch("segment_[0-9a-f]{32}", found.subject)
    assert found.subject == (await look_up(address=Address("whatsapp", NUMBER))).subject
    assert found.subject != (await look_up(address=Address("tel", "+14155550101"))).subject
    assert found.earlier == (PHONE,)
    assert "4155550100" not in found.subject


async def test_a_withheld_number_is_random_for_each_call_and_not_asked_about() -> None:
    server = SegmentServer()
    async with segment(server) as resolver:
        calls = [await resolver.resolve(Address("tel", "anonymous"), session=call) for call in ("CA1", "CA2", "CA1")]
    assert calls[0] == calls[2]
    assert calls[0].subject != calls[1].subject
    assert re.fullmatch("segment_[0-9a-f]{32}", calls[0].subject)
    assert calls[0].earlier == ()
    assert server.asked == []


async def test_an_anonymous_id_that_came_along_names_somebody_unknown() -> None:
    found = await look_up(anonymousId="web-9")
    assert (found.subject, found.earlier) == ("segment_web-9", ())


@each("taken", ["user_ada", "a" * 32, "-x"])
async def test_an_anonymous_id_cannot_be_somebody_else(taken: str) -> None:
    found = await look_up(ADA, address=Address("tel", "+14155550177"), anonymousId=taken)
    assert re.fullmatch("segment_-[0-9a-f]{64}", found.subject)


async def test_a_known_person_s_earlier_lanes_are_their_number_s_and_their_anonymous_ones() -> None:
    unknown = (await look_up()).subject
    assert (await look_up(ADA)).earlier == (PHONE, unknown, "segment_web-1")
    assert (await look_up(ADA, anonymousId="web-9")).earlier == (PHONE, unknown, "segment_web-9", "segment_web-1")


async def test_whoever_uses_another_s_telephone_does_not_get_its_lane() -> None:
    assert (await look_up(EVE, userId="eve")).earlier == ()
    owner = Person({"phone": "(415) 555-0100"}, (("user_id", "eve"),))
    assert PHONE in (await look_up(owner, userId="eve")).earlier


async def test_a_profile_without_user_id_keeps_its_traits_under_the_number() -> None:
    found = await look_up(Person({"tier": "gold"}, (("phone", NUMBER),)))
    assert re.fullmatch("segment_[0-9a-f]{32}", found.subject)
    assert found.facts == {"tier": "gold"}


@each(
    ("trouble", "error"),
    [
        (Trouble.FAILING, IdentityUnavailable),
        (Trouble.THROTTLED, IdentityUnavailable),
        (Trouble.GARBAGE, IdentityUnreadable),
        (Trouble.NOT_AN_OBJECT, IdentityUnreadable),
    ],
)
async def test_each_trouble_has_its_error(trouble: Trouble, error: type[IdentityError]) -> None:
    async with segment(SegmentServer(people=[ADA], trouble=trouble)) as resolver:
        with pytest.raises(error):
            await resolver.resolve(CALLER, session="SM1")


async def test_an_id_that_is_none_makes_nobody_of_everybody() -> None:
    async with segment(SegmentServer(people=[ADA], trouble=Trouble.NO_ID)) as resolver:
        assert re.fullmatch("segment_[0-9a-f]{32}", (await resolver.resolve(CALLER, session="SM1")).subject)


async def test_a_wrong_token_is_refused() -> None:
    async with segment(SegmentServer(people=[ADA]), token="another") as resolver:
        with pytest.raises(IdentityRefused, match="401"):
            await resolver.resolve(CALLER, session="SM1")


async def test_an_answer_that_never_ends_is_given_up_by_whoever_waits() -> None:
    async with segment(SegmentServer(people=[ADA], trouble=Trouble.HALF_OPEN)) as resolver:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolver.resolve(CALLER, session="SM1")


@each("body", [{"traits": ["x"]}, {"cursor": {}}])
async def test_an_answer_of_another_shape_is_unreadable(body: dict[str, Any]) -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def answer(request: Any) -> JSONResponse:
        return JSONResponse(body)

    app = Starlette(routes=[Route("/{path:path}", answer)])
    async with serve(app) as url, open_segment(url, TOKEN, SPACE, region="US") as resolver:
        with pytest.raises(IdentityUnreadable):
            await resolver.resolve(CALLER, session="SM1")


def test_both_regions_have_an_address() -> None:
    assert ADDRESSES == {"us": "https://profiles.segment.com", "eu": "https://profiles.euw1.segment.com"}
