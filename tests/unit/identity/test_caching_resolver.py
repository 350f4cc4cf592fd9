"""What stands before a source of customers: bounded in time, in memory and in trust."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tandem.errors import IdentityUnavailable, IdentityUnreadable
from tandem.identity.base import NO_METADATA, Metadata, Resolution
from tandem.identity.caching_resolver import FRESH_SECONDS, STALE_SECONDS, TROUBLE_SECONDS, CachingResolver
from tandem.identity.phone import PhoneResolver
from tandem.model import Address, Channel, Route, SubjectId

from ...kit.clock import timeless
from ...kit.tables import each

pytestmark = pytest.mark.promise("I3", "I3a", "I5")

CALLER = Address("tel", "+14155550100")
PHONE, KNOWN = SubjectId("phone_14155550100"), SubjectId("crm_1")
SOON = 1.0
LONG = 30.0


async def ada(address: Address) -> Resolution:
    return Resolution(KNOWN, facts={"name": "Ada"}, earlier=(PHONE,))


async def down(address: Address) -> Resolution:
    raise IdentityUnavailable


async def never(address: Address) -> Resolution:
    await asyncio.Event().wait()
    raise AssertionError


@dataclass
class Source:
    """A source that answers as told, and counts."""

    answer: Callable[[Address], Awaitable[Any]] = ada
    asked: list[tuple[Address, str, dict[str, str]]] = field(default_factory=list)

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        self.asked.append((address, session, dict(metadata)))
        return cast(Resolution, await self.answer(address))


@dataclass
class Bench:
    """A guarded source and its clock."""

    source: Source
    now: float = 1000.0
    resolver: CachingResolver = field(init=False)

    async def ask(self, number: str = "+14155550100", *, session: str = "SM1", **metadata: str) -> SubjectId:
        return (await self.resolver.resolve(Address.parse(number), session=session, metadata=metadata)).subject


@asynccontextmanager
async def bench(
    answer: Callable[[Address], Awaitable[Any]] = ada, *, deadline: float = LONG, most: int = 5000
) -> AsyncIterator[Bench]:
    it = Bench(Source(answer))
    it.resolver = CachingResolver(it.source, PhoneResolver("US"), deadline=deadline, clock=lambda: it.now, most=most)
    async with it.resolver:
        yield it


async def settled() -> None:
    """Let whatever is ready happen."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_answer_is_used_for_five_minutes() -> None:
    async with bench() as it:
        assert await it.ask() == KNOWN
        it.now += FRESH_SECONDS - 1
        assert await it.ask("whatsapp:+14155550100") == KNOWN
        assert len(it.source.asked) == 1
        it.now += 2
        assert await it.ask() == KNOWN
        assert len(it.source.asked) == 2


async def test_that_nobody_is_known_is_kept_too() -> None:
    async with bench(lambda address: PhoneResolver("US").resolve(address, session="")) as it:
        assert [await it.ask(), await it.ask()] == [PHONE, PHONE]
        assert len(it.source.asked) == 1


async def test_many_who_ask_at_once_ask_once() -> None:
    async with bench() as it:
        assert set(await asyncio.gather(*(it.ask() for _ in range(50)))) == {KNOWN}
        assert len(it.source.asked) == 1


async def test_withheld_callers_are_never_taken_for_each_other() -> None:
    async def by_session(address: Address) -> Resolution:
        return Resolution(SubjectId(f"own_{len(it.source.asked)}"))

    async with bench(by_session) as it:
        assert await it.ask("anonymous", session="CA1") == "own_1"
        assert await it.ask("anonymous", session="CA2") == "own_2"
        assert await it.ask("anonymous", session="CA1") == "own_1"


async def test_what_came_with_the_request_is_another_question() -> None:
    async with bench() as it:
        await it.ask()
        await it.ask(user_id="u7", CallSid="CA1")
        await it.ask(userId="u7")
        assert [asked[2] for asked in it.source.asked] == [{}, {"userId": "u7"}]


async def test_an_address_that_is_none_stays_nobody_whatever_the_source_says() -> None:
    async with bench() as it:
        found = await it.resolver.resolve(Address.parse("../../etc/passwd"), session="SM1")
        assert (found.nobody, found.phone) == (True, None)


@timeless
async def test_a_slow_source_costs_its_deadline_once_and_its_answer_serves_the_next_message() -> None:
    gate = asyncio.Event()

    async def slow(address: Address) -> Resolution:
        await gate.wait()
        return await ada(address)

    async with bench(slow, deadline=SOON) as it:
        began = asyncio.get_running_loop().time()
        assert [await it.ask(), await it.ask()] == [PHONE, PHONE]
        assert asyncio.get_running_loop().time() - began == pytest.approx(SOON)
        gate.set()
        await settled()
        assert await it.ask() == KNOWN
        assert len(it.source.asked) == 1


async def test_a_glance_waits_for_nobody_and_the_answer_is_there_afterwards() -> None:
    async with bench() as it:
        assert (await it.resolver.resolve_cached(CALLER, session="CA1")).subject == PHONE
        assert await it.ask() == KNOWN
        assert (await it.resolver.resolve_cached(CALLER, session="CA1")).subject == KNOWN
        assert len(it.source.asked) == 1


async def test_who_was_known_stays_the_same_while_the_source_is_down() -> None:
    async with bench() as it:
        await it.ask()
        it.source.answer = down
        it.now += STALE_SECONDS - 1
        assert await it.ask() == KNOWN
        it.now += TROUBLE_SECONDS
        assert await it.ask() == PHONE


async def test_an_open_circuit_asks_nobody_and_closes_by_a_probe_that_nobody_waits_for() -> None:
    async with bench(down) as it:
        for last in range(3):
            assert await it.ask(f"+1415555010{last}") == f"phone_1415555010{last}"
        assert await it.ask("+14155550109") == "phone_14155550109"
        assert len(it.source.asked) == 3
        it.now += 5.1
        it.source.answer = ada
        assert await it.ask() == PHONE
        await settled()
        assert len(it.source.asked) == 4
        assert await it.ask() == KNOWN
        assert await it.ask("+14155550108") == KNOWN
        assert len(it.source.asked) == 5


async def test_a_failed_probe_lengthens_the_rest() -> None:
    async with bench(down) as it:
        for last in range(3):
            await it.ask(f"+1415555010{last}")
        for pause, asked in [(5.1, 4), (5.1, 4), (5.1, 5), (19.0, 5), (1.1, 6)]:
            it.now += pause
            await it.ask(f"+141555503{len(it.source.asked):02}")
            await settled()
            assert len(it.source.asked) == asked


async def test_a_source_that_asks_for_a_rest_gets_it() -> None:
    async def busy(address: Address) -> Resolution:
        raise IdentityUnavailable(retry_in=30)

    async with bench(busy) as it:
        await it.ask()
        it.now += 29
        await it.ask()
        assert len(it.source.asked) == 1


async def test_one_customer_s_broken_record_does_not_close_the_source_to_the_others() -> None:
    async def broken_for_one(address: Address) -> Resolution:
        if address == CALLER:
            raise IdentityUnreadable
        return Resolution(SubjectId(f"crm_{address.value}"))

    async with bench(broken_for_one) as it:
        for _ in range(5):
            assert await it.ask() == PHONE
            it.now += TROUBLE_SECONDS + 1
        assert len(it.source.asked) == 5
        assert await it.ask("+14155550109") == "crm_+14155550109"


@timeless
async def test_slow_answers_open_the_circuit() -> None:
    async with bench(never, deadline=SOON) as it:
        for last in range(3):
            await it.ask(f"+1415555010{last}")
        began = asyncio.get_running_loop().time()
        assert await it.ask("+14155550109") == "phone_14155550109"
        assert asyncio.get_running_loop().time() == began
        assert len(it.source.asked) == 3


@each(
    "answer",
    [
        None,
        "crm_1",
        Resolution(SubjectId("")),
        Resolution(SubjectId("  ")),
        Resolution(SubjectId("x" * 201)),
        Resolution(SubjectId("crm_\n1")),
        Resolution(SubjectId("phone_14155550199")),
        Resolution(SubjectId("withheld_CA1")),
        Resolution(SubjectId("socket_tokens")),
        Resolution(cast(SubjectId, 4711)),
        Resolution(KNOWN, facts=cast(Any, ["Ada"])),
    ],
)
async def test_an_answer_that_cannot_be_is_not_believed(answer: object) -> None:
    async def garbage(address: Address) -> Any:
        return answer

    async with bench(garbage) as it:
        assert await it.ask() == PHONE


async def test_whatever_a_source_raises_nobody_notices() -> None:
    async def broken(address: Address) -> Resolution:
        raise ZeroDivisionError

    async with bench(broken) as it:
        assert await it.ask() == PHONE


async def test_a_source_cannot_give_another_number() -> None:
    async def liar(address: Address) -> Resolution:
        return Resolution(KNOWN, phone="+14155550199")

    async with bench(liar) as it:
        found = await it.resolver.resolve(CALLER, session="SM1")
    assert found.phone == "+14155550100"


async def test_memory_is_bounded() -> None:
    async with bench(most=10) as it:
        for last in range(30):
            await it.ask(f"+141555501{last:02}")
        await it.ask("+14155550129")
        assert len(it.source.asked) == 30
        await it.ask("+14155550100")
        assert len(it.source.asked) == 31


async def test_facts_come_from_the_answer_or_by_the_way_to_the_customer() -> None:
    text = Route(Channel.SMS, CALLER, Address("tel", "+15550001111"))
    call = Route(Channel.VOICE, CALLER, Address("tel", "+15550001111"))
    async with bench() as it:
        assert await it.resolver.facts(call, KNOWN) == {}
        assert it.source.asked == []
        assert await it.resolver.facts(text, KNOWN) == {"name": "Ada"}
        assert await it.resolver.facts(call, KNOWN) == {"name": "Ada"}
        assert await it.resolver.facts(text, SubjectId("crm_2")) == {}
        assert len(it.source.asked) == 1


async def test_leaving_ends_what_is_under_way() -> None:
    async with bench(never, deadline=SOON) as it:
        await it.ask()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "identity-lookup"] == []
