"""`tandem erase`: asks, erases, and says what it cannot reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.commands.erase import erase
from tandem.commands.show import show
from tandem.errors import IdentityUnavailable
from tandem.model import SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.settings import Settings, load_settings

from ..contracts.records import JANE, event, take, write
from ..kit.command import tandem
from ..kit.crm_server import CrmServer
from ..kit.customers import known_at
from ..kit.faults import Trouble
from ..kit.segment_server import Person, SegmentServer

pytestmark = pytest.mark.promise("P12", "O3")

NUMBER = "+1 (415) 555-0100"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}, env_file=None)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[LaneStore]:
    """A store that knows Jane, held open as by a running gateway."""
    async with open_file_store(settings.state_persistence_dir) as store:
        await write(store, timeline=(event("turn"),))
        yield store


async def test_a_person_is_erased_and_the_erasure_noted(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await erase(settings, NUMBER, sure=True) == 0
    assert (await store.conversation(JANE), await store.timeline(JANE)) == (None, ())
    (row,) = await store.erasures(JANE)
    assert row.actor == "command line"
    said = capsys.readouterr().out
    assert said.startswith(f"{JANE}: {row.deleted} records erased; ")
    assert "business system" in said


async def test_a_second_time_the_first_is_remembered(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str]
) -> None:
    await erase(settings, NUMBER, sure=True)
    capsys.readouterr()
    assert await erase(settings, NUMBER, sure=True) == 0
    assert "nothing is stored; erased before, on" in capsys.readouterr().out


async def test_somebody_unknown_is_said_so(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await erase(settings, "+14155550199", sure=True) == 0
    assert capsys.readouterr().out == "phone_14155550199: nothing is stored.\n"


async def test_a_running_turn_is_not_disturbed(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str]
) -> None:
    await take(store)
    assert await erase(settings, NUMBER, sure=True) == 1
    assert "Try again in a moment" in capsys.readouterr().err
    assert await store.conversation(JANE) is not None


async def test_copies_set_aside_are_pointed_out(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.state_persistence_dir / "tandem.db.damaged-1").write_text("old pages")
    await erase(settings, NUMBER, sure=True)
    assert "tandem.db.damaged-1" in capsys.readouterr().out


async def command(settings: Settings, folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, bool]:
    """Run the command and say how it ended, what it wrote to standard error, and whether Jane is still known."""
    env = {"STATE_PERSISTENCE_DIR": str(settings.state_persistence_dir)}
    done = tandem("erase", *arguments, folder=folder, stdin=stdin, env=env)
    async with open_file_store(settings.state_persistence_dir) as store:
        said = done.stderr.partition("\n")[2]  # below which settings and data are used
        return done.returncode, said, await store.conversation(JANE) is not None


async def test_yes_erases(settings: Settings, store: LaneStore, tmp_path: Path) -> None:
    assert await command(settings, tmp_path, NUMBER, stdin="yes\n") == (0, "", False)


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
async def test_anything_else_does_not(settings: Settings, store: LaneStore, tmp_path: Path, answer: str) -> None:
    assert await command(settings, tmp_path, NUMBER, stdin=answer) == (1, "Nothing was erased.\n", True)


async def test_with_yes_nobody_is_asked(settings: Settings, store: LaneStore, tmp_path: Path) -> None:
    assert await command(settings, tmp_path, str(JANE), "--yes") == (0, "", False)


def test_a_missing_store_is_told_and_not_made(tmp_path: Path) -> None:
    done = tandem("erase", NUMBER, "--yes", folder=tmp_path)
    assert (done.returncode, "there is no data" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["segment", "crm"])
async def test_a_number_is_looked_up_where_customers_are_known(
    settings: Settings, store: LaneStore, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    async with known_at(kind) as known:
        person = Person({}, (("phone", "+14155550100"), ("user_id", "jane-1")))
        if isinstance(known.source, SegmentServer):
            known.source.people.append(person)
        elif isinstance(known.source, CrmServer):
            known.source.by["phone"]["+14155550100"] = {"id": "jane-1"}
        await write(store, SubjectId(known.prefix + "jane-1"), timeline=(event("turn"),))
        env = known.env | {"STATE_PERSISTENCE_DIR": str(settings.state_persistence_dir)}
        elsewhere = load_settings(env, env_file=None)
        assert await show(elsewhere, NUMBER, as_json=False) == 0
        assert capsys.readouterr().out.startswith(f"{known.prefix}jane-1 ")
        assert await erase(elsewhere, NUMBER, sure=True) == 0
        assert await store.conversation(SubjectId(known.prefix + "jane-1")) is None
        assert await store.conversation(JANE) is None
        known.source.trouble = Trouble.FAILING
        with pytest.raises(IdentityUnavailable):
            await erase(elsewhere, NUMBER, sure=True)
        assert await erase(elsewhere, JANE, sure=True) == 0
