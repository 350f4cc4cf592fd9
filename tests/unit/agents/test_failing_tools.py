from __future__ import annotations

import pytest
from agents.testing import ScriptedModel, assistant_message, function_call

from tandem.agents.run_errors import MISFIT
from tandem.agents.tool_gate import TOOL_FAILED

from ...kit.callers import JOHN
from .conftest import BrokenShop

pytestmark = pytest.mark.promise("A11")


async def test_the_turn_goes_on_after_a_failing_tool(line):
    model = ScriptedModel(
        [[function_call("order_status", {"order_id": "12345"}, call_id="c")], [assistant_message("Sorry.")]]
    )
    assert await line(JOHN, model, BrokenShop()).say("where is order 12345?") == "Sorry."


@pytest.mark.promise("S6")
async def test_the_model_sees_that_a_tool_failed_and_nothing_from_inside(line):
    model = ScriptedModel(
        [[function_call("order_status", {"order_id": "12345"}, call_id="c")], [assistant_message("Sorry.")]]
    )
    talk = line(JOHN, model, BrokenShop())
    await talk.say("where is order 12345?")
    assert talk.outputs == [TOOL_FAILED]


async def test_the_model_is_told_of_arguments_that_do_not_fit(line):
    call = function_call("lookup_customer", {"identifier": "x", "type": "shoe_size"}, call_id="c")
    talk = line(JOHN, ScriptedModel([[call], [assistant_message("Sorry.")]]))
    await talk.say("who am I?")
    assert talk.outputs == [MISFIT]


@pytest.mark.promise("A17")
async def test_the_offline_model_says_that_it_could_not_look(line):
    answer = await line(JOHN, None, BrokenShop()).say("where is order 12345?")
    assert answer == "I couldn't look that up just now. Please try again in a few minutes."
