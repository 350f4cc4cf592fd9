"""Run the store suite over every backend that has a kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.persistence.base import LaneStore

from .kits import StoreKit, chosen_kits

CHOSEN = chosen_kits()


@pytest.fixture(params=sorted(CHOSEN))
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreKit]:
    async with CHOSEN[request.param](tmp_path) as kit:
        yield kit


@pytest.fixture
def store(kit: StoreKit) -> LaneStore:
    return kit.store
