"""Any subject id, key and text is only ever data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tandem.model import Channel, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.values import Outcome

from .kits import StoreKit
from .records import JANE, LEASE, approval, conversation, event, fresh, names, reply, text, texts, ticket, write

pytestmark = pytest.mark.promise("P6")

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


SUBJECTS = {name: SubjectId(id) for name, id in HOSTILE.items()}


async def test_any_subject_has_a_lane_of_its_own(store: LaneStore) -> None:
    await write(store, JANE)
    for name, subject in SUBJECTS.items():
        await write(store, subject, conversation=conversation(subject, summary=name), timeline=(event(name),))
    found = {}
    for name, subject in SUBJECTS.items():
        stored = await store.conversation(subject)
        found[name] = stored and (stored.subject, stored.summary, names(await store.timeline(subject)))
    assert found == {name: (subject, name, [name]) for name, subject in SUBJECTS.items()}
    assert names(await store.timeline(JANE)) == []


async def test_any_subject_is_found_when_due(store: LaneStore) -> None:
    for subject in SUBJECTS.values():
        await store.accept(subject, texts("a"), token=fresh())
    await write(store, JANE, replies=(reply("r1"),))
    due = await store.due(limit=100)
    assert sorted(due.lanes) == sorted(SUBJECTS.values())
    assert due.lines == ((JANE, Channel.SMS),)


async def test_any_subject_can_be_erased(store: LaneStore) -> None:
    left = {JANE, *SUBJECTS.values()}
    for subject in left:
        await write(store, subject)
    for subject in SUBJECTS.values():
        await store.erase(subject)
        left.remove(subject)
        assert {head.subject for head in (await store.recent(limit=100)).items} == left


async def test_any_subject_survives_paging(kit: StoreKit) -> None:
    order = [JANE, *SUBJECTS.values()]
    for subject in order:
        await write(kit.store, subject)
        kit.advance(1)
    page = await kit.store.recent(limit=1)
    found = [*page.items]
    while page.next is not None and len(found) < 2 * len(order):
        page = await kit.store.recent(limit=1, cursor=page.next)
        found += page.items
    assert [head.subject for head in found] == order[::-1]


async def test_any_key_is_a_key(store: LaneStore) -> None:
    found = {}
    for hostile in HOSTILE.values():
        await store.accept(JANE, (text(hostile, hostile),), token=hostile)
    for name, hostile in HOSTILE.items():
        (receipt,) = await store.accept(JANE, (text(hostile),), token=fresh())
        found[name] = (receipt.outcome, receipt.earlier)
    assert found == {name: (Outcome.DUPLICATE, text(hostile, hostile)) for name, hostile in HOSTILE.items()}


async def test_any_id_is_an_id(store: LaneStore) -> None:
    expected, found = {}, {}
    for name, hostile in HOSTILE.items():
        who, said = SubjectId(name), reply(hostile, words=hostile)
        asked, filed = approval(hostile, who), ticket(hostile, who)
        await write(store, who, conversation=conversation(who, approvals=(asked,)), replies=(said,), tickets=(filed,))
        expected[name] = (replace(asked, snapshot=""), filed, said)
    for name, hostile in HOSTILE.items():
        outgoing = await store.next_reply(SubjectId(name), Channel.SMS, holder=hostile, seconds=LEASE)
        found[name] = (await store.approval(hostile), await store.ticket(hostile), outgoing and outgoing.reply)
    assert found == expected


async def test_subjects_that_look_alike_stay_apart(store: LaneStore) -> None:
    alike = [SubjectId(id) for id in ("jane", "Jane", "jane ", " jane", "ja\u0301ne", "jáne", "jan_", "jan%")]
    for subject in alike:
        await store.accept(subject, texts("a"), token=fresh())
    assert set((await store.due(limit=100)).lanes) == set(alike)
