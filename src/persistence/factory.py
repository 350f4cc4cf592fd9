"""The store that ``PERSISTENCE_ADAPTER`` names: one of ours, or a user's own as ``module:Class``.

A backend joins with one line in ADAPTERS. Drivers are imported when their store is opened, so that no start waits for
those of the other stores.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from pydantic import SecretStr

from .. import own_code
from .base import LaneStore
from .file import open_file_store
from .file.schema import FILE_NAME
from .postgres.address import PostgresAddress

SETTING: Final = "PERSISTENCE_ADAPTER"


class StoreSettings(Protocol):
    """Settings that stores need; :class:`~tandem.settings.Settings` fulfils it."""

    persistence_adapter: str
    state_persistence_dir: Path
    database_url: SecretStr | None
    postgres_host: str
    postgres_port: int
    postgres_database: str
    postgres_username: str
    postgres_password: SecretStr | None
    postgres_ssl: bool
    postgres_pooler: bool
    postgres_table_name: str
    redis_url: SecretStr | None
    redis_host: str
    redis_port: int
    redis_password: SecretStr | None
    redis_db: int
    redis_key_prefix: str
    redis_allow_volatile: bool

    @property
    def production(self) -> bool:
        """True if real customers are served."""
        ...


@dataclass(frozen=True, slots=True)
class Adapter:
    """A kind of store. ``open`` takes the settings and whether to make, or mend, the store where that is needed.

    ``place`` says where the store is, in words for an operator and without a password.
    """

    open: Callable[[StoreSettings, bool], AbstractAsyncContextManager[LaneStore]]
    place: Callable[[StoreSettings], str]


@asynccontextmanager
async def open_store(settings: StoreSettings, *, create: bool = True) -> AsyncIterator[LaneStore]:
    """Open the chosen store; without ``create`` it must be there (StoreMissing) and in order (StoreDamaged).

    Raises ConfigurationError when the settings name none, or the store refuses them, and StoreUnavailable when it
    does not answer; both name the store's place.
    """
    async with _adapter(settings).open(settings, create) as store:
        if not isinstance(store, LaneStore):
            kind = type(store).__name__
            raise own_code.wrong(SETTING, settings.persistence_adapter, f"gives a {kind}, not a LaneStore")
        yield store


def store_place(settings: StoreSettings) -> str:
    """Say where the chosen store is."""
    return _adapter(settings).place(settings)


def _adapter(settings: StoreSettings) -> Adapter:
    return ADAPTERS.get(settings.persistence_adapter) or Adapter(_open_own, lambda it: it.persistence_adapter)


# --- ours ---------------------------------------------------------------------------------------------------


def _open_file(settings: StoreSettings, create: bool) -> AbstractAsyncContextManager[LaneStore]:
    return open_file_store(settings.state_persistence_dir, create=create, repair=create)


def _file_place(settings: StoreSettings) -> str:
    return str(settings.state_persistence_dir / FILE_NAME)


def _open_postgres(settings: StoreSettings, create: bool) -> AbstractAsyncContextManager[LaneStore]:
    from .postgres import open_postgres_store

    return open_postgres_store(
        _postgres_address(settings),
        table=settings.postgres_table_name,
        pooler=settings.postgres_pooler,
        create=create,
    )


def _postgres_place(settings: StoreSettings) -> str:
    return _postgres_address(settings).place


def _postgres_address(settings: StoreSettings) -> PostgresAddress:
    if settings.database_url:
        return PostgresAddress.of_url(settings.database_url.get_secret_value())
    password = settings.postgres_password
    return PostgresAddress(
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_database,
        user=settings.postgres_username,
        password=password.get_secret_value() if password else None,
        ssl=settings.postgres_ssl,
    )


def _open_redis(settings: StoreSettings, create: bool) -> AbstractAsyncContextManager[LaneStore]:
    from .redis import open_redis_store

    return open_redis_store(
        _redis_url(settings),
        prefix=settings.redis_key_prefix,
        create=create,
        production=settings.production,
        allow_volatile=settings.redis_allow_volatile,
    )


def _redis_place(settings: StoreSettings) -> str:
    from .redis.address import place_of

    return place_of(_redis_url(settings), settings.redis_key_prefix)


def _redis_url(settings: StoreSettings) -> str:
    from .redis.address import address

    if settings.redis_url:
        return settings.redis_url.get_secret_value()
    password = settings.redis_password
    return address(
        host=settings.redis_host,
        port=settings.redis_port,
        database=settings.redis_db,
        password=password.get_secret_value() if password else None,
    )


ADAPTERS: Final[Mapping[str, Adapter]] = {
    "file": Adapter(_open_file, _file_place),
    "postgres": Adapter(_open_postgres, _postgres_place),
    "redis": Adapter(_open_redis, _redis_place),
}


# --- a user's own -------------------------------------------------------------------------------------------


def _open_own(settings: StoreSettings, create: bool) -> AbstractAsyncContextManager[LaneStore]:
    """Call what ``module:Class`` names with the settings; it gives an async context manager with a LaneStore."""
    path = settings.persistence_adapter
    opened = own_code.call(SETTING, path, own_code.load(SETTING, path), settings)
    if not isinstance(opened, AbstractAsyncContextManager):
        raise own_code.wrong(SETTING, path, f"gives a {type(opened).__name__}, not an async context manager")
    return cast(AbstractAsyncContextManager[LaneStore], opened)
