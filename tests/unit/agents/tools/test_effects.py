from __future__ import annotations

import copy

import pytest
from agents import WebSearchTool, function_tool

from tandem.agents.tools import support_tools
from tandem.agents.tools.effects import ToolEffect, effect_of, idempotency_key, idempotent, in_commit, reads_only

from ....kit.tables import each


@function_tool
def ring_the_bell() -> str:
    """Ring."""
    return "ding"


@reads_only
@function_tool
def look_at_the_bell() -> str:
    """Look."""
    return "a bell"


def test_a_tool_runs_once_unless_it_declares_otherwise():
    assert effect_of(ring_the_bell) is ToolEffect.ONCE


def test_so_does_a_hosted_tool():
    assert effect_of(WebSearchTool()) is ToolEffect.ONCE


@each(
    ("declare", "effect"),
    [(reads_only, ToolEffect.NONE), (in_commit, ToolEffect.IN_COMMIT), (idempotent, ToolEffect.IDEMPOTENT)],
)
def test_what_a_tool_declares(declare, effect):
    assert effect_of(declare(copy.copy(ring_the_bell))) is effect


def test_the_declaration_survives_copies_and_wrappers():
    wrapped = copy.copy(look_at_the_bell)
    wrapped.on_invoke_tool = ring_the_bell.on_invoke_tool
    assert effect_of(wrapped) is ToolEffect.NONE


def test_declaring_a_copy_leaves_the_original_alone():
    reads_only(copy.copy(ring_the_bell))
    assert effect_of(ring_the_bell) is ToolEffect.ONCE


def test_what_every_tool_of_ours_declares():
    assert {tool.name: effect_of(tool).value for tool in support_tools(refund_threshold_cents=1)} == {
        "lookup_customer": "none",
        "classify_intent": "none",
        "lookup_order": "none",
        "order_status": "none",
        "get_tracking_info": "none",
        "process_refund": "idempotent",
        "escalate_to_human": "in_commit",
        "create_ticket": "in_commit",
        "ticket_status": "none",
        "reply_to_ticket": "in_commit",
        "send_sms": "in_commit",
        "search_knowledge_base": "none",
        "remember_preference": "in_commit",
        "schedule_follow_up": "in_commit",
        "withdraw_request": "in_commit",
    }


def test_outside_a_call_there_is_no_key():
    with pytest.raises(LookupError):
        idempotency_key()
