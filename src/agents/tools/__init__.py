"""The support agent's tools, one noun per module."""

from __future__ import annotations

import copy

from agents import Tool

from .approval import withdraw_request
from .customer import lookup_customer, remember_preference
from .follow_up import schedule_follow_up
from .intent import classify_intent
from .knowledge import search_knowledge_base
from .message import send_sms
from .order import get_tracking_info, lookup_order, order_status
from .refund import refund_tool
from .ticket import create_ticket, escalate_to_human, reply_to_ticket, ticket_status


def support_tools(*, refund_threshold_cents: int) -> list[Tool]:
    """List the tools of the support agent, in the order the model sees them.

    Refunds of one order that come to more than the threshold in all wait for a colleague. Copies, because the runner
    wraps the tools of the agent it is given.
    """
    tools = (
        lookup_customer,
        classify_intent,
        lookup_order,
        order_status,
        get_tracking_info,
        refund_tool(refund_threshold_cents),
        escalate_to_human,
        create_ticket,
        ticket_status,
        reply_to_ticket,
        send_sms,
        search_knowledge_base,
        remember_preference,
        schedule_follow_up,
        withdraw_request,
    )
    return [copy.copy(tool) for tool in tools]
