"""The file store: one SQLite database file, for one machine. Several processes may share it."""

from .storage import open_file_store

__all__ = ["open_file_store"]
