"""The company's own knowledge: the articles of a folder, searchable, read again when they change."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path

import structlog

from ..errors import ConfigurationError
from .article import NO_CATEGORY, Article, read_article
from .index import Found, Index

log = structlog.get_logger(__name__)

CHECK_SECONDS = 3.0
"""How often the folder is looked at for changes."""
CHECK_SHARE = 50
"""Looking takes at most this part of the time, however many files there are."""
LONGEST_FILE = 1_000_000
"""Bytes of an article."""
_BATCH = 200
"""Files that are written to the index in one go; searches wait for no more than that."""

Stamp = tuple[int, int]
"""Time of the last change and size: what tells that a file changed, without reading it."""


class Knowledge:
    """The articles of a folder. Get one from :func:`open_knowledge`.

    The index is used in threads, one at a time, so the event loop never waits for it.
    """

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self._folder = folder
        self._quiet = quiet
        self._index = Index()
        self._lock = threading.Lock()
        self._stamps: dict[str, Stamp] = {}
        self._unreadable = False
        self.broken: dict[str, str] = {}
        """Files that are no articles, each with the reason."""

    def __len__(self) -> int:
        return len(self._index)

    async def search(self, question: str, *, category: str = "", limit: int = 5) -> Found:
        """Find the best passages; see :meth:`.index.Index.search`. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._search, question, category, limit)

    async def refresh(self) -> None:
        """Take in what changed in the folder. A file that is no article is logged, once, and left out."""
        await asyncio.to_thread(self._refresh)

    async def watch(self, seconds: float = CHECK_SECONDS) -> None:
        """Refresh again and again, until cancelled."""
        pause = seconds
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                await self.refresh()
            except Exception:
                # The edge of a task that must not end: articles as they were are better than none.
                log.exception("knowledge_not_refreshed")
            pause = max(seconds, CHECK_SHARE * (time.monotonic() - began))

    def close(self) -> None:
        """Forget everything; a search or refresh under way is waited for."""
        with self._lock:
            self._index.close()

    def _search(self, question: str, category: str, limit: int) -> Found:
        with self._lock:
            return Found(self._index.search(question, category=category, limit=limit), self._index.categories)

    def _refresh(self) -> None:
        try:
            stamps = dict(_files(self._folder))
        except OSError as error:
            if not self._unreadable:
                log.error("knowledge_folder_unreadable", folder=str(self._folder), reason=error.strerror)
            self._unreadable = True
            return
        self._unreadable = False
        changed = [name for name, stamp in stamps.items() if self._stamps.get(name) != stamp]
        changed += [name for name in self._stamps if name not in stamps]
        for start in range(0, len(changed), _BATCH):
            self._take_in(changed[start : start + _BATCH], stamps)
        if len(changed) > _BATCH:
            with self._lock:
                self._index.settle()
        if changed and not self._quiet:
            log.info("knowledge_read", articles=len(self), changed=len(changed), skipped=len(self.broken))

    def _take_in(self, names: list[str], stamps: Mapping[str, Stamp]) -> None:
        articles: dict[str, Article | None] = {}
        for name in names:
            read = _read(self._folder, name) if name in stamps else None
            articles[name] = read if isinstance(read, Article) else None
            self.broken.pop(name, None)
            if isinstance(read, str):
                self.broken[name] = read
                if not self._quiet:
                    log.warning("article_skipped", file=name, reason=read)
        with self._lock:
            self._index.change(articles)
        for name in names:
            if name in stamps:
                self._stamps[name] = stamps[name]
            else:
                self._stamps.pop(name, None)


@asynccontextmanager
async def open_knowledge(folder: Path | None = None, *, quiet: bool = False) -> AsyncIterator[Knowledge]:
    """Read the articles of a folder, the shipped samples without one, and keep up with its changes.

    With ``quiet`` nothing is logged. Raises ConfigurationError when the folder cannot be read.
    """
    place = folder or Path(str(resources.files(__package__).joinpath("articles")))
    try:
        os.scandir(place).close()
    except OSError as error:
        raise ConfigurationError([f"KNOWLEDGE_DIR={place} cannot be read ({error.strerror})."]) from error
    knowledge = Knowledge(place, quiet=quiet)
    try:
        await knowledge.refresh()
        if not (len(knowledge) or quiet):
            log.warning("knowledge_empty", folder=str(place))
        watcher = asyncio.create_task(knowledge.watch(), name="knowledge")
        try:
            yield knowledge
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    finally:
        knowledge.close()


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Give the Markdown files of a folder and those below it; hidden ones and READMEs are no articles."""
    ahead = [""]
    while ahead:
        here = ahead.pop()
        with os.scandir(folder / here) as entries:
            for entry in entries:
                name = os.path.join(here, entry.name)
                if entry.name.startswith(".") or entry.name.casefold() == "readme.md":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    ahead.append(name)
                elif entry.name.casefold().endswith(".md") and entry.is_file():  # a pipe would be waited for
                    with suppress(FileNotFoundError):  # it went away while we looked
                        stat = entry.stat()
                        yield name, (stat.st_mtime_ns, stat.st_size)


def _read(folder: Path, name: str) -> Article | str:
    """Read one file; a folder's name is the category of the articles in it that name none."""
    path = Path(name)
    category = path.parent.name or NO_CATEGORY
    try:
        with open(folder / path, "rb") as file:
            content = file.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            return f"it has more than {LONGEST_FILE} bytes"
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return "it is no UTF-8 text"
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return read_article(text, name=path.stem.replace("-", " ").replace("_", " "), category=category)
