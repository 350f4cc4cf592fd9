"""Who holds a call, and that only there its replies are handed out."""

from __future__ import annotations

import pytest

from tandem.model import Address, Channel, Outgoing, ReplyStatus, Route
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Change, Due, Presence, Settlement

from .kits import StoreKit
from .records import DAY, JANE, JOHN, LEASE, conversation, fresh, reply, take, texts, write

pytestmark = pytest.mark.promise("V16", "H12")

VOICE = Route(Channel.VOICE, Address.parse("+14155550100"), Address.parse("+14155550199"))
SAID = Settlement(ReplyStatus.SENT, provider_id="spoken")
LATER = Settlement(ReplyStatus.WAITING, retry_in=0.0)


async def join(store: LaneStore, replica: str = "a", *, call: str = "CA1", renew: bool = False) -> None:
    await store.presence(JANE, call=call, replica=replica, seconds=LEASE, renew=renew)


async def leave(store: LaneStore, replica: str = "a", *, call: str = "CA1") -> None:
    await store.presence(JANE, call=call, replica=replica, seconds=0)


async def say(store: LaneStore, *ids: str) -> None:
    """Queue replies that are to be spoken."""
    await write(store, replies=tuple(reply(id, VOICE) for id in ids))


async def take_next(store: LaneStore, replica: str, *, holder: str = "") -> Outgoing | None:
    return await store.next_reply(JANE, Channel.VOICE, holder=holder or fresh(), seconds=LEASE, replica=replica)


async def take_reply(store: LaneStore, replica: str, *, holder: str = "") -> Outgoing:
    outgoing = await take_next(store, replica, holder=holder)
    assert outgoing is not None
    return outgoing


async def due(store: LaneStore, replica: str) -> Due:
    return await store.due(limit=10, replica=replica)


# --- noting it --------------------------------------------------------------------------------------------------


async def test_who_holds_a_call_is_known_to_everybody_until_it_runs_out(kit: StoreKit) -> None:
    assert await kit.store.present(JANE) is None
    await join(kit.store)
    assert await (await kit.second()).present(JANE) == Presence("CA1", "a")
    assert await kit.store.present(JOHN) is None
    kit.advance(LEASE + 0.1)
    assert await kit.store.present(JANE) is None


async def test_presence_is_renewed(kit: StoreKit) -> None:
    await join(kit.store)
    kit.advance(LEASE - 1)
    await join(kit.store, renew=True)
    kit.advance(LEASE - 1)
    assert await kit.store.present(JANE) == Presence("CA1", "a")


async def test_a_later_one_takes_over_and_what_was_overtaken_does_not_renew(store: LaneStore) -> None:
    await join(store)
    for replica, call in (("b", "CA1"), ("b", "CA2"), ("a", "CA1")):
        await join(store, replica, call=call)
        assert await store.present(JANE) == Presence(call, replica)
    await join(store, "b", renew=True)
    assert await store.present(JANE) == Presence("CA1", "a")


async def test_a_renewal_counts_once_the_time_ran_out(kit: StoreKit) -> None:
    await join(kit.store, "b")
    kit.advance(LEASE + 0.1)
    await join(kit.store, "a", renew=True)
    assert await kit.store.present(JANE) == Presence("CA1", "a")


async def test_only_its_holder_ends_it(store: LaneStore) -> None:
    await join(store)
    for replica, call in (("b", "CA1"), ("a", "CA2")):
        await leave(store, replica, call=call)
        assert await store.present(JANE) == Presence("CA1", "a")
    await leave(store)
    assert await store.present(JANE) is None


async def test_noting_it_may_be_repeated(kit: StoreKit) -> None:
    await kit.repeat(lambda: join(kit.store))
    assert await kit.store.present(JANE) == Presence("CA1", "a")
    await kit.repeat(lambda: leave(kit.store))
    assert await kit.store.present(JANE) is None


async def test_erasing_ends_it(store: LaneStore) -> None:
    await join(store)
    assert await store.erase(JANE) == 1
    assert await store.present(JANE) is None


async def test_a_purge_leaves_who_is_on_the_line_until_they_have_gone(kit: StoreKit) -> None:
    await write(kit.store)
    kit.advance(8 * DAY)
    await join(kit.store)
    assert (await kit.store.purge(older_than=7 * DAY)).deleted["conversations"] == 0
    assert await kit.store.present(JANE) == Presence("CA1", "a")
    kit.advance(LEASE + 0.1)
    report = await kit.store.purge(older_than=7 * DAY)
    assert (report.deleted["conversations"], report.failed) == (1, 0)
    assert await kit.store.erase(JANE) == 0


# --- what may be said where -------------------------------------------------------------------------------------


async def test_only_where_the_call_is_its_reply_is_handed_out(store: LaneStore) -> None:
    await write(store, replies=(reply("r1", VOICE), reply("s1")))
    await join(store, "a")
    assert await take_next(store, "b") is None
    outgoing = await take_reply(store, "a")
    assert (outgoing.reply.id, outgoing.tries) == ("r1", 1)  # being passed over costs no try
    assert await store.next_reply(JANE, Channel.SMS, holder=fresh(), seconds=LEASE, replica="b") is not None


async def test_with_nobody_on_the_line_anybody_takes_the_reply(kit: StoreKit) -> None:
    await say(kit.store, "r1")
    await join(kit.store, "a")
    kit.advance(LEASE + 0.1)
    assert (await take_reply(kit.store, "b")).reply.id == "r1"


async def test_a_holder_whose_call_went_elsewhere_keeps_the_line_but_gets_nothing(store: LaneStore) -> None:
    await say(store, "r1", "r2")
    await join(store, "a")
    held = await take_reply(store, "a", holder="me")
    await join(store, "b")
    assert await take_next(store, "a", holder="me") is None
    assert await take_next(store, "b") is None
    assert await store.settle(JANE, held, LATER, seconds=LEASE, replica="a") is None
    again = await take_reply(store, "b")
    assert (again.reply.id, again.tries) == ("r1", 2)


async def test_settling_hands_out_the_next_reply_only_where_the_call_is(store: LaneStore) -> None:
    await say(store, "r1", "r2")
    first = await take_reply(store, "a")
    await join(store, "b")
    assert await store.settle(JANE, first, SAID, seconds=LEASE, replica="a") is None
    assert (await due(store, "b")).lines == ((JANE, Channel.VOICE),)
    last = await take_reply(store, "b")
    assert last.reply.id == "r2"
    await join(store, "a")
    assert await store.settle(JANE, last, SAID, seconds=LEASE, replica="b") is None
    assert (await due(store, "a")).lines == ()


async def test_settling_goes_on_where_the_call_is(store: LaneStore) -> None:
    await say(store, "r1", "r2")
    await join(store, "a")
    following = await store.settle(JANE, await take_reply(store, "a"), SAID, seconds=LEASE, replica="a")
    assert following is not None
    assert following.reply.id == "r2"


async def test_a_reply_that_a_callback_settled_is_followed_only_where_the_call_is(store: LaneStore) -> None:
    await say(store, "r1", "r2")
    first = await take_reply(store, "a")
    await store.delivery_status(JANE, "r1", ReplyStatus.SENT, provider_id="x")
    await join(store, "b")
    assert await store.settle(JANE, first, SAID, seconds=LEASE, replica="a") is None
    assert (await take_reply(store, "b")).reply.id == "r2"


@pytest.mark.parametrize(("replica", "expected"), [("a", ["r1"]), ("b", [])])
async def test_a_commit_claims_what_may_be_said_here(store: LaneStore, replica: str, expected: list[str]) -> None:
    await join(store, "a")
    claim = await take(store, accept=texts("t1"))
    change = Change(conversation(), consumed=("t1",), replies=(reply("r1", VOICE), reply("s1")))
    committed = await store.commit(claim, change, token=fresh(), deliver=LEASE, replica=replica)
    spoken = [one.reply.id for one in committed.outgoing if one.reply.route.channel is Channel.VOICE]
    assert spoken == expected
    assert "s1" in [one.reply.id for one in committed.outgoing]


async def test_what_a_commit_left_is_due_where_the_call_is(store: LaneStore) -> None:
    await join(store, "a")
    claim = await take(store, accept=texts("t1"))
    change = Change(conversation(), consumed=("t1",), replies=(reply("r1", VOICE),))
    await store.commit(claim, change, token=fresh(), deliver=LEASE, replica="b")
    assert (await due(store, "b")).lines == ()
    assert (await due(store, "a")).lines == ((JANE, Channel.VOICE),)


async def test_it_is_due_for_everybody_once_the_time_ran_out(kit: StoreKit) -> None:
    await say(kit.store, "r1")
    await join(kit.store, "a")
    kit.advance(LEASE + 0.1)
    assert (await due(kit.store, "b")).lines == ((JANE, Channel.VOICE),)
