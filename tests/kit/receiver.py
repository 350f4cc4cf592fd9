"""A colleague's server that takes the posts of STAFF_WEBHOOK_URL."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .waiting import PATIENCE


@dataclass
class Receiver:
    """A colleague's server. ``answers`` are the statuses of the first posts, 200 after them."""

    answers: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: Request) -> Response:
        self.posts.append((dict(request.headers), await request.body()))
        async with self.news:
            self.news.notify_all()
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    async def messages(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: len(self.posts) >= count)
        return [json.loads(body) for _, body in self.posts]
