"""The Postgres store: lanes in three tables of one database, for any number of gateways."""

from .storage import open_postgres_store

__all__ = ["open_postgres_store"]
