"""Admission of sockets: each address once, and again each time when a line that may come back was lost.

With ``applicationReconnect`` Twilio connects a socket that broke to the same address again, and sends what came in
between (changelog of 28 October 2026; how the two sides shake hands is not documented). The address holds for that
moment alone: from when the process that held the socket noted that it was lost, for ``BACK_SECONDS``. So a captured one
opens nothing while the call goes on, nor when it is over.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from starlette.websockets import WebSocket

from ...errors import BadSignature, StoreUnavailable
from ...persistence.base import LaneStore
from ...persistence.values import USED_TOKENS, Effect, EffectState
from ..twilio import SIGNATURE, SignatureCheck
from .socket_token import SocketClaims, SocketTokens

log = structlog.get_logger(__name__)

BACK_SECONDS = 30.0
"""How long a lost socket is waited for under its address."""
PATIENCE_SECONDS, LOOK_SECONDS = 3.0, 0.1
"""How long one that comes back waits until its loss is noted, and how often it looks: Twilio may be the faster one."""
MOST_RETURNS = 50


@dataclass(frozen=True, slots=True)
class Admitted:
    """A socket that may connect. ``returned`` is how often it was lost before."""

    claims: SocketClaims
    returned: int

    @property
    def resumed(self) -> bool:
        """Tell whether the call was connected before."""
        return self.claims.resumed or self.returned > 0

    @property
    def key(self) -> str:
        """Return under what it is noted that the address is in use."""
        return _key(self.claims, self.returned)


class SocketAdmission:
    """Tells whether a socket may connect. ``address`` is what the TwiML names, up to the token."""

    def __init__(
        self,
        store: LaneStore,
        signatures: SignatureCheck,
        tokens: SocketTokens,
        address: str,
        *,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._store = store
        self._signatures = signatures
        self._tokens = tokens
        self._address = address

    async def admit(self, socket: WebSocket) -> Admitted | None:
        """Return what the socket's token says, None when it must not connect."""
        token = socket.path_params["token"]
        try:
            self._signatures.check_url(f"{self._address}/{token}", socket.headers.get(SIGNATURE))
            claims = self._tokens.read(token, now=self._clock())
            return Admitted(claims, await self._use(claims))
        except (BadSignature, StoreUnavailable) as error:
            log.warning("socket_refused", reason=error.code)
            return None

    async def let_back(self, admitted: Admitted) -> None:
        """Note that a socket was lost, so that it may come back, if Twilio does so."""
        if admitted.claims.returns:
            with suppress(StoreUnavailable):  # Twilio then asks the action URL, which connects the call anew
                await self._store.effect_finish(USED_TOKENS, admitted.key, result=str(self._clock()))

    async def _use(self, claims: SocketClaims) -> int:
        """Note that an address is in use; return how often its socket was lost before. Raises BadSignature."""
        lost_at = 0.0
        for returned in range(MOST_RETURNS):
            used = await self._begin(claims, returned)
            if used.state is EffectState.NEW:
                late = claims.expired if returned == 0 else self._clock() - lost_at > BACK_SECONDS
                if late:
                    raise BadSignature("The socket token is expired.")
                return returned
            if not claims.returns or used.state is not EffectState.DONE or used.result is None:
                break
            lost_at = float(used.result)
        raise BadSignature("The socket token was used before.")

    async def _begin(self, claims: SocketClaims, returned: int) -> Effect:
        """Note that an address is in use, unless it is; where a loss may be noted in a moment, wait for that."""
        until = time.monotonic() + (self._patience if claims.returns else 0.0)
        while True:
            used = await self._store.effect_begin(USED_TOKENS, _key(claims, returned), token=uuid.uuid4().hex)
            if used.state is not EffectState.UNKNOWN or time.monotonic() >= until:
                return used
            await asyncio.sleep(LOOK_SECONDS)


def _key(claims: SocketClaims, returned: int) -> str:
    return f"ws:{claims.nonce}:{returned}" if returned else f"ws:{claims.nonce}"
