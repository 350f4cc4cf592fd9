"""The staff page's session cookie: signed, never stored, so every replica accepts it. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

NAME = "tandem_staff"
SECONDS = 12 * 3600
"""A working day; then one signs in again."""
_LONGEST = 1024
_PURPOSE = b"tandem staff session 1"


def cookie_name(secure: bool) -> str:
    """Return the cookie's name; over https one that no other host and no plain page can set."""
    return f"__Host-{NAME}" if secure else NAME


def seal(actor: str, secret: bytes, *, until: float) -> str:
    """Return the cookie of an actor. ``secret`` is made of their token, so without the token it is worth nothing."""
    body = f"{int(until)}.{_encode(actor.encode())}"
    return f"{body}.{_mac(body, secret)}"


def unseal(value: str, secrets: Mapping[str, bytes], *, now: float) -> str | None:
    """Return whose cookie it is, or None when it is forged, expired, or of somebody without a token."""
    body, _, mac = value.rpartition(".")
    until, _, encoded = body.partition(".")
    if len(value) > _LONGEST or not value.isascii() or not until.isdigit():
        return None
    actor = _decode(encoded)
    known = actor is not None and actor in secrets
    # Somebody unknown costs the same comparison.
    right = hmac.compare_digest(mac, _mac(body, secrets[actor] if actor is not None and known else b"nobody"))
    return actor if known and right and now < int(until[:12]) else None


def _mac(body: str, secret: bytes) -> str:
    key = hmac.digest(secret, _PURPOSE, "sha256")
    return _encode(hmac.digest(key, body.encode(), hashlib.sha256))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
