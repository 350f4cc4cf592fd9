"""The address of a Redis server: what it may say, and how to speak of it without its password. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from ...errors import ConfigurationError

SCHEMES: Final = ("redis", "rediss", "unix")
OPTIONS: Final = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
"""What may stand behind the question mark. Anything else would change what the store decides, such as timeouts."""


def address(*, host: str, port: int, database: int, password: str | None) -> str:
    """Return the address that these parts make."""
    secret = f":{quote(password, safe='')}@" if password else ""
    shown = f"[{host}]" if ":" in host else host
    return f"redis://{secret}{shown}:{port}/{database}"


def place_of(url: str, prefix: str) -> str:
    """Say where a store is, without user and password. Raises ConfigurationError for what is no address."""
    try:
        parts = urlsplit(url)
        port, query = parts.port, parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        raise _wrong() from None  # the cause may quote the password
    number = parts.path.strip("/") or "0"
    socket = parts.scheme == "unix"
    allowed = {"db"} if socket else OPTIONS
    if parts.scheme not in SCHEMES or not (socket or number.isdigit()) or not {name for name, _ in query} <= allowed:
        raise _wrong()
    if socket:
        return f"Redis at {parts.path}, keys {prefix}…"
    return f"Redis at {parts.hostname or 'localhost'}:{port or 6379}, database {number}, keys {prefix}…"


def _wrong() -> ConfigurationError:
    return ConfigurationError(
        ["REDIS_URL must be an address such as redis://user:password@host:6379/0, or rediss:// for TLS."]
    )
