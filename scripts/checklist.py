"""Write the last column of docs/checklist.md: the tests that are marked with a promise.

python scripts/checklist.py
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/checklist.md"
FEW = 3
"""Functions of one file that are named one by one."""
_ROW = re.compile(r"^\| ([A-Z]\d+[a-z]?) \| (.+) \| (.*) \|$", re.MULTILINE)


def proofs() -> Mapping[str, Sequence[str]]:
    """Return the tests of each promise: files, and of files with few marks the functions."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        name, marks = path.relative_to(ROOT).as_posix(), defaultdict[str, list[str]](list)
        for promise, function in _marked(ast.parse(path.read_text(encoding="utf-8"))):
            marks[promise].append(function)
        for promise, functions in marks.items():
            whole = "" in functions or len(functions) > FEW
            found[promise] += [name] if whole else [f"{name}::{function}" for function in functions]
    return found


def _marked(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each promise that a file is marked with, and the function that has the mark, "" for the file."""
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from ((promise, "") for promise in _promises(node.value))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ((promise, node.name) for mark in node.decorator_list for promise in _promises(mark))


def _promises(mark: ast.expr) -> Iterator[str]:
    for node in ast.walk(mark):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            yield from (ast.literal_eval(promise) for promise in node.args)


def rows(page: str) -> Mapping[str, str]:
    """Return the last column of each promise on a page."""
    return {promise: column for promise, _, column in _ROW.findall(page)}


def written(page: str) -> str:
    """Return a page with its last column written anew; what has no test keeps its word."""
    known = proofs()

    def row(found: re.Match[str]) -> str:
        promise, sentence, word = found.groups()
        tests = ", ".join(f"`{test}`" for test in known.get(promise, ()))
        return f"| {promise} | {sentence} | {tests or ('' if '`' in word else word)} |"

    return _ROW.sub(row, page)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
