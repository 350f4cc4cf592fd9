"""A text to somebody else is that person's: it goes through their lane, once, and not against their will."""

from __future__ import annotations

from pathlib import Path

from tandem.conversation.base import PendingWrites, TurnRequest, TurnResult
from tandem.entries import Entry, TextReceived
from tandem.events import EventName
from tandem.model import Address, Channel, ReplyStatus, Route, StoredReply, SubjectId

from ...kit.engine import JOHN, ROUTE, Lab, answer, lab
from ...kit.waiting import until

JANE = SubjectId("phone_15559876543")
TO_JANE = Route(Channel.SMS, Address("tel", "+15559876543"), ROUTE.ours)


async def pass_on(request: TurnRequest) -> TurnResult:
    """Text Jane when John asks for it."""
    wanted = "tell Jane" in request.texts[-1]
    messages = [(TO_JANE, "John says hello.")] if wanted else []
    return answer(request, "Done.", requested=PendingWrites(messages=messages))


async def names(it: Lab, subject: SubjectId, awaited: EventName) -> list[str]:
    """Wait for a row of a timeline, and return the names of all."""

    async def found() -> list[str]:
        return [row.name for row in await it.store.timeline(subject)]

    async def there() -> bool:
        return awaited in await found()

    await until(there)
    return await found()


async def johns(it: Lab) -> StoredReply:
    """Return the reply in John's lane that goes to Jane."""
    (found,) = [row for row in await it.store.replies(JOHN) if row.reply.to_another]
    return found


async def settled(it: Lab) -> bool:
    return (await johns(it)).status is not ReplyStatus.WAITING


async def test_it_is_sent_from_their_own_lane_and_once(tmp_path: Path) -> None:
    async with lab(tmp_path, pass_on) as it:
        await it.text("SM1", "tell Jane")
        assert sorted(await it.sender.texts(2)) == ["Done.", "John says hello."]
        assert await names(it, JANE, EventName.TEXT_FROM_ANOTHER) == [EventName.TEXT_FROM_ANOTHER]
        await until(lambda: settled(it))
        handed_on = await johns(it)
        assert (handed_on.status, handed_on.provider_id) == (ReplyStatus.SENT, f"handed_on:{handed_on.reply.id}")
        (theirs,) = await it.store.replies(JANE)
    assert (theirs.reply.text, theirs.reply.to_another) == ("John says hello.", False)


async def test_nobody_who_opted_out_is_written_to(tmp_path: Path) -> None:
    async with lab(tmp_path, pass_on) as it:
        await it.engine.accept(JANE, [Entry("SM0", TextReceived(TO_JANE, "STOP"))], token="token-0")
        await names(it, JANE, EventName.OPTED_OUT)
        await it.text("SM1", "tell Jane")
        assert EventName.REPLY_WITHHELD in await names(it, JANE, EventName.REPLY_WITHHELD)
        assert await it.store.replies(JANE) == ()
    assert [reply.text for reply in it.sender.sent] == ["Done."]
