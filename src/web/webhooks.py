"""Posts to other systems' webhooks, signed as Standard Webhooks says (standardwebhooks.com, version 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from .http_client import BUSY, HttpClient, HttpTrouble

PREFIX: Final = "whsec_"
"""What a secret in the standard's own spelling begins with; base64 follows."""


class WebhookRefused(Exception):
    """The receiver answered that it will not take this post; ``status`` is its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def signed(secrets: Iterable[str], id: str, at: int, body: bytes) -> Mapping[str, str]:
    """Return the headers that name and sign a post; with several secrets, one signature of each.

    ``id`` is the same whenever it is posted again, ``at`` is now, in seconds since the epoch. Without a secret nothing
    is signed.
    """
    headers = {"webhook-id": id, "webhook-timestamp": str(at)}
    content = f"{id}.{at}.".encode() + body
    made = [base64.b64encode(hmac.digest(key_of(one), content, "sha256")).decode() for one in secrets]
    if made:
        headers["webhook-signature"] = " ".join(f"v1,{one}" for one in made)
    return headers


def key_of(secret: str) -> bytes:
    """Return the bytes that a secret stands for: decoded behind ``whsec_``, else the text itself."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


async def post(http: HttpClient, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post JSON once. Raises HttpTrouble for what may pass, and WebhookRefused."""
    told = {"Content-Type": "application/json; charset=utf-8", **headers}
    status = (await http.ask("POST", url, data=body, headers=told)).status
    if not 200 <= status < 300:
        raise HttpTrouble(f"status {status}") if status >= 500 or status in BUSY else WebhookRefused(status)
