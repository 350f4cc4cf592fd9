"""TOML files that settings name: read whole, and answered with file, line and reason where they are wrong. Pure but
for the reading.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from ..errors import ConfigurationError

LONGEST_FILE: Final = 200_000
"""Bytes; what people write by hand is far smaller."""
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_QUOTES = re.compile(r'"""|' + "'''")
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Where = Sequence[int | str]
"""Keys that lead to a value; a number counts the tables of a list, from 0."""
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file's text, and the table that it says."""

    path: Path
    text: str
    table: dict[str, Any]

    def wrong(self, where: Where, reason: str) -> str:
        """Return the sentence about a value: file, line and reason."""
        return f"{self.path}, line {line_of(self.text, where)}: {reason}."

    def as_model(self, kind: type[Model], table: dict[str, Any] | None = None) -> Model:
        """Return the table, or one made of it, as a model. Raises ConfigurationError with a sentence for each fault."""
        try:
            return kind.model_validate(self.table if table is None else table)
        except ValidationError as error:
            raise ConfigurationError(list(self.complaints(error, kind))) from error

    def complaints(self, error: ValidationError, kind: type[BaseModel], below: Where = ()) -> Iterator[str]:
        """Yield a sentence for each thing that does not fit; ``below`` leads to the table that was tried."""
        for finding in error.errors(include_input=False):
            where = (*below, *(_spelled(part, kind) for part in finding["loc"]))
            yield self.wrong(where, reason(finding, where, kind))


def read_toml(path: Path) -> TomlFile:
    """Read a file. Raises ConfigurationError with one sentence that names the file, and the line where there is one."""
    text = read_text(path)
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except RecursionError as error:
        raise ConfigurationError([f"{path}: it is nested too deep."]) from error
    except ValueError as error:  # TOMLDecodeError, or that of int(), which reads no number of thousands of digits
        found = _AT_LINE.search(str(error))
        line = found[1] if found and found[1] else text.count("\n") + 1
        reason = str(error)[: found.start()] if found else str(error)
        raise ConfigurationError([f"{path}, line {line}: {reason}."]) from error


def read_text(path: Path) -> str:
    """Read a text file that a setting names. Raises ConfigurationError; a pipe is not waited for."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigurationError([f"{path} cannot be read (it is no file)."])
        with open(path, "rb") as file:
            content = file.read(LONGEST_FILE + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([f"{path}, line {line}: it is no UTF-8 text."]) from error
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be read ({error.strerror})."]) from error
    if len(content) > LONGEST_FILE:
        raise ConfigurationError([f"{path} has more than {LONGEST_FILE} bytes."])
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def line_of(text: str, where: Where) -> int:
    """Return the line of a value, or else of what it would stand in; the first line when nothing leads there."""
    best, line = 0, 1
    for number, path in _places(text):
        common = 0
        while common < min(len(path), len(where)) and path[common] == where[common]:
            common += 1
        if common == min(len(path), len(where)) and common > best:
            best, line = common, number
    return line


def _places(text: str) -> Iterator[tuple[int, Where]]:
    """Yield the line of each table and key, and the keys that lead there."""
    table: tuple[int | str, ...] = ()
    counted: dict[str, int] = {}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = not inside
        for mark in _QUOTES.findall(line):
            inside = "" if inside == mark else inside or mark
        if not begun:
            continue
        if header := _HEADER.match(line):
            table = _keys(header[2])
            if header[1] == "[[":
                name = ".".join(map(str, table))
                counted[name] = counted.get(name, -1) + 1
                table = (*table, counted[name])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_keys(key[1]))


def _keys(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def reason(finding: ErrorDetails, where: Where, kind: type[BaseModel]) -> str:
    """Say what is wrong with a value, without repeating it: it may be anything."""
    name = ".".join(str(part) for part in where if isinstance(part, str)) or "it"
    if finding["type"] == "extra_forbidden":
        known = [name for model in _models(kind) for name in _names(model)]
        meant = get_close_matches(str(where[-1]), known, n=1, cutoff=0.75)
        return f"{name} is not known" + (f"; {meant[0]} may be meant" if meant else "")
    if finding["type"] == "missing":
        return f"{name} is missing"
    said = finding.get("ctx", {}).get("error")
    if isinstance(said, ValueError):
        # What does not fit together is said in whole sentences, a value that does not fit in what it must be.
        return str(said).rstrip(".") if not finding["loc"] else f"{name} must be {said}"
    return f"{name}: {finding['msg'][0].lower()}{finding['msg'][1:]}"


def _spelled(part: int | str, kind: type[BaseModel]) -> int | str:
    """Return a field's name as files have it, where a model has another one for other programs."""
    return to_snake(part) if isinstance(part, str) and "alias_generator" in kind.model_config else part


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield a model, and those that its fields hold, however deep in lists and tables."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from _models(field.annotation)
    for inner in get_args(kind):
        yield from _models(inner)


def _names(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of a model's fields as files have them."""
    for name, field in model.model_fields.items():
        yield name if "alias_generator" in model.model_config else field.alias or name
