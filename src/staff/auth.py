"""Staff authentication: a named token as ``Authorization: Bearer …``, or the page's session cookie.

The session is signed with a key made of the colleague's token, or of the provider's client secret after single sign-on.
"""

from __future__ import annotations

import hmac
import json
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import jwt
from starlette.requests import Request
from starlette.responses import Response

from ..errors import CrossSiteRequest, NotAuthorised, OutOfScope, StoreUnavailable
from ..web.loopback import on_loopback
from .scopes import EVERY_SCOPE, Scope, Scopes, read_scopes

DEVELOPER = "developer"
"""The actor of the token that a development server makes for itself."""
TOKEN_FILE = "staff-token"  # noqa: S105
"""Where that token is kept, in the state folder."""
PAGE_HEADER = "x-tandem-page"
"""A page of another site cannot send it: browsers ask the server first, and are never allowed."""


ALL_FOR_ALL: Final[Mapping[str, Scopes]] = MappingProxyType({})


async def no_others() -> Sequence[str]:
    """Return the colleagues without a token where everybody has one."""
    return ()


@dataclass(frozen=True, slots=True)
class Principal:
    """Colleague or system that sent a request, and what they may do."""

    actor: str
    scopes: Scopes

    def check(self, *scopes: Scope) -> None:
        """Raise OutOfScope unless they have one of these scopes, if any is given."""
        if scopes and not self.scopes.intersection(scopes):
            raise OutOfScope(f"It needs the scope {' or '.join(scopes)}.")


class StaffTokens:
    """The tokens of everybody at the desk, by name, and the scopes of those who may not do everything.

    ``public`` is the address that browsers know, if one is set. ``sso_secret`` signs the sessions of colleagues who
    have no token and came by single sign-on; ``others`` names them.
    """

    def __init__(
        self,
        tokens: Mapping[str, str],
        *,
        scopes: Mapping[str, Scopes] = ALL_FOR_ALL,
        public: str | None = None,
        sso_secret: str = "",
        others: Callable[[], Awaitable[Sequence[str]]] = no_others,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._scopes = scopes
        self._sso = _digest(b"single sign-on:" + sso_secret.encode()) if sso_secret else None
        self._others = others
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
        sender = self.sender(request)
        sender.check(*scopes)
        return sender.actor

    def holder(self, actor: str) -> Principal:
        """Return the colleague or system with a token of this name."""
        return Principal(actor, self._scopes.get(actor, EVERY_SCOPE))

    def sender(self, request: Request) -> Principal:
        """Return the sender of a request; see :meth:`actor`."""
        if "authorization" in request.headers:
            scheme, _, token = request.headers["authorization"].partition(" ")
            found = self.named(token.strip().encode("latin-1"))  # the bytes as they were sent
            if scheme.lower() != "bearer" or found is None:
                raise NotAuthorised
            return self.holder(found)
        session = unseal(request.cookies.get(self.cookie, ""), self._secrets, sso=self._sso, now=self._clock())
        if session is None:
            raise NotAuthorised
        if request.method not in ("GET", "HEAD"):
            self.check_page(request)
        actor, scopes = session
        return self.holder(actor) if scopes is None else Principal(actor, scopes)

    def named(self, token: bytes) -> str | None:
        """Return whose token it is, or None.

        How long it takes tells nothing about the tokens: digests of one length are compared, and always all of them.
        """
        given = _digest(token)
        found = [name for name, digest in self._digests if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    def has_token(self, name: str) -> bool:
        """Tell whether there is a token of this name, in whatever case."""
        return name.casefold() in map(str.casefold, self._secrets)

    async def colleagues(self) -> tuple[str, ...]:
        """Return the names of those who may read conversations; partner systems may not."""
        own = [name for name in self._secrets if Scope.READ in self.holder(name).scopes]
        others: Sequence[str] = ()
        with suppress(StoreUnavailable):  # they are named again with the conversations
            others = await self._others()
        return tuple(dict.fromkeys((*own, *others)))

    @property
    def cookie(self) -> str:
        """The name of the session cookie."""
        return cookie_name(self.secure)

    def put_session(self, response: Response, value: str) -> None:
        """Let a browser keep a session's cookie; an empty one takes it out."""
        self.put_cookie(response, self.cookie, value, SECONDS if value else 0, same_site="strict")

    def put_cookie(
        self, response: Response, name: str, value: str, seconds: int, *, same_site: Literal["lax", "strict"]
    ) -> None:
        """Let a browser keep a cookie that no script reads, for so long."""
        response.set_cookie(
            name, value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite=same_site
        )

    def session(self, actor: str) -> str:
        """Return a cookie's value for an actor; it ends by itself after ``SECONDS``, or with the actor's token."""
        return seal(actor, self._secrets[actor], until=self._clock() + SECONDS)

    def sso_session(self, actor: str, scopes: Scopes) -> str:
        """Return a cookie's value for a colleague whom the provider vouches for, and with these scopes."""
        return seal(actor, self._sso or b"", until=self._clock() + SECONDS, scopes=scopes)

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


def seal(actor: str, secret: bytes, *, until: float, scopes: Scopes | None = None) -> str:
    """Return the cookie of an actor. ``secret`` is made of their token, so without the token it is worth nothing.

    ``scopes`` are of a colleague who came by single sign-on, and has none by a token.
    """
    claims: dict[str, Any] = {"exp": int(until)}
    if scopes is None:
        return jwt.encode(claims, _key(secret), _ALGORITHM, headers={"kid": actor})
    claims["scopes"] = "+".join(sorted(scopes))
    return jwt.encode(claims, _key(secret), _ALGORITHM, headers={"kid": actor, "sso": True})


def unseal(
    value: str, secrets: Mapping[str, bytes], *, sso: bytes | None = None, now: float
) -> tuple[str, Scopes | None] | None:
    """Return whose cookie it is, and the scopes of one of single sign-on; None when it is forged, expired, or of a name
    without a token.
    """
    if len(value) > _LONGEST:
        return None
    try:
        header = jwt.get_unverified_header(value)
        actor, by_sso = header["kid"], header.get("sso") is True
        secret = sso if by_sso else secrets.get(actor)
        # An unknown name costs the same comparison. The end is compared here, by the caller's clock.
        key = _key(b"nobody" if secret is None else secret)
        claims = jwt.decode(value, key, [_ALGORITHM], options={"verify_exp": False, "require": ["exp"]})
        scopes = read_scopes(claims["scopes"]) if by_sso else None
    except (jwt.InvalidTokenError, KeyError, ValueError, RecursionError):
        return None
    return (actor, scopes) if secret is not None and now < claims["exp"] else None


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, "sha256")
