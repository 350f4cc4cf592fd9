"""The effect ledger: at most one automatic execution of a side effect."""

from __future__ import annotations

import pytest

from tandem.persistence.base import LaneStore
from tandem.persistence.values import Effect, EffectState

from .kits import StoreKit
from .records import JANE, JOHN, fresh

pytestmark = pytest.mark.promise("A5", "H7")


async def test_an_effect_begins_as_new(store: LaneStore) -> None:
    assert await store.effect_begin(JANE, "refund", token=fresh()) == Effect(EffectState.NEW)


async def test_an_unfinished_effect_is_unknown_to_others(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    assert await store.effect_begin(JANE, "refund", token=fresh()) == Effect(EffectState.UNKNOWN)


async def test_an_unfinished_effect_is_unknown_to_another_process(kit: StoreKit) -> None:
    await kit.store.effect_begin(JANE, "refund", token=fresh())
    effect = await (await kit.second()).effect_begin(JANE, "refund", token=fresh())
    assert effect.state is EffectState.UNKNOWN


async def test_a_finished_effect_gives_its_result(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    await store.effect_finish(JANE, "refund", result='{"id": "REF_1"}')
    assert await store.effect_begin(JANE, "refund", token=fresh()) == Effect(EffectState.DONE, '{"id": "REF_1"}')


async def test_an_empty_result_is_a_result(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    await store.effect_finish(JANE, "refund", result="")
    assert await store.effect_begin(JANE, "refund", token=fresh()) == Effect(EffectState.DONE, "")


async def test_a_finished_effect_is_done_for_its_own_token_too(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token="mine")
    await store.effect_finish(JANE, "refund", result="REF_1")
    assert (await store.effect_begin(JANE, "refund", token="mine")).state is EffectState.DONE


async def test_the_first_result_stays(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    await store.effect_finish(JANE, "refund", result="first")
    await store.effect_finish(JANE, "refund", result="second")
    assert (await store.effect_begin(JANE, "refund", token=fresh())).result == "first"


async def test_an_effect_that_was_never_begun_may_be_finished(store: LaneStore) -> None:
    await store.effect_finish(JANE, "refund", result="done by hand")
    assert (await store.effect_begin(JANE, "refund", token=fresh())).result == "done by hand"


async def test_a_begun_effect_is_known_and_another_is_not(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    assert await store.effect_known(JANE, "refund")
    assert not await store.effect_known(JANE, "another")
    assert not await store.effect_known(JOHN, "refund")


async def test_effects_belong_to_their_subject(store: LaneStore) -> None:
    await store.effect_begin(JANE, "refund", token=fresh())
    assert (await store.effect_begin(JOHN, "refund", token=fresh())).state is EffectState.NEW
