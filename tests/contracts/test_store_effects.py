"""The effect ledger: at most one automatic execution of a side effect."""

from __future__ import annotations

import pytest

from tandem.persistence.base import LaneStore
from tandem.persistence.values import Effect, EffectState

from .kits import StoreKit
from .records import JANE, JOHN, fresh

pytestmark = pytest.mark.promise("A5", "H7")


async def test_an_unfinished_effect_is_new_once_and_unknown_to_others(kit: StoreKit) -> None:
    for _ in range(2):
        assert await kit.store.effect_begin(JANE, "refund", token="mine") == Effect(EffectState.NEW)
    for store in (kit.store, await kit.second()):
        assert await store.effect_begin(JANE, "refund", token=fresh()) == Effect(EffectState.UNKNOWN)
    assert await kit.store.effect_begin(JOHN, "refund", token=fresh()) == Effect(EffectState.NEW)


async def test_a_finished_effect_gives_its_first_result_to_everybody(store: LaneStore) -> None:
    for result in ('{"id": "REF_1"}', ""):
        key = f"refund {result}"
        await store.effect_begin(JANE, key, token="mine")
        await store.effect_finish(JANE, key, result=result)
        await store.effect_finish(JANE, key, result="second")
        for token in ("mine", fresh()):
            assert await store.effect_begin(JANE, key, token=token) == Effect(EffectState.DONE, result)


async def test_an_effect_that_was_never_begun_may_be_finished(store: LaneStore) -> None:
    await store.effect_finish(JANE, "refund", result="done by hand")
    assert (await store.effect_begin(JANE, "refund", token=fresh())).result == "done by hand"


async def test_a_begun_effect_is_known_and_another_is_not(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    assert await store.effect_known(JANE, "refund")
    assert not await store.effect_known(JANE, "another")
    assert not await store.effect_known(JOHN, "refund")
