"""What is met in the field is met over each of the stores by turns, where the store has a part in it."""

from __future__ import annotations

from ..flows.conftest import it, mia, place, pytest_generate_tests

__all__ = ["it", "mia", "place", "pytest_generate_tests"]
