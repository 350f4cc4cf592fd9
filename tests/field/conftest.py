"""What is met in the field is met over every store, where the store has a part in it."""

from __future__ import annotations

from ..flows.conftest import place

__all__ = ["place"]
