"""What the model is shown besides the window: memory in front, profile behind, neither kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.caller_context import CallerContexts
from tandem.agents.profile_source import PATIENCE, PATIENCE_IN_TEXT
from tandem.conversation.base import TurnRequest
from tandem.conversation.summary import NAME as MEMORY
from tandem.errors import StoreUnavailable
from tandem.model import Channel, Conversation, Priority, Route, SubjectId, Ticket
from tandem.shop.base import Customer, Order

from ...kit.callers import JANE, JOHN, NOW, STRANGER, route_of
from ...kit.clock import timeless
from ...kit.line import Memory
from ...kit.tables import each

pytestmark = pytest.mark.promise("I7", "P10")

LARGE_REFUND = function_call("process_refund", {"order_id": "12345", "amount": 120, "reason": "broken"}, call_id="c1")
OPENING = "<customer_profile>"


class SlowShop:
    """A shop that answers when it is let."""

    def __init__(self, shop: Any) -> None:
        self._shop = shop
        self.open = asyncio.Event()

    async def customer_by_phone(self, phone: str) -> Customer | None:
        await self.open.wait()
        return await self._shop.customer_by_phone(phone)

    async def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        return await self._shop.orders_of(customer_id)


class ShopThatIsDown:
    """A shop that does not answer."""

    async def customer_by_phone(self, phone: str) -> Customer | None:
        raise StoreUnavailable


async def profile(callers: CallerContexts, conversation: Conversation, route: Route) -> str:
    """Return the profile block of a turn."""
    request = TurnRequest(conversation, route, (), 1, NOW, key="one")
    return await callers.profiles.block(request, callers.caller(conversation, route, NOW).phone)


def given(model: ScriptedModel, call: int = 0) -> list[dict[str, Any]]:
    """Return the input items of one of a model's calls."""
    items: Any = model.calls[call].input
    return list(items)


def profiles(items: list[dict[str, Any]]) -> list[int]:
    return [n for n, item in enumerate(items) if item.get("role") == "system" and OPENING in str(item["content"])]


def answers(*texts: str) -> ScriptedModel:
    return ScriptedModel([[assistant_message(text)] for text in texts])


async def test_the_profile_stands_behind_the_window_and_before_the_new_words(line: Any) -> None:
    model = answers("Hello John.", "Yes.")
    talk = line(JOHN, model)
    await talk.say("hi")
    await talk.say("are you there?")
    assert profiles(given(model)) == [0]
    assert profiles(given(model, 1)) == [2]
    assert [item.get("role") for item in given(model, 1)] == ["user", "assistant", "system", "user"]
    assert 'name: "John Doe"' in given(model, 1)[2]["content"]


async def test_each_customer_is_shown_their_own(line: Any) -> None:
    johns, janes, nobodys = answers("1"), answers("1"), answers("1")
    for phone, model in ((JOHN, johns), (JANE, janes), (STRANGER, nobodys)):
        await line(phone, model).say("hi")
    assert "Jane" not in str(given(johns))
    assert "Jane Smith" in str(given(janes))
    assert profiles(given(nobodys)) == []


async def test_what_came_before_stands_in_front_of_everything(line: Any) -> None:
    model = answers("Hello.", "Yes.")
    talk = line(JOHN, model)
    await talk.say("hi")
    talk.conversation = replace(talk.conversation, summary="story: Has a dog called Rex.")
    await talk.say("do you remember my dog?")
    assert given(model, 1)[0]["role"] == "system"
    assert MEMORY in given(model, 1)[0]["content"]
    assert "Rex" in given(model, 1)[0]["content"]


async def test_neither_history_nor_a_paused_run_keeps_it(line: Any) -> None:
    model = ScriptedModel([[LARGE_REFUND], [assistant_message("A colleague decides.")], [assistant_message("Paid.")]])
    talk = line(JOHN, model)
    talk.conversation = replace(talk.conversation, summary="story: Has a dog called Rex.")
    await talk.say("refund order 12345, all of it")
    assert all("Rex" in str(given(model, call)) and OPENING in str(given(model, call)) for call in range(2))
    assert OPENING not in str(talk.history)
    assert "Rex" not in str(talk.history)
    snapshot = talk.waiting[0].snapshot
    assert OPENING not in snapshot
    assert "Rex" not in snapshot


async def test_it_is_made_anew_for_each_turn(line: Any, shop: Any) -> None:
    model = answers("1", "2")
    talk = line(JOHN, model)
    await talk.say("hi")
    order = (await shop.orders_of("CUST_12345"))[0]
    await shop.refund("CUST_12345", order.id, cents=order.total_cents, reason="x", key="k")
    ticket = Ticket("TKT_7", talk.conversation.subject, "Broken", "", Priority.LOW, NOW, NOW)
    talk.memory.known_tickets[ticket.id] = ticket
    await talk.say("hi again")
    assert '"shipped"' in str(given(model))
    assert '"refunded"' in str(given(model, 1))
    assert "TKT_7" in str(given(model, 1))


async def test_a_shop_that_is_down_costs_the_profile_and_not_the_turn(line: Any) -> None:
    model = answers("Hello.")
    assert await line(JOHN, model, ShopThatIsDown()).say("hi") == "Hello."
    assert "John" not in str(given(model))


async def test_a_slow_shop_is_left_out_and_shown_the_next_time(line: Any, shop: Any) -> None:
    slow = SlowShop(shop)
    model = answers("Hello.", "Hello again.")
    talk = line(JOHN, model, slow)
    await talk.say("hi")
    slow.open.set()
    await talk.say("hi")
    assert "John" not in str(given(model))
    assert 'name: "John Doe"' in str(given(model, 1))


@each("channel", list(Channel))
@timeless
async def test_a_shop_that_hangs_is_waited_for_briefly(channel: Channel) -> None:
    subject, loop = SubjectId("phone_15551234567"), asyncio.get_running_loop()
    callers = CallerContexts(SlowShop(None), Memory(), region="US")
    began = loop.time()
    block = await profile(callers, Conversation(subject, 0, 0), route_of(JOHN, channel))
    took = loop.time() - began
    assert block == ""
    assert took == pytest.approx(PATIENCE.get(channel, PATIENCE_IN_TEXT), abs=0.01)
    assert took < (0.12 if channel is Channel.VOICE else 0.6)


async def test_what_was_known_lately_stands_in_for_what_is_late(shop: Any) -> None:
    slow = SlowShop(shop)
    slow.open.set()
    callers = CallerContexts(slow, Memory(), region="US")
    now, route = Conversation(SubjectId("phone_15551234567"), 0, 0), route_of(JOHN, Channel.VOICE)
    assert "John Doe" in await profile(callers, now, route)
    slow.open.clear()
    assert "John Doe" in await profile(callers, now, route)


async def test_one_person_at_two_telephones_is_never_shown_the_other_one_s_account(shop: Any) -> None:
    """A source may know somebody who only uses another person's telephone: accounts go by the number."""
    slow = SlowShop(shop)
    slow.open.set()
    callers = CallerContexts(slow, Memory(), region="US")
    now = Conversation(SubjectId("crm_I7"), 0, 0)
    assert "John Doe" in await profile(callers, now, route_of(JOHN, Channel.VOICE))
    slow.open.clear()
    assert "John Doe" not in await profile(callers, now, route_of(JANE, Channel.VOICE))


async def test_a_customer_who_is_expected_is_known_when_they_speak(shop: Any) -> None:
    callers = CallerContexts(shop, Memory(), region="US")
    subject, route = SubjectId("phone_15551234567"), route_of(JOHN, Channel.VOICE)
    callers.profiles.expect(subject, JOHN)
    assert "John Doe" in await profile(callers, Conversation(subject, 0, 0), route)


async def test_facts_of_the_identity_source_are_shown(shop: Any) -> None:
    async def facts(route: Route, subject: SubjectId) -> Mapping[str, Any]:
        return {"tier": "gold", "visits": 7}

    callers = CallerContexts(shop, Memory(), region="US", facts=facts)
    block = await profile(callers, Conversation(SubjectId("phone_15551234567"), 0, 0), route_of(JOHN))
    assert 'fact: "tier" "gold"' in block
    assert 'fact: "visits" "7"' in block


async def test_numbers_that_nobody_may_see_are_masked_in_facts(shop: Any) -> None:
    async def facts(route: Route, subject: SubjectId) -> Mapping[str, Any]:
        return {"note": "card 4111 1111 1111 1111", "tier": "gold", "card": 4111111111111111}

    callers = CallerContexts(shop, Memory(), region="US", facts=facts)
    block = await profile(callers, Conversation(SubjectId("phone_15551234567"), 0, 0), route_of(JOHN))
    assert 'fact: "tier" "gold"' in block
    assert "4111" not in block


async def test_facts_that_raise_cost_only_themselves(shop: Any) -> None:
    async def facts(route: Route, subject: SubjectId) -> Mapping[str, Any]:
        raise ValueError("secret")

    callers = CallerContexts(shop, Memory(), region="US", facts=facts)
    block = await profile(callers, Conversation(SubjectId("phone_15551234567"), 0, 0), route_of(JOHN))
    assert "John Doe" in block
    assert "secret" not in block
