"""Tokens in socket addresses: short-lived, for one call, to be used once, or again by a line that was lost.

The signature of a ``wss://`` address is the same whenever that address is used (TWILIO.md: it carries no timestamp),
so a captured one would be a key for ever. A token bounds that: it is a JWT (RFC 7519) that names the call and its end,
and the store remembers that it was used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import jwt

from ...errors import BadSignature

SECONDS = 120.0
"""From the TwiML to the socket pass a few seconds; ringing is over by then."""
LONGEST_CALL = 14_400.0
"""How long a lost socket may come back under its token; see :mod:`.socket_admission`."""
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class SocketClaims:
    """Claims of a valid token. ``nonce`` must not be used twice; ``attempt`` counts lost sockets before.

    ``resumed``: the call was connected before, so nothing greeted the caller now. ``proven``: their number is believed.
    ``returns``: Twilio may connect the socket again by itself, then also when the token is ``expired``.
    """

    call: str
    nonce: str
    attempt: int
    resumed: bool
    proven: bool
    returns: bool = False
    expired: bool = False


class SocketTokens:
    """Makes and reads tokens. ``secret`` is the account's auth token, which every replica knows."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"socket-token:" + secret.encode()).digest()

    def make(
        self,
        call: str,
        *,
        now: float,
        attempt: int = 0,
        resumed: bool = False,
        proven: bool = True,
        returns: bool = False,
    ) -> str:
        """Return a token for a call (its CallSid), which fits into a path as it is."""
        claims = {"sub": call, "exp": int(now + SECONDS), "jti": secrets.token_hex(8)}
        known = {"attempt": attempt, "resumed": resumed, "proven": proven, **({"returns": True} if returns else {})}
        return jwt.encode({**claims, **known}, self._key, _ALGORITHM)

    def read(self, token: str, *, now: float) -> SocketClaims:
        """Return what a token says. Raises BadSignature for a forged, damaged or expired one."""
        try:
            # Its end is compared here, by the caller's clock.
            claims = jwt.decode(token, self._key, [_ALGORITHM], options={"verify_exp": False})
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise BadSignature from error
        expired, returns = now > claims["exp"], claims.get("returns", False)
        if expired and not (returns and now < claims["exp"] + LONGEST_CALL):
            raise BadSignature("The socket token is expired.")
        # A token that an earlier version made says nothing about the number.
        proven = claims.get("proven", False)
        told = claims["sub"], claims["jti"], claims["attempt"], claims["resumed"], proven
        return SocketClaims(*told, returns=returns, expired=expired)
