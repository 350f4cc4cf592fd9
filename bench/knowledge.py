"""How long a search of the knowledge base takes over many articles."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tandem.knowledge.library import Knowledge, open_knowledge

from .figures import Row, median, ms, percentile, table
from .voice import Say

ARTICLES, SECTIONS, WORDS = 10_000, 3, 80
SEARCHES = 300
TARGET = 0.005
_VOCABULARY = 20_000

Draw = Callable[[], Sequence[str]]


async def measure(folder: Path, say: Say) -> str:
    """Write articles with words as frequent as in a language (Zipf's law), search them, and return the table."""
    chance = random.Random(7)  # noqa: S311 - the same articles in every run
    words = [f"w{number:x}" for number in range(_VOCABULARY)]
    weights = [1 / (number + 1) for number in range(_VOCABULARY)]
    say(f"writing {ARTICLES} articles")
    for number in range(ARTICLES):
        drawn = iter(chance.choices(words, weights, k=SECTIONS * (WORDS + 1) + 4))
        title = " ".join(next(drawn) for _ in range(4))
        sections = [f"## {next(drawn)}\n{' '.join(next(drawn) for _ in range(WORDS))}." for _ in range(SECTIONS)]
        text = "\n".join(("---", f"title: {title}", f"category: c{number % 6}", "---", *sections))
        (folder / f"{number}.md").write_text(text)
    questions: dict[str, Draw] = {
        "three words, as people choose them": lambda: chance.choices(words[50:], weights[50:], k=3),
        "eight words, most of them frequent": lambda: chance.choices(words, weights, k=8),
        "one word that is nearly everywhere": lambda: words[:1],
        "beginnings of words": lambda: [word[:3] + "zz" for word in words[300:301]] + [words[4000][:3]],
    }
    say("reading and searching them")
    began = time.perf_counter()
    async with open_knowledge(folder) as knowledge:
        opened = time.perf_counter() - began
        rows = [row for what, draw in questions.items() for row in await _rows(knowledge, what, draw)]
        began = time.perf_counter()
        await knowledge.refresh()
        looked = time.perf_counter() - began
    rows += [Row("reading all of them at the start", f"{opened:.1f} s"), Row("looking for changes", ms(looked))]
    return table(f"Knowledge search, {ARTICLES} articles of {SECTIONS} sections", rows)


async def _rows(knowledge: Knowledge, what: str, draw: Draw) -> list[Row]:
    times = []
    for _ in range(SEARCHES):
        question = " ".join(draw())
        began = time.perf_counter()
        await knowledge.search(question)
        times.append(time.perf_counter() - began)
    p50, p95 = median(times), percentile(times, 0.95)
    under = f"under {ms(TARGET)}"
    return [Row(f"{what}, p50", ms(p50), under, p50 < TARGET), Row(f"{what}, p95", ms(p95), under, p95 < TARGET)]
