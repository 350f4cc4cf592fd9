"""What turns cost: by turn, customer, agent and day; and caps that refuse politely and hand on to people."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tandem.app import open_gateway
from tandem.conversation import phrases
from tandem.conversation.bounds import Price, PriceTable, Tokens
from tandem.errors import ConfigurationError
from tandem.settings import load_settings
from tandem.settings.prices import read_prices

from ..kit.colleague import JOHNS_ID, staffed
from ..kit.gateway import JANE, JOHN, OURS, Running, running
from ..kit.model_server import Answer, ModelServer
from ..kit.sources import subject_of
from ..kit.tables import each
from ..kit.waiting import PATIENCE
from ..unit.test_check import Lines

pytestmark = pytest.mark.promise("G7")

DEAR = 'currency = "EUR"\n[models.dear]\ninput = 100_000\noutput = 100_000\n'
"""The scripted service counts 10 tokens in and 5 out for each call: 1.50 together."""


def prices(folder: Path, text: str = DEAR, model: str = "dear") -> dict[str, str]:
    (folder / "prices.toml").write_text(text, "utf-8")
    return {"PRICES_FILE": str(folder / "prices.toml"), "AGENT_MODEL": model}


def always(text: str = "Yes.") -> ModelServer:
    return ModelServer(lambda _: Answer(text))


async def seen(it: Running, path: str) -> Any:
    async with aiohttp.ClientSession() as http, http.get(f"{it.url}{path}") as answer:
        return await (answer.json() if answer.content_type == "application/json" else answer.text())


async def turn_rows(it: Running) -> list[dict[str, Any]]:
    return [dict(row.data) for row in await it.store.timeline(subject_of(JOHN)) if row.name == "turn"]


async def test_a_turn_says_what_it_cost_and_so_do_status_figures_and_desk(tmp_path: Path) -> None:
    model = ModelServer([Answer(calls=[("order_status", {"order_id": "12345"})]), Answer("It has shipped.")])
    async with staffed(tmp_path, model, **prices(tmp_path)) as (it, mia):
        await it.ask("where is my order?")
        (row,) = await turn_rows(it)
        assert (await seen(it, "/status"))["cost"] == {
            "currency": "EUR",
            "today": 3.0,
            "byAgent": {"Customer Service Agent": 3.0},
        }
        assert 'tandem_cost_total{agent="Customer Service Agent"} 3.0' in await seen(it, "/metrics")
        assert (await mia.get(f"/customers/{JOHNS_ID}"))["numbers"]["cost"] == 3.0
    assert (row["cost"], row["models"], row["agent"]) == (3.0, {"dear": [20, 0, 10]}, "Customer Service Agent")
    assert "unpriced" not in row


async def test_spoken_turns_cost_as_texts_do(tmp_path: Path) -> None:
    async with running(tmp_path, always(), **prices(tmp_path)) as it:
        async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("hello") == "Yes."
        await it.gateway.drain(PATIENCE)
        assert [row["cost"] for row in await turn_rows(it)] == [1.5]


async def test_without_prices_tokens_are_counted_and_money_is_not(tmp_path: Path) -> None:
    async with running(tmp_path, always(), AGENT_MODEL="dear") as it:
        await it.ask("hello")
        (row,) = await turn_rows(it)
        assert (await seen(it, "/status"))["cost"] is None
    assert ("cost" in row, row["models"], row["input_tokens"]) == (False, {"dear": [10, 0, 5]}, 10)


async def test_a_model_without_a_price_is_named_and_not_guessed(tmp_path: Path) -> None:
    async with running(tmp_path, always(), **prices(tmp_path, model="new-one")) as it:
        await it.ask("hello")
        (row,) = await turn_rows(it)
        assert "tandem_unpriced_turns_total 1.0" in await seen(it, "/metrics")
    assert (row["cost"], row["unpriced"]) == (0.0, ["new-one"])


async def test_past_the_cap_of_a_customer_their_words_wait_for_people(tmp_path: Path) -> None:
    model = always()
    world = prices(tmp_path) | {"MAX_COST_PER_CUSTOMER": "2.00"}
    async with running(tmp_path, model, **world) as it:
        said = [await it.ask(text) for text in ("one", "two", "three", "four")]
        assert await it.ask("hello", sender=JANE) == "Yes."
        async with it.twilio.call(JOHN, to=OURS, chars_per_second=1e6) as call:
            assert await call.ask("five") == phrases.TOO_MANY_STEPS
        await it.gateway.drain(PATIENCE)
        (ticket,) = await it.store.tickets(subject_of(JOHN))
        names = [row.name for row in await it.store.timeline(subject_of(JOHN))]
        rows = await turn_rows(it)
    assert said == ["Yes.", "Yes.", phrases.TOO_MANY_STEPS, phrases.TOO_MANY_STEPS]
    assert len(model.requests) == 3
    assert (ticket.title, ticket.description) == ("The cap on the agent's cost is reached", "three\nfour\nfive")
    assert [row["error"] for row in rows] == [None, None, *["cost_cap_reached"] * 3]
    assert (names.count("limit_reached"), names.count("ticket_created")) == (3, 1)


async def test_the_cap_of_the_day_holds_for_everybody_and_over_a_restart(tmp_path: Path) -> None:
    world = prices(tmp_path) | {"MAX_COST_PER_DAY": "3.00"}
    async with running(tmp_path, always(), **world) as it:
        assert await it.ask("one") == "Yes."
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, always(), twilio=it.twilio, **world) as it:
        assert await it.ask("two", sender=JANE) == "Yes."
        assert await it.ask("three", sender=JANE) == phrases.TOO_MANY_STEPS
        await it.gateway.drain(PATIENCE)
    async with running(tmp_path, always(), twilio=it.twilio, **world) as it:
        assert await it.ask("four") == phrases.TOO_MANY_STEPS


async def test_what_was_promised_is_told_past_the_cap_too(tmp_path: Path) -> None:
    answers = iter(
        [
            Answer(calls=[("send_sms", {"to": JANE, "message": "hi"})]),
            Answer("A colleague looks at it."),
            Answer("It was sent."),
        ]
    )
    world = prices(tmp_path) | {"MAX_COST_PER_CUSTOMER": "0.01"}
    async with staffed(tmp_path, ModelServer(lambda _: next(answers)), **world) as (it, mia):
        assert await it.ask("text Jane") == "A colleague looks at it."
        await mia.decide(await mia.waiting_approval("send_sms"), approved=True)
        assert (await it.hear(2))[1] == "It was sent."
        assert await it.ask("and now?") == phrases.TOO_MANY_STEPS


def test_cached_tokens_have_a_price_of_their_own() -> None:
    table = PriceTable("USD", {"m": Price(Decimal("1.25"), Decimal("0.125"), Decimal(10))})
    assert table.cost({"m": Tokens(1000, 800, 100)}) == 250 + 100 + 1000
    assert table.cost({"m": Tokens(1), "unknown": Tokens(1000, 0, 1000)}) == 1
    assert table.unpriced({"m": Tokens(1), "unknown": Tokens(1)}) == ("unknown",)


@each(
    ("text", "sentence"),
    [
        ("[models.a]\ninput = 1\noutput = 1\n", "line 1: currency is missing."),
        ('currency = "$"\nmodels = {}\n', "line 1: currency: string should match pattern"),
        ('currency = "USD"\n[models.a]\ninput = 1\n', "line 2: models.a.output is missing."),
        ('currency = "USD"\n[models.a]\ninput = -1\noutput = 1\n', "line 3: models.a.input: input should be greater"),
        (
            'currency = "USD"\n[models.a]\ninput = 1\noutputs = 1\noutput = 2\n',
            "line 4: models.a.outputs is not",
        ),
    ],
)
def test_a_table_of_prices_that_does_not_fit_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_prices(load_settings(prices(tmp_path, text), env_file=None))
    (found,) = refused.value.problems
    assert found.removeprefix(f"{tmp_path}/prices.toml, ").startswith(sentence)


async def test_a_cap_that_could_not_be_kept_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MAX_COST_PER_DAY needs PRICES_FILE"):
        load_settings({"MAX_COST_PER_DAY": "5"}, env_file=None)
    env = prices(tmp_path, model="new-one") | {"MAX_COST_PER_DAY": "5", "OPENAI_API_KEY": "test-key"}
    env |= {"STATE_PERSISTENCE_DIR": str(tmp_path / "state")}
    with pytest.raises(ConfigurationError, match="no price for new-one, so no cap could be kept"):
        async with open_gateway(load_settings(env, env_file=None), shop_file=tmp_path / "shop.sqlite3"):
            pass


async def test_check_names_models_without_a_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = Lines(capsys)
    env = prices(tmp_path, model="new-one") | {"OPENAI_API_KEY": "test-key"}
    found = await lines.of(env)
    assert (lines.code, found["prices"][0], "no price for new-one" in found["prices"][1]) == (0, "notice", True)
    found = await lines.of(env | prices(tmp_path, "models = 1\n"))
    assert (lines.code, found["prices"][0]) == (1, "problem")
