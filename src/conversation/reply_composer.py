"""Replies as channels take them: how an answer is split, in whose language, and which way leads to a customer. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Address, Channel, Conversation, Route
from .base import Sender
from .notes import CallerSpeaks, read_note
from .translations import ENGLISH, Translations


class ReplyComposer:
    """Knows of each channel how an answer is split, and which other way there is; it sends nothing."""

    def __init__(self, senders: Iterable[Sender], translations: Translations | None = None) -> None:
        self._by_channel = {channel: sender for sender in senders for channel in sender.channels}
        self.compose = {channel: sender.compose for channel, sender in self._by_channel.items()}
        """Of each channel, how an answer becomes provider messages."""
        self.translations = translations or Translations({})

    def words(self, conversation: Conversation, route: Route, sentence: str) -> str:
        """Return a fixed sentence as the customer is told it: in a call, in the language that they spoke last.

        A turn that runs in a live call asks the call itself, which knows more (``SpeechStream.words``).
        """
        if route.channel is not Channel.VOICE:
            return sentence
        return self.translations.say(sentence, spoken_language(conversation)).text

    def other_way(self, route: Route) -> Route | None:
        """Return another channel's way to the same customer, or None."""
        return self._by_channel[route.channel].other_way(route)

    def text_route(self, conversation: Conversation) -> Route | None:
        """Return the way to text a customer: the text channel they used last, else by SMS to a caller.

        None when there is none, or the customer opted out of each.
        """
        used = (conversation.last_channel, *(turn.channel for turn in reversed(conversation.history)), *Channel)
        known = [conversation.routes[channel] for channel in dict.fromkeys(used) if channel in conversation.routes]
        ways = [route for route in known if route.channel is not Channel.VOICE and route.customer.reachable]
        ways += [other for route in known if (other := self.other_way(route)) is not None]
        return next((route for route in ways if route.channel not in conversation.opted_out), None)

    def first_route(self, conversation: Conversation | None, number: str | None, ours: str | None) -> Route | None:
        """Return the way to text a customer who may never have written or called: by SMS from ``ours``, or None."""
        if conversation is not None and (conversation.routes or Channel.SMS in conversation.opted_out):
            return self.text_route(conversation)
        return Route(Channel.SMS, Address("tel", number), Address("tel", ours)) if number and ours else None


def spoken_language(conversation: Conversation) -> str:
    """Return the language of what a caller said last, as it is noted in history; English where it is not."""
    for turn in reversed(conversation.history):
        if turn.channel is Channel.VOICE and any(item.get("role") == "user" for item in turn.items):
            notes = (read_note(item) for item in turn.items)
            return next((note.language for note in notes if isinstance(note, CallerSpeaks)), ENGLISH)
    return ENGLISH
