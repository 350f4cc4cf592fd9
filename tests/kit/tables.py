"""Tables of inputs: one test goes through all rows and reports each one that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any

import pytest

TROUBLE = (Exception, pytest.fail.Exception)


def each(names: str | tuple[str, ...], rows: Iterable[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Call a test with each row, as ``pytest.mark.parametrize`` would, but in one test, which costs one test's time.

    For tests whose rows share nothing: what a fixture gives is the same for all of them.
    """
    table, keys = tuple(rows), (names,) if isinstance(names, str) else names

    def over(test: Callable[..., Any]) -> Callable[..., Any]:
        problems: list[BaseException] = []

        def given(problem: BaseException, row: Any) -> None:
            problem.add_note(f"in the row {row!r:.300}")
            problems.append(problem)

        def told() -> None:
            found = problems.copy()
            problems.clear()
            if found:
                raise BaseExceptionGroup(f"{len(found)} of {len(table)} rows", found)

        def values() -> Iterator[tuple[Any, dict[str, Any]]]:
            for row in table:
                yield row, dict(zip(keys, (row,) if isinstance(names, str) else row, strict=True))

        @wraps(test)
        def run(**fixtures: Any) -> None:
            for row, value in values():
                try:
                    test(**fixtures, **value)
                except TROUBLE as problem:
                    given(problem, row)
            told()

        @wraps(test)
        async def run_async(**fixtures: Any) -> None:
            for row, value in values():
                try:
                    await test(**fixtures, **value)
                except TROUBLE as problem:
                    given(problem, row)
            told()

        made = run_async if iscoroutinefunction(test) else run
        asked = [one for one in signature(test).parameters.values() if one.name not in keys]
        keyed = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in asked]
        made.__signature__ = signature(test).replace(parameters=keyed)  # type: ignore[attr-defined]
        return made

    return over
