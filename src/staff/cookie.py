"""The staff page's session cookie: a JWT (RFC 7519), never stored, so every replica accepts it. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

import jwt

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
    """Return whose cookie it is, or None when it is forged, expired, or of somebody without a token."""
    if len(value) > _LONGEST:
        return None
    try:
        actor = jwt.get_unverified_header(value)["kid"]
        # Somebody unknown costs the same comparison. The end is compared here, by the caller's clock.
        key = _key(secrets.get(actor, b"nobody"))
        claims = jwt.decode(value, key, [_ALGORITHM], options={"verify_exp": False, "require": ["exp"]})
    except (jwt.InvalidTokenError, KeyError, ValueError, RecursionError):
        return None
    return actor if actor in secrets and now < claims["exp"] else None


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, "sha256")
