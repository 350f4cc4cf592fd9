"""Where the PostgreSQL server is, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from ..errors import ConfigurationError


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
        """Return the address in a URL. Raises ConfigurationError, without the URL, when it names no host."""
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise ConfigurationError(["The address of the database (DATABASE_URL) cannot be read."]) from error
        host = parts.netloc.rpartition("@")[2]
        return cls(host=host or "localhost", database=parts.path.lstrip("/"), url=url)

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
