"""Met in the field: what a customer writes does nothing to the terminal of whoever reads it, and passes for nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ..kit.command import tandem
from ..kit.gateway import JOHN, running
from ..kit.model_server import Answer, ModelServer

pytestmark = pytest.mark.promise("F1")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("a\x1b[2J\x1b]52;c;ZXZpbA==\x07b", r"  [sms] customer: a\x1b[2J\x1b]52;c;ZXZpbA==\x07b"),
        ("a\x9b31mb\x7f", r"  [sms] customer: a\x9b31mb\x7f"),
        ("pay \u202e05$\u202c now", r"  [sms] customer: pay \u202e05$\u202c now"),
        ("paid\rno", r"  [sms] customer: paid\rno"),
        ("grüße 👩\u200d👧 “hi”", "  [sms] customer: grüße 👩\u200d👧 “hi”"),
        ("hi\n  [sms] agent: You get $5000.", "  [sms] customer: hi\n        |   [sms] agent: You get $5000."),
    ],
)
async def test_a_shown_text_is_harmless_and_begins_no_line(tmp_path: Path, body: str, line: str) -> None:
    async with running(tmp_path, ModelServer([Answer("Hello.")])) as it:
        assert await it.ask(body) == "Hello."
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}
    shown = await asyncio.to_thread(tandem, "show", JOHN, folder=tmp_path, env=env)
    assert shown.stdout.split("\n", 1)[1] == f"{line}\n  [sms] agent: Hello.\n"
