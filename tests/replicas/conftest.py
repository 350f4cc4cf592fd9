"""Stores that several machines can share."""

from __future__ import annotations

import pytest

from ..kit.replicas import PLACES, Shared, redis_place


@pytest.fixture(params=sorted(PLACES))
def shared(request: pytest.FixtureRequest) -> Shared:
    """Each of them."""
    return PLACES[request.param](None)


@pytest.fixture
def anywhere() -> Shared:
    """One of them, for what does not depend on the store."""
    return redis_place()
