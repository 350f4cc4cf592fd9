"""A store that is away: the log is told once that it went and once that it is back, however many requests meet it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from ..errors import StoreUnavailable

log = structlog.get_logger(__name__)


class StoreOutage:
    """Tracks whether the store is away. Only a write shows that it is back: a full disk can be read."""

    def __init__(self) -> None:
        self._since: float | None = None

    @property
    def lasts(self) -> bool:
        """True if the store was away when last tried."""
        return self._since is not None

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Draw conclusions from a write: its StoreUnavailable goes on to the caller."""
        with self.met():
            yield
        self.end()

    @contextmanager
    def met(self) -> Iterator[None]:
        """Draw conclusions from a read, which shows that the store is away and never that it is back."""
        try:
            yield
        except StoreUnavailable as error:
            self.begin(error)
            raise

    def begin(self, error: StoreUnavailable) -> None:
        """Note that the store does not answer."""
        if self._since is None:
            self._since = time.monotonic()
            log.error("store_unavailable", reason=error.detail or error.code)

    def end(self) -> None:
        """Note that the store has written something."""
        if self._since is not None:
            log.warning("store_back", seconds=round(time.monotonic() - self._since, 1))
            self._since = None
