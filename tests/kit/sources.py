"""The pretend Segment and the pretend CRM with the sample customers in them, and which subject a customer then is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from tandem.model import SubjectId

from .crm_server import KEY, CrmServer
from .faults import Source
from .segment_server import SPACE, TOKEN, Person, SegmentServer
from .serving import serve

JOHN = "+15551234567"
JANE = "+15559876543"
everywhere: ContextVar[str] = ContextVar("everywhere", default="")
"""Where customers are known in the running test: ``crm``, ``segment``, or nowhere."""
PREFIXES = {"crm": "crm_", "segment": "segment_user_"}

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


def subject_of(number: str = JOHN) -> SubjectId:
    """The subject of a customer in the running test."""
    kind = everywhere.get()
    return SubjectId(PREFIXES[kind] + IDS[number]) if kind and number in IDS else by_number(number)


@asynccontextmanager
async def known_everywhere(env: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    """Give the settings of the running test, unless it says for itself who knows customers."""
    if not everywhere.get() or "SUBJECT_RESOLVER" in env:
        yield {}
        return
    async with known_at(everywhere.get(), RESOLVER_TIMEOUT_MS="10000") as known:  # a busy machine takes its time
        yield known.env
