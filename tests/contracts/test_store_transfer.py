"""A store moves into another one of any kind with everything that is in it, and an import never overwrites."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.model import Channel
from tandem.persistence import kinds
from tandem.persistence.base import LaneStore
from tandem.persistence.state import HEAD
from tandem.persistence.transfer import Fate, Imported, export, import_lines
from tandem.persistence.values import EffectState, Outcome

from ..kit.full_store import ERASED, ODD, everything, fill
from ..kit.tables import each
from .conftest import CHOSEN, EXAMPLE
from .kits import StoreKit
from .records import DAY, JANE, JOHN, LEASE, event, fresh, names, take, texts, write

pytestmark = pytest.mark.promise("X7")

OF_EVERY_KIND = {*map(str, kinds.OF_A_LANE), str(kinds.SECRET), str(kinds.KEY)}


@pytest.fixture
async def full(store: LaneStore) -> LaneStore:
    await fill(store)
    return store


EVERY = pytest.mark.parametrize("other", sorted(CHOSEN), indirect=True)
"""From every kind into every kind; otherwise each is the one and the other once."""


@pytest.fixture
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LaneStore]:
    ring = sorted({*CHOSEN} - {EXAMPLE})
    following = dict(zip(ring, [*ring[1:], ring[0]], strict=True))
    name = getattr(request, "param", None) or following[request.node.callspec.params["kit"]]
    (tmp_path / "other").mkdir()
    async with CHOSEN[name](tmp_path / "other") as kit:
        yield kit.store


async def exported(store: LaneStore, *, running: bool = False, erasures: bool = False) -> str:
    out = io.StringIO()
    await export(store.storage, "here", out.write, running=running, erasures=erasures)
    return out.getvalue()


async def imported(store: LaneStore, lines: str) -> Imported:
    return await import_lines(store.storage, io.StringIO(lines))


@EVERY
async def test_everything_of_every_kind_is_in_the_other_store_as_it_was(full: LaneStore, other: LaneStore) -> None:
    before = await everything(full)
    of_rows = {row.kind.partition(":")[0] for lane in before.values() for row in lane.rows}
    assert OF_EVERY_KIND - of_rows == set()
    assert str(kinds.AUDIT) in of_rows
    told = await imported(other, await exported(full))
    assert (told.complete, told.fates[Fate.WRITTEN]) == (True, len(before))
    assert await everything(other) == before


@EVERY
async def test_the_other_store_goes_on_where_this_one_stopped(full: LaneStore, other: LaneStore) -> None:
    await imported(other, await exported(full))
    assert set((await other.due(limit=10)).lanes) == {ODD, JANE}
    assert set((await other.due(limit=10)).lines) == {(JANE, Channel.WHATSAPP)}  # the other one is held
    before = (await everything(full))[JOHN].head
    assert before is not None
    assert (await take(other, JOHN)).fence > HEAD.read(before).fence
    (receipt,) = await other.accept(JANE, texts("SM1"), token=fresh())
    assert receipt.outcome is Outcome.DUPLICATE
    assert (await other.effect_begin(JANE, "refund", token=fresh())).result == "REF_1"
    assert (await other.effect_begin(JANE, "begun", token=fresh())).state is EffectState.UNKNOWN
    outgoing = await other.next_reply(JANE, Channel.SMS, holder="h", seconds=LEASE)
    assert outgoing is not None
    assert outgoing.reply.id == "r2"
    assert [one.actor for one in await other.erasures(ERASED)] == ["mia"]
    assert await other.erased("SM7")
    approval = await other.approval("apr_talked")
    assert approval is not None
    carried = await other.conversation(approval.subject)
    assert carried is not None
    assert [one.snapshot for one in carried.approvals] == ['{"$schemaVersion": "1.0"}']
    assert (await other.counts()).set_aside == 1


async def test_an_import_that_is_run_again_writes_nothing(full: LaneStore, other: LaneStore) -> None:
    lines = await exported(full)
    await imported(other, lines)
    again = await imported(other, lines)
    assert (again.complete, again.fates[Fate.WRITTEN]) == (True, 0)


async def test_a_lane_that_is_there_is_never_overwritten(full: LaneStore, other: LaneStore) -> None:
    await write(other, JANE, timeline=(event("theirs"),))
    told = await imported(other, await exported(full))
    assert (told.complete, told.fates[Fate.OTHER]) == (False, 1)
    assert names(await other.timeline(JANE)) == ["theirs"]
    assert names(await other.timeline(JOHN)) == ["turn"]


@pytest.mark.promise("P12")
async def test_a_backup_brings_nobody_back_who_was_erased_since(full: LaneStore) -> None:
    backup = await exported(full)
    await full.erase(JOHN, actor="mia")
    before = await everything(full)
    told = await imported(full, backup)
    assert (told.complete, told.fates[Fate.ERASED], list(told.erased)) == (True, 1, [JOHN])
    assert await everything(full) == before
    await write(full, JOHN, timeline=(event("wrote again"),))
    again = await exported(full)
    await full.erase(JANE, actor="mia")
    told = await imported(full, again)
    assert (told.fates[Fate.ERASED], told.fates[Fate.OTHER]) == (1, 0)
    assert names(await full.timeline(JOHN)) == ["wrote again"]


@pytest.mark.promise("P12")
async def test_who_was_erased_is_known_in_an_empty_store_too(full: LaneStore, other: LaneStore) -> None:
    """A store was lost: its last backup is older than the list of who was erased."""
    full.clock_offset += 40 * DAY  # type: ignore[attr-defined]
    backup = await exported(full)
    await full.purge(older_than=30 * DAY)  # takes John, who is erased then: there is nothing of him but in the backup
    assert await full.erase(JOHN, actor="mia") == 0
    erasures = await exported(full, erasures=True)
    assert erasures.count("\n") == 3
    assert (await imported(other, erasures)).complete
    told = await imported(other, backup)
    assert (told.complete, list(told.erased)) == (True, [JOHN])
    assert await other.conversation(JOHN) is None
    assert await other.conversation(JANE) == await full.conversation(JANE)
    assert [one.actor for one in await other.erasures(JOHN)] == ["mia"]


async def test_what_is_not_read_back_as_it_was_written_is_taken_out_again(store: LaneStore) -> None:
    """A damaged line says two things of one row; only one of them can be stored."""
    rows = [[str(kinds.TIMELINE), 1, "1", "one"], [str(kinds.TIMELINE), 1, "1", "two"]]
    lane = {"subject": JANE, "version": 7, "head": "{}", "rows": rows, "index": [["recent", "", 5.0]]}
    told = await imported(store, f'{{"tandem_export": 1}}\n{json.dumps(lane)}\n{{"lanes": 1, "sound": true}}\n')
    assert (told.complete, told.fates[Fate.WRITTEN]) == (False, 0)
    assert await everything(store) == {}


async def test_an_export_that_was_cut_off_is_not_taken_for_a_whole_one(full: LaneStore, other: LaneStore) -> None:
    lines = (await exported(full)).splitlines(keepends=True)
    told = await imported(other, "".join(lines[:-1]))
    assert (told.whole, told.complete) == (False, False)
    without_one = await imported(other, "".join([*lines[:2], *lines[3:]]))
    assert without_one.complete is False
    assert (await imported(other, f'{lines[0]}{{"lanes": 0}}\n')).complete is False  # it does not say that it is sound


@each(
    "lines",
    [
        "",
        "hello\n",
        "[1]\n",
        "[" * 100_000,
        '{"tandem_export": 2}\n',
        *(
            f'{{"tandem_export": 1}}\n{{"subject": {subject}, "version": {version}, "head": {head}, '
            f'"rows": [["turn", {sequence}, "k", {record}]], "index": []}}\n'
            for subject, version, head, sequence, record in (
                ("7", "1", "null", "1", '"r"'),
                ('"phone_1"', '"x"', '"{}"', "1", '"r"'),
                ('"phone_1"', "1", "[1]", "1", '"r"'),
                ('"phone_1"', "1", "null", "true", '"r"'),
                ('"phone_1"', "1", "null", "1", "5"),
                ('"phone_1"', "1", "null", "9" * 20, '"r"'),
            )
        ),
    ],
)
async def test_what_is_no_export_is_refused(store: LaneStore, lines: str) -> None:
    with pytest.raises(ConfigurationError):
        await imported(store, lines)


async def test_an_export_beside_a_gateway_at_work_says_that_it_is_not_sound(full: LaneStore, other: LaneStore) -> None:
    await take(full, JOHN)
    lines = await exported(full)
    told = await imported(other, lines)
    assert (told.whole, told.sound, told.complete) == (True, False, False)


async def test_a_backup_beside_a_gateway_at_work_is_whole_and_says_so(full: LaneStore, other: LaneStore) -> None:
    await take(full, JOHN)
    told = await imported(other, await exported(full, running=True))
    assert (told.complete, told.running) == (True, True)


async def test_damage_is_carried_over_or_told(kit: StoreKit, other: LaneStore) -> None:
    await fill(kit.store)
    await kit.corrupt(JOHN)
    told = await imported(other, await exported(kit.store))
    assert told.fates[Fate.WRITTEN] + told.fates[Fate.FAILED] == len(await everything(kit.store))
    assert bool(told.reasons) == bool(told.fates[Fate.FAILED])
    if not told.fates[Fate.FAILED]:
        assert await everything(other) == await everything(kit.store)


async def test_what_is_old_there_is_cleaned_up_there(full: LaneStore, other: LaneStore) -> None:
    await imported(other, await exported(full))
    other.clock_offset += 40 * DAY  # type: ignore[attr-defined]
    assert (await other.purge(older_than=30 * DAY)).deleted["conversations"] == 1
