"""Staff authentication: a named token as ``Authorization: Bearer …``, or the page's session cookie."""

from __future__ import annotations

import hmac
import json
import shlex
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import jwt
from starlette.requests import Request

from ..errors import CrossSiteRequest, NotAuthorised, OutOfScope
from ..web.loopback import on_loopback
from .scopes import EVERY_SCOPE, Scope, Scopes

DEVELOPER = "developer"
"""The actor of the token that a development server makes for itself."""
TOKEN_FILE = "staff-token"  # noqa: S105
"""Where that token is kept, in the state folder."""
PAGE_HEADER = "x-tandem-page"
"""A page of another site cannot send it: browsers ask the server first, and are never allowed."""


ALL_FOR_ALL: Final[Mapping[str, Scopes]] = MappingProxyType({})


class StaffTokens:
    """The tokens of everybody at the desk, by name, and the scopes of those who may not do everything.

    ``public`` is the address that browsers know, if one is set.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        *,
        scopes: Mapping[str, Scopes] = ALL_FOR_ALL,
        public: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scopes = scopes
        self._digests = [(name, _digest(token.encode())) for name, token in tokens.items()]
        self._secrets = dict(self._digests)
        self._origin = _origin(public) if public else None
        self._clock = clock
        self.secure = self._origin is not None and self._origin.startswith("https:")
        """Whether browsers reach us over https."""

    def actor(self, request: Request, *scopes: Scope) -> str:
        """Return the name of the sender of a request, whose token covers one of ``scopes``, if any is given.

        A bearer token goes before a cookie. Raises NotAuthorised, OutOfScope, and CrossSiteRequest for a write with a
        cookie that does not come from a page of ours.
        """
        actor = self._sender(request)
        self.check_scope(actor, *scopes)
        return actor

    def check_scope(self, actor: str, *scopes: Scope) -> None:
        """Raise OutOfScope unless an actor's token covers one of these scopes."""
        if scopes and not self._scopes.get(actor, EVERY_SCOPE).intersection(scopes):
            raise OutOfScope(f"It needs the scope {' or '.join(scopes)}.")

    def _sender(self, request: Request) -> str:
        if "authorization" in request.headers:
            scheme, _, token = request.headers["authorization"].partition(" ")
            found = self.named(token.strip().encode("latin-1"))  # the bytes as they were sent
            if scheme.lower() != "bearer" or found is None:
                raise NotAuthorised
            return found
        found = unseal(request.cookies.get(self.cookie, ""), self._secrets, now=self._clock())
        if found is None:
            raise NotAuthorised
        if request.method not in ("GET", "HEAD"):
            self.check_page(request)
        return found

    def by_page(self, request: Request) -> bool:
        """Tell whether a page of ours sent a request, and no program with a token."""
        return "authorization" not in request.headers

    def named(self, token: bytes) -> str | None:
        """Return whose token it is, or None.

        How long it takes tells nothing about the tokens: digests of one length are compared, and always all of them.
        """
        given = _digest(token)
        found = [name for name, digest in self._digests if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    @property
    def colleagues(self) -> tuple[str, ...]:
        """The names of those who may read conversations; partner systems may not."""
        return tuple(name for name in self._secrets if Scope.READ in self._scopes.get(name, EVERY_SCOPE))

    def scopes_of(self, actor: str) -> list[Scope]:
        """Return what an actor may do, in the order in which scopes are listed."""
        own = self._scopes.get(actor, EVERY_SCOPE)
        return [scope for scope in Scope if scope in own]

    @property
    def cookie(self) -> str:
        """The name of the session cookie."""
        return cookie_name(self.secure)

    def session(self, actor: str) -> str:
        """Return a cookie's value for an actor; it ends by itself after ``SECONDS``, or with the actor's token."""
        return seal(actor, self._secrets[actor], until=self._clock() + SECONDS)

    def check_page(self, request: Request) -> None:
        """Raise CrossSiteRequest unless a page of ours sent the request, by its own header and by the browser's."""
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        ours = {self._origin, f"https://{host}"}
        if not self.secure or on_loopback(host):
            # Over https, a page of the same name without it may come from any machine on the way to the browser.
            ours.add(f"http://{host}")
        if PAGE_HEADER not in request.headers or origin not in ours:
            raise CrossSiteRequest
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise CrossSiteRequest


def ready_curls(address: str, token: str, approval_id: str = "next") -> tuple[str, str]:
    """Return two shell commands for a gateway at ``address``: list what waits, and approve the next request."""
    who = f"-H {shlex.quote(f'Authorization: Bearer {token}')}"
    url = shlex.quote(f"{address}/approvals")
    body = json.dumps({"decisions": [{"approvalId": approval_id, "approved": True}]}, ensure_ascii=False)
    return (
        f"curl -s {who} {url}",
        f"curl -s {who} -H 'Content-Type: application/json' -d {shlex.quote(body)} {url}",
    )


def _digest(token: bytes) -> bytes:
    return sha256(token).digest()


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


# --- the cookie of a session --------------------------------------------------------------------------------

NAME = "tandem_staff"
SECONDS = 12 * 3600
"""A working day; then one signs in again."""
_LONGEST = 4000
_ALGORITHM = "HS256"
_PURPOSE = b"tandem staff session 2"


def cookie_name(secure: bool) -> str:
    """Return the cookie's name; over https one that no other host and no plain page can set."""
    return f"__Host-{NAME}" if secure else NAME


def seal(actor: str, secret: bytes, *, until: float) -> str:
    """Return the cookie of an actor. ``secret`` is made of their token, so without the token it is worth nothing."""
    return jwt.encode({"exp": int(until)}, _key(secret), _ALGORITHM, headers={"kid": actor})


def unseal(value: str, secrets: Mapping[str, bytes], *, now: float) -> str | None:
    """Return whose cookie it is, or None when it is forged, expired, or of a name without a token."""
    if len(value) > _LONGEST:
        return None
    try:
        actor = jwt.get_unverified_header(value)["kid"]
        # An unknown name costs the same comparison. The end is compared here, by the caller's clock.
        key = _key(secrets.get(actor, b"nobody"))
        claims = jwt.decode(value, key, [_ALGORITHM], options={"verify_exp": False, "require": ["exp"]})
    except (jwt.InvalidTokenError, KeyError, ValueError, RecursionError):
        return None
    return actor if actor in secrets and now < claims["exp"] else None


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, "sha256")
