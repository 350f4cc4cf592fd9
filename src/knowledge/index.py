"""The full-text index over knowledge articles: SQLite's FTS5 in memory, ranked by BM25. For one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import StoreUnavailable
from .article import Article
from .query import SHORTEST_BEGINNING, all_of, any_of, beginning, exactly, in_headings, words_of

_TABLE = """
CREATE VIRTUAL TABLE passage USING fts5(
    title, heading, body, category UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2'
)
"""
_INSERT = "INSERT INTO passage (rowid, title, heading, body, category) VALUES (?, ?, ?, ?, ?)"
_PER_ARTICLE = 2**12
"""Row numbers that an article has, so that a row's number tells its article; a longer one loses its end."""
_PER_CATEGORY = 2**44
"""Row numbers that a category has, so that a search in it is one over a range of rows."""
_EVERYWHERE = range(2**63 - 1)
_RANKED = 1000
"""Passages that one search ranks: a word that is in more of them than this tells little, and ranking all of them would
take longer than a search may."""
_CANDIDATES = 12
"""Articles that are looked at more closely."""
_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM passage WHERE passage MATCH ? LIMIT {_RANKED})"  # noqa: S608 - ours
_BEST = f"""
SELECT id, min(score) FROM (
    SELECT rowid AS id, bm25(passage, 5.0, 3.0, 1.0) AS score FROM passage
    WHERE passage MATCH ? AND rowid BETWEEN ? AND ? LIMIT {_RANKED}
) GROUP BY id / {_PER_ARTICLE} ORDER BY min(score) LIMIT {_CANDIDATES}
"""  # noqa: S608 - numbers of ours


@dataclass(frozen=True, slots=True)
class Hit:
    """The passage of an article that fits a question best."""

    title: str
    category: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search. ``categories`` are all that articles are in."""

    hits: tuple[Hit, ...]
    categories: tuple[str, ...]


class Index:
    """Articles by the names of their files. Its methods raise StoreUnavailable when SQLite cannot do what is asked."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute(_TABLE)
        self._rows: dict[str, range] = {}
        self._categories: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the categories that articles are in, in the order of the alphabet."""
        return tuple(sorted(set(self._categories.values())))

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()

    def change(self, articles: Mapping[str, Article | None]) -> None:
        """Put articles in place of those of the same names; None takes one away."""
        with _translated():
            self._connection.execute("BEGIN")
            for name, article in articles.items():
                gone = self._rows.pop(name, range(0))
                self._categories.pop(name, None)
                self._connection.executemany("DELETE FROM passage WHERE rowid = ?", ((row,) for row in gone))
                if article is not None:
                    self._add(name, article)
            self._connection.execute("COMMIT")

    def search(self, question: str, *, category: str = "", limit: int = 5) -> tuple[Hit, ...]:
        """Return the best passage of each article that fits, the best first; nothing when none does.

        An article fits when one of its passages holds more than half of the question's words, or has one of them in
        its title or heading. Endings do not matter ("returned" finds "return"); a word that is nowhere also stands for
        longer ones that begin with it. ``category`` in any case, empty: all.
        """
        with _translated():
            words = [self._expression(word) for word in words_of(question)]
            known = sorted((count, word) for word, count in words if count)
            if not known:
                return ()
            category = category.strip().casefold()
            expressions = [word for _, word in known]
            best = self._best(all_of(expressions), category)
            if len(best) < limit:
                best += [row for row in self._best(any_of(_rarest(known)), category) if not _met(row, best)]
            fitting = self._fitting(best, expressions, len(words))
            return tuple(self._hit(row) for row in best if row in fitting)[:limit]

    def settle(self) -> None:
        """Put the index in order after many changes; searches take a third of the time then."""
        with _translated():
            self._connection.execute("INSERT INTO passage (passage) VALUES ('optimize')")

    def _best(self, match: str, category: str) -> list[int]:
        """Return the best passage of each article, the best first."""
        number = self._numbers.get(category)
        rows = _EVERYWHERE if not category else _rows_of(number) if number is not None else range(0)
        return [row for row, _ in self._connection.execute(_BEST, (match, rows.start, rows.stop - 1))]

    def _add(self, name: str, article: Article) -> None:
        number = self._numbers.setdefault(article.category, len(self._numbers))
        first = _rows_of(number).start + self._next * _PER_ARTICLE
        rows = range(first, first + min(len(article.passages), _PER_ARTICLE))
        self._connection.executemany(
            _INSERT,
            (
                (row, article.title, passage.heading, passage.text, article.category)
                for row, passage in zip(rows, article.passages, strict=False)
            ),
        )
        self._rows[name], self._categories[name] = rows, article.category
        self._next += 1

    def _expression(self, word: str) -> tuple[str, int]:
        """Return how to look for a word, and how many passages hold it, at most _RANKED."""
        count = self._count(exactly(word))
        if not count and len(word) >= SHORTEST_BEGINNING:
            return beginning(word), self._count(beginning(word))
        return exactly(word), count

    def _count(self, match: str) -> int:
        return int(self._connection.execute(_COUNT, (match,)).fetchone()[0])

    def _fitting(self, rows: Sequence[int], known: Sequence[str], asked: int) -> set[int]:
        """Return those of the rows that fit a question of ``asked`` words."""
        held = dict.fromkeys(rows, 0)
        for word in known:
            for row in self._among(rows, word):
                held[row] += 1
        fitting = {row for row, count in held.items() if count > asked / 2}
        rest = [row for row in rows if row not in fitting]
        return fitting | set(self._among(rest, in_headings(any_of(list(known)))))

    def _among(self, rows: Sequence[int], match: str) -> Iterable[int]:
        numbers = ",".join(map(str, rows))
        sql = f"SELECT rowid FROM passage WHERE passage MATCH ? AND rowid IN ({numbers})"  # noqa: S608 - whole numbers
        return [row for (row,) in self._connection.execute(sql, (match,))] if rows else []

    def _hit(self, row: int) -> Hit:
        sql = "SELECT title, category, heading, body FROM passage WHERE rowid = ?"
        return Hit(*self._connection.execute(sql, (row,)).fetchone())


def _rows_of(category: int) -> range:
    """Return the rows of a category's number."""
    return range(category * _PER_CATEGORY, (category + 1) * _PER_CATEGORY)


def _rarest(known: Sequence[tuple[int, str]]) -> list[str]:
    """Return the rarest words, at least one, that are in no more passages than are ranked; ``known`` begins with it."""
    chosen, passages = list[str](), 0
    for count, word in known:
        passages += count
        if chosen and passages > _RANKED:
            break
        chosen.append(word)
    return chosen


def _met(row: int, rows: Sequence[int]) -> bool:
    """Tell whether another passage of the same article is there."""
    return any(row // _PER_ARTICLE == other // _PER_ARTICLE for other in rows)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"(knowledge: {error})") from error
