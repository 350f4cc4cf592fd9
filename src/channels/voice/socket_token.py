"""Tokens in socket addresses: short-lived, for one call, to be used once.

The signature of a ``wss://`` address is the same whenever that address is used (TWILIO.md: it carries no timestamp),
so a captured one would be a key for ever. A token bounds that: it names the call and its end, and the store remembers
that it was used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from ...errors import BadSignature

SECONDS = 120.0
"""From the TwiML to the socket pass a few seconds; ringing is over by then."""
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class SocketClaims:
    """What a valid token says. ``nonce`` is what must not be used twice; ``attempt`` counts lost sockets before.

    ``resumed``: the call was connected before, so nothing greeted the caller now.
    """

    call: str
    nonce: str
    attempt: int
    resumed: bool


class SocketTokens:
    """Makes and reads tokens. ``secret`` is the account's auth token, which every replica knows."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"socket-token:" + secret.encode()).digest()

    def make(self, call: str, *, now: float, attempt: int = 0, resumed: bool = False) -> str:
        """Return a token for a call (its CallSid); letters, digits, ``-`` and ``_`` only."""
        body = f"{call}.{int(now + SECONDS)}.{secrets.token_hex(8)}.{attempt}.{resumed:d}".encode()
        return _encode(self._mac(body) + body)

    def read(self, token: str, *, now: float) -> SocketClaims:
        """Return what a token says. Raises BadSignature for a forged, damaged or expired one."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            if not hmac.compare_digest(mac, self._mac(body)):
                raise BadSignature
            call, until, nonce, attempt, resumed = body.decode().split(".")
        except (ValueError, UnicodeDecodeError) as error:
            raise BadSignature from error
        if now > int(until):
            raise BadSignature("The socket token is expired.")
        return SocketClaims(call, nonce, int(attempt), resumed == "1")

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
