"""Fixed sentences in the languages of callers: English in :mod:`.phrases`, others one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import ConfigurationError
from . import phrases

ENGLISH: Final = "en"
SPOKEN: Final = (
    "EMPTY", "FAILURE", "CALL_FAILURE", "GREETING", "OFFER_PERSON", "STILL_THERE", "GOODBYE_SILENCE", "ALMOST_OVER",
    "GOODBYE_LENGTH", "TRANSFER", "CALL_BACK", "CLOSED", "CUT_OFF", "NOTHING_TO_REPEAT", "LINE_BUSY", "LINE_LOST",
    "ONE_MOMENT", "MOVING", "TOO_MANY_STEPS", "WAITING", "HELD", "NOBODY_FREE", "CALL_AGAIN", "TICKET_OPENED",
    "ASK_NUMBER", "SPEAK_LATER", "REFUSED", "EXECUTED", "FAILED", "UNKNOWN", "VOID", "REJECTED", "WITHDRAWN", "EXPIRED",
    "REASON",
)  # fmt: skip
"""Names of the sentences that callers may hear: each language has all of them."""
OPTIONAL: Final = ("NO_MORE_TEXTS", "OPTED_OUT", "OPTED_IN", "HOW_TO_STOP", "ANYTHING_ELSE")
"""Those that are met seldom, spoken or texted; a company's own languages may leave them out."""


class Phrase(NamedTuple):
    """A sentence, and the language that it turned out to be in (``es``)."""

    text: str
    language: str


class OwnSentences(NamedTuple):
    """Sentences that a company words itself, and the language of its words (``es``)."""

    language: str
    words: Mapping[str, str]


NONE_OWN: Final = OwnSentences(ENGLISH, {})


class Translations:
    """Tables of sentences, by primary language tag; whatever has no table is told in English.

    ``own`` gives what a company words itself, in the one language of its line.
    """

    def __init__(
        self, tables: Mapping[str, Mapping[str, str]], own: Callable[[], OwnSentences] = lambda: NONE_OWN
    ) -> None:
        self._tables = tables
        self._own = own

    @property
    def languages(self) -> frozenset[str]:
        """Return the languages whose callers hear their own."""
        return frozenset({ENGLISH, *self._tables})

    def say(self, sentence: str, language: str) -> Phrase:
        """Return a sentence of :mod:`.phrases` in a language (``es-MX``), else as it is."""
        primary, own = primary_tag(language), self._own()
        found = own.words.get(sentence) if own.language == primary else None
        found = found or self._tables.get(primary, {}).get(sentence)
        return Phrase(sentence, ENGLISH) if found is None else Phrase(found, primary)


def primary_tag(language: str) -> str:
    """Return the first part of a language tag: ``es`` of ``es-MX``."""
    return language.partition("-")[0].lower()


def load_translations(
    folder: Path | None = None, *, own: Callable[[], OwnSentences] = lambda: NONE_OWN
) -> Translations:
    """Read the shipped languages, and those of a folder, which go before them; a company's ``own`` words go first.

    Raises ConfigurationError with a sentence for each file that is not complete.
    """
    problems: list[str] = []
    tables = dict(_tables(_shipped(), problems))
    for language, own_table in _tables(_own(folder, problems), problems) if folder is not None else ():
        tables[language] = {**tables.get(language, {}), **own_table}
    if problems:
        raise ConfigurationError(problems)
    return Translations(tables, own)


def _shipped() -> Iterator[tuple[str, str]]:
    for file in resources.files(__package__).joinpath("sentences").iterdir():
        if file.name.endswith(".toml"):
            yield file.name, file.read_text("utf-8")


def _own(folder: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    if not folder.is_dir():
        problems.append(f"PHRASES_DIR: {folder} is no folder.")
        return
    for file in sorted(folder.glob("*.toml")):
        try:
            if not file.is_file():
                raise OSError  # a pipe would be waited for
            yield file.name, file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            problems.append(f"PHRASES_DIR: {file.name} cannot be read as a text file.")


def _tables(files: Iterator[tuple[str, str]], problems: list[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, text in files:
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            problems.append(f"PHRASES_DIR: {name} is no TOML ({error}).")
            continue
        reasons = list(_misfits(table))
        problems.extend(f"PHRASES_DIR: {name} {reason}." for reason in reasons)
        if not reasons:
            yield (
                primary_tag(name.removesuffix(".toml")),
                {getattr(phrases, one): words for one, words in table.items()},
            )


def _misfits(table: Mapping[str, object]) -> Iterator[str]:
    if missing := [name for name in SPOKEN if name not in table]:
        yield f"lacks {', '.join(missing)}"
    if unknown := sorted(table.keys() - {*SPOKEN, *OPTIONAL}):
        yield f"has {', '.join(unknown)}, which is none of ours"
    if unfit := sorted(name for name, text in table.items() if not isinstance(text, str) or not text.strip()):
        yield f"has no words for {', '.join(unfit)}"
