"""Sign-in through a company's OpenID Connect provider: code flow with PKCE, state and nonce.

Between the two requests of a sign-in the gateway keeps nothing: what the answer must match travels in a signed cookie
of the browser, so any replica can go on. Names and scopes of colleagues come from the provider's ID token.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
import jwt
import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ..persistence.base import LaneStore
from ..web.http_client import HttpClient, HttpTrouble, open_http
from .auth import StaffTokens
from .scopes import Scope, Scopes

log = structlog.get_logger(__name__)

FLOW_COOKIE: Final = "tandem_sign_in"
FLOW_SECONDS: Final = 600
"""How long a colleague may take at the provider."""
KNOWN_SECONDS: Final = 3600.0
"""How long the provider's addresses are not asked for again; its keys are, at each sign-in."""
LEEWAY: Final = 60.0
"""Seconds that the provider's clock may differ from ours."""
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key; one that the client's own secret makes would let every holder of it be everybody."""
PATIENCE_SECONDS: Final = 10.0
"""How long the provider may take for an answer."""
LONGEST_NAME: Final = 100
_RESERVED: Final = frozenset({"agent", "clock"})
"""What the gateway calls itself where it says who did something."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, this gateway's registration there, and which value of a claim gives which scopes."""

    issuer: str
    client_id: str
    client_secret: str
    scopes: Mapping[str, Scopes]
    scopes_claim: str
    name_claim: str


class SignInRefused(Exception):
    """A sign-in that did not succeed; ``reason`` is flow, provider, token, scopes or name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OidcClient:
    """Asks a provider: for its addresses, for the token that a code stands for, for the keys that signed it."""

    def __init__(self, provider: Provider, http: HttpClient, *, clock: Callable[[], float] = time.time) -> None:
        self._provider = provider
        self._http = http
        self._clock = clock
        self._addresses: Mapping[str, Any] = {}
        self._until = 0.0

    async def sign_in_address(self, redirect: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser signs in. Raises SignInRefused when the provider does not answer."""
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str((await self._discover())["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    async def claims(self, code: str, redirect: str, *, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Return what the provider says of a colleague who comes back with a code. Raises SignInRefused."""
        addresses = await self._discover()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        login: dict[str, Any] = {
            "headers": {"Authorization": aiohttp.encode_basic_auth(*map(_quoted, self._credentials))}
        }
        if "client_secret_basic" not in addresses.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            login = {}
            form |= dict(zip(("client_id", "client_secret"), self._credentials, strict=True))
        told = await self._ask("POST", str(addresses["token_endpoint"]), data=form, **login)
        keys = await self._ask("GET", str(addresses["jwks_uri"]))
        try:
            return self._read(str(told.get("id_token", "")), keys, nonce)
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            log.warning("sign_in_token_refused", error=type(error).__name__)
            raise SignInRefused("token") from error

    @property
    def _credentials(self) -> tuple[str, str]:
        return self._provider.client_id, self._provider.client_secret

    def _read(self, token: str, keys: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Return the claims of an ID token (OpenID Connect Core, 3.1.3.7). Raises PyJWTError, KeyError, ValueError."""
        named = jwt.get_unverified_header(token).get("kid")
        known = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if named in (None, key.key_id)]
        if len(known) != 1:
            raise ValueError("key")
        claims: dict[str, Any] = jwt.decode(
            token,
            known[0].key,
            algorithms=list(ALGORITHMS),
            audience=self._provider.client_id,
            issuer=str(self._addresses["issuer"]),
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise ValueError("nonce")
        if claims.get("azp", self._provider.client_id) != self._provider.client_id:
            raise ValueError("azp")
        return claims

    async def _discover(self) -> Mapping[str, Any]:
        if self._clock() >= self._until:
            found = await self._ask("GET", f"{self._provider.issuer}/.well-known/openid-configuration")
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            same = str(found.get("issuer")).rstrip("/") == self._provider.issuer
            if not (same and all(name in found for name in wanted)):
                raise SignInRefused("provider")
            self._addresses, self._until = found, self._clock() + KNOWN_SECONDS
        return self._addresses

    async def _ask(self, method: str, address: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer = await self._http.ask(method, address, **request)
        except HttpTrouble as trouble:
            log.warning("sign_in_provider_silent", error=str(trouble))
            raise SignInRefused("provider") from trouble
        if answer.status != 200:
            log.warning("sign_in_provider_refused", status=answer.status)
            raise SignInRefused("provider")
        return answer.json_object()


class SingleSignOn:
    """Serves the two ends of a sign-in. ``public`` is the gateway's address, as the provider knows it."""

    def __init__(
        self,
        provider: Provider,
        http: HttpClient,
        tokens: StaffTokens,
        store: LaneStore,
        *,
        public: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._client = OidcClient(provider, http, clock=clock)
        self._tokens = tokens
        self._store = store
        self._public = public
        self._redirect = f"{public}/staff/sso/callback"
        self._clock = clock
        self._key = sha256(b"tandem sign-in flow:" + provider.client_secret.encode()).digest()

    def routes(self) -> Sequence[BaseRoute]:
        """Name the routes that the app shall serve."""
        return [
            Route("/staff/sso", self._begin, methods=["GET"]),
            Route("/staff/sso/callback", self._end, methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        flow = {name: secrets.token_urlsafe(48) for name in ("state", "nonce", "verifier")}
        try:
            address = await self._client.sign_in_address(self._redirect, **flow)
        except SignInRefused as refused:
            return self._to_desk(f"#refused={refused.reason}")
        response = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
        sealed = jwt.encode({**flow, "exp": int(self._clock()) + FLOW_SECONDS}, self._key, "HS256")
        # Lax: the answer comes from the provider's page.
        self._tokens.put_cookie(response, FLOW_COOKIE, sealed, FLOW_SECONDS, same_site="lax")
        return response

    async def _end(self, request: Request) -> Response:
        try:
            session = await self._session(request)
        except SignInRefused as refused:
            log.warning("sign_in_refused", reason=refused.reason)
            response = self._to_desk(f"#refused={refused.reason}")
        else:
            response = self._to_desk()
            self._tokens.put_session(response, session)
        self._tokens.put_cookie(response, FLOW_COOKIE, "", 0, same_site="lax")
        return response

    async def _session(self, request: Request) -> str:
        """Return the session cookie of a colleague who comes back from the provider. Raises SignInRefused."""
        query = request.query_params
        try:
            sealed = request.cookies.get(FLOW_COOKIE, "")
            flow = jwt.decode(sealed, self._key, ["HS256"], options={"verify_exp": False, "require": ["exp"]})
        except (jwt.PyJWTError, ValueError) as error:
            raise SignInRefused("flow") from error
        same = hmac.compare_digest(query.get("state", "").encode(), str(flow.get("state")).encode())
        if not same or flow["exp"] < self._clock():
            raise SignInRefused("flow")
        if not query.get("code"):  # such as error=access_denied
            raise SignInRefused("provider")
        proof = {name: str(flow.get(name)) for name in ("nonce", "verifier")}
        claims = await self._client.claims(query["code"], self._redirect, **proof)
        name, scopes = colleague_of(claims, self._provider)
        identity = f"{self._provider.issuer} {claims['sub']}"
        if self._tokens.has_token(name) or not await self._store.note_colleague(name, identity=identity):
            raise SignInRefused("name")  # two people under one name would be one pair of eyes
        return self._tokens.sso_session(name, scopes)

    def _to_desk(self, behind: str = "") -> Response:
        return RedirectResponse(f"{self._public}/staff{behind}", 303, headers={"Cache-Control": "no-store"})


@asynccontextmanager
async def open_single_sign_on(
    provider: Provider | None, tokens: StaffTokens, store: LaneStore, *, public: str
) -> AsyncIterator[Sequence[BaseRoute]]:
    """Yield the routes of sign-in at a provider; none without one."""
    if provider is None:
        yield ()
        return
    async with open_http(seconds=PATIENCE_SECONDS) as http:
        yield SingleSignOn(provider, http, tokens, store, public=public).routes()


def colleague_of(claims: Mapping[str, Any], provider: Provider) -> tuple[str, Scopes]:
    """Return name and scopes of a colleague, from what the provider says of them. Raises SignInRefused."""
    values = claims.get(provider.scopes_claim)
    groups = [values] if isinstance(values, str) else values if isinstance(values, list) else []
    given = (provider.scopes.get(one, frozenset[Scope]()) for one in groups if isinstance(one, str))
    scopes = frozenset[Scope]().union(*given)
    if Scope.READ not in scopes:
        raise SignInRefused("scopes")
    names = (claims.get(claim) for claim in (provider.name_claim, "email", "sub"))
    name = next((name.strip() for name in names if isinstance(name, str) and name.strip()), "")
    if not name or not name.isprintable() or len(name) > LONGEST_NAME or name.casefold() in _RESERVED:
        raise SignInRefused("name")
    return name, scopes


def _quoted(text: str) -> str:
    """Return a user name or password as RFC 6749 wants it, which is encoded once more."""
    return quote(text, safe="")
