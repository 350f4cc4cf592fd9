"""Books for staff: what each of them did, beside the timeline that tells of it, and the figures of hours. Pure.

An act is a row of its customer's lane under an index of all lanes, so that a list of acts reads no conversation. When
the lane goes, the act moves into the store's own lane, and the person does not.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..model import SubjectId, TimelineEvent
from . import kinds
from .rows import DAY, MICRO, LaneIndex
from .values import Act, Colleague, Hour, Looker, SavedView

if TYPE_CHECKING:
    from .state import Lane

KEPT_SECONDS: Final = 400 * DAY
"""A year, and time to look at it."""
HOURS_KEPT_SECONDS: Final = 40 * DAY
COLLEAGUE_SECONDS: Final = 90 * DAY
MOST_VIEWS: Final = 50
ERASED: Final = "erased"
"""The name of the act that leaves no timeline to stand on."""
_TOLD: Final = ("tool", "verdict", "status", "first_by", "to", "on", "ticket", "priority", "approval", "deleted")
"""Of a row's data; no words of a customer or a colleague."""
_NO_COLLEAGUES: Final = frozenset({"agent", "clock"})
_LEADS_BACK: Final = ("ticket", "approval")
"""Ids that other systems may know together with the person."""


def note_act(lane: Lane, key: str, event: TimelineEvent, number: int) -> None:
    """Write the act that a row of staff in the timeline tells of, beside it."""
    actor = event.data.get("actor")
    if not isinstance(actor, str) or actor in _NO_COLLEAGUES:
        return
    told = {name: event.data[name] for name in _TOLD if event.data.get(name) is not None}
    call = event.data.get("edited_arguments") or event.data.get("arguments")
    amount = call.get("amount") if isinstance(call, Mapping) else None
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        told["amount"] = amount
    if event.data.get("edited_arguments"):
        told["edited"] = True
    write_act(lane, key, Act(event.at, actor, event.name, told), number)


def write_act(lane: Lane, key: str, act: Act, number: int) -> None:
    """Write an act, to be found among those of all lanes."""
    lane.write(kinds.ACT, key, act, sequence=number)
    lane.index(LaneIndex.ACTS, key, act.at)


def move_acts(left: Lane, stays: Lane) -> None:
    """Give the acts of a lane to the one that it is joined into."""
    for row in left.all(kinds.ACT):
        left.index(LaneIndex.ACTS, row.key, None)
    for row, act in kinds.records(kinds.ACT, left.all(kinds.ACT)):
        write_act(stays, row.key, act, row.sequence)


def leave_acts(lane: Lane, house: Lane) -> None:
    """Keep the acts of a lane that goes, without the person."""
    for row in lane.all(kinds.ACT):
        lane.index(LaneIndex.ACTS, row.key, None)
    for row, act in kinds.records(kinds.ACT, lane.all(kinds.ACT)):
        left = {name: act.data[name] for name in act.data if name not in _LEADS_BACK}
        book(house, replace(act, data=left), row.sequence)


def book(house: Lane, act: Act, number: int) -> None:
    """Write an act of which no lane is left, under a key that tells nothing of one but the order."""
    write_act(house, f"{number}-{secrets.token_hex(4)}", act, number)


def book_hour(house: Lane, hour: Hour, process: str) -> None:
    """Write what a process counted in an hour; see :meth:`LaneStore.note_hour`."""
    key = f"{hour.start:.0f}:{process}"
    house.write(kinds.HOUR, key, hour, sequence=int(hour.start * MICRO))
    house.index(LaneIndex.HOURS, key, hour.start)


def look(house: Lane, actor: str, subject: SubjectId | None, writing: bool, seconds: float) -> None:
    """Note what a colleague has on the screen; see :meth:`LaneStore.look`."""
    if subject is None:
        house.delete(kinds.LOOKER, actor)
        return
    looker = Looker(actor, subject, writing, house.now + seconds)
    house.write(kinds.LOOKER, actor, looker, sequence=int(house.now * MICRO))


def note_colleague(house: Lane, name: str, identity: str) -> bool:
    """Note who signed in under a name; see :meth:`.Housekeeping.note_colleague`."""
    known = None if house.is_new(name, kinds.COLLEAGUE) else house.readable(kinds.COLLEAGUE, name)
    if known is not None and known.identity != identity:
        return False
    house.write(kinds.COLLEAGUE, name, Colleague(name, identity, house.now), sequence=int(house.now * MICRO))
    return True


def save_view(house: Lane, view: SavedView) -> bool:
    """Keep or delete a view; see :meth:`.Housekeeping.save_view`."""
    names = {row.key for row in house.all(kinds.SAVED_VIEW)}
    if not view.query:
        house.delete(kinds.SAVED_VIEW, view.name)
    elif len(names | {view.name}) > MOST_VIEWS:
        return False
    else:
        house.write(kinds.SAVED_VIEW, view.name, view, sequence=int(house.now * MICRO))
    return True


def look_away(house: Lane, subject: SubjectId) -> None:
    """Delete the rows of colleagues who look at an erased customer."""
    for row, looker in kinds.records(kinds.LOOKER, house.all(kinds.LOOKER)):
        if looker.subject == subject:
            house.delete(kinds.LOOKER, row.key)


def forget(lane: Lane, kind: str, index: str, key: str) -> None:
    """Delete what was kept for long enough."""
    lane.delete(kind, key)
    lane.index(index, key, None)


def restore_acts(lane: Lane) -> None:
    """List the acts of a lane again, after damage."""
    for row, act in kinds.records(kinds.ACT, lane.all(kinds.ACT)):
        lane.index(LaneIndex.ACTS, row.key, act.at)


def restore_house(house: Lane) -> None:
    """List again what is the store's own, after damage."""
    restore_acts(house)
    for row in house.all(kinds.HOUR):
        house.index(LaneIndex.HOURS, row.key, row.sequence / MICRO)
    house.sweep()
