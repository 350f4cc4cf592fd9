"""What the models of the benchmark say aloud, in the tokens in which a model would write it."""

from __future__ import annotations

import re

LENGTH = 40
"""Tokens of one answer."""
_TEXTS = {
    "plain": (
        "Thanks for calling about that. The headphones left our warehouse yesterday evening and should reach you by "
        "Friday. If they are damaged when they arrive, just let us know; we will gladly send you a new pair or refund "
        "the full amount, whichever you prefer. Shall I text you the link to follow the parcel? It works on any phone."
    ),
    "numbers": (
        "Order 12345 for $49.99 left on March 3, order 23456 for $120.50 leaves on 2026-05-12 at 9:30. Call "
        "415-555-0100 in the evening, when somebody is there to help you with everything else that you may want to "
        "know about them."
    ),
}
_TOKEN = re.compile(r" ?[^\W\d]+|\d{1,3}|\s|[^\w\s]+")

ANSWERS = {name: _TOKEN.findall(text) for name, text in _TEXTS.items()}
"""The tokens of each text, by name."""
