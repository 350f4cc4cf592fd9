"""What Segment is told, over real HTTP, and what it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tandem.events import EventName, Happened
from tandem.identity.analytics import ADDRESSES, SegmentAnalytics, open_analytics, person, wants_no_tracking
from tandem.identity.base import Resolution
from tandem.model import Channel, Source, SubjectId, TimelineEvent, Tone

from ...kit.faults import Trouble
from ...kit.segment_server import WRITE_KEY, SegmentServer
from ...kit.serving import free_port, serve
from ...kit.tables import each

pytestmark = pytest.mark.promise("I6", "E1")

ADA = SubjectId("segment_user_ada")
PHONE = SubjectId("phone_14155550100")
WORDS = "canary words of a customer"


def row(name: str, channel: Channel = Channel.SMS, tone: Tone = Tone.INFO, **data: object) -> TimelineEvent:
    return TimelineEvent(name, Source.AGENT, tone=tone, channel=channel, data=data)


def joined(old: SubjectId, new: SubjectId) -> Happened:
    return Happened(new, TimelineEvent(EventName.JOINED, Source.SYSTEM, data={"earlier": old}))


@asynccontextmanager
async def segment(
    server: SegmentServer, *known: Resolution, must_know: bool = False
) -> AsyncIterator[SegmentAnalytics]:
    people = {one.subject: one for one in known}
    async with (
        serve(server.app) as url,
        open_analytics(url, WRITE_KEY, known=people.get, must_know=must_know) as analytics,
    ):
        yield analytics


async def told(*rows: TimelineEvent, subject: SubjectId = ADA, known: Resolution | None = None) -> SegmentServer:
    server = SegmentServer()
    async with segment(server, *([known] if known else [])) as analytics:
        for one in rows:
            await analytics.hear(Happened(subject, one))
    return server


async def test_a_session_is_identified_once_and_everything_is_flushed_at_the_end() -> None:
    rows = [row("conversation_start"), row("turn"), row("tool", tool="lookup_order"), row("conversation_end")]
    server = await told(*rows, known=Resolution(ADA, "+14155550100"))
    (identify,) = server.of("identify")
    assert (identify["userId"], identify["traits"]) == ("ada", {"phone": "+14155550100"})
    assert [one["event"] for one in server.of("track")] == ["Conversation Started", "Tool Used", "Conversation Ended"]
    assert {one["userId"] for one in server.events} == {"ada"}
    assert set(server.keys) == {WRITE_KEY}


@each(
    ("event", "name", "properties"),
    [
        (row("escalation", priority="high", title=WORDS), "Conversation Escalated", {"priority": "high"}),
        (row("approval_requested", tool="process_refund", arguments={"a": WORDS}), "Approval Requested",
         {"tool": "process_refund"}),
        (row("approval_decided", tool="send_sms", verdict="reject", status="rejected", reason=WORDS, actor=WORDS),
         "Approval Decided", {"tool": "send_sms", "verdict": "reject", "status": "rejected"}),
        (row("approval_expired", tool="send_sms", status="expired"), "Approval Expired", {"tool": "send_sms"}),
        (row("tool", tone=Tone.ERROR, tool="order_status", arguments={"a": WORDS}, result=WORDS), "Tool Used",
         {"tool": "order_status", "outcome": "error"}),
    ],
)  # fmt: skip
async def test_names_and_kinds_are_told_and_no_word(
    event: TimelineEvent, name: str, properties: dict[str, str]
) -> None:
    server = await told(event)
    (track,) = server.events
    assert (track["event"], track["properties"]) == (name, properties | {"channel": "sms"})
    assert "canary" not in str(track)


async def test_a_change_of_channel_is_told() -> None:
    server = await told(row("conversation_start"), row("tool", Channel.VOICE, tool="t"), row("tool", Channel.VOICE))
    (changed,) = server.of("track", "Channel Changed")
    assert changed["properties"] == {"from": "sms", "to": "voice"}


@each(
    ("subject", "ids"),
    [
        (ADA, {"user_id": "ada"}),
        (SubjectId("segment_3f2a"), {"anonymous_id": "3f2a"}),
        (SubjectId("crm_7"), {"user_id": "crm_7"}),
    ],
)
def test_a_subject_is_known_to_segment_under_its_own_id(subject: SubjectId, ids: dict[str, str]) -> None:
    assert person(subject) == ids


@each("subject", [PHONE, SubjectId("short_us_12345"), SubjectId("withheld_CA1")])
def test_no_number_is_an_id(subject: SubjectId) -> None:
    (kind, value), = person(subject).items()  # fmt: skip
    assert kind == "anonymous_id"
    assert len(value) == 32
    assert "415555" not in value


@each("said", [{"doNotTrack": True}, {"doNotTrack": "true"}, {"do_not_track": 1}])
async def test_whoever_does_not_want_to_be_tracked_is_not(said: dict[str, object]) -> None:
    known = Resolution(ADA, "+14155550100", facts=said)
    assert wants_no_tracking(known.facts)
    server = SegmentServer()
    async with segment(server, known) as analytics:
        await analytics.hear(Happened(ADA, row("conversation_start")))
        await analytics.hear(joined(PHONE, ADA))
    assert server.events == []


@each("said", [{}, {"doNotTrack": False}, {"doNotTrack": "false"}, {"doNotTrack": None}])
def test_nothing_said_is_no_objection(said: dict[str, object]) -> None:
    assert not wants_no_tracking(said)


async def test_whose_wishes_cannot_be_asked_for_is_not_told() -> None:
    server = SegmentServer()
    async with segment(server, must_know=True) as analytics:
        await analytics.hear(Happened(PHONE, row("conversation_start")))
    assert server.events == []


async def test_somebody_who_becomes_known_is_aliased_and_identified() -> None:
    server = SegmentServer()
    async with segment(server) as analytics:
        await analytics.hear(joined(SubjectId("segment_anon-7"), ADA))
        await analytics.hear(joined(SubjectId("segment_user_eve"), ADA))
    (alias,) = server.of("alias")
    assert (alias["previousId"], alias["userId"]) == ("anon-7", "ada")
    assert len(server.of("identify")) == 1


async def test_a_segment_that_is_down_costs_nothing_and_bounded_time_at_the_end() -> None:
    began = asyncio.get_running_loop().time()
    async with open_analytics(
        f"http://127.0.0.1:{free_port()}", WRITE_KEY, known=lambda _: None, must_know=False, flush_seconds=0.1
    ) as analytics:
        for _ in range(1000):
            await analytics.hear(Happened(ADA, row("tool", tool="t")))
        assert asyncio.get_running_loop().time() - began < 5
    assert asyncio.get_running_loop().time() - began < 8


async def test_a_passing_failure_is_repeated() -> None:
    server = SegmentServer(trouble=Trouble.FAILING)
    async with segment(server) as analytics:
        await analytics.hear(Happened(ADA, row("tool", tool="t")))
        await server.wait_batches(1)
        server.trouble = None
    assert len(server.of("track")) == 1


async def test_a_full_queue_is_said_once_and_nobody_waits(capfd: pytest.CaptureFixture[str]) -> None:
    server = SegmentServer(trouble=Trouble.SLOW)
    async with segment(server) as analytics:
        for _ in range(12_000):
            await analytics.hear(Happened(ADA, row("tool", tool="t")))
        server.release.set()
    assert "".join(capfd.readouterr()).count("analytics_queue_full") == 1
    assert 10_000 <= len(server.events) < 12_000


def test_both_regions_have_an_address() -> None:
    assert ADDRESSES == {"us": "https://api.segment.io", "eu": "https://events.eu1.segmentapis.com"}
