"""``tandem erase``: everything that is kept of one person goes, and one audit row that names nobody stays."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from ..errors import LeaseLost
from ..identity.factory import subjects_named
from ..model import SubjectId
from ..persistence.base import LaneStore
from ..persistence.factory import open_store
from ..persistence.merging import erase_person
from ..persistence.values import Erasure
from ..settings import Settings
from .places import tell_places

ACTOR = "command line"
ELSEWHERE = """\
Not touched: the customer's records in your business system and at Segment, message and call records at Twilio, what the
model service keeps, what EVENTS_WEBHOOK_URL was told, exports and other backups. Log files name nobody."""


async def erase(settings: Settings, spelling: str, *, sure: bool) -> int:
    """Erase a subject id or number, after asking unless ``sure``; return 1 when that was not possible, else 0."""
    tell_places(settings)
    subjects = await subjects_named(settings, spelling)
    async with open_store(settings, create=False) as store:
        if not sure and not _confirmed(subjects):
            print("Nothing was erased.", file=sys.stderr)
            return 1
        for subject in subjects:
            try:
                deleted = await erase_person(store, subject, actor=ACTOR)
            except LeaseLost:
                what = "Nothing was erased" if subject == subjects[0] else f"{subject} was not erased"
                print(f"{what}: a turn of this customer is running. Try again in a moment.", file=sys.stderr)
                return 1
            if deleted or subject == subjects[0]:
                await _tell(store, subject, deleted)
    for copy in sorted(settings.state_persistence_dir.glob("*.damaged-*")):
        print(f"Set aside after damage, and may still hold this customer's words: {copy}. Delete it when you can.")
    return 0


async def _tell(store: LaneStore, subject: SubjectId, deleted: int) -> None:
    erasures = [one for one in await store.erasures(subject) if one.deleted]
    if deleted:
        print(f"{subject}: {deleted} records erased; an audit row without the number stays.\n{ELSEWHERE}")
    elif erasures:
        print(f"{subject}: nothing is stored; erased before, on {_day(erasures[-1])}.")
    else:
        print(f"{subject}: nothing is stored.")


def _day(erasure: Erasure) -> str:
    return f"{datetime.fromtimestamp(erasure.at, UTC):%Y-%m-%d %H:%M} UTC"


def _confirmed(subjects: tuple[SubjectId, ...]) -> bool:
    print(f"This erases conversation, approvals, tickets, replies and timeline of {', '.join(subjects)} for good.")
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except EOFError:
        print()
        return False
