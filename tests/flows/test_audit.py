"""``GET /audit`` over real HTTP: who decided, revealed, erased, wrote, assigned and changed."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ..kit.colleague import JOHNS_ID, Colleague, names, staffed
from ..kit.gateway import JOHN, Running

pytestmark = pytest.mark.promise("D6", "D8")

TOKENS = "mia:mia-token-123456789,tom:tom-token-123456789:read+reply+approve,=bad:bad-token-123456789"
ALL_DONE = {"approval_decided", "contact_revealed", "staff_message", "staff_note", "assigned", "agent_paused"}


async def work(it: Running, mia: Colleague) -> Any:
    """Let Mia do something of each kind."""
    await it.ask("I want my money back for order 12345")
    request = await mia.waiting_approval("process_refund")
    edited = {**request["arguments"], "amount": 120}
    await mia.decide(request, approved=True, arguments=edited, note="She is a regular")
    await mia.post(f"/customers/{JOHNS_ID}/reveal")
    await mia.post(f"/conversations/{JOHNS_ID}/messages", {"text": "Hello John."})
    await mia.post(f"/conversations/{JOHNS_ID}/notes", {"text": "Be generous."})
    await mia.post(f"/conversations/{JOHNS_ID}/assign", {"to": "tom"})
    await mia.post(f"/conversations/{JOHNS_ID}/pause")
    await mia.until(lambda one: set(names(one)) >= ALL_DONE)
    return request


async def test_everything_that_colleagues_did_is_told_without_words(tmp_path: Path, place: dict[str, str]) -> None:
    async with staffed(tmp_path, STAFF_TOKENS=TOKENS, **place) as (it, mia):
        request = await work(it, mia)
        audit = await mia.get("/audit")
        decided = await mia.get("/audit", act="approval_decided", actor="mia", days="1")
        nothing = await mia.get("/audit", actor="tom")
        wrong = await mia.ask("GET", "/audit", params={"days": "8"})
    assert sorted(one["act"] for one in audit["acts"]) == sorted(ALL_DONE)
    assert [one["at"] for one in audit["acts"]] == sorted((one["at"] for one in audit["acts"]), reverse=True)
    assert {(one["actor"], one["subjectId"]) for one in audit["acts"]} == {("mia", JOHNS_ID)}
    (one,) = decided["acts"]
    assert one["details"] == {
        "tool": "process_refund", "verdict": "approve", "status": "executing", "approval": request["id"], "amount": 120,
        "edited": True,
    }  # fmt: skip
    assert (nothing, wrong.status) == ({"acts": [], "next": None}, 400)
    assert "Hello John" not in str(audit)
    assert "regular" not in str(audit)


async def test_an_erasure_keeps_the_acts_and_not_the_person(tmp_path: Path, place: dict[str, str]) -> None:
    async with staffed(tmp_path, STAFF_TOKENS=TOKENS, **place) as (it, mia):
        request = await work(it, mia)
        erased = await mia.ask("DELETE", f"/conversations/{JOHNS_ID}")
        audit = await mia.get("/audit")
    assert erased.status == 200
    assert audit["acts"][0]["act"] == "erased"
    assert (audit["acts"][0]["actor"], audit["acts"][0]["details"]) == ("mia", {"deleted": erased.body["deleted"]})
    assert {one["subjectId"] for one in audit["acts"]} == {None}
    assert len(audit["acts"]) == 7
    for left in (JOHNS_ID, JOHN[-4:], request["id"]):
        assert left not in str(audit)


async def test_only_who_administers_reads_it(tmp_path: Path) -> None:
    async with staffed(tmp_path, token="tom-token-123456789", STAFF_TOKENS=TOKENS) as (_, tom):
        told = await tom.ask("GET", "/audit")
    assert (told.status, told.body["code"]) == (403, "out_of_scope")


async def test_a_file_for_a_spreadsheet_runs_nothing_in_it(tmp_path: Path) -> None:
    async with staffed(tmp_path, token="bad-token-123456789", STAFF_TOKENS=TOKENS) as (it, bad):
        await it.ask("hello")
        await bad.post(f"/conversations/{JOHNS_ID}/assign", {"to": "tom"})
        await bad.until(lambda one: one["assignee"] == "tom")
        headers = {"Authorization": "Bearer bad-token-123456789"}
        async with aiohttp.ClientSession(it.url, headers=headers) as session:
            answer = await session.get("/audit", params={"format": "csv"})
            text = await answer.text()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["actor"], row["act"], row["to"], row["customer"]) == ("'=bad", "assigned", "tom", JOHNS_ID)
