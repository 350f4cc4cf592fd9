"""Knowledge articles: Markdown with a small front matter, read into passages that a model can use. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_PASSAGE = 800
"""Characters of a passage; a longer section becomes several, cut between paragraphs, else sentences, else words."""
LONGEST_LABEL = 120
"""Characters of a title, heading or category that are kept."""
NO_CATEGORY = "general"

_HEADING = re.compile(r"#{1,6}\s+(?P<words>.*?)\s*#*")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_FIELD = re.compile(r"(?P<name>\w+)\s*:\s*(?P<value>.*)")
_BETWEEN = (re.compile(r"\n\s*\n"), re.compile(r"(?<=[.!?])\s+"), re.compile(r"\s+"))
"""Where a long section may be cut, the best places first."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of an article. ``heading`` is that of its section, empty before the first one."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Article:
    """An article; ``category`` is in lower case."""

    title: str
    category: str
    passages: tuple[Passage, ...]


def read_article(text: str, *, name: str, category: str = NO_CATEGORY) -> Article | str:
    """Read an article, or say in a few words what is wrong with it.

    The front matter (between two lines ``---`` at the top) may give ``title`` and ``category``. Without a title the
    first heading is it, else ``name``; without a category it is the one given here.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    end = 0
    if lines and lines[0].strip() == "---":
        end = next((number for number, line in enumerate(lines) if number and line.strip() == "---"), 0)
        if not end:
            return "its front matter does not end"
    fields = dict(_fields(lines[1:end]))
    sections = list(_sections(lines[end + 1 if end else 0 :]))
    title = fields.get("title") or next((heading for heading, _ in sections if heading), name)
    passages = tuple(
        Passage("" if heading == title else _label(heading), piece)
        for heading, body in sections
        for piece in _pieces(body)
    )
    if not passages:
        return "it holds no text"
    return Article(_label(title), _label(fields.get("category") or category).casefold(), passages)


def _fields(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if (found := _FIELD.fullmatch(line.strip())) and (value := found["value"].strip().strip("\"'")):
            yield found["name"].casefold(), value


def _label(text: str) -> str:
    return " ".join(text.split())[:LONGEST_LABEL]


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give heading and body of each section; what looks like a heading in a code block is none."""
    heading, body, in_code = "", list[str](), False
    for line in lines:
        in_code ^= _FENCE.match(line) is not None
        found = None if in_code else _HEADING.fullmatch(line)
        if found is None:
            body.append(line)
            continue
        yield heading, "\n".join(body).strip()
        heading, body = found["words"], []
    yield heading, "\n".join(body).strip()


def _pieces(text: str, cuts: Sequence[re.Pattern[str]] = _BETWEEN) -> Iterator[str]:
    """Cut a text into pieces of bounded length, as few as its paragraphs allow."""
    if len(text) <= LONGEST_PASSAGE:
        if text:
            yield text
        return
    if not cuts:
        yield from (text[at : at + LONGEST_PASSAGE] for at in range(0, len(text), LONGEST_PASSAGE))
        return
    joint = "\n\n" if cuts is _BETWEEN else " "
    held = ""
    for part in cuts[0].split(text):
        if held and len(held) + len(joint) + len(part) > LONGEST_PASSAGE:
            yield from _pieces(held, cuts[1:])
            held = part
        else:
            held = f"{held}{joint}{part}" if held else part
    yield from _pieces(held, cuts[1:])
