"""A gateway whose customers are known elsewhere: at the pretend Segment or the pretend CRM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.model import Conversation, SubjectId

from .crm_server import KEY, CrmServer
from .faults import Source
from .gateway import JANE, JOHN, Running, running
from .model_server import ModelServer
from .segment_server import SPACE, TOKEN, Person, SegmentServer
from .serving import serve

IDS = {JOHN: "john-1", JANE: "jane-1"}
TRAITS = {JOHN: {"first_name": "Johann", "tier": "Platinum-canary"}, JANE: {"first_name": "Janina"}}


@dataclass
class Known:
    """A source of customers, and where what is theirs is found."""

    source: Source
    env: dict[str, str]
    prefix: str

    def subject(self, number: str = JOHN) -> SubjectId:
        """The subject of somebody who is known."""
        return SubjectId(self.prefix + IDS[number])


def by_number(number: str = JOHN) -> SubjectId:
    """The subject of a number alone."""
    return SubjectId("phone_" + number.removeprefix("+"))


@asynccontextmanager
async def known_at(kind: str, **extra: str) -> AsyncIterator[Known]:
    """Run a source that knows John and Jane; ``env`` points a gateway at it."""
    if kind == "crm":
        crm = CrmServer()
        crm.by["phone"] = {number: {"id": IDS[number], **TRAITS[number]} for number in IDS}
        async with serve(crm.app) as url:
            env = {"SUBJECT_RESOLVER": "crm", "CRM_BASE_URL": f"{url}/api", "CRM_API_KEY": KEY}
            yield Known(crm, env | extra, "crm_")
    else:
        people = [Person(TRAITS[number], (("phone", number), ("user_id", IDS[number]))) for number in IDS]
        segment = SegmentServer(people=people)
        async with serve(segment.app) as url:
            env = {
                "SUBJECT_RESOLVER": "segment",
                "SEGMENT_PROFILE_API_URL": url,
                "SEGMENT_PROFILE_API_TOKEN": TOKEN,
                "SEGMENT_SPACE_ID": SPACE,
            }
            yield Known(segment, env | extra, "segment_user_")


@asynccontextmanager
async def knowing(
    kind: str, folder: Path, model: ModelServer | None = None, **extra: Any
) -> AsyncIterator[tuple[Running, Known]]:
    """Run a gateway and its source."""
    async with known_at(kind) as known, running(folder, model, **(known.env | extra)) as it:
        yield it, known


async def committed(it: Running, subject: SubjectId, turns: int) -> Conversation:
    """Wait until that many turns of a subject are stored, and return the conversation."""
    found: Conversation | None = None
    while found is None or found.turns_taken < turns or await it.store.waiting(subject):
        found = await it.store.conversation(subject)
    return found
