"""Address of the PostgreSQL server, with user and password."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

from ...errors import ConfigurationError

_HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[\w.-]*)(:\d+)?"
_HOSTS: Final = re.compile(rf"{_HOST}(,{_HOST})*")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A server, a database and a login; or a URL that says them all, with options such as ``?sslmode=require``.

    ``ssl`` encrypts and checks the server's certificate; with a URL, the URL says.
    """

    host: str = "localhost"
    port: int = 5432
    database: str = "runstates"
    user: str = "postgres"
    password: str | None = field(default=None, repr=False)
    ssl: bool = False
    url: str = field(default="", repr=False)

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Return the address in a URL. Raises ConfigurationError, which never quotes it: it may hold a password."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise _unreadable() from None
        hosts = parts.netloc.rpartition("@")[2]
        # A password with a bare #, / or ? would end the host's part, and be shown as a host or database.
        if "@" in parts.path + parts.query + parts.fragment or parts.fragment or not _HOSTS.fullmatch(hosts):
            raise _unreadable()
        return cls(host=hosts or "localhost", database=parts.path.lstrip("/"), url=url)

    @property
    def place(self) -> str:
        """Say where that is, for an operator; never the password."""
        host = self.host if self.url else f"{self.host}:{self.port}"
        return f"PostgreSQL at {host}, database {self.database or 'of the same name as the user'}"

    def options(self) -> dict[str, Any]:
        """Return the driver's arguments."""
        if self.url:
            return {"dsn": self.url}
        return {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.user,
            "password": self.password,
            "ssl": self.ssl,
        }


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        [
            "DATABASE_URL must be an address such as postgresql://user:password@host:5432/database; in user and"
            " password, special characters are written as % and their code (%40 for @)."
        ]
    )
