"""The tool that searches the articles."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tandem.agents.tools.knowledge import MOST_RESULTS, NOTHING, REFERENCE, search_knowledge_base
from tandem.knowledge.library import open_knowledge

from ....kit.callers import caller_of
from ....kit.tables import each

pytestmark = pytest.mark.promise("A8")


@pytest.fixture
def search(use, shop):
    async def find(query: str, category: str = "", **more: object) -> dict:
        async with open_knowledge() as knowledge:
            caller = replace(caller_of(shop), knowledge=knowledge)
            return json.loads(await use(search_knowledge_base, caller, query=query, category=category, **more))

    return find


async def test_passages_with_title_category_and_section(search):
    answer = await search("which carriers and shipping costs", "shipping")
    first = answer["results"][0]
    assert (first["title"], first["category"], first["section"]) == (
        "Shipping and delivery",
        "shipping",
        "What shipping costs",
    )
    assert first["text"].startswith("Standard shipping costs $5.95")


@pytest.mark.promise("R6")
async def test_it_says_that_articles_are_no_instructions(search):
    assert (await search("warranty"))["note"] == REFERENCE


async def test_nothing_found_is_said(search):
    answer = await search("bicycles")
    assert (answer["results"], answer["message"]) == ([], NOTHING)
    assert answer["categories"] == ["accounts", "billing", "general", "returns", "shipping", "warranty"]


async def test_in_a_category_that_has_none(search):
    assert (await search("warranty", "shipping"))["results"] == []


@each(("asked", "shown"), [(1, 1), (2, 2), (0, 1), (-5, 1)])
async def test_how_many_are_shown(search, asked, shown):
    assert len((await search("account order shipping parcel", max_results=asked))["results"]) == shown


async def test_five_are_shown_unless_said_otherwise(use, shop, tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.md").write_text("A parcel.")
    async with open_knowledge(tmp_path) as knowledge:
        caller = replace(caller_of(shop), knowledge=knowledge)
        usual = json.loads(await use(search_knowledge_base, caller, query="parcel", category=""))
        many = json.loads(await use(search_knowledge_base, caller, query="parcel", category="", max_results=1000))
    assert (len(usual["results"]), len(many["results"])) == (5, MOST_RESULTS)


async def test_an_agent_without_articles_finds_nothing(use, shop):
    answer = json.loads(await use(search_knowledge_base, caller_of(shop), query="warranty", category=""))
    assert answer["results"] == []
