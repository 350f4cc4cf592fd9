"""The dialogues of ``docs/dialogues.md``, played word for word over a real gateway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..kit.gateway import running

pytestmark = pytest.mark.promise("A1", "A17")

PAGE = Path(__file__).parents[2] / "docs" / "dialogues.md"
SECTIONS = dict(section.split("\n", 1) for section in PAGE.read_text("utf-8").split("\n## ")[1:])
_LINE = re.compile(r"^\*\*(Customer|Agent):\*\* (.+)$", re.MULTILINE)
_NUMBER = re.compile(r"\((\+1[ 0-9-]+)\)")
_ID = re.compile(r"\b(REF_|TKT_)\w+")


def test_there_are_five() -> None:
    assert sorted(SECTIONS) == ["Billing", "Escalation", "General", "Order", "Technical"]


@pytest.mark.parametrize("name", sorted(SECTIONS))
async def test_the_page_says_what_the_product_says(tmp_path: Path, name: str) -> None:
    lines = _LINE.findall(SECTIONS[name])
    number = _NUMBER.search(SECTIONS[name])
    assert number is not None
    sender = re.sub(r"[ -]", "", number[1])
    played: list[tuple[str, str]] = []
    async with running(tmp_path) as it:
        for who, words in lines:
            if who == "Customer":
                answer = " ".join((await it.ask(words, sender=sender)).split())
                played += [("Customer", words), ("Agent", _ID.sub(r"\1…", answer))]
    assert len(lines) >= 6
    assert played == lines
