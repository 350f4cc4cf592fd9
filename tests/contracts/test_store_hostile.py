"""Any subject id, key and text is only ever data. Proves P6."""

from __future__ import annotations

import pytest

from tandem.model import Channel, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Outcome

from .records import JANE, LEASE, approval, conversation, event, fresh, names, reply, text, texts, ticket, write

HOSTILE = {
    "path": "../../../etc/passwd",
    "absolute": "/tmp/tandem",
    "dots": "..",
    "sql": "x'; DROP TABLE lane; --",
    "sql_like": "%_%",
    "quotes": "'\"`[]{}\\",
    "redis": "{1}:lane:*?",
    "newlines": "a\r\nb\n\tc",
    "space": " ",
    "emoji": "👩‍👩‍👧‍👦 \U0001f1fa\U0001f1f8",
    "arabic": "\u202eسلام",
    "combining": "e\u0301",
    "format": "%s %(x)s {0} ${HOME} :name ?1",
    "json": '{"format":1}',
    "long": "x" * 10_000,
    "long_unicode": "é" * 5_000,
}


@pytest.fixture(params=sorted(HOSTILE))
def hostile(request: pytest.FixtureRequest) -> str:
    return HOSTILE[request.param]


async def test_any_subject_has_a_lane_of_its_own(store: LaneStore, hostile: str) -> None:
    subject = SubjectId(hostile)
    await write(store, JANE)
    await write(store, subject, conversation=conversation(subject, summary="theirs"), timeline=(event("theirs"),))
    stored = await store.conversation(subject)
    assert stored is not None
    assert (stored.subject, stored.summary) == (subject, "theirs")
    assert names(await store.timeline(JANE)) == []


async def test_any_subject_is_found_when_due(store: LaneStore, hostile: str) -> None:
    subject = SubjectId(hostile)
    await store.accept(subject, texts("a"), token=fresh())
    await write(store, JANE, replies=(reply("r1"),))
    due = await store.due(limit=10)
    assert (due.lanes, due.lines) == ((subject,), ((JANE, Channel.SMS),))


async def test_any_subject_can_be_erased(store: LaneStore, hostile: str) -> None:
    subject = SubjectId(hostile)
    await write(store, JANE)
    await write(store, subject)
    await store.erase(subject)
    assert [head.subject for head in (await store.recent(limit=10)).items] == [JANE]


async def test_any_subject_survives_paging(store: LaneStore, hostile: str) -> None:
    await write(store, JANE)
    await write(store, SubjectId(hostile))
    first = await store.recent(limit=1)
    second = await store.recent(limit=1, cursor=first.next)
    assert [head.subject for head in (*first.items, *second.items)] == [hostile, JANE]


async def test_any_key_is_a_key(store: LaneStore, hostile: str) -> None:
    await store.accept(JANE, (text(hostile, hostile),), token=hostile)
    (receipt,) = await store.accept(JANE, (text(hostile),), token=fresh())
    assert (receipt.outcome, receipt.earlier) == (Outcome.DUPLICATE, text(hostile, hostile))


async def test_any_id_is_an_id(store: LaneStore, hostile: str) -> None:
    carried = conversation(approvals=(approval(hostile),))
    await write(store, conversation=carried, replies=(reply(hostile, words=hostile),), tickets=(ticket(hostile),))
    found = await store.approval(hostile)
    outgoing = await store.next_reply(JANE, Channel.SMS, holder=hostile, seconds=LEASE)
    assert found == approval(hostile)
    assert await store.ticket(hostile) == ticket(hostile)
    assert outgoing is not None
    assert outgoing.reply == reply(hostile, words=hostile)


async def test_subjects_that_look_alike_stay_apart(store: LaneStore) -> None:
    alike = [SubjectId(id) for id in ("jane", "Jane", "jane ", " jane", "ja\u0301ne", "jáne", "jan_", "jan%")]
    for subject in alike:
        await store.accept(subject, texts("a"), token=fresh())
    assert set((await store.due(limit=100)).lanes) == set(alike)
