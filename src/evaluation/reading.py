"""Reads scenarios from YAML files, and says in sentences what is wrong with them.

Values are YAML 1.2's: a telephone number stays a text without quotes, and ``no`` is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from pydantic import ValidationError

from ..errors import ConfigurationError
from ..settings.toml_file import reason
from .scenario import Scenario

SHIPPED = Path(__file__).parent / "scenarios"
"""The scenarios of the built-in support agent."""
_SUFFIXES = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Loads one document of YAML 1.2's core schema, in which no key stands twice."""

    yaml_implicit_resolvers: Mapping[str, Any] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, of which a few lines can make gigabytes; see yaml.SafeLoader."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not taken; write it out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Make a mapping; see yaml.SafeLoader."""
        names = [key.value for key, _ in node.value]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise yaml.MarkedYAMLError(problem=f"{twice!r} stands there twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep=deep)


for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), [*_first, ""])


def read_scenarios(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """Read files, and all files of folders, in the order of their names.

    Raises ConfigurationError with a sentence for everything that is wrong in any of them.
    """
    problems: list[str] = []
    found: dict[str, Scenario] = {}
    for path in paths:
        files = _files(path)
        if not files:
            problems.append(f"{path}: no scenarios are there (files that end in .yaml).")
        for file in files:
            for scenario in _read(file, problems):
                if scenario.name in found:
                    problems.append(f"{file}: there is another scenario of the name {scenario.name!r}.")
                found[scenario.name] = scenario
    if problems:
        raise ConfigurationError(problems)
    return tuple(found.values())


def check_tools(scenarios: Iterable[Scenario], known: Iterable[str]) -> None:
    """Raise ConfigurationError for scenarios that name a tool which the agent does not have."""
    names = sorted(known)
    problems = [
        f"{scenario.name}: the agent has no tool {tool!r}{_meant(tool, names)}"
        for scenario in scenarios
        for tool in sorted(scenario.tools() - set(names))
    ]
    if problems:
        raise ConfigurationError(problems)


def _files(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
    return [path] if path.is_file() else []


def _read(file: Path, problems: list[str]) -> Iterator[Scenario]:
    try:
        given = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(f"{file}, line {line}: this is no YAML ({error.problem}).")
        return
    except (OSError, ValueError, AttributeError, RecursionError, yaml.YAMLError) as error:
        # A tag that does not fit its value, a number of thousands of digits and a thousand brackets raise the like.
        problems.append(f"{file}: it cannot be read ({type(error).__name__}).")
        return
    for number, one in enumerate(given if isinstance(given, list) else [given], 1):
        name = one.get("name") if isinstance(one, dict) else None
        try:
            yield Scenario.model_validate({**one, "group": file.stem} if isinstance(one, dict) else one)
        except ValidationError as error:
            said = (reason(finding, finding["loc"], Scenario) for finding in error.errors(include_url=False))
            problems += [f"{file}: scenario {name or number}: {text}." for text in said]


def _meant(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; is {close[0]!r} meant?" if close else "."
