"""``tandem export`` and ``tandem import``: a whole store as a file, and into another store.

Nothing may change meanwhile, or it would be left behind: an export refuses while a gateway works on the store.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import aiohttp

from ..errors import ConfigurationError
from ..persistence.factory import open_store
from ..persistence.merging import redact_person
from ..persistence.transfer import Fate, export, import_lines
from ..settings import Settings
from .places import data_place, tell_places

PIPE = "-"
ASK_SECONDS = 3.0


async def export_store(settings: Settings, file: str, *, running: bool, erasures: bool = False) -> int:
    """Write the whole store to a new file, or a pipe; return 1 when gateways were at work, else 0.

    With ``running`` they may be: a backup, in which each lane is as of one moment. ``erasures``: only who was erased,
    as keyed hashes. Raises ConfigurationError.
    """
    tell_places(settings)
    running = running or erasures
    if not running and await _gateway_answers(settings):
        raise ConfigurationError(
            [
                f"A gateway answers on port {settings.port}: stop it first, or what it takes meanwhile is left behind. "
                "For a backup while it runs: --running."
            ]
        )
    async with open_store(settings, create=False) as store:
        with _output(file) as out:
            told = await export(store.storage, data_place(settings), out.write, running=running, erasures=erasures)
    print(f"export: {told.lanes} lanes, {told.rows} records", file=sys.stderr)
    if running or not (told.held or told.changed):
        return 0
    print(
        "export: a gateway was at work meanwhile. Stop every gateway of this store, and export again.", file=sys.stderr
    )
    return 1


async def import_store(settings: Settings, file: str) -> int:
    """Write an export's lanes into the store; return 1 unless all of them are there then. Raises ConfigurationError."""
    tell_places(settings)
    async with open_store(settings) as store:
        with _input(file) as lines:
            told = await import_lines(store.storage, lines)
        for subject, conversation in told.erased.items():
            await redact_person(store, (subject,), conversation)
    written, same, other, failed, erased = (told.fates[fate] for fate in Fate)
    print(f"import: {written} lanes written and read back, {same} were there, {other} differ, {failed} failed")
    if erased:
        print(f"import: {erased} left out: these people were erased after the export.")
    if other:
        print("import: lanes that differ were left as they are: this store is not empty.", file=sys.stderr)
    for reason in told.reasons:
        print(f"import: {reason}", file=sys.stderr)
    if not told.whole:
        print("import: the export is cut off: its last line is missing.", file=sys.stderr)
    elif not told.sound:
        print("import: a gateway was at work during the export: begin anew, with an empty store.", file=sys.stderr)
    elif told.running:
        print("import: the export was made beside running gateways: what came later is not in it.", file=sys.stderr)
    return 0 if told.complete else 1


async def _gateway_answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 (compared)
    address = f"http://[{host}]" if ":" in host else f"http://{host}"
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=timeout) as session,
            session.get(f"{address}:{settings.port}/health") as response,
        ):
            return response.status == 200 and "version" in await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


@contextmanager
def _output(file: str) -> Iterator[TextIO]:
    """Open a new file that others cannot read, or the pipe. One that was not finished goes away."""
    if file == PIPE:
        if sys.stdout.isatty():
            raise ConfigurationError(["An export holds customers' words: give a file, or a pipe."])
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError([f"{file}: {error.strerror}."]) from error
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            yield out
            out.flush()
            os.fsync(descriptor)
    except BaseException:
        Path(file).unlink(missing_ok=True)
        raise


@contextmanager
def _input(file: str) -> Iterator[TextIO]:
    if file == PIPE:
        yield sys.stdin
        return
    try:
        lines = open(file, encoding="utf-8", errors="replace")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise ConfigurationError([f"{file}: {error.strerror}."]) from error
    with lines:
        yield lines
