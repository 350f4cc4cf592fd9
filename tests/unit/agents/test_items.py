from __future__ import annotations

import json
from typing import Any

import pytest
from agents import (
    Agent,
    HandoffCallItem,
    MessageOutputItem,
    ReasoningItem,
    RunConfig,
    Runner,
    ToolCallItem,
    function_tool,
)
from agents.items import InputItem, ToolApprovalItem, ToolCallOutputItem
from agents.testing import ScriptedModel, assistant_message, function_call
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseFunctionWebSearch,
    ResponseOutputMessage,
    ResponseOutputRefusal,
    ResponseReasoningItem,
)

from tandem.agents.items import plain_items

from ...kit.plain import check_plain
from ...kit.tables import each

AGENT = Agent(name="A")


def message(text: str, refusal: str = "") -> MessageOutputItem:
    raw: Any = assistant_message(text)
    if refusal:
        part = ResponseOutputRefusal(type="refusal", refusal=refusal)
        raw = ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[part])
    return MessageOutputItem(agent=AGENT, raw_item=raw)


def call(call_id: str, name: str = "tool", arguments: str = "{}") -> ToolCallItem:
    raw = ResponseFunctionToolCall(
        type="function_call", id=f"fc_{call_id}", call_id=call_id, name=name, arguments=arguments, status="completed"
    )
    return ToolCallItem(agent=AGENT, raw_item=raw)


def output(call_id: str, value: Any = "done") -> ToolCallOutputItem:
    raw = {"type": "function_call_output", "call_id": call_id, "output": value}
    return ToolCallOutputItem(agent=AGENT, raw_item=raw, output=value)


def reasoning() -> ReasoningItem:
    return ReasoningItem(agent=AGENT, raw_item=ResponseReasoningItem(id="rs_1", type="reasoning", summary=[]))


def approval(call_id: str) -> ToolApprovalItem:
    return ToolApprovalItem(agent=AGENT, raw_item=call(call_id).raw_item)


def hosted() -> ToolCallItem:
    search: Any = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    return ToolCallItem(agent=AGENT, raw_item=ResponseFunctionWebSearch.model_validate(search))


CALL = {"type": "function_call", "call_id": "c1", "name": "tool", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "done"}


def test_messages_calls_and_outputs_become_plain():
    assert plain_items([call("c1"), output("c1"), message("Hello.")]) == (
        CALL,
        OUTPUT,
        {"role": "assistant", "content": "Hello."},
    )


def test_reasoning_approvals_and_hosted_tools_are_left_out():
    assert plain_items([reasoning(), approval("c2"), hosted(), message("Hello.")]) == (
        {"role": "assistant", "content": "Hello."},
    )


def test_a_refusal_is_what_the_customer_read():
    assert plain_items([message("", refusal="I can't.")]) == ({"role": "assistant", "content": "I can't."},)


def test_an_empty_message_is_left_out():
    assert plain_items([message("")]) == ()


def test_a_call_without_output_is_dropped():
    assert plain_items([call("c1"), message("Hm.")]) == ({"role": "assistant", "content": "Hm."},)


def test_a_call_without_output_is_kept_on_demand():
    assert plain_items([call("c1")], keep_dangling=True) == (CALL,)


def test_an_output_without_its_call_is_dropped():
    assert plain_items([output("c9"), call("c1"), output("c1")]) == (CALL, OUTPUT)


def test_of_two_calls_with_one_id_the_answered_one_stays():
    assert plain_items([call("c1", name="first"), call("c1"), output("c1")]) == (CALL, OUTPUT)


def test_a_handoff_call_is_a_call():
    handoff = HandoffCallItem(agent=AGENT, raw_item=call("c1").raw_item)
    assert plain_items([handoff, output("c1")]) == (CALL, OUTPUT)


def test_words_admitted_while_a_run_waited_are_kept():
    admitted = InputItem(agent=AGENT, raw_item={"role": "user", "content": [{"type": "input_text", "text": "Hello?"}]})
    assert plain_items([admitted]) == ({"role": "user", "content": "Hello?"},)


def test_an_output_with_parts_becomes_text():
    parts = [{"type": "input_text", "text": "A bell"}, {"type": "input_image", "image_url": "data:x"}]
    assert plain_items([call("c1"), output("c1", parts)])[1]["output"] == "A bell\n[image]"


async def test_a_whole_run_becomes_plain():
    @function_tool
    def ring() -> str:
        """Ring."""
        return "ding"

    model = ScriptedModel([[function_call("ring", {}, call_id="c1")], [assistant_message("It rang.")]])
    result = await Runner.run(Agent(name="A", tools=[ring], model=model), "ring", run_config=RunConfig())
    items = plain_items(result.new_items)
    check_plain(items)
    assert [item.get("type", item.get("role")) for item in items] == [
        "function_call",
        "function_call_output",
        "assistant",
    ]


ids = st.sampled_from(["c1", "c2", "c3"])
runs = st.lists(
    st.one_of(
        ids.map(call),
        ids.map(output),
        st.text().map(message),
        st.builds(reasoning),
        ids.map(approval),
        st.builds(hosted),
    )
)


@given(runs)
def test_whatever_a_run_produced_the_items_are_plain(new_items):
    check_plain(plain_items(new_items))


@given(runs)
def test_order_is_kept(new_items):
    texts = [item["content"] for item in plain_items(new_items) if "role" in item]
    assert texts == [text for item in new_items if isinstance(item, MessageOutputItem) and (text := _text(item))]


def _text(item: MessageOutputItem) -> str:
    return "".join(part.text for part in item.raw_item.content)


@given(runs)
def test_items_survive_json(new_items):
    items = plain_items(new_items)
    assert tuple(json.loads(json.dumps(items))) == items


@each(
    "items",
    [
        [{"role": "assistant", "content": "x", "id": "msg_1"}],
        [{"role": "assistant", "content": [{"type": "output_text", "text": "x"}]}],
        [{"role": "tool", "content": "x"}],
        [{"type": "reasoning", "summary": []}],
        [{**CALL, "status": "completed"}, OUTPUT],
        [CALL],
        [OUTPUT],
        [OUTPUT, CALL],
        [CALL, OUTPUT, OUTPUT],
    ],
)
def test_what_is_not_plain_is_refused(items):
    with pytest.raises(ValueError, match=r"plain|role|output"):
        check_plain(items)


def test_history_of_two_turns_with_the_same_call_id_is_plain():
    check_plain([{"role": "user", "content": "a"}, CALL, OUTPUT, {"role": "user", "content": "b"}, CALL, OUTPUT])
