"""Who of the staff is asking: named tokens, sent as ``Authorization: Bearer …``."""

from __future__ import annotations

import hmac
import json
import shlex
from collections.abc import Mapping
from hashlib import sha256

from starlette.requests import Request

from ..errors import NotAuthorised

DEVELOPER = "developer"
"""The actor of the token that a development server makes for itself."""
TOKEN_FILE = "staff-token"  # noqa: S105
"""Where that token is kept, in the state folder."""


class StaffTokens:
    """The tokens of everybody who may decide, by name."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._digests = [(name, _digest(token.encode())) for name, token in tokens.items()]

    def actor(self, request: Request) -> str:
        """Return the name of whoever sent a request. Raises NotAuthorised.

        How long it takes tells nothing about the tokens: digests of one length are compared, and always all of them.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = _digest(token.strip().encode("latin-1"))  # the bytes as they were sent
        found = [name for name, digest in self._digests if hmac.compare_digest(digest, given)]
        if scheme.lower() != "bearer" or not found:
            raise NotAuthorised
        return found[0]


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
