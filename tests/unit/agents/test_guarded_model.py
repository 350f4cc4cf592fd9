"""Calls of a model hold no card and social security numbers, whosever model it is."""

from __future__ import annotations

from typing import Any

import pytest
from agents import Agent, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.guarded_model import masked_arguments
from tandem.shop.embedded import EmbeddedShop

from ...kit.callers import JOHN
from ...kit.line import Line
from ...kit.tables import each

pytestmark = pytest.mark.promise("F5")
CARD = "4111 1111 1111 1111"
MARK = "[card number removed, ends in 1111]"


@each(
    ("written", "masked"),
    [
        ('{"note": "pay 4111111111111111"}', f'{{"note": "pay {MARK}"}}'),
        ('{"card": 4111111111111111}', f'{{"card": "{MARK}"}}'),
        ('{"a": ["é 4111-1111-1111-1111"]}', f'{{"a": ["é {MARK}"]}}'),
        ('{"ssn": "078-05-1120"}', '{"ssn": "[social security number removed]"}'),
        ('{"broken": "4111111111111111', f'{{"broken": "{MARK}'),
    ],
)
def test_numbers_are_taken_out_and_what_was_json_stays_json(written: str, masked: str) -> None:
    assert masked_arguments(written) == masked


@each("written", ['{ "order_id" : "12345" }', "", "{", "[1, 2]", '{"amount": 139.970}'])
def test_what_holds_no_number_stays_as_it_was_written(written: str) -> None:
    assert masked_arguments(written) == written


async def test_an_agent_that_brings_a_model_of_its_own_is_no_exception(shop: EmbeddedShop) -> None:
    heard: list[str] = []

    @function_tool
    async def keep(note: str) -> str:
        """Keep a note."""
        heard.append(note)
        return "kept"

    own: Any = ScriptedModel([[function_call("keep", {"note": CARD}, call_id="c")], [assistant_message("Done.")]])
    talk = Line(shop, JOHN, ScriptedModel([]), Agent("own", tools=[keep], model=own))
    assert await talk.say("keep it") == "Done."
    assert heard == [MARK]
    assert CARD not in str(talk.history)
