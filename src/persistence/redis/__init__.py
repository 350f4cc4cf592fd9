"""The Redis store: lanes on a server that many replicas share."""

from .storage import open_redis_store

__all__ = ["open_redis_store"]
