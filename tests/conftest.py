"""The whole suite: one order or another, whose leak it was, and how much hypothesis asks of a busy machine."""

from __future__ import annotations

import gc
import itertools
import os
import random
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# The same examples in every run: a red run is about the change, not about the dice. A busy machine is not the test's
# fault. More examples, others each time: --hypothesis-profile=explore.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=5_000)
settings.load_profile("suite")
# Otherwise examples hold constants of the modules that a worker happens to have imported (and each worker reads all of
# them first, ten seconds on a fresh clone). There is no setting for it.
providers.is_local_module_file = lambda _: False  # type: ignore[attr-defined]

_failed = pytest.StashKey[bool]()
_tests = itertools.count(1)
COLLECT_EVERY = 250
# It needs a model that make real-model installs.
collect_ignore = [] if "REAL_MODEL_PYTHON" in os.environ else ["real_model"]


PER_CORE = 2
"""Workers per core: half of a test's time is waiting for a process, a browser or a clock."""
HEAVY_SECONDS = 300
"""For one test that keeps all processors busy, on a machine with better things to do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", metavar="SEED", help="run the tests in an order that this seed decides")


def pytest_xdist_auto_num_workers() -> int:
    return PER_CORE * (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Leave what is imported and collected uncollected, as a gateway does: it stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("heavy"):
            item.add_marker(pytest.mark.timeout(HEAVY_SECONDS))
            item.add_marker(pytest.mark.xdist_group("heavy"))
    if seed := config.getoption("--shuffle"):
        # By name first, so that all workers have one order, which is what distributing them takes.
        items.sort(key=lambda item: item.nodeid)
        random.Random(seed).shuffle(items)
    # One worker begins with them, one after the other.
    items.sort(key=lambda item: item.get_closest_marker("heavy") is None)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Collect now and then what was frozen: a gateway that opens takes all there is out of the collector's sight.

    What a closed one leaves would otherwise stay for ever, and every end of an event loop looks at all its tasks.
    """
    if next(_tests) % COLLECT_EVERY == 0:
        gc.unfreeze()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture(autouse=True)
def _own_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Blame a test for what it left open: collected by chance, that is told in the middle of an innocent one."""
    yield
    if request.node.stash.get(_failed, False) or request.node.get_closest_marker("heavy"):
        sys.last_value = sys.last_traceback = None  # they hold the frames of what failed
        gc.collect()
