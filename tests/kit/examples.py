"""The examples, as somebody would have them in a working folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let the modules of a folder be imported meanwhile; what was imported stays loaded."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
