"""Tool that classifies a message's intent, for a model that is not sure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from agents import RunContextWrapper, function_tool

from ...shop.order_number import find_order_number
from ..caller_context import CallerContext
from .effects import reads_only
from .outputs import as_json

Message = Annotated[str, "The customer's message, as they wrote or said it."]


@reads_only
@function_tool
async def classify_intent(context: RunContextWrapper[CallerContext], customer_message: Message) -> str:
    """Guess what a message is about when that is not clear: order, billing, technical, faq, escalation or general.

    A rough guess from its words, with a confidence from 0 to 1; it decides nothing.
    """
    guess = classify(customer_message)
    return as_json({"intent": guess.intent.value, "confidence": guess.confidence})


class Intent(StrEnum):
    """Intents that a message may have."""

    ORDER = "order"
    BILLING = "billing"
    TECHNICAL = "technical"
    FAQ = "faq"
    ESCALATION = "escalation"
    GENERAL = "general"


@dataclass(frozen=True, slots=True)
class Guess:
    """An intent, and how sure the words make it: above 0, at most 1."""

    intent: Intent
    confidence: float


UNSURE = 0.3
"""The confidence of a message whose words say nothing."""
_READ = 4000
"""Characters of a message that are looked at."""
_STRONG, _WEAK = 3.0, 1.0
_ORDER_NUMBER = 2.0

_WORDS: dict[Intent, tuple[str, str]] = {
    Intent.ORDER: (
        r"track(?:ing)?|parcels?|package|deliver(?:y|ed)|shipped|shipment|carrier|where(?:'s| is) my"
        r"|my (?:\w+ )?orders?|status of (?:my |the )?order",
        r"orders?|ordered|arrived?|arrives?|status|eta|late|sent",
    ),
    Intent.BILLING: (
        r"refund\w*|reimburse\w*|money back|charged?|charges|invoices?|bill(?:s|ed|ing)?|overcharged|receipt"
        r"|paid twice",
        r"pay(?:ment|ments)?|paid|price|cost|costs|total|amount|card|money|fee|fees",
    ),
    Intent.TECHNICAL: (
        r"broken|defective|error|crash\w*|not working|(?:doesn't|does not|won't|will not|isn't|stopped) (?:\w+ )?"
        r"(?:work\w*|turn\w*|charg\w*|connect\w*|start\w*|pair\w*)|no (?:sound|power|picture|signal)|bluetooth|firmware"
        r"|troubleshoot\w*|malfunction\w*",
        r"problem|issue|repair|fix|battery|setup|set up|install\w*|connect|pair|pairing|reset|noise|screen|update",
    ),
    Intent.FAQ: (
        r"polic(?:y|ies)|warrant(?:y|ies)|guarantee|opening hours|business hours|how long (?:does|do|is|are|can|will)"
        r"|do you (?:ship|accept|take|offer|have|sell|deliver)|can i (?:return|pay|exchange|change)|are you open"
        r"|when (?:do|are) you|how (?:do|can) i|return (?:it|them|something|label)|what is your",
        r"returns?|exchange|hours|open|close|password|account|shipping|plans?|sunday|saturday|address",
    ),
    Intent.ESCALATION: (
        r"(?:speak|talk|connect me|transfer me) (?:to|with)|(?:a|real|live|human) (?:person|human|agent|being)"
        r"|manager|supervisor|representative|human|lawyer|legal action|sue|fraud|scam|call me back|emergency"
        r"|get me (?:a|your|somebody|someone)",
        r"complain\w*|complaint|angry|furious|unacceptable|ridiculous|terrible|urgent(?:ly)?|asap|colleague|danger\w*",
    ),
}
_PATTERNS = {
    intent: tuple(re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for words in pair) for intent, pair in _WORDS.items()
}
_FIRST = (Intent.ESCALATION, Intent.BILLING, Intent.TECHNICAL, Intent.ORDER, Intent.FAQ)
"""Order in which intents win when the words weigh the same: asking for a person, then what costs most to get wrong."""


def classify(message: str) -> Guess:
    """Guess what a message is about, from English words; GENERAL when nothing in it tells.

    The confidence is the share of the winner among the weights of all words found, less where few were found.
    """
    text = message[:_READ].replace("\u2019", "'")
    scores = {intent: _score(text, intent) for intent in _FIRST}
    if find_order_number(text):
        scores[Intent.ORDER] += _ORDER_NUMBER
    best = max(_FIRST, key=lambda intent: scores[intent])
    if not scores[best]:
        return Guess(Intent.GENERAL, UNSURE)
    share = scores[best] / sum(scores.values())
    enough = 1 - math.exp(-scores[best] / 2)
    return Guess(best, round(max(share * enough, 0.01), 2))


def _score(text: str, intent: Intent) -> float:
    """Weigh the different words of an intent that occur."""
    strong, weak = (len({found.casefold() for found in pattern.findall(text)}) for pattern in _PATTERNS[intent])
    return strong * _STRONG + weak * _WEAK
