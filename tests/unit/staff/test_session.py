"""The staff page's session: who gets one, what it is worth, and when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tandem.errors import TandemError
from tandem.staff.auth import DEVELOPER, SECONDS, StaffTokens, seal, unseal
from tandem.staff.session import WITHIN, WRONG_TOKENS, StaffSession
from tandem.web.status import error_response

from ...kit.serving import serve
from ...kit.staffing import ANNA, BEN, Answered
from ...kit.tables import each

pytestmark = pytest.mark.promise("H10", "H11", "U1")

TOKENS = {"anna": ANNA, "ben": BEN}
PAGE = {"X-Tandem-Page": "1"}


@dataclass
class Door:
    """The session's routes, and one that staff write to."""

    url: str
    http: aiohttp.ClientSession
    now: list[float] = field(default_factory=lambda: [1000.0])

    async def ask(self, method: str, path: str = "/staff/session", **more: Any) -> Answered:
        headers = {"Origin": self.url, **PAGE, **more.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **more) as response:
            return Answered(response.status, await response.text(), dict(response.headers))

    async def sign_in(self, token: str = ANNA, **more: Any) -> Answered:
        return await self.ask("POST", json={"token": token}, **more)


@asynccontextmanager
async def open_door(
    tokens: dict[str, str] = TOKENS, public: str | None = None, *, made_token: bool = False
) -> AsyncIterator[Door]:
    now = [1000.0]
    staff = StaffTokens(tokens, public=public, clock=lambda: now[0])

    async def act(request: Request) -> Response:
        return JSONResponse({"actor": staff.actor(request)})

    routes = [*StaffSession(staff, made_token=made_token, clock=lambda: now[0]).routes()]
    routes += [Route("/act", act, methods=["GET", "POST"])]
    app = Starlette(routes=routes, exception_handlers={TandemError: error_response})
    jar = aiohttp.CookieJar(unsafe=True)
    async with serve(app) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Door(url, http, now)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


def cookie(answered: Answered) -> Any:
    (morsel,) = SimpleCookie(answered.headers["Set-Cookie"]).values()
    return morsel


@pytest.mark.parametrize(("token", "actor"), [(ANNA, "anna"), (BEN, "ben")])
async def test_signing_in_names_the_actor_of_later_acts(door: Door, token: str, actor: str) -> None:
    scopes = ["read", "reply", "approve", "administer", "tickets"]
    session = {"actor": actor, "colleagues": ["anna", "ben"], "scopes": scopes}
    assert (await door.sign_in(token)).body == session
    assert (await door.ask("GET")).body == session
    assert (await door.ask("POST", "/act", json={"actor": "mallory"})).body == {"actor": actor}


async def test_the_cookie_is_for_this_server_and_no_script(door: Door) -> None:
    made = cookie(await door.sign_in())
    assert (made.key, made["httponly"], made["samesite"], made["secure"]) == ("tandem_staff", True, "strict", "")
    assert int(made["max-age"]) == SECONDS
    assert ANNA not in made.value


async def test_over_https_the_cookie_is_secure_and_of_this_host_only() -> None:
    async with open_door(public="https://desk.example/tandem") as door:
        made = cookie(await door.sign_in(headers={"Origin": "https://desk.example"}))
    assert (made.key, made["secure"], made["path"]) == ("__Host-tandem_staff", True, "/")


async def test_signing_out_takes_the_cookie_back(door: Door) -> None:
    await door.sign_in()
    assert (await door.ask("DELETE")).status == 204
    assert (await door.ask("GET")).status == 401


async def test_a_session_ends_after_its_time(door: Door) -> None:
    await door.sign_in()
    door.now[0] += SECONDS - 1
    assert (await door.ask("GET")).status == 200
    door.now[0] += 1
    assert (await door.ask("GET")).status == 401


def test_every_replica_accepts_a_session_until_the_token_is_taken_away() -> None:
    made = StaffTokens(TOKENS, clock=lambda: 0.0).session("anna")
    request = Request({"type": "http", "method": "GET", "headers": [(b"cookie", f"tandem_staff={made}".encode())]})
    assert StaffTokens(TOKENS, clock=lambda: 1.0).actor(request) == "anna"
    for changed in ({"ben": BEN}, {"anna": "another-token-0123456789", "ben": BEN}):
        with pytest.raises(TandemError):
            StaffTokens(changed, clock=lambda: 1.0).actor(request)


SECRETS = {"anna": b"a" * 32, "ben": b"b" * 32}
GOOD = seal("anna", SECRETS["anna"], until=100)
HEADER, END, MAC = GOOD.split(".")
LATER = seal("anna", SECRETS["anna"], until=999).split(".")[1]


@each(
    "value",
    [
        "",
        ".",
        "..",
        GOOD[:-1],
        GOOD + "x",
        ".".join((HEADER, LATER, MAC)),
        ".".join((HEADER, END, LATER)),
        jwt.encode({"exp": 100}, None, "none", headers={"kid": "anna"}),
        jwt.encode({"exp": 100}, SECRETS["anna"], "HS256", headers={"kid": "anna"}),
        jwt.encode({"exp": 100}, SECRETS["anna"], "HS256"),
        seal("anna", SECRETS["ben"], until=100),
        seal("carl", b"c" * 32, until=100),
        seal("carl", b"nobody", until=100),
        "²." + GOOD.partition(".")[2],
        "x" * 5000,
        f"{HEADER}.%%%.x",
        f"{HEADER}." + "_" * 5 + ".x",
    ],
)
def test_a_cookie_that_is_not_ours_is_nobodys(value: str) -> None:
    assert unseal(GOOD, SECRETS, now=0) == ("anna", None)
    assert unseal(value, SECRETS, now=0) is None


@each(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_somebody_elses_cannot_act_with_the_cookie(door: Door, headers: dict[str, str]) -> None:
    await door.sign_in()
    answered = await door.ask("POST", "/act", headers=headers)
    assert (answered.status, answered.body["code"]) == (403, "cross_site_request")
    assert (await door.ask("DELETE", headers=headers)).status == 403


async def test_behind_https_a_plain_page_of_the_same_name_cannot_act() -> None:
    async with open_door(public="https://desk.example") as door:
        plain = await door.sign_in(headers={"Host": "desk.example", "Origin": "http://desk.example"})
        right = await door.sign_in(headers={"Host": "desk.example", "Origin": "https://desk.example"})
        local = await door.sign_in()
    assert (plain.status, right.status, local.status) == (403, 200, 200)


async def test_a_form_cannot_act_with_the_cookie(door: Door) -> None:
    await door.sign_in()
    async with door.http.post(door.url + "/act", headers={"Origin": door.url}, data={"a": "b"}) as response:
        assert response.status == 403


async def test_a_page_of_somebody_elses_cannot_sign_anybody_in(door: Door) -> None:
    answered = await door.sign_in(headers={"Origin": "https://elsewhere.example"})
    assert (answered.status, "Set-Cookie" in answered.headers) == (403, False)


async def test_a_bearer_token_needs_no_page(door: Door) -> None:
    async with door.http.post(door.url + "/act", headers={"Authorization": f"Bearer {BEN}"}) as response:
        assert await response.json() == {"actor": "ben"}


async def test_a_wrong_bearer_token_is_not_saved_by_a_cookie(door: Door) -> None:
    await door.sign_in()
    assert (await door.ask("GET", "/act", headers={"Authorization": "Bearer wrong"})).status == 401


async def test_wrong_tokens_are_slowed_down_and_lock_nobody_out(door: Door) -> None:
    for _ in range(WRONG_TOKENS):
        assert (await door.sign_in("wrong")).status == 401
    refused = await door.sign_in("wrong")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert (await door.sign_in()).status == 200
    door.now[0] += WITHIN
    assert (await door.sign_in("wrong")).status == 401


@each("body", [b"", b"[]", b"null", b"{}", b'{"token": 1}', b'{"token": "\\ud800"}', b"[" * 4000])
async def test_a_body_that_is_none_is_refused(door: Door, body: bytes) -> None:
    answered = await door.ask("POST", data=body, headers={"Content-Type": "application/json"})
    assert (answered.status, answered.body["code"]) == (400, "malformed_request")


@each("headers", [{"X-Forwarded-For": "1.2.3.4"}, {"Forwarded": "for=1.2.3.4"}])
async def test_the_token_that_a_server_made_itself_signs_in_on_its_machine_only(headers: dict[str, str]) -> None:
    async with open_door({DEVELOPER: ANNA}, made_token=True) as door:
        assert (await door.sign_in(headers=headers)).status == 401
        assert (await door.sign_in()).status == 200
