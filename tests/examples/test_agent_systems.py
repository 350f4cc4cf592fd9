"""The agent systems of the examples, over days, restarts and both channels: an airline, a concierge, a ticket desk."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tandem.simulator.call import SimulatedCall
from tandem.simulator.twilio_simulator import TwilioSimulator

from ..kit.colleague import JOHNS_ID, Colleague, names, staffed
from ..kit.gateway import JANE, JOHN, OURS, Running
from ..kit.model_server import Answer, ModelServer
from ..kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("G2", "G3", "G8", "A15")

DAY = 86_400.0


class Service:
    """A gateway over an example's folder, opened anew for each day."""

    def __init__(self, folder: Path, model: ModelServer, **env: str) -> None:
        self._folder, self._model, self._env = folder, model, env
        self._days = 0
        self._twilio: TwilioSimulator | None = None

    @asynccontextmanager
    async def day(self) -> AsyncIterator[tuple[Running, Colleague]]:
        """Run the gateway for a day; the next one begins 24 hours later, with what the store and customers have."""
        async with staffed(self._folder, self._model, twilio=self._twilio, **self._env) as (it, mia):
            it.store.clock_offset = self._days * DAY  # type: ignore[attr-defined]
            yield it, mia
            await it.gateway.drain(PATIENCE)
        self._days, self._twilio = self._days + 1, it.twilio


class Scripted(ModelServer):
    """Answers turns one after the other; the notes of what aged are a model's work beside them."""

    def __init__(self, *answers: Answer) -> None:
        given = iter(answers)
        super().__init__(lambda request: Answer("They fly to Lisbon.") if _notes(request) else next(given))

    @property
    def turns(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if not _notes(request)]


def _notes(request: dict[str, Any]) -> bool:
    return "You keep the notes" in str(request.get("instructions"))


def call(tool: str, **arguments: Any) -> Answer:
    return Answer(calls=[(tool, arguments)])


def dial(it: Running) -> SimulatedCall:
    return it.twilio.call(JOHN, to=OURS, chars_per_second=1e6)


async def stored(it: Running, turns: int) -> None:
    """Wait until so many turns are stored: a caller hears an answer before that."""

    async def there() -> bool:
        return (await it.conversation()).turns_taken == turns

    await until(there)


def outputs(model: Scripted) -> list[str]:
    """Return what the tools of our own gave, in order, as the model read it."""
    last = [request["input"][-1] for request in model.turns]
    found = [str(item["output"]) for item in last if item.get("type") == "function_call_output"]
    return [output for output in found if not output.startswith('{"assistant"')]


async def test_an_airline_whose_agents_hand_the_conversation_to_one_another(
    folder: Callable[[str], Path],
) -> None:
    search = {"query": "cabin bag", "category": "", "max_results": 1}
    model = Scripted(
        *[
            call("transfer_to_faq"),
            call("search_knowledge_base", **search),
            Answer("One of up to 8 kg."),
            call("transfer_to_triage"),
            call("transfer_to_seats"),
            call("my_booking"),
            Answer("You sit in 12C. 14F is at the window."),
            call("change_seat", seat="14e"),
            Answer("That one is taken."),
            call("change_seat", seat="14f"),
            Answer("You sit in 14F now."),
            call("transfer_to_faq"),
            call("search_knowledge_base", **search),
            Answer("Still one."),
            Answer("Hello, how can I help?"),
        ]
    )
    home = folder("airline")
    airline = Service(
        home, model, AGENTS_FILE="agents.toml", COMPANY_FILE="company.toml", KNOWLEDGE_DIR="articles",
        STATE_MAX_AGE=str(3 * 86_400_000),
    )  # fmt: skip
    async with airline.day() as (it, _):
        assert await it.ask("what may I bring on board?") == "One of up to 8 kg."
        assert await it.ask("and can I sit at the window?") == "You sit in 12C. 14F is at the window."
    async with airline.day() as (it, _), dial(it) as phone:
        assert await phone.wait_heard("help you?") == "Welcome to Tandem Air John! How can I help you?"
        assert await phone.ask("14E, please") == "That one is taken."
        assert await phone.ask("then 14F") == "You sit in 14F now."
        await stored(it, 4)
    async with airline.day() as (it, mia):
        assert await it.ask("how many bags was it?") == "Still one."
        assert await it.ask("hello", sender=JANE) == "Hello, how can I help?"
        rows = (await mia.shown())["timeline"]
    handed = [(row["data"]["from"], row["data"]["to"]) for row in rows if row["name"] == "handoff"]
    assert handed == [("Triage", "FAQ"), ("FAQ", "Triage"), ("Triage", "Seats"), ("Seats", "FAQ")]
    assert [row["data"]["agent"] for row in rows if row["name"] == "turn"] == ["FAQ", "Seats", "Seats", "Seats", "FAQ"]
    cabin, booking, taken, changed, again = outputs(model)
    assert "8 kg" in cabin
    assert "8 kg" in again
    assert json.loads(booking) == {"confirmation": "LX4Q7P", "flight": "TA 118 to Lisbon", "seat": "12C"}
    assert taken == "The tool refused: Seat 14E is taken."
    assert json.loads(changed)["seat"] == "14F"
    assert json.loads((home / "airline" / "seats.json").read_text()) == {"LX4Q7P": "14F"}
    assert "You receive the customers" in model.turns[-1]["instructions"]  # Jane was handed to no one
    assert "14F" in model.turns[11]["instructions"]  # the day after
    assert model.refused == []


async def test_a_concierge_that_knows_its_customer_and_cancels_nothing_alone(folder: Callable[[str], Path]) -> None:
    model = Scripted(
        *[
            Answer(calls=[("keep_in_profile", {"what": "seat", "wish": "window"}), ("change_seat", {"seat": "14F"})]),
            Answer("14F, at the window."),
            call("set_bags", bags=4),
            Answer("3 at most."),
            call("set_bags", bags=2),
            Answer("Two bags."),
            call("offer_meals"),
            call("choose_meal", number=2),
            Answer("Chicken it is."),
            call("offer_meals"),
            call("choose_meal", number=3),
            Answer("Fruit, then."),
            call("cancel_trip", reason="ill"),
            Answer("A colleague has to agree."),
            call("my_trip"),
            Answer("It is still booked."),
            Answer("Your trip is cancelled."),
        ]
    )
    home = folder("concierge")
    trips = home / "concierge" / "trips.json"

    def trip() -> Any:
        return json.loads(trips.read_text())[JOHN]

    concierge = Service(
        home, model, AGENT_PATH="concierge:agent", COMPANY_FILE="company.toml", APPROVAL_TIMEOUT_SECONDS="259200"
    )
    async with concierge.day() as (it, _):
        assert await it.ask("I always sit at the window") == "14F, at the window."
        assert await it.ask("four bags") == "3 at most."
        assert await it.ask("then two") == "Two bags."
        assert (await it.ask("what is there to eat?")).splitlines() == [
            "Which meal would you like? Answer with its number.",
            "1. Pasta with vegetables", "2. Chicken with rice", "3. A plate of fruit",
        ]  # fmt: skip
        assert await it.ask("2") == "Chicken it is."
        assert trip() == {
            "flight": "TA 118 to Lisbon", "seat": "14F", "bags": 2, "meal": "Chicken with rice", "status": "booked",
        }  # fmt: skip
        async with dial(it) as phone:
            assert "3. A plate of fruit" in await phone.ask("another meal, please")
            await phone.press("3#")
            assert await phone.wait_answer() == "Fruit, then."
            assert await phone.ask("I am ill, cancel my trip") == "A colleague has to agree."
            await stored(it, 8)
    async with concierge.day() as (it, mia):
        assert await it.ask("is it cancelled?") == "It is still booked."
        assert (trip()["meal"], trip()["status"]) == ("A plate of fruit", "booked")
        await mia.decide(await mia.waiting_approval("cancel_trip"), approved=True)
        assert (await it.hear(2))[1] == "Your trip is cancelled."
        assert trip()["status"] == "cancelled"
        assert (await mia.get(f"/customers/{JOHNS_ID}"))["remembered"] == {"profile": {"seat": "window"}}
    assert model.turns[0]["instructions"].endswith("from their profile: nothing yet.")
    assert model.turns[-1]["instructions"].endswith("from their profile: seat: window.")
    assert "The tool refused: A traveller may check in up to 3 bags." in outputs(model)
    assert model.refused == []


@pytest.mark.promise("O9")
async def test_a_ticket_desk_whose_answer_waits_a_day_for_a_colleague(folder: Callable[[str], Path]) -> None:
    drafted = "Turn the bulb until it clicks."

    def script(request: dict[str, Any]) -> Answer:
        items = request["input"]
        words, last = str(items[-1].get("content", "")), str(items[-1].get("output", ""))
        if "we send a new one" in last:
            (ticket,) = set(re.findall(r"TKT_\w+", str(items)))
            return call("reply_to_ticket", ticket_id=ticket, message=drafted)
        if "TKT_" in words:
            return call("remedy", trouble="flickers")
        if "news" in words:
            return call("note_device", device="Luna")
        return Answer("A colleague is reading the answer." if last else "")

    model = ModelServer(script)
    desk = Service(
        folder("tickets"), model, AGENT_PATH="ticket_desk:agent", COMPANY_FILE="company.toml",
        APPROVAL_TIMEOUT_SECONDS="259200",
    )  # fmt: skip
    lamp = {
        "customerId": "CUST_12345",
        "subject": "Lamp flickers",
        "description": "Since yesterday.",
        "priority": "low",
    }
    async with desk.day() as (it, mia):
        opened = await mia.post("/tickets", lamp, status=201)
        await mia.waiting_approval("reply_to_ticket")
        assert it.twilio.sent_to(JOHN) == []
    async with desk.day() as (it, mia):
        assert await it.ask("any news of my Luna?") == "A colleague is reading the answer."
        waiting = await mia.waiting_approval("reply_to_ticket")
        better = {**waiting["arguments"], "message": f"{drafted} Call us if it does not."}
        await mia.decide(waiting, approved=True, arguments=better)
        told = (await it.hear(2))[1]
        await mia.until(lambda shown: "ticket_replied" in names(shown))
        ticket = await mia.get(f"/tickets/{opened['id']}")
        assert (await mia.get(f"/customers/{JOHNS_ID}"))["remembered"] == {"device": "Luna"}
    assert told == f"About your ticket {opened['id']}: {drafted} Call us if it does not."
    assert [step["what"] for step in ticket["history"]] == ["opened", "reply_proposed", "replied"]
    assert ticket["history"][2]["by"] == "mia"
    assert model.refused == []
