"""A store of your own: the file store, with a file beside it that says what was committed, and only grows.

Start it from this folder with ``PERSISTENCE_ADAPTER=audited_store:open_audited_store tandem serve``. Everything that is
not written here is the file store's; tests/contracts checks the whole (``store_kit.py``).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tandem.errors import StoreUnavailable
from tandem.persistence.base import LaneStore
from tandem.persistence.chosen import StoreSettings
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Change, Claim, Committed
from tandem.telemetry.logs import subject_label

AUDIT_FILE = "audit.jsonl"


class AuditedStore:
    """Writes one line per commit: when, for whom (a label, no number), which version, and what happened.

    A commit that is repeated after a lost answer, or after a line that could not be written, is written again with the
    same token: a reader takes each token once.
    """

    def __init__(self, store: LaneStore, file: Path) -> None:
        self._store = store
        self._file = file

    def __getattr__(self, name: str) -> Any:
        """Leave every other method to the store below."""
        return getattr(self._store, name)

    async def commit(self, claim: Claim, change: Change, *, token: str, **more: Any) -> Committed:
        """Commit; see :meth:`tandem.persistence.base.LaneStore.commit`. Returns once the line is on disk too."""
        committed = await self._store.commit(claim, change, token=token, **more)
        line = {
            "at": claim.now,
            "subject": subject_label(claim.subject),
            "version": committed.version,
            "token": token,
            "events": [{"name": event.name, "source": event.source, "tone": event.tone} for event in change.timeline],
        }
        try:
            await asyncio.to_thread(self._append, json.dumps(line) + "\n")
        except OSError as error:
            raise StoreUnavailable(f"({self._file}: {error.strerror})") from error
        return committed

    def _append(self, line: str) -> None:
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)


@asynccontextmanager
async def open_audited_store(settings: StoreSettings) -> AsyncIterator[AuditedStore]:
    """Open the store; this is what ``PERSISTENCE_ADAPTER`` names."""
    folder = settings.state_persistence_dir
    async with open_file_store(folder) as store:
        yield AuditedStore(store, folder / AUDIT_FILE)
