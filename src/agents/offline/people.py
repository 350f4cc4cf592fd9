"""The steps of the offline model that reach people: a colleague, a ticket, a text, a request taken back. Pure."""

from __future__ import annotations

import re

from . import phrases as phrases
from .reading import Dialogue, told
from .steps import Handler, Say, Step, Use, answer, contents, status, tracking, use
from .words import PHONE_NUMBER, REFUND, words

URGENT = words(r"urgent(?:ly)?|emergency|immediately|right now|asap|at once")
_UPSET = words(r"angry|furious|complain\w*|complaint|unacceptable|lawyer|fraud|scam|ridiculous|terrible")
_ABOUT = re.compile(r"\bticket\b.*?(?:\b(?:about|for|regarding|because(?: of)?|that)\b|:)\s*(?P<what>.+)", re.I | re.S)
_WORDING = re.compile(r"(?:\bsaying\b|:)\s*(?P<text>\S.*)$", re.I | re.S)
THAT = words(r"(?:text|sms|message|send) (?:me )?(?:that|this|it)")
_TEXT_WORDS = words(r"text|sms|message")
MAX_TITLE = 80


def person(dialogue: Dialogue) -> Step:
    """Ask a colleague to take over."""
    if "escalate_to_human" in dialogue.answers:
        return answer(dialogue, "escalate_to_human", phrases.escalated)
    arguments = {
        "reason": "The customer asks for a person.",
        "priority": _priority(dialogue),
        "summary": dialogue.said,
    }
    return use(dialogue, "escalate_to_human", arguments, otherwise=phrases.NO_PEOPLE)


def ticket(dialogue: Dialogue) -> Step:
    """Open a ticket about what the customer says."""
    if "create_ticket" in dialogue.answers:
        return answer(dialogue, "create_ticket", phrases.ticket_opened)
    about = _ABOUT.search(dialogue.said)
    subject = (about["what"] if about else dialogue.said).strip(" .!?\n")[:MAX_TITLE] or "Request"
    arguments = {
        "customer_id": "me",
        "subject": subject,
        "description": dialogue.said,
        "priority": _priority(dialogue),
    }
    return use(dialogue, "create_ticket", arguments, otherwise=phrases.NO_TICKETS)


def ticket_news(dialogue: Dialogue) -> Step:
    """Tell how a ticket stands: the one that is named, else the last one there was talk of."""
    if "ticket_status" in dialogue.answers:
        return answer(dialogue, "ticket_status", phrases.ticket_news)
    if "ticket_status" not in dialogue.tools:
        return Say(phrases.NO_TICKET_NEWS)
    if dialogue.ticket is None:
        return Say(phrases.WHICH_TICKET)
    return Use("ticket_status", {"ticket_id": dialogue.ticket})


def text(dialogue: Dialogue) -> Step:
    """Text what the customer wants in writing: their own words, our last answer, or something about an order."""
    if "send_sms" in dialogue.answers:
        return answer(dialogue, "send_sms", phrases.texted)
    found = _to_text(dialogue)
    if not isinstance(found, str):
        return found
    to = PHONE_NUMBER.search(dialogue.said)
    return use(dialogue, "send_sms", {"to": to[0] if to else "me", "message": found}, otherwise=phrases.NO_TEXTS)


def withdraw(dialogue: Dialogue) -> Step:
    """Take back the request that is meant: the newest one of the kind that is named, else the newest."""
    if "withdraw_request" in dialogue.answers:
        return answer(dialogue, "withdraw_request", lambda _: phrases.WITHDRAWN)
    kind = "process_refund" if REFUND.search(dialogue.said) else "send_sms" if _TEXT_WORDS.search(dialogue.said) else ""
    meant = [known for known, request in dialogue.waiting.items() if kind in ("", request.tool)]
    if not meant:
        return Say(phrases.NOTHING_WAITS)
    return use(dialogue, "withdraw_request", {"approval_id": meant[-1]}, otherwise=phrases.NO_WITHDRAWAL)


def never_mind(dialogue: Dialogue) -> Step:
    """Take "never mind" as a withdrawal where something waits."""
    meant = dialogue.waiting or "withdraw_request" in dialogue.answers
    return withdraw(dialogue) if meant else Say(phrases.ALL_RIGHT)


_TOPICS: tuple[tuple[re.Pattern[str], Handler, str], ...] = (
    (words(r"tickets?"), ticket_news, "ticket_status"),
    (words(r"track\w*|carrier|parcel number|shipping"), tracking, "get_tracking_info"),
    (words(r"items?|contents?|details|total|price|receipt|what i (?:bought|ordered|paid)"), contents, "lookup_order"),
    (words(r"status|where|order"), status, "order_status"),
)
"""What can be texted: the words for it, the steps that find it out, and the tool that tells it."""


def _priority(dialogue: Dialogue) -> str:
    return "urgent" if URGENT.search(dialogue.said) else "high" if _UPSET.search(dialogue.said) else "medium"


def _to_text(dialogue: Dialogue) -> str | Step:
    """Return the words to text, or the step that finds them out."""
    if wording := _WORDING.search(dialogue.said):
        return wording["text"].strip()
    if THAT.search(dialogue.said) and dialogue.last_answer:
        return dialogue.last_answer
    topic = next((topic for topic in _TOPICS if topic[0].search(dialogue.said)), None)
    if topic is None:
        return Say(phrases.WHICH_TEXT)
    _, find_out, tool = topic
    step = find_out(dialogue)
    known = told(dialogue.answers.get(tool, "")) is not None
    return step.text if known and isinstance(step, Say) else step
