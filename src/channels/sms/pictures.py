"""Pictures that came along with a text: fetched from Twilio for one turn, and kept nowhere.

Twilio answers a picture's address with a redirect to where it is stored, which needs no login
(twilio.com/docs/messaging/api/media-resource).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import structlog

from ...conversation.base import Picture
from ...web.http_client import HttpClient, HttpTrouble, open_http
from ..twilio import open_login

log = structlog.get_logger(__name__)

MOST: Final = 4
"""Pictures of one turn that are fetched."""
LARGEST: Final = 5_000_000
"""Bytes of a picture; Twilio takes no larger ones."""
SECONDS: Final = 10.0
"""How long all of them may take; the customer waits."""
STORED_AT: Final = (".twilio.com", ".twiliocdn.com", ".amazonaws.com")
"""Where Twilio keeps them; nothing else is asked."""
_PATH = re.compile(
    r"/2010-04-01/Accounts/AC[0-9A-Za-z]{1,32}/(Messages/[SM]M[0-9A-Za-z]{1,32}/)?Media/ME[0-9A-Za-z]{1,32}", re.ASCII
)
_KINDS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}


def picture_paths(form: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths at Twilio of the pictures that a webhook names."""
    paths = []
    for place in range(MOST):
        url = urlsplit(form.get(f"MediaUrl{place}", ""))
        ours = url.scheme == "https" and (url.hostname or "").endswith(".twilio.com") and _PATH.fullmatch(url.path)
        if ours and form.get(f"MediaContentType{place}", "").startswith("image/"):
            paths.append(url.path)
    return tuple(paths)


class TwilioPictures:
    """Fetches pictures of the account. Fulfils :data:`tandem.conversation.base.FetchPictures`."""

    def __init__(self, account: HttpClient, storage: HttpClient, base_url: str) -> None:
        self._account = account
        self._storage = storage
        self._base = base_url.rstrip("/")

    async def __call__(self, paths: Sequence[str]) -> tuple[Picture, ...]:
        """Return the pictures that can be had in time; those that cannot are left out."""
        tasks = [asyncio.create_task(self._fetch(path)) for path in paths[:MOST]]
        done, late = await asyncio.wait(tasks, timeout=SECONDS) if tasks else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        found = [task.result() for task in tasks if task in done]
        pictures = tuple(picture for picture in found if picture is not None)
        if len(pictures) < len(tasks):
            log.warning("pictures_not_fetched", count=len(tasks) - len(pictures))
        return pictures

    async def _fetch(self, path: str) -> Picture | None:
        try:
            answer = await self._account.ask("GET", self._base + path)
            if answer.status in (301, 302, 303, 307, 308) and self._is_stored(answer.location):
                answer = await self._storage.ask("GET", answer.location)
        except HttpTrouble:
            return None
        data = answer.body if answer.status == 200 else None
        kind = _kind_of(data) if data else ""
        return Picture(kind, data) if data and kind else None

    def _is_stored(self, location: str) -> bool:
        url = urlsplit(location)
        elsewhere = url.scheme == "https" and (url.hostname or "").endswith(STORED_AT)
        return elsewhere or location.startswith(f"{self._base}/")


@asynccontextmanager
async def open_pictures(*, username: str, password: str, base_url: str) -> AsyncIterator[TwilioPictures]:
    """Open the two ways to pictures: with the account's login, and without any to where they are stored."""
    async with (
        open_login(username, password, seconds=SECONDS, limit=LARGEST) as account,
        open_http(seconds=SECONDS, limit=LARGEST) as storage,
    ):
        yield TwilioPictures(account, storage, base_url)


def _kind_of(data: bytes) -> str:
    """Return the type that the bytes themselves say, "" for none that models see."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _KINDS.items() if data.startswith(mark)), "")
