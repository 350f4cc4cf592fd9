"""Trying a request again: as often as it is allowed, and without a word of the error in the log."""

from __future__ import annotations

import pytest
import stamina
import structlog

from tandem.web.http_client import HttpTrouble, retrying


async def ask(asked: list[str], again: bool | float, text: str) -> None:
    """Ask somebody who never answers."""
    async for attempt in retrying(lambda error: again, attempts=3, pause=0.0, longest=0.0):
        with attempt:
            asked.append(text)
            raise HttpTrouble(text)


@pytest.mark.parametrize(("again", "asked"), [(True, 3), (0.001, 3), (False, 1)])
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
