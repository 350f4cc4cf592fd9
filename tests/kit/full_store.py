"""A store in which there is something of every kind, and a look at everything in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tandem.model import Channel, ReplyStatus, SubjectId, TicketStatus
from tandem.persistence.base import LaneStore
from tandem.persistence.rows import Whole
from tandem.persistence.upkeep import NOBODY
from tandem.persistence.values import TAKEN_MESSAGES, Settlement

from ..contracts.records import (
    JANE,
    JOHN,
    LEASE,
    WHATSAPP,
    conversation,
    event,
    fresh,
    reply,
    take,
    talked,
    text,
    texts,
    ticket,
    write,
)

ERASED = SubjectId("phone_14155550199")
ODD = SubjectId("crm: a/b?c#d'\"%_ \U0001f4e6 " + "x" * 300)
"""An id that no file, key or statement could hold as it is."""


async def fill(store: LaneStore) -> None:
    """Put something of every kind into a store."""
    await store.accept(JANE, [*texts("SM1", "SM2"), text("k" * 300)], token=fresh())
    await write(
        store,
        JANE,
        conversation=replace(talked(JANE), opted_out=(Channel.RCS,)),
        consumed=("SM1",),
        set_aside=("SM2",),
        timeline=(event("turn", covers=["SM1"]), event("tool", tool="lookup_order")),
        tickets=(ticket("T1"), ticket("T2", status=TicketStatus.CLOSED)),
        replies=(reply("r1"), reply("r2", words="Grüße 👋"), reply("r3", WHATSAPP)),
        wake_at=4e9,
    )
    outgoing = await store.next_reply(JANE, Channel.SMS, holder="h", seconds=LEASE)
    assert outgoing is not None
    await store.settle(JANE, outgoing, Settlement(ReplyStatus.SENT, provider_id="SM9"), seconds=LEASE)
    await store.effect_begin(JANE, "refund", token=fresh())
    await store.effect_finish(JANE, "refund", result="REF_1")
    await store.effect_begin(JANE, "begun", token=fresh())
    await store.effect_begin(TAKEN_MESSAGES, "SM1", token=fresh())
    await write(store, JOHN, conversation=conversation(JOHN, summary="Nothing open."), timeline=(event(),))
    store.storage.announced = lambda event: event
    await write(store, ODD, conversation=conversation(ODD), timeline=(event(),))
    store.storage.announced = None
    await store.accept(ODD, texts("waiting"), token=fresh())
    await store.accept(ERASED, texts("SM7"), token=fresh())
    await store.release(await take(store, ERASED))
    await store.erase(ERASED, actor="mia")


async def everything(store: LaneStore) -> Mapping[SubjectId, Whole]:
    """Return every lane with everything in it, the store's own first."""
    storage = store.storage
    subjects = [NOBODY, *[subject async for subject in storage.subjects()]]
    assert len(subjects) == len(set(subjects))
    lanes = {subject: await storage.whole(subject) for subject in subjects}
    return {subject: lane for subject, lane in lanes.items() if lane != Whole(subject)}
