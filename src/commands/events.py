"""``tandem events``: what another system is still to be told of, and what it was told of in vain."""

from __future__ import annotations

from ..persistence.announcements import Announcements
from ..persistence.factory import open_store
from ..settings import Settings
from ..staff.answers import written
from ..staff.event_types import TYPES
from .places import tell_places

LISTED = 200
"""Events that are shown, and that are revived in one go."""


async def events(settings: Settings, *, again: bool) -> int:
    """Print what was not told, and with ``again`` have it told from now on; return 1 while there is any, else 0."""
    tell_places(settings)
    async with open_store(settings, create=False) as store:
        queue, counts = Announcements(store.storage), await store.counts()
        untold = await queue.given_up(limit=LISTED)
        for one in untold:
            type = TYPES.get(one.event.name, one.event.name)
            print(f"{one.id}  {written(one.event.at)}  {type}  {one.tries} attempts")
        while again and untold:
            for one in untold:
                await queue.revive(one)
            untold = await queue.given_up(limit=LISTED)
    did = "will be told again" if again else "were not told"
    print(f"events: {counts.announced} wait to be told, {counts.untold} {did}")
    return 1 if counts.untold and not again else 0
