"""Run the store suite over every backend that has a kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.persistence.base import LaneStore

from .kits import StoreKit, chosen_kits

CHOSEN = chosen_kits()


EXAMPLE = "example"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every case over every backend, and over the example what it writes by itself, which is its commit."""
    if "kit" in metafunc.fixturenames:
        commits = metafunc.module.__name__.endswith("test_store_commits")
        metafunc.parametrize("kit", [name for name in sorted(CHOSEN) if name != EXAMPLE or commits], indirect=True)


@pytest.fixture
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreKit]:
    async with CHOSEN[request.param](tmp_path) as kit:
        yield kit


@pytest.fixture
def store(kit: StoreKit) -> LaneStore:
    return kit.store
