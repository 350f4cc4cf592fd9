"""The steps of the offline model about refunds. Pure.

Money moves only on an unmistakable request (:mod:`.money`); on anything less the customer is asked, and their
answer to our own question carries the request on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import phrases as phrases
from .money import Wanted, Wish, is_order_alone, read_reply, read_wish, to_cents
from .notes import describe
from .reading import Dialogue, Exchange, told
from .steps import Say, Step, Use, about_order, answer, trouble, use, waits, which_order
from .words import REFUND

MAX_REASON = 200


def refund(dialogue: Dialogue) -> Step:
    """Pay back what was asked for, or all that is left of the order when it was asked for as a whole."""
    if "process_refund" in dialogue.answers:
        return answer(dialogue, "process_refund", phrases.refunded)
    wanted = _wanted(dialogue.said, dialogue.exchanges)
    if "process_refund" not in dialogue.tools:
        return Say(phrases.NO_REFUNDS)
    if wanted is None or wanted.wish is Wish.NOT_CLEAR:
        return _unsure(dialogue)
    if wanted.wish is Wish.SOME:
        return Say(phrases.WHICH_AMOUNT)
    order = which_order(dialogue)
    if not isinstance(order, str):
        return order
    cents = wanted.cents if wanted.wish is Wish.AMOUNT else _left(dialogue, order)
    if not isinstance(cents, int):
        return cents
    return Use("process_refund", {"order_id": order, "amount": cents / 100, "reason": wanted.words[:MAX_REASON]})


def goes_on(dialogue: Dialogue) -> bool:
    """Tell whether the customer answers a question of ours about a refund."""
    wanted = _wanted(dialogue.said, dialogue.exchanges)
    return wanted is not None and wanted.wish in (Wish.ALL, Wish.AMOUNT)


def refund_news(dialogue: Dialogue) -> Step:
    """Tell how a refund stands that was asked for earlier."""
    waiting = _waiting(dialogue)
    return waits(dialogue, waiting) if waiting else about_order(dialogue, "lookup_order", phrases.refunds_so_far)


def _wanted(said: str, before: Sequence[Exchange]) -> Wanted | None:
    """Read the wish; None when this is about no refund.

    An answer to our question is read together with the request that we asked about, and with other answers since.
    """
    if REFUND.search(said):
        return read_wish(said)
    if not (before and _answers(said, before[0].answer)):
        return None
    given: Wanted | None = None
    for text, question in zip(
        (said, *(turn.said for turn in before)), (*(turn.answer for turn in before), ""), strict=True
    ):
        if REFUND.search(text):
            asked = read_wish(text)
            return asked if given is None or asked.wish is Wish.NOT_CLEAR else replace(given, words=text)
        if phrases.asks_for_amount(question):
            reply = read_reply(text)
            given = given or (reply[0] if reply else None)
        elif not phrases.asks_for_order(question):
            return None
    return None


def _answers(said: str, question: str) -> bool:
    if phrases.asks_for_amount(question):
        return read_reply(said) is not None
    return phrases.asks_for_order(question) and is_order_alone(said)


def _left(dialogue: Dialogue, order: str) -> int | Step:
    """Return what is left to pay back, in cents, or the step that finds it out or says that it is nothing."""
    if "lookup_order" not in dialogue.answers:
        return use(dialogue, "lookup_order", {"order_id": order}, otherwise=phrases.WHICH_AMOUNT)
    found = told(dialogue.answers["lookup_order"])
    if found is None:
        return Say(trouble(dialogue, "lookup_order"))
    cents = to_cents(found.get("total")) - to_cents(found.get("refunded"))
    return cents if cents > 0 else Say(phrases.refunded_in_full(found))


def _unsure(dialogue: Dialogue) -> Step:
    """Ask back; somebody who wants none may mean the one that waits."""
    request = dialogue.waiting.get(_waiting(dialogue))
    return Say(phrases.still_waits(describe(request.tool, request.arguments)) if request else phrases.UNSURE)


def _waiting(dialogue: Dialogue) -> str:
    """Return the id of the newest refund that waits for a colleague, empty when there is none."""
    waiting = [known for known, request in dialogue.waiting.items() if request.tool == "process_refund"]
    return waiting[-1] if waiting else ""
