"""The documents say what the code does: settings, errors, commands, links and the checklist."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tandem
from scripts import checklist
from tandem import errors
from tandem.settings import RETIRED, Settings, written

from .tree import ROOT, SRC, texts

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHECKLIST = (ROOT / "docs/checklist.md").read_text(encoding="utf-8")


SETTINGS = {name: (written(field), str(field.description)) for name, field in Settings.variables().items()}


@pytest.mark.promise("O5")
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


@pytest.mark.promise("A12")
def test_every_setting_has_a_test_in_which_it_is_set() -> None:
    """Kits that set it for every test do not count."""
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path.name != "test_documents.py"]
    named = {word for path in tests for word in re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", path.read_text(encoding="utf-8"))}
    assert SETTINGS.keys() - named == set()


def test_operations_lists_every_setting() -> None:
    found = {name.strip("`"): (default.strip("`"), about) for name, default, about in rows(OPERATIONS, "Setting")}
    assert found == SETTINGS


def test_operations_names_the_retired_settings() -> None:
    assert [name for name in RETIRED if f"`{name}`" not in OPERATIONS] == []


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


def test_operations_shows_every_command() -> None:
    assert commands()
    assert [command for command in commands() if f"`tandem {command}" not in OPERATIONS] == []


def targets() -> list[str]:
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_operations_shows_every_make_target() -> None:
    assert targets()
    assert [target for target in targets() if f"`make {target}`" not in OPERATIONS] == []


def local_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]


def test_links_lead_somewhere() -> None:
    pages = [path for path in texts() if path.suffix == ".md"]
    links = [(page, link) for page in pages for link in local_links(page)]
    assert len(links) > len(pages)
    assert [(page.relative_to(ROOT), link) for page, link in links if not (page.parent / link).exists()] == []


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


def test_checklist_names_the_tests_that_are_marked() -> None:
    assert checklist.written(CHECKLIST) == CHECKLIST, "run python scripts/checklist.py"


def test_every_mark_names_a_promise() -> None:
    assert checklist.proofs().keys() - checklist.rows(CHECKLIST).keys() == set()


def test_every_promise_has_a_test_or_a_word_why_not() -> None:
    columns = checklist.rows(CHECKLIST)
    assert len(columns) == len(rows(CHECKLIST, "Id"))  # each id once
    assert [promise for promise, column in columns.items() if "`tests/" not in column and not column.isalpha()] == []


def test_no_promise_is_left_out() -> None:
    numbers: dict[str, set[int]] = {}
    for promise in checklist.rows(CHECKLIST):
        numbers.setdefault(promise[0], set()).add(int(re.sub(r"\D", "", promise)))
    assert {letter: found for letter, found in numbers.items() if found != set(range(1, len(found) + 1))} == {}


MACHINE_WORDS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
)
MACHINE_PATHS = re.compile(r"(?<![\w.~$}])/(?:" + "|".join(("work", "opt", "home", "root", "Users")) + r")/\w")


def of_one_machine(text: str) -> list[str]:
    return [*(word for word in MACHINE_WORDS if word in text), *MACHINE_PATHS.findall(text)]


def test_nothing_of_one_machine_is_in_the_tree() -> None:
    found = {path.relative_to(ROOT): of_one_machine(path.read_text(encoding="utf-8")) for path in texts()}
    assert {path: words for path, words in found.items() if words} == {}
