"""What is kept of what a source says: bounded, JSON, the useful names first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.identity.source_answers import LONGEST, capped

from ...kit.tables import each

pytestmark = pytest.mark.promise("I6", "I6b")

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), ANYTHING, max_size=5))
def test_whatever_comes_fits_and_is_json(facts: dict[str, Any]) -> None:
    kept = capped(facts)
    written = json.dumps(kept, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(written) == kept
    assert len(written) <= LONGEST + 2 * len(kept) + 2
    assert capped(kept) == kept


def test_useful_names_are_kept_when_there_is_too_much() -> None:
    facts: dict[str, Any] = {f"trait_{number}": "x" * 300 for number in range(50)}
    facts |= {"tier": "gold", "tickets": ["broken"], "doNotTrack": True}
    kept = capped(facts)
    assert {"tier", "tickets", "doNotTrack"} <= kept.keys()
    assert len(kept) < len(facts)


@each(
    ("value", "kept"),
    [
        ("x" * 1000, "x" * 300),
        (list(range(100)), list(range(20))),
        (float("nan"), None),
        (10**30, None),
        ("\ud800", None),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {"a": {"b": {"c": {}}}}),
        (b"bytes", None),
        (False, False),
    ],
)
def test_values_are_cut(value: Any, kept: Any) -> None:
    assert capped({"it": value}).get("it") == kept
