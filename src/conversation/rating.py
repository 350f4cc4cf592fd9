"""Customers' ratings: one question by text when they said goodbye or a colleague resolved, and the number in answer.

A number is a rating where the question was the last thing that was said; anywhere else it is an answer to the agent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..events import EventName
from ..model import Conversation, Route, Source
from . import phrases
from .change_draft import Draft

AGAIN_SECONDS: Final = 7 * 86_400.0
"""A customer is asked once in this time, whether they answer or not."""
_SCORE: Final = re.compile(r"\s*([1-5])(?:\s*(?:/|out of|of)\s*5)?\s*[.!]?\s*")


def ask(draft: Draft) -> None:
    """Ask how it went, if the settings want that, the customer said something, and a text reaches them."""
    conversation = draft.conversation
    asked_lately = conversation.rating_asked_at + AGAIN_SECONDS > draft.now
    route = draft.text_route()
    if not draft.limits.ask_rating or asked_lately or conversation.paused or route is None or not conversation.history:
        return
    draft.remember(route, [{"role": "assistant", "content": phrases.RATING}])
    draft.conversation = replace(draft.conversation, rating_asked_at=draft.now)
    draft.reply(route, phrases.RATING)


def read(conversation: Conversation, texts: Sequence[str]) -> int | None:
    """Return the rating that a customer's texts are, None for anything else."""
    items = conversation.history[-1].items if conversation.history else ()
    asked = bool(items) and items[-1].get("content") == phrases.RATING
    found = _SCORE.fullmatch(texts[-1]) if asked and len(texts) == 1 else None
    return int(found[1]) if found else None


def take(draft: Draft, route: Route, text: str, score: int) -> None:
    """Keep a rating with the conversation, and thank for it; what is resolved stays so."""
    said = ({"role": "user", "content": text}, {"role": "assistant", "content": phrases.RATED})
    number = draft.remember(route, said)
    draft.conversation = replace(draft.conversation, rating=score)
    draft.note(EventName.RATED, route.channel, source=Source.CUSTOMER, turn=number, score=score)
    draft.reply(route, phrases.RATED)
