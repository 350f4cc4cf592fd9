"""Names in the database, and the texts that are short enough for its indexes. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

from ...errors import ConfigurationError

DEFAULT_TABLE: Final = "conversation_states"
LONGEST: Final = 200
"""Bytes of a text in an index; PostgreSQL's limit for a whole row of an index is 2,700."""
HASHED: Final = "#sha256:"
_NAME: Final = re.compile(rf"\b{DEFAULT_TABLE}(\w*)")
_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that begin with ``table``. Raises ConfigurationError when that cannot begin a name."""

    table: str = DEFAULT_TABLE
    _filled: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _TABLE.fullmatch(self.table):
            raise ConfigurationError([f"The table name {self.table[:50]!r} must be 1 to 40 letters, digits and _."])

    def fill(self, sql: str) -> str:
        """Return SQL in which every name that begins with ``conversation_states`` is the real one, quoted.

        To be filled once: the real one may begin so too.
        """
        if sql not in self._filled:
            self._filled[sql] = _NAME.sub(rf'"{self.table}\1"', sql)
        return self._filled[sql]


def script(name: str) -> str:
    """Return a script of this package, its names not filled in."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def short(text: str) -> str:
    """Return a text as an index can hold it: itself, or a hash where it is long.

    No two texts become the same. Raises ValueError for what the database cannot hold: NUL, a lone surrogate.
    """
    if "\0" in text:
        raise ValueError("a NUL character cannot be stored")
    encoded = text.encode()
    if len(encoded) <= LONGEST and not text.startswith(HASHED):
        return text
    return HASHED + hashlib.sha256(encoded).hexdigest()


def spelled(text: str) -> str | None:
    """Return a text in full where :func:`short` is another, else None."""
    return text if short(text) != text else None
