"""Sign-in through a company's OpenID Connect provider: a real one, on loopback, which can also lie."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.staff.scopes import Scope
from tandem.staff.single_sign_on import colleague_of
from tandem.wiring import sign_on_provider

from ..kit.colleague import JOHNS_ID, names, staffed
from ..kit.oidc_provider import SECRET, OidcProvider, oidc_provider, registered
from ..kit.serving import free_port
from ..kit.tables import each

pytestmark = pytest.mark.promise("D6a")


class Person:
    """A colleague with a browser, which keeps cookies and says where a page comes from."""

    def __init__(self, url: str) -> None:
        self.url = url
        page = {"X-Tandem-Page": "1", "Origin": url}
        self.session = aiohttp.ClientSession(headers=page, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Person:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def sign_in(self) -> str:
        """Return where the browser is sent in the end."""
        async with self.session.get(f"{self.url}/staff/sso") as answer:
            last = answer.history[-1]
            return last.headers["Location"].removeprefix(self.url)

    async def come_back(self, address: str) -> str:
        """Bring an answer of the provider; return where the browser is sent."""
        async with self.session.get(address, allow_redirects=False) as answer:
            return answer.headers["Location"].removeprefix(self.url)

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.url + path, **more) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def test_a_colleague_signs_in_works_under_their_name_and_has_their_groups_scopes(
    tmp_path: Path, place: dict[str, str]
) -> None:
    async with oidc_provider() as provider, staffed(tmp_path, **registered(provider), **place) as (it, mia):
        await it.ask("hello")
        async with Person(it.url) as anna:
            before = await anna.ask("GET", "/staff/session")
            landed = await anna.sign_in()
            session = await anna.ask("GET", "/staff/session")
            noted = await anna.ask("POST", f"/conversations/{JOHNS_ID}/notes", json={"text": "Ask @tom and @anna."})
            denied = await anna.ask("POST", "/approvals", json={"decisions": [{"approvalId": "x", "approved": True}]})
            given = await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": "anna"})
            shown = await mia.until(lambda one: "staff_note" in names(one))
            await anna.ask("DELETE", "/staff/session")
            after = await anna.ask("GET", "/staff/session")
        provider.person = {"sub": "2", "email": "lea@firm.example", "groups": ["leads", "other"]}
        async with Person(it.url) as lea:
            await lea.sign_in()
            second = await lea.ask("GET", "/staff/session")
    assert (before[0], before[1]["sso"]) == (401, True)
    assert landed == "/staff"
    assert session == (
        200, {"actor": "anna", "colleagues": ["mia", "tom", "anna"], "scopes": ["read", "reply"]},
    )  # fmt: skip
    assert (noted[0], noted[1]["mentions"], denied[0], after[0]) == (200, ["tom", "anna"], 403, 401)
    assert given["assignee"] == "anna"
    (note,) = [row for row in shown["timeline"] if row["name"] == "staff_note"]
    assert note["data"]["actor"] == "anna"
    assert (second[1]["actor"], second[1]["scopes"]) == ("lea@firm.example", ["read", "approve", "administer"])


Lie = Callable[[OidcProvider], None]


def says(**claims: Any) -> Lie:
    return lambda provider: provider.faults.update(claims)


def signs(key: Callable[[], Any], algorithm: str = "RS256") -> Lie:
    def lie(provider: OidcProvider) -> None:
        made = key()
        provider.sign = lambda claims: provider.signed(claims, made, algorithm)

    return lie


def refuses(provider: OidcProvider) -> None:
    provider.refuses = True


LIES: dict[str, tuple[Lie, str]] = {
    "another key": (signs(lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)), "token"),
    "our own secret as the key": (signs(lambda: SECRET.ljust(64, "x"), "HS256"), "token"),
    "no signature": (signs(lambda: "", "none"), "token"),
    "for another client": (says(aud="another"), "token"),
    "for several, by another": (says(aud=["tandem-desk", "another"], azp="another"), "token"),
    "of another issuer": (says(iss="https://other.example"), "token"),
    "expired": (says(exp=int(time.time()) - 3600), "token"),
    "another sign-in's": (says(nonce="captured"), "token"),
    "of nobody": (says(sub=None), "token"),
    "in no group": (says(groups=["visitors"]), "scopes"),
    "without groups": (says(groups=None), "scopes"),
    "in a group that may not read": (says(groups=["partners"]), "scopes"),
    "named as a token is": (says(preferred_username="tom"), "name"),
    "named as the gateway itself is": (says(preferred_username="agent"), "name"),
    "refused there": (refuses, "provider"),
}


async def test_whoever_the_provider_does_not_vouch_for_stays_outside(tmp_path: Path) -> None:
    told = {}
    scopes = "support:read+reply,partners:tickets"
    async with oidc_provider() as provider, staffed(tmp_path, **registered(provider, scopes)) as (it, _):
        honest = provider.sign
        for what, (lie, _reason) in LIES.items():
            provider.faults, provider.sign, provider.refuses = {}, honest, False
            lie(provider)
            async with Person(it.url) as person:
                told[what] = (await person.sign_in(), (await person.ask("GET", "/staff/session"))[0])
    assert told == {what: (f"/staff#refused={reason}", 401) for what, (_, reason) in LIES.items()}


async def test_a_provider_that_is_silent_or_calls_itself_otherwise_is_not_asked_who_it_is(tmp_path: Path) -> None:
    async with oidc_provider() as provider, staffed(tmp_path, **registered(provider)) as (it, _):
        provider.issuer += "/other"
        async with Person(it.url) as person:
            other = await person.sign_in()
    silent = registered(provider) | {"OIDC_ISSUER": f"http://127.0.0.1:{free_port()}"}
    async with staffed(tmp_path, **silent) as (it, _), Person(it.url) as person:
        nobody = await person.sign_in()
    assert (other, nobody) == ("/staff#refused=provider", "/staff#refused=provider")


async def begin(person: Person) -> str:
    """Go to the provider and return the address that it sends the browser back to."""
    async with person.session.get(f"{person.url}/staff/sso", allow_redirects=False) as begun:
        there = begun.headers["Location"]
    async with person.session.get(there, allow_redirects=False) as answer:
        return answer.headers["Location"]


async def test_an_answer_counts_once_and_in_the_browser_that_asked(tmp_path: Path) -> None:
    async with (
        oidc_provider() as provider,
        staffed(tmp_path, **registered(provider)) as (it, _),
        Person(it.url) as anna,
        Person(it.url) as thief,
    ):
        back = await begin(anna)
        landed = [await thief.come_back(back), await anna.come_back(back.replace("state=", "state=x"))]
        back = await begin(anna)
        landed += [await anna.come_back(back), await anna.come_back(back)]
    assert landed == ["/staff#refused=flow", "/staff#refused=flow", "/staff", "/staff#refused=flow"]


async def test_two_people_are_never_one_name(tmp_path: Path) -> None:
    async with oidc_provider() as provider, staffed(tmp_path, **registered(provider)) as (it, _):
        landed = []
        for subject in ("1", "2", "1"):
            provider.person["sub"] = subject
            async with Person(it.url) as person:
                landed.append(await person.sign_in())
    assert landed == ["/staff", "/staff#refused=name", "/staff"]


@each(
    ("claims", "name", "scopes"),
    [
        ({"roles": "support", "nickname": " Ann ", "preferred_username": "x"}, "Ann", {"read", "reply"}),
        ({"roles": ["leads", "support", 7], "email": "a@firm.example"}, "a@firm.example", {"read", "reply", "approve"}),
        ({"roles": ["support"], "sub": "4711"}, "4711", {"read", "reply"}),
    ],
)
def test_name_and_scopes_come_from_the_claims_that_the_settings_name(
    claims: dict[str, Any], name: str, scopes: set[str]
) -> None:
    env = {
        "OIDC_ISSUER": "https://id.example/realms/firm/",
        "OIDC_CLIENT_ID": "desk",
        "OIDC_CLIENT_SECRET": "secret",
        "OIDC_SCOPES": "support:read+reply, urn:leads:approve,leads:approve",
        "OIDC_SCOPES_CLAIM": "roles",
        "OIDC_NAME_CLAIM": "nickname",
    }
    provider = sign_on_provider(load_settings(env, env_file=None))
    assert provider is not None
    assert provider.issuer == "https://id.example/realms/firm"
    assert provider.scopes["urn:leads"] == {Scope.APPROVE}
    assert colleague_of(claims, provider) == (name, scopes)


def test_a_provider_is_set_whole_or_the_start_says_what_is_missing() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"OIDC_ISSUER": "https://id.example", "OIDC_SCOPES": "support:fly"}, env_file=None)
    assert raised.value.problems == (
        "OIDC_SCOPES must be value:scope+scope, several with commas, and a scope one of "
        "read, reply, approve, administer, tickets.",
        "OIDC_CLIENT_ID must be set with OIDC_ISSUER.",
        "OIDC_CLIENT_SECRET must be set with OIDC_ISSUER.",
    )
