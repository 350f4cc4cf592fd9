"""Tells Segment what happens: who it is once per session, and how conversations go. Names and kinds, never words.

The official client does the work (twilio.com/docs/segment/connections/sources/catalog/libraries/server/python): a
bounded queue, a thread that sends batches, repeats with growing pauses. Nothing here waits for it but the shutdown.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from cachetools import LRUCache

from ..events import EventName, Happened
from ..model import SubjectId
from .base import Resolution
from .segment import USER, of_number
from .source_answers import OURS

log = structlog.get_logger(__name__)

ADDRESSES: Final = {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
MOST_WAITING: Final = 10_000
"""Events that may wait for Segment; what comes on top is not told."""
FLUSH_SECONDS: Final = 5.0
SEND_SECONDS: Final = 5
PREFIX: Final = "segment_"
MOST_PEOPLE: Final = 5_000

NAMES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    EventName.CONVERSATION_START: ("Conversation Started", ()),
    EventName.CONVERSATION_END: ("Conversation Ended", ()),
    EventName.ESCALATION: ("Conversation Escalated", ("priority",)),
    EventName.APPROVAL_REQUESTED: ("Approval Requested", ("tool",)),
    EventName.APPROVAL_DECIDED: ("Approval Decided", ("tool", "verdict", "status")),
    EventName.APPROVAL_EXPIRED: ("Approval Expired", ("tool",)),
    EventName.TOOL: ("Tool Used", ("tool",)),
}
"""Rows of the timeline that are told, under which name, and which of their data go along."""
CHANNEL_CHANGED: Final = "Channel Changed"
_NO: Final = frozenset({"true", "1", "yes"})


def person(subject: SubjectId) -> dict[str, str]:
    """Say under which id Segment knows a subject: a user id, or an anonymous one. No number leaves this way."""
    if subject.startswith(USER):
        return {"user_id": subject.removeprefix(USER)}
    if subject.startswith(PREFIX):
        return {"anonymous_id": subject.removeprefix(PREFIX)}
    if subject.startswith(OURS):
        return {"anonymous_id": of_number(subject).removeprefix(PREFIX)}
    return {"user_id": subject}


def wants_no_tracking(facts: Mapping[str, Any]) -> bool:
    """Tell whether a person said that they do not want to be tracked."""
    said = [facts.get(name) for name in ("doNotTrack", "do_not_track")]
    return any(one is True or str(one).strip().lower() in _NO for one in said if one is not None)


class SegmentAnalytics:
    """Listens to what was committed and to lanes that were moved.

    ``known`` gives what the source last said of a subject. With ``must_know`` nobody is told of whom the source has
    not spoken: whether they want to be tracked is not known then.
    """

    def __init__(self, client: Any, *, known: Callable[[SubjectId], Resolution | None], must_know: bool) -> None:
        self._client = client
        self._known = known
        self._must_know = must_know
        self._channels: LRUCache[SubjectId, str] = LRUCache(MOST_PEOPLE)
        self._full = False

    async def hear(self, happened: Happened) -> None:
        """Tell Segment of an event, if it is one of those that it is told: a listener of the event bus."""
        subject, event = happened.subject, happened.event
        if event.name == EventName.JOINED and "earlier" in event.data:
            self._moved(SubjectId(str(event.data["earlier"])), subject)
        name, keys = NAMES.get(event.name, ("", ()))
        if not name or not self._may_tell(subject):
            return
        if event.name == EventName.CONVERSATION_START:
            self._identify(subject)
        channel = event.channel.value if event.channel else ""
        before = self._channels.get(subject)
        if channel:
            self._channels[subject] = channel
        if before and channel and before != channel:
            self._put("track", **person(subject), event=CHANNEL_CHANGED, properties={"from": before, "to": channel})
        properties = {key: str(event.data[key]) for key in keys if key in event.data} | {"channel": channel}
        if event.name == EventName.TOOL:
            properties["outcome"] = event.tone.value
        self._put("track", **person(subject), event=name, properties=properties)
        if event.name == EventName.CONVERSATION_END:
            self._channels.pop(subject, None)

    def _moved(self, old: SubjectId, new: SubjectId) -> None:
        """Tell Segment that somebody who was anonymous is known now, and who that is."""
        before, after = person(old), person(new)
        if not self._may_tell(new) or "anonymous_id" not in before or "user_id" not in after:
            return
        self._put("alias", previous_id=before["anonymous_id"], user_id=after["user_id"])
        self._identify(new)

    def _identify(self, subject: SubjectId) -> None:
        known = self._known(subject)
        traits = {"phone": known.phone} if known and known.phone else {}
        self._put("identify", **person(subject), traits=traits)

    def _may_tell(self, subject: SubjectId) -> bool:
        known = self._known(subject)
        return not wants_no_tracking(known.facts) if known else not self._must_know

    def _put(self, kind: str, **event: Any) -> None:
        full = self._client.queue.full()
        if full and not self._full:
            log.error("analytics_queue_full", waiting=MOST_WAITING)
        self._full = full
        if not full:
            getattr(self._client, kind)(**event)


@asynccontextmanager
async def open_analytics(
    address: str,
    write_key: str,
    *,
    known: Callable[[SubjectId], Resolution | None],
    must_know: bool,
    flush_seconds: float = FLUSH_SECONDS,
) -> AsyncIterator[SegmentAnalytics]:
    """Open the way to Segment; at the end what waits is sent, for as long as ``flush_seconds``."""
    # Imported here, because it brings a whole HTTP library that nobody else needs.
    from segment.analytics.client import Client  # type: ignore[import-untyped]

    client = Client(write_key, host=address, max_queue_size=MOST_WAITING, timeout=SEND_SECONDS, on_error=_not_sent)
    atexit.unregister(client.join)  # the end is here, and bounded
    try:
        yield SegmentAnalytics(client, known=known, must_know=must_know)
    finally:
        await _flush(client, flush_seconds)


async def _flush(client: Any, seconds: float) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def flush() -> None:
        client.flush()
        # A loop that did not wait is closed by now.
        if not loop.is_closed():
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=flush, name="analytics-flush", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            await done.wait()
    except TimeoutError:
        log.warning("analytics_cut_off", left=client.queue.qsize())
    for consumer in client.consumers:
        consumer.pause()


def _not_sent(error: Exception, batch: list[Any]) -> None:
    log.warning("analytics_not_sent", reason=type(error).__name__, events=len(batch))
