"""The sample shop that is attacked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agents import set_tracing_disabled

from tandem.shop.embedded import EmbeddedShop, open_embedded_shop


@pytest.fixture(autouse=True)
def _no_tracing() -> None:
    set_tracing_disabled(True)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    async with open_embedded_shop(tmp_path / "shop.sqlite3") as opened:
        yield opened
