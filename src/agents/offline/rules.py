"""What the offline model does next: plain rules over words. Pure.

The first rule whose words occur in what the customer said decides. A rule names the tool it needs; where the agent
has no such tool, the customer is told so. Each tool runs at most once per turn, so every turn ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...model import Item
from ..intent import Intent, classify
from ..ticket_number import TICKET_NUMBER, parse_ticket_number
from . import phrases as phrases
from .desk import after_pause, ticket_step
from .notes import tell
from .people import THAT, URGENT, never_mind, person, text, ticket, ticket_news, withdraw
from .reading import WAITING, Dialogue, order_in, read, request_in, turn_in
from .refunds import goes_on, refund, refund_news
from .speech import speakable
from .steps import OWN_ACCOUNT, Handler, Say, Step, answer, contents, status, tracking, use, waits
from .words import PERSON, REFUND, straight, words


def next_step(items: Sequence[Item], tools: frozenset[str]) -> Step:
    """Decide from a model's input items and the names of its tools what comes next."""
    items = after_pause(items)
    if (step := ticket_step(items, tools)) is not None:
        return step
    dialogue = read(items, tools)
    if dialogue.notes:
        return Say("\n".join(tell(note, dialogue.customer) for note in dialogue.notes))
    if waiting := next((output for output in dialogue.answers.values() if output.startswith(WAITING)), None):
        return waits(dialogue, request_in(waiting))
    if THAT.search(dialogue.said):
        dialogue = replace(dialogue, last_answer=_written(items, dialogue))
    handler = _matching(dialogue.said, RULES) or _carried_on(dialogue) or _otherwise
    return handler(dialogue)


def _written(items: Sequence[Item], dialogue: Dialogue) -> str:
    """Return our last answer as it would be written, where it was one to hear."""
    before = items[: turn_in(items)[0]]
    ours = next((index for index in reversed(range(len(before))) if before[index].get("role") == "assistant"), 0)
    step = next_step(before[:ours], dialogue.tools)
    spoken = isinstance(step, Say) and speakable(step.text) == dialogue.last_answer
    return step.text if spoken and isinstance(step, Say) else dialogue.last_answer


def _matching(said: str, rules: Sequence[tuple[re.Pattern[str], Handler]]) -> Handler | None:
    return next((handler for pattern, handler in rules if pattern.search(straight(said))), None)


def _carried_on(dialogue: Dialogue) -> Handler | None:
    """Take an answer to our question as that, and an order number alone as a question for what was asked before.

    Only our own question carries a refund on: money is not paid back for the mention of an order.
    """
    if goes_on(dialogue):
        return refund
    if phrases.asks_for_ticket(dialogue.last_answer) and parse_ticket_number(dialogue.said):
        return ticket_news
    if order_in(dialogue.said) or _MY_ORDER.search(dialogue.said):
        asked = (_matching(exchange.said, ABOUT_ORDERS) for exchange in dialogue.exchanges)
        return next((handler for handler in asked if handler and handler is not refund), status)
    if phrases.asks_for_amount(dialogue.last_answer) and not dialogue.said.rstrip().endswith("?"):
        return _says(phrases.ALL_RIGHT if _NO.search(dialogue.said) else phrases.WHICH_AMOUNT)
    return None


# --- account, knowledge -------------------------------------------------------------------------------------


def _account(dialogue: Dialogue) -> Step:
    if "lookup_customer" in dialogue.answers:
        return answer(dialogue, "lookup_customer", phrases.account)
    return use(dialogue, "lookup_customer", OWN_ACCOUNT, otherwise=phrases.NO_ACCOUNTS)


def _knowledge(dialogue: Dialogue) -> Step:
    if "search_knowledge_base" in dialogue.answers:
        return answer(dialogue, "search_knowledge_base", phrases.found)
    arguments = {"query": dialogue.said, "category": "", "max_results": 1}
    return use(dialogue, "search_knowledge_base", arguments, otherwise=phrases.NO_KNOWLEDGE)


def _otherwise(dialogue: Dialogue) -> Step:
    """Search what is written down, for a question or what sounds like one; else say what the rules can do."""
    guess = classify(dialogue.said)
    asks = dialogue.said.rstrip().endswith("?") or (guess.intent in _WRITTEN_DOWN and guess.confidence >= _SURE)
    if asks and "search_knowledge_base" in dialogue.tools:
        return _knowledge(dialogue)
    return Say(phrases.can_do(dialogue.tools))


def _says(text: str) -> Handler:
    return lambda dialogue: Say(text)


# --- the words ---------------------------------------------------------------------------------------------


_WRITTEN_DOWN = (Intent.FAQ, Intent.TECHNICAL)
_SURE = 0.5
"""The least confidence with which a sentence that is no question is taken for one."""
_MY_ORDER = words(r"my (?:last |latest |recent )?(?:orders?|package|parcel|delivery)")
_NO = words(r"no|nope|nothing|none|not|\w+n't|stop|cancel")
_NEW_TICKET = r"(?:open|create|file|make|raise|submit|start|log)"

ABOUT_ORDERS: tuple[tuple[re.Pattern[str], Handler], ...] = (
    (REFUND, refund),
    (words(r"track\w*|carrier|arrive\w*|deliver\w*|when (?:will|do) (?:it|they|i|my)|how long until"), tracking),
    (
        words(
            r"(?:did|have) i (?:buy|bought|order(?:ed)?|purchased?|pay|paid)|what(?:'?s| is| was) in|items?|contents?"
            r"|how much (?:was|is|did|were)|total|price|cost|details"
        ),
        contents,
    ),
    (words(r"status|where(?:'?s| is| are| has)|shipped|sent|progress|how far|on (?:its|the) way|ready"), status),
)
RULES: tuple[tuple[re.Pattern[str], Handler], ...] = (
    (
        words(
            r"(?:are|r) (?:you|u) (?:an? )?(?:real|human|person|(?:ro)?bot|ai|machine|computer|chatbot|alive)"
            r"|(?:what|who) are you|is (?:this|it) (?:an? )?(?:(?:ro|chat)?bot|ai|human|real person|machine)"
            r"|am i (?:talking|speaking|chatting|writing)|language model|chatgpt"
        ),
        _says(phrases.WHAT_I_AM),
    ),
    (
        words(
            r"(?:cancel|withdraw|forget(?: about)?|stop|undo|drop|take back) "
            r"(?:it|that|this|(?:the|my|that|this) (?:refund|money back|request|text|message))(?! order)"
            r"|never ?mind (?:about )?(?:the|my|that) (?:refund|money back|request|text|message)"
            r"|(?:don'?t|do not|no longer) (?:want|need) (?:the|a|my|that|any) (?:refund|money back|text)"
        ),
        withdraw,
    ),
    (words(r"never ?mind|changed my mind"), never_mind),
    (words(r"(?:did|have|has) (?:you|i|we|anybody|anyone|somebody|someone)\b[^.?!]*\btickets?"), ticket_news),
    (words(rf"{_NEW_TICKET}\b[^.?!]*\b(?:an?|another|new|support|the) (?:\w+ ){{0,2}}ticket"), ticket),
    (
        words(
            r"text me|message me|text (?:it|that|this) to|text (?:the|my)|(?:text|sms) \+?\d+"
            r"|send (?:me )?(?:an? )?(?:text|sms)|send\b[^.?!]*\b(?:by|via|as) (?:an? )?(?:text|sms)"
            r"|send\b[^?!]*\bto \+\d+"
        ),
        text,
    ),
    (
        words(
            rf"(?:speak|talk|connect|transfer|get|give|want|need|reach|chat)\b[^.?!]*\b(?:{PERSON})"
            rf"|(?:real|live) (?:{PERSON})|call me back|human(?: being)?|representative"
        ),
        person,
    ),
    (TICKET_NUMBER, ticket_news),
    (
        words(
            r"my (?:(?:open|last|latest|support|new|newest|other|current|recent|first|second) )*tickets?"
            r"|(?:status|progress|news|updates?|happen\w*|where|when|show|see|check|view|look|find|how (?:is|are|far))"
            r"\b[^.?!]*\btickets?|tickets?\b[^.?!]*\b(?:status|answered|open|closed)"
        ),
        ticket_news,
    ),
    (words(rf"{_NEW_TICKET}\b[^.?!]*\bticket|ticket (?:about|for|regarding)"), ticket),
    (
        words(
            r"(?:return|shipping|refund|privacy) polic\w+|warrant\w+|guarantee\w*|opening hours|open (?:on|at|today)"
            r"|shipping (?:cost|costs|fee|fees|time|times)|how long does (?:shipping|delivery)|business hours"
            r"|how long (?:do|does|will)\b[^.?!]*\brefunds?"
            r"|pay(?:ment)? (?:with|by|methods?)|credit cards?|password|returns?|send (?:it|this|them) back"
        ),
        _knowledge,
    ),
    (
        words(
            r"(?:where(?:'?s| is)|status of|when (?:will|do|does|is)|any news|what(?:'?s| is) (?:happening|up) with)\b"
            r"[^.?!]*\b(?:refund\w*|money back)|(?:has|is|was) my (?:refund|money)|refund (?:status|news|update)"
        ),
        refund_news,
    ),
    *ABOUT_ORDERS,
    (URGENT, person),
    (words(r"my (?:account|plan|e-?mail|profile)|who am i|what do you know about me"), _account),
    (words(r"good ?bye|bye|see you|that(?:'s| is) (?:all|it)|nothing else|no,? thanks?(?: you)?"), _says(phrases.BYE)),
    (words(r"thanks?|thank you|thx|cheers|great|perfect"), _says(phrases.WELCOME)),
)
