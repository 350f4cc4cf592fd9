"""What the contract suite needs to know of this store: how to open it empty, twice, and how to do damage to it.

From the checkout's folder::

    PYTHONPATH=examples/store TANDEM_STORE_KIT=store_kit:audited_kit python -m pytest tests/contracts
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from audited_store import AUDIT_FILE, AuditedStore

from tandem.persistence.base import LaneStore
from tests.contracts.kits import StoreKit, file_kit


class AuditedKit:
    """The kit of the store below, with audited handles. A store from nothing writes all of it."""

    def __init__(self, below: StoreKit, file: Path) -> None:
        self._below = below
        self._file = file
        self.store = self._audited(below.store)

    def __getattr__(self, name: str) -> Any:
        """Move the clock and do damage as below."""
        return getattr(self._below, name)

    async def second(self) -> LaneStore:
        """Open another handle on the same data."""
        return self._audited(await self._below.second())

    def _audited(self, store: LaneStore) -> Any:
        return AuditedStore(store, self._file)


@asynccontextmanager
async def audited_kit(folder: Path) -> AsyncIterator[AuditedKit]:
    """Give an empty store in a folder of its own."""
    async with file_kit(folder) as below:
        yield AuditedKit(below, folder / AUDIT_FILE)
