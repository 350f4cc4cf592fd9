"""A small OpenID Connect provider: discovery, code flow with PKCE, RS256 tokens. Everybody is signed in at once."""

from __future__ import annotations

import base64
import html
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .serving import serve

CLIENT, SECRET = "tandem-desk", "client-secret-0123456789:abcdef"


class OidcProvider:
    """Signs ``person`` in; ``shows_page``: when they press a link. ``faults`` change what a token says, which ``sign``
    makes of its claims.
    """

    def __init__(self) -> None:
        self.issuer = ""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.person: dict[str, Any] = {"sub": "1", "preferred_username": "anna", "groups": ["support"]}
        self.faults: dict[str, Any] = {}
        self.sign = self.signed
        self.refuses = False
        self.shows_page = False
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    def signed(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
        """Return an ID token."""
        return jwt.encode(claims, self.key if key is None else key, algorithm, headers={"kid": "one"})

    async def _discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        back = asked["redirect_uri"]
        if self.refuses:
            return RedirectResponse(f"{back}?error=access_denied&state={asked['state']}", 302)
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        there = f"{back}?code={code}&state={asked['state']}"
        if self.shows_page:
            return HTMLResponse(f'<a href="{html.escape(there)}">Continue as {self.person["preferred_username"]}</a>')
        return RedirectResponse(there, 302)

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            asked = self._codes.pop(str(form["code"]), None)
            digest = sha256(str(form["code_verifier"]).encode()).digest()
            proven = asked is not None and asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip(
                "="
            )
            same = asked is not None and asked["redirect_uri"] == form["redirect_uri"]
        login = aiohttp.BasicAuth.decode(request.headers["authorization"])
        if not (proven and same and (login.login, login.password) == (CLIENT, SECRET.replace(":", "%3A"))):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked and asked["nonce"]}
        token = self.sign({**claims, **self.person, **self.faults})
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": token})

    async def _keys(self, request: Request) -> Response:
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return JSONResponse({"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]})


@asynccontextmanager
async def oidc_provider() -> AsyncIterator[OidcProvider]:
    """Serve a provider on a free loopback port."""
    provider = OidcProvider()
    async with serve(provider.app) as provider.issuer:
        yield provider


def registered(
    provider: OidcProvider, scopes: str = "support:read+reply,leads:read+approve+administer"
) -> dict[str, str]:
    """Return the settings of a gateway that colleagues of this provider may use."""
    return {
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_SCOPES": scopes,
    }
