"""Sentences about the settings and data that a command uses: another folder means another ``.env`` and other data."""

from __future__ import annotations

import sys
from pathlib import Path

from ..persistence.factory import store_place
from ..settings import Settings
from ..shop.embedded import SHOP_FILE


def places(settings: Settings) -> list[str]:
    """Return where the settings come from and where conversations and business data are kept, a line each."""
    lines = [f"settings  {settings.source}", f"data      {data_place(settings)}"]
    if settings.shop_base_url is None:
        lines.append(f"shop      {SHOP_FILE.absolute()} (a made-up shop)")
    return lines


def data_place(settings: Settings) -> str:
    """Return where conversations are kept; a file with its whole path."""
    place = store_place(settings)
    return str(Path(place).absolute()) if settings.persistence_adapter == "file" else place


def tell_places(settings: Settings) -> None:
    """Say it beside the output of a command, which may be a program's to read."""
    print(f"settings: {settings.source}; data: {data_place(settings)}", file=sys.stderr)
