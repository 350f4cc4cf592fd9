"""The documents say what the code does: settings, errors, commands, links and the checklist."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tandem
from tandem import errors
from tandem.settings import RETIRED, Settings

from .tree import ROOT, SRC, texts

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHECKLIST = (ROOT / "docs/checklist.md").read_text(encoding="utf-8")
PAGES = [path for path in texts() if path.suffix == ".md"]


def written(default: Any) -> str:
    """Spell a default the way it is written in an environment file."""
    if default is None or default in ((), {}):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Path):
        return f"./{default}"
    return f"{default:g}" if isinstance(default, float) else str(default)


SETTINGS = {
    name.upper(): (written(field.get_default(call_default_factory=True)), str(field.description))
    for name, field in Settings.model_fields.items()
}


def test_env_example_equals_the_settings() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    found = {}
    for above, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("#") and "=" in line:
            name, _, default = line.partition("=")
            found[name] = (default, above.removeprefix("# "))
    assert found == SETTINGS


def rows(page: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose first heading is ``first``."""
    table = re.search(rf"^\| {first} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert table, f"no table that begins with {first}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_test_in_which_it_is_set(name: str) -> None:
    """A12. Kits that set it for every test do not count."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_documents.py"]
    assert [path.name for path in tests if re.search(rf"\b{name}\b", path.read_text(encoding="utf-8"))]


def test_operations_lists_every_setting() -> None:
    found = {name.strip("`"): (default.strip("`"), about) for name, default, about in rows(OPERATIONS, "Setting")}
    assert found == SETTINGS


@pytest.mark.parametrize("name", sorted(RETIRED))
def test_operations_names_the_retired_settings(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


def error_classes(root: type[errors.TandemError]) -> Iterator[type[errors.TandemError]]:
    """Yield an error and those derived from it anywhere in the package, once all of that is imported."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith("tandem."):
            yield from error_classes(child)


@pytest.fixture(scope="module")
def every_error() -> list[type[errors.TandemError]]:
    for module in pkgutil.walk_packages(tandem.__path__, "tandem."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return list(error_classes(errors.TandemError))


def test_operations_lists_every_error(every_error: list[type[errors.TandemError]]) -> None:
    found = {code.strip("`"): (sentence, again) for code, sentence, again, _ in rows(OPERATIONS, "Code")}
    expected = {
        error.code: (str(error.__doc__).splitlines()[0], "yes" if error.retryable else "no") for error in every_error
    }
    assert found == expected


def test_every_error_class_has_its_own_code(every_error: list[type[errors.TandemError]]) -> None:
    codes = [error.code for error in every_error]
    assert sorted(codes) == sorted(set(codes))


def commands() -> list[str]:
    """Return the names given to ``add_parser`` in the command line's source."""
    source = SRC / "commands/cli.py"
    calls = ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if source.exists() else ()
    return [
        str(ast.literal_eval(call.args[0]))
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("add_parser") and call.args
    ]


@pytest.mark.parametrize("command", commands())
def test_operations_shows_every_command(command: str) -> None:
    assert f"`tandem {command}" in OPERATIONS


def targets() -> list[str]:
    return re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("target", targets())
def test_operations_shows_every_make_target(target: str) -> None:
    assert f"`make {target}`" in OPERATIONS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_pages_named_in_the_source_exist() -> None:
    named = {
        (path.relative_to(ROOT), page)
        for path in texts()
        if path.suffix in {".py", ".md", ".sql"}
        for page in re.findall(r"docs/[\w/.-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert {(path, page) for path, page in named if not (ROOT / page).exists()} == set()


def test_decisions_named_in_the_source_exist() -> None:
    named = {
        (path.relative_to(ROOT), number)
        for path in texts()
        if path.suffix in {".py", ".sql"}
        for number in re.findall(r"docs/decisions/(\d{4})", path.read_text(encoding="utf-8"))
    }
    written_down = {path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md")}
    assert {(path, number) for path, number in named if number not in written_down} == set()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    names = re.findall(r'^  "([\w-]+)', "".join(lists), re.MULTILINE)
    reasons = rows((ROOT / "docs/decisions/0003-dependencies.md").read_text(encoding="utf-8"), "Package")
    assert sorted(cell.strip("`") for cell, _ in reasons) == sorted(names)


def checklist() -> list[tuple[str, str]]:
    """Return the id and the test of every line of the checklist that has one."""
    return [(line[0], proof) for line in rows(CHECKLIST, "Id") for proof in re.findall(r"`(tests/[^`]+)`", line[2])]


@pytest.mark.parametrize(("promise", "proof"), checklist())
def test_checklist_names_tests_that_exist(promise: str, proof: str) -> None:
    name, _, function = proof.partition("::")
    source = (ROOT / name).read_text(encoding="utf-8")
    assert not function or re.search(rf"def {re.escape(function)}\(", source), promise


def test_checklist_ids_are_unique() -> None:
    ids = [line[0] for line in rows(CHECKLIST, "Id")]
    assert sorted(ids) == sorted(set(ids))


MACHINE_WORDS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(("work", "opt", "home", "root", "Users")) + r")/\w")


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_one_machine_is_in_the_tree(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [word for word in MACHINE_WORDS if word in text] == []
    assert MACHINE_PATHS.findall(text) == []
