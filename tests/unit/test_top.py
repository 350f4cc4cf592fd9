"""What ``tandem top`` shows of running gateways, and of such that are away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.commands.top import Sample, drawn, summed, top
from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ..kit.gateway import running

pytestmark = pytest.mark.promise("X4")

STORE = {
    "tandem_store_up": 1.0, "tandem_conversations": 7.0, "tandem_set_aside": 0.0, "tandem_entry_oldest_seconds": 1.25,
    "tandem_reply_oldest_seconds": 0.0, "tandem_approvals_pending": 2.0, "tandem_approval_oldest_seconds": 61.0,
    "tandem_events_waiting": 3.0, "tandem_events_untold": 1.0, "tandem_open_calls": 4.0, "tandem_turns_running": 5.0,
}  # fmt: skip


async def test_a_gateway_that_runs_and_one_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path) as it:
        await it.ask("Where is my order 12345?")
        settings = load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}, env_file=None)
        assert await top(settings, [it.url, "http://127.0.0.1:9"], every=1, once=True) == 0
    lines = capsys.readouterr().out.rpartition("gateway  ")[2].splitlines()
    assert lines[1].split()[:4] == [it.url, "ready", "0", "0"]
    assert lines[2].split()[:2] == ["http://127.0.0.1:9", "ClientConnectorError"]
    assert "store        1 conversations, 0 set aside" in lines


async def test_without_any_it_ends_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path)}, env_file=None)
    assert await top(settings, ["http://127.0.0.1:9"], every=1, once=True) == 1
    assert "store        no gateway is there to tell of it" in capsys.readouterr().out
    with pytest.raises(ConfigurationError):
        await top(settings, ["10.0.0.5:9101"], every=1, once=True)


def test_figures_are_rates_between_two_looks() -> None:
    before = Sample("u", "ready", 10.0, {**STORE, "tandem_turns_total": 100.0, "failed": 1.0})
    now = Sample("u", "draining", 12.0, {**STORE, "tandem_turns_total": 150.0, "failed": 2.0, "5xx": 4.0})
    assert drawn([now], {"u": before})[1].split() == ["u", "draining", "4", "5", "25.0", "0.5", "2.0"]
    restarted = Sample("u", "ready", 14.0, {**STORE, "tandem_turns_total": 3.0})
    assert drawn([restarted], {"u": now})[1].split()[4] == "0.0"
    assert drawn([now], {})[-2:] == ["approvals    2 wait, longest: 61.0 s", "events out   3 wait, 1 were not told"]


def test_a_store_that_is_away_is_told_apart_from_gateways_that_are() -> None:
    without = Sample("u", "down", 10.0, {"tandem_store_up": 0.0})
    assert drawn([without], {})[-1] == "store        does not answer"


def test_what_failed_is_told_apart() -> None:
    page = (
        "# TYPE tandem_turns counter\n"
        'tandem_turns_total{channel="sms",outcome="answered"} 5\n'
        'tandem_turns_total{channel="sms",outcome="model_unavailable"} 2\n'
        'tandem_turns_total{channel="voice",outcome="interrupted"} 1\n'
        "# TYPE tandem_webhook_answers counter\n"
        'tandem_webhook_answers_total{code="200",webhook="/sms"} 7\n'
        'tandem_webhook_answers_total{code="503",webhook="/sms"} 3\n'
    )
    found = summed(page)
    assert (found["tandem_turns_total"], found["failed"], found["5xx"]) == (8, 2, 3)
