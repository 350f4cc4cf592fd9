"""What stays of an erased person: a row that proves it and names nobody."""

from __future__ import annotations

import pytest

from .kits import StoreKit
from .records import DAY, JANE, JOHN, event, write

pytestmark = pytest.mark.promise("P12")


async def test_an_erasure_leaves_one_row_that_is_nobody_elses(kit: StoreKit) -> None:
    store = kit.store
    await write(store, timeline=(event("turn"),))
    deleted = await store.erase(JANE, actor="alice")
    for handle in (store, await kit.second()):
        assert [(row.actor, row.deleted) for row in await handle.erasures(JANE)] == [("alice", deleted)]
    assert await store.erasures(JOHN) == ()
    kit.advance(400 * DAY)
    await store.purge(older_than=DAY)
    assert len(await store.erasures(JANE)) == 1


async def test_the_row_has_the_stores_time(kit: StoreKit) -> None:
    await write(kit.store, timeline=(event("turn"),))
    await kit.store.erase(JANE)
    await write(kit.store, timeline=(event("turn"),))
    kit.advance(3600)
    await kit.store.erase(JANE)
    first, second = await kit.store.erasures(JANE)
    assert 3600 <= second.at - first.at < 3660


async def test_of_erasures_that_found_nothing_the_last_one_stays(kit: StoreKit) -> None:
    await kit.store.erase(JANE, actor="alice")
    await write(kit.store, timeline=(event("turn"),))
    await kit.store.erase(JANE, actor="bob")
    kit.advance(3600)
    await kit.store.erase(JANE, actor="carol")
    rows = {one.actor: one for one in await kit.store.erasures(JANE)}
    assert rows.keys() == {"bob", "carol"}
    assert (rows["bob"].deleted > 0, rows["carol"].deleted) == (True, 0)
    assert rows["carol"].at - rows["bob"].at >= 3600
