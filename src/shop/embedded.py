"""The sample shop: customers and orders in one SQLite file, for development and trials.

The file is opened in its newest version, and its errors are told in our words.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, StoreUnavailable
from ..persistence.file_permissions import close_database, make_file
from .base import Customer, NoRefund, Order, OrderLine, Refund, Shipment

SHOP_FILE = Path("data/shop.sqlite3")
"""Where it is, in the working folder."""
_TRIES, _PAUSE = 100, 0.05
"""How often another process that opens the file is waited for, and how long each time, in seconds."""
_VERSIONS = ("shop.sql", "shop_refunds.sql")
"""The script that makes each version of the file from the one before."""


@asynccontextmanager
async def open_file(path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Open the file, made and filled when there is none. Raises ConfigurationError when that cannot be done."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_file(path)
        close_database(path)
        connection = sqlite3.connect(path, isolation_level=None)
    with closing(connection):
        with _explained(path):
            await _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # a refund that was answered has been made
            _upgrade(connection, path)
        yield connection


async def reset_embedded_shop(path: Path) -> None:
    """Undo every refund, also while a server uses the shop. Raises ConfigurationError, StoreUnavailable."""
    async with open_file(path) as connection:
        with translated():
            connection.executescript(resources.files(__package__).joinpath("shop_reset.sql").read_text("utf-8"))


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"(sample shop: {error})") from error


async def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; for this one lock SQLite does not wait when two processes start at once."""
    for tries_left in reversed(range(_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not tries_left:
                raise
            await asyncio.sleep(_PAUSE)


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file of any earlier version up to date; version 0 is an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_VERSIONS):
        raise ConfigurationError([f"the sample shop {path} was written by a newer version of this program"])
    for script in _VERSIONS[version:]:
        connection.executescript(resources.files(__package__).joinpath(script).read_text("utf-8"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong while opening into the operator's sentence."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ConfigurationError([f"the sample shop {path} cannot be opened ({error})"]) from error


FIRST_SAMPLE_CUSTOMER = "CUST_12345"
"""Whose account ``SAMPLE_CUSTOMER_PHONE`` opens to one more number."""

_CUSTOMER = "SELECT id, name, email, phone, plan FROM customers"
_ORDERS = """
SELECT o.id, o.customer_id, o.status, s.carrier, s.tracking_number,
       (SELECT coalesce(sum(r.cents), 0) FROM refunds r WHERE r.order_id = o.id)
FROM orders o LEFT JOIN shipments s ON s.order_id = o.id
WHERE o.customer_id = ?
"""
_LINES = "SELECT name, quantity, unit_cents FROM order_lines WHERE order_id = ? ORDER BY position"
_REFUNDED = "SELECT coalesce(sum(cents), 0) FROM refunds WHERE order_id = ?"
_REFUND_BY_KEY = "SELECT id, order_id, cents, reason FROM refunds WHERE key = ?"
_NEW_REFUND = "INSERT INTO refunds (id, key, order_id, cents, reason) VALUES (?, ?, ?, ?, ?)"
_ALL_REFUNDED = "UPDATE orders SET status = 'refunded' WHERE id = ?"
_COUNTS = """
SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines),
       (SELECT count(*) FROM shipments)
"""


class EmbeddedShop:
    """The sample shop in one SQLite file, for one machine. Get one from :func:`open_embedded_shop`.

    Its queries run on the event loop itself: reading a row of a local file by its key takes about 20 µs, while
    handing it to a thread costs several times that and waits for a free worker. Write-ahead logging keeps readers
    from ever waiting for a writer.
    """

    def __init__(self, connection: sqlite3.Connection, sample_phone: str | None) -> None:
        self._connection = connection
        self._sample_phone = sample_phone

    async def customer_by_phone(self, phone: str) -> Customer | None:
        """Find the account of a number; the sample number opens the first sample customer's."""
        if phone == self._sample_phone:
            rows = self._rows(f"{_CUSTOMER} WHERE id = ?", FIRST_SAMPLE_CUSTOMER)
        else:
            rows = self._rows(f"{_CUSTOMER} WHERE phone = ?", phone)
        return replace(Customer(*rows[0]), phone=phone) if rows else None

    async def customer_by_id(self, customer_id: str) -> Customer | None:
        """Find an account by its own id."""
        rows = self._rows(f"{_CUSTOMER} WHERE id = ?", customer_id)
        return Customer(*rows[0]) if rows else None

    async def order_of(self, customer_id: str, order_id: str) -> Order | None:
        """Find one order of one customer."""
        return self._order_of(customer_id, order_id)

    async def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """List a customer's orders."""
        return tuple(self._order(row) for row in self._rows(f"{_ORDERS} ORDER BY o.id", customer_id))

    async def refund(
        self, customer_id: str, order_id: str, *, cents: int, reason: str, key: str, limit_cents: int | None = None
    ) -> Refund | NoRefund:
        """Pay back part of an order. Nothing is awaited in between: other tasks share the connection."""
        with self._writing():
            if known := self._rows(_REFUND_BY_KEY, key):
                return Refund(*known[0])
            order = self._order_of(customer_id, order_id)
            if order is None:
                return NoRefund.NOT_FOUND
            if not 0 < cents <= order.left_cents:
                return NoRefund.TOO_MUCH
            if limit_cents is not None and order.refunded_cents + cents > limit_cents:
                return NoRefund.OVER_LIMIT
            refund = Refund(_refund_id(key), order_id, cents, reason)
            self._rows(_NEW_REFUND, refund.id, key, order_id, cents, reason)
            if cents == order.left_cents:
                self._rows(_ALL_REFUNDED, order_id)
            return refund

    async def refunded_cents(self, order_id: str) -> int:
        """Return what was paid back for an order so far."""
        return int(self._rows(_REFUNDED, order_id)[0][0])

    async def counts(self) -> Mapping[str, int]:
        """Count the records by kind."""
        return dict(zip(("customers", "orders", "orderLines", "shipments"), self._rows(_COUNTS)[0], strict=True))

    def _order_of(self, customer_id: str, order_id: str) -> Order | None:
        rows = self._rows(f"{_ORDERS} AND o.id = ?", customer_id, order_id)
        return self._order(rows[0]) if rows else None

    def _order(self, row: tuple[Any, ...]) -> Order:
        order_id, customer_id, status, carrier, tracking_number, refunded = row
        lines = tuple(OrderLine(*line) for line in self._rows(_LINES, order_id))
        shipment = Shipment(carrier, tracking_number) if carrier else None
        return Order(order_id, customer_id, status, lines, shipment, refunded)

    def _rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        with translated():
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let no other connection, of this process or another, write in between; committed at the end, or undone."""
        with translated(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield


def _refund_id(key: str) -> str:
    """Make an id that the same key always gives, short enough to be read out."""
    return f"REF_{hashlib.sha256(key.encode()).hexdigest()[:12].upper()}"


@asynccontextmanager
async def open_embedded_shop(path: Path, sample_phone: str | None = None) -> AsyncIterator[EmbeddedShop]:
    """Open the sample shop, made and filled on first start; ``sample_phone`` (E.164) also gets the first account.

    The number is not written into the file: it holds for this start only and takes nothing from other accounts.
    Raises :class:`~tandem.errors.ConfigurationError` when the file cannot be opened or is no shop.
    """
    async with open_file(path) as connection:
        yield EmbeddedShop(connection, sample_phone)
