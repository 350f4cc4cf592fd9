"""The knowledge base: articles read, found, ranked, and read again when they change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.knowledge.article import LONGEST_PASSAGE, Article, Passage, read_article
from tandem.knowledge.index import Index
from tandem.knowledge.library import Knowledge, open_knowledge
from tandem.knowledge.query import MAX_WORDS, words_of

from ...kit.tables import each
from ...kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("A8")

RETURNS = "---\ntitle: Returns\ncategory: Orders\n---\nSend it back within 30 days.\n"


@pytest.fixture
async def samples() -> AsyncIterator[Knowledge]:
    async with open_knowledge() as knowledge:
        yield knowledge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "returns.md").write_text(RETURNS)
    return tmp_path


async def titles(knowledge: Knowledge, question: str, **more: object) -> list[str]:
    return [hit.title for hit in (await knowledge.search(question, **more)).hits]  # type: ignore[arg-type]


# --- the shipped articles ----------------------------------------------------------------------------------


@each(
    ("question", "title", "heading"),
    [
        ("What is your return policy?", "Returns and refunds", "How long you can return something"),
        ("how do I send it back", "Returns and refunds", "How to send something back"),
        ("how long do refunds take?", "Returns and refunds", "How long a refund takes"),
        ("how much is shipping?", "Shipping and delivery", "What shipping costs"),
        ("do you ship to Canada", "Shipping and delivery", "Where we ship"),
        ("how long is the warranty", "Warranty and repairs", "How long the warranty lasts"),
        ("When are you open on Sunday?", "Opening hours", "Business and opening hours"),
        ("can I pay with PayPal", "Payment and invoices", "How you can pay"),
        ("I forgot my password", "Your account and plans", "Password"),
    ],
)
async def test_the_samples_answer_what_people_ask(samples, question, title, heading):
    first = (await samples.search(question)).hits[0]
    assert (first.title, first.heading) == (title, heading)


@each("question", ["do you sell bicycles?", "who are you", "", "   ", "?!", "quantum physics", "Rückgaberecht"])
async def test_what_is_not_there_is_not_found(samples, question):
    assert (await samples.search(question)).hits == ()


async def test_the_samples_are_six(samples):
    assert (len(samples), samples.broken) == (6, {})


# --- finding -----------------------------------------------------------------------------------------------


def index_of(**texts: str) -> Index:
    index = Index()
    articles = {name: read_article(text, name=name) for name, text in texts.items()}
    index.change({name: article for name, article in articles.items() if isinstance(article, Article)})
    return index


def names(index: Index, question: str, **more: object) -> list[str]:
    return [hit.title for hit in index.search(question, **more)]  # type: ignore[arg-type]


def test_more_of_the_words_and_titles_come_first():
    index = index_of(
        cables="The blue cable is long.", colours="We have blue ones.", blue_cable="All about it: cable, blue."
    )
    assert names(index, "blue cable") == ["blue_cable", "cables"]


def test_endings_do_not_matter():
    index = index_of(a="Returned articles are refunded.")
    assert names(index, "return refund article") == ["a"]


def test_a_word_that_is_nowhere_stands_for_longer_ones():
    assert names(index_of(a="Kundenkontoauszug"), "kundenkonto") == ["a"]


def test_accents_and_case_do_not_matter():
    assert names(index_of(a="Où est le café?"), "CAFE") == ["a"]


def test_one_hit_per_article_the_best_passage():
    index = index_of(a="# Things\n## One\nA cable.\n## Two\nA cable, a cable and a cable.\n## Cable\nYes.")
    (hit,) = index.search("cable")
    assert (hit.title, hit.heading, hit.text) == ("Things", "Cable", "Yes.")


def test_half_of_the_words_in_passing_is_no_hit():
    index = index_of(a="We sell headphones and cables.")
    assert names(index, "sell bicycles") == []
    assert names(index, "sell cables") == ["a"]


def test_a_category_filters():
    index = index_of(
        a="---\ntitle: A\ncategory: Shipping\n---\nA parcel.", b="---\ntitle: B\ncategory: orders\n---\nA parcel."
    )
    assert names(index, "parcel", category=" SHIPPING ") == ["A"]
    assert names(index, "parcel", category="elsewhere") == []
    assert index.categories == ("orders", "shipping")


def test_no_more_than_asked_for():
    index = index_of(**{f"a{n}": "A parcel." for n in range(20)})
    assert [len(index.search("parcel", limit=limit)) for limit in (1, 5, 10)] == [1, 5, 10]


def test_a_word_that_is_everywhere_still_finds_something():
    index = index_of(**{f"a{n}": "Every order has a parcel." for n in range(2500)}, rare="Every order has a whale.")
    assert names(index, "order whale")[0] == "rare"
    assert len(names(index, "order")) == 5


QUESTIONS = st.one_of(st.text(max_size=60), st.text(alphabet="\"'*()^-+:{}AND OR NOT NEAR\x00\\%_a", max_size=40))


@settings(max_examples=300, deadline=None)
@given(QUESTIONS, QUESTIONS)
def test_any_character_may_be_asked(question: str, category: str):
    INDEX.search(question, category=category)


INDEX = index_of(a="Every order has a parcel.", b="NEAR AND OR NOT title heading body")


@each("question", ["order OR", 'a" OR "parcel', "parcel*", "NEAR(order parcel)", "body:order", "^parcel"])
def test_nothing_in_a_question_is_an_operator(question):
    assert "a" in names(INDEX, f"parcel {question}")


def test_a_long_question_is_cut_to_its_longest_words():
    words = words_of(" ".join(f"w{'x' * n}" for n in range(40)))
    assert (len(words), words[-1]) == (MAX_WORDS, "w" + "x" * 39)


def test_trouble_with_the_index_is_translated():
    index = index_of(a="A parcel.")
    index.close()
    with pytest.raises(StoreUnavailable, match="knowledge"):
        index.search("parcel")


# --- reading -----------------------------------------------------------------------------------------------


@each(
    ("text", "title", "category"),
    [
        (RETURNS, "Returns", "orders"),
        ("# Big title\nText.", "Big title", "general"),
        ("Text only.", "my file", "general"),
        ("---\ntitle: 'Quoted: yes'\nother: 5\n---\nText.", "Quoted: yes", "general"),
        ("\ufeff---\r\ntitle: Windows\r\n---\r\nText.\r\n", "Windows", "general"),
        ("---\ntitle:\n---\n## First\nText.", "First", "general"),
    ],
)
def test_title_and_category(text, title, category):
    article = read_article(text, name="my file")
    assert isinstance(article, Article)
    assert (article.title, article.category) == (title, category)


@each(
    ("text", "reason"),
    [
        ("---\ntitle: X\nText.", "its front matter does not end"),
        ("", "it holds no text"),
        ("---\ntitle: X\n---\n", "it holds no text"),
        ("# Only a title\n## And a heading", "it holds no text"),
    ],
)
def test_what_is_no_article(text, reason):
    assert read_article(text, name="x") == reason


def test_sections_are_passages():
    article = read_article("# T\nIntro.\n\n## One ##\nFirst.\n```\n# no heading\n```\n### Two\nSecond.", name="x")
    assert isinstance(article, Article)
    assert article.passages == (
        Passage("", "Intro."),
        Passage("One", "First.\n```\n# no heading\n```"),
        Passage("Two", "Second."),
    )


@given(st.text(alphabet="ab. \n", max_size=5000))
def test_no_passage_is_too_long_and_no_word_is_lost(text: str):
    article = read_article(text, name="x")
    if isinstance(article, str):
        return
    assert all(0 < len(passage.text) <= LONGEST_PASSAGE for passage in article.passages)
    kept = "".join(passage.text for passage in article.passages)
    assert "".join(kept.split()) == "".join(text.split())


def test_a_long_section_is_cut_between_paragraphs():
    paragraphs = [f"{n} " + "word " * 60 for n in range(6)]
    article = read_article("\n\n".join(paragraphs), name="x")
    assert isinstance(article, Article)
    assert [passage.text[0] for passage in article.passages] == ["0", "2", "4"]


# --- the folder --------------------------------------------------------------------------------------------


async def test_a_folder_of_ones_own_takes_the_place_of_the_samples(folder):
    async with open_knowledge(folder) as knowledge:
        assert (await titles(knowledge, "send back"), await titles(knowledge, "paypal")) == (["Returns"], [])


async def test_a_change_is_taken_in(folder):
    async with open_knowledge(folder) as knowledge:
        (folder / "returns.md").write_text(RETURNS.replace("30 days", "90 long days"))
        (folder / "new.md").write_text("Whales are mammals.")
        await knowledge.refresh()
        hits = (await knowledge.search("send back")).hits
        assert [hit.text for hit in hits] == ["Send it back within 90 long days."]
        assert await titles(knowledge, "whales") == ["new"]


async def test_a_file_that_is_gone_is_forgotten(folder):
    async with open_knowledge(folder) as knowledge:
        (folder / "returns.md").unlink()
        await knowledge.refresh()
        found = await knowledge.search("send back")
        assert (found.hits, found.categories, len(knowledge)) == ((), (), 0)


async def test_changes_are_looked_for_by_itself(folder):
    async with open_knowledge(folder) as knowledge:
        watcher = asyncio.create_task(knowledge.watch(0.005))
        (folder / "new.md").write_text("Whales are mammals.")
        async with asyncio.timeout(PATIENCE):
            while not await titles(knowledge, "whales"):
                await asyncio.sleep(0.005)
        watcher.cancel()


async def test_a_broken_file_is_named_once_and_the_rest_is_served(folder):
    (folder / "bad.md").write_bytes(b"\xff\xfe\x00 no text")
    with structlog.testing.capture_logs() as logs:
        async with open_knowledge(folder) as knowledge:
            await knowledge.refresh()
            await knowledge.refresh()
            assert await titles(knowledge, "send back") == ["Returns"]
    skipped = [(row["file"], row["reason"]) for row in logs if row["event"] == "article_skipped"]
    assert skipped == [("bad.md", "it is no UTF-8 text")]


async def test_a_file_that_was_broken_is_served_once_it_is_mended(folder):
    (folder / "bad.md").write_bytes(b"\xff")
    async with open_knowledge(folder) as knowledge:
        (folder / "bad.md").write_text("Whales are mammals.")
        await knowledge.refresh()
        assert (await titles(knowledge, "whales"), knowledge.broken) == (["bad"], {})


async def test_an_article_that_breaks_is_not_served_in_its_old_words(folder):
    async with open_knowledge(folder) as knowledge:
        (folder / "returns.md").write_text("---\nnever ends")
        await knowledge.refresh()
        assert (await titles(knowledge, "send back"), list(knowledge.broken)) == ([], ["returns.md"])


async def test_the_folder_of_an_article_is_its_category(folder):
    (folder / "shipping").mkdir()
    (folder / "shipping" / "to-canada.md").write_text("Parcels take long.")
    async with open_knowledge(folder) as knowledge:
        (hit,) = (await knowledge.search("parcels")).hits
        assert (hit.title, hit.category) == ("to canada", "shipping")


async def test_what_is_no_article_is_not_read(folder):
    (folder / "README.md").write_text("Whales.")
    (folder / ".hidden.md").write_text("Whales.")
    (folder / "notes.txt").write_text("Whales.")
    (folder / "huge.md").write_text("Whales. " * 200_000)
    async with open_knowledge(folder) as knowledge:
        assert (await titles(knowledge, "whales"), knowledge.broken) == (
            [],
            {"huge.md": "it has more than 1000000 bytes"},
        )


async def test_a_folder_that_goes_away_leaves_what_was_read(folder):
    async with open_knowledge(folder) as knowledge:
        os.rename(folder, folder.with_name("gone"))
        with structlog.testing.capture_logs() as logs:
            await knowledge.refresh()
            await knowledge.refresh()
        assert await titles(knowledge, "send back") == ["Returns"]
    assert [row["event"] for row in logs] == ["knowledge_folder_unreadable"]


async def test_a_folder_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(ConfigurationError, match=r"KNOWLEDGE_DIR=.* cannot be read"):
        async with open_knowledge(tmp_path / "nowhere"):
            pass


async def test_searches_and_changes_at_once_do_not_disturb_each_other(folder):
    async with open_knowledge(folder) as knowledge:
        for number in range(300):
            (folder / f"n{number}.md").write_text(f"Number {number}.")
        _, *found = await asyncio.gather(knowledge.refresh(), *(titles(knowledge, "send back") for _ in range(50)))
        assert found == [["Returns"]] * 50
