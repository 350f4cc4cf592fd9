"""Which way leads to a customer. Pure."""

from __future__ import annotations

from collections.abc import Callable

from ..model import Channel, Conversation, Route

OtherWay = Callable[[Route], Route | None]
"""Gives another channel's way to the same customer, or None."""


def text_route(conversation: Conversation, other_way: OtherWay) -> Route | None:
    """Return the way to text a customer: the text channel they used last, else by SMS to a caller.

    None when there is none, or the customer opted out of each.
    """
    used = (conversation.last_channel, *(turn.channel for turn in reversed(conversation.history)), *Channel)
    known = [conversation.routes[channel] for channel in dict.fromkeys(used) if channel in conversation.routes]
    ways = [route for route in known if route.channel is not Channel.VOICE]
    ways += [other for route in known if (other := other_way(route)) is not None]
    return next((route for route in ways if route.channel not in conversation.opted_out), None)
