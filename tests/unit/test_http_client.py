"""Requests to other systems: bounded answers, and as many attempts as are allowed, without a word in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import stamina
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tandem.web.http_client import HttpTrouble, open_http, retrying

from ..kit.serving import serve
from ..kit.tables import each


async def ask(asked: list[str], again: bool | float, text: str) -> None:
    """Ask somebody who never answers."""
    async for attempt in retrying(lambda error: again, attempts=3, pause=0.0, longest=0.0):
        with attempt:
            asked.append(text)
            raise HttpTrouble(text)


@each(("again", "asked"), [(True, 3), (0.001, 3), (False, 1)])
async def test_a_request_is_made_as_often_as_it_may_be(again: bool | float, asked: int) -> None:
    questions: list[str] = []
    with pytest.raises(HttpTrouble, match="HTTP 503"):
        await ask(questions, again, "HTTP 503")
    assert len(questions) == asked


async def test_the_text_of_an_error_is_not_logged() -> None:
    stamina.instrumentation.set_on_retry_hooks(None)  # as it is before anything was tried again
    with structlog.testing.capture_logs() as logged, pytest.raises(HttpTrouble):
        await ask([], True, "the canary sings")
    assert logged == []


@each(("limit", "body"), [(5, b"1234"), (4, None), (3, None), (1, None)])
async def test_an_answer_is_read_up_to_its_limit(limit: int, body: bytes | None) -> None:
    app = Starlette(routes=[Route("/", lambda request: Response("1234"))])
    async with serve(app) as url, open_http(seconds=5.0, limit=limit) as http:
        answer = await http.ask("GET", url)
    assert (answer.status, answer.body) == (200, body)


async def test_an_answer_without_an_end_costs_no_wait_where_only_its_status_counts() -> None:
    ended = asyncio.Event()

    async def endless(request: Request) -> StreamingResponse:
        async def words() -> AsyncIterator[bytes]:
            await ended.wait()
            yield b"late"

        return StreamingResponse(words())

    async with serve(Starlette(routes=[Route("/", endless)])) as url, open_http(seconds=5.0, limit=0) as http:
        answer = await http.ask("GET", url)
        ended.set()
    assert answer.status == 200
