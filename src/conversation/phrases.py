"""Fixed sentences for customers, without internals (docs/channels.md says when they come)."""

from __future__ import annotations

import re

from ..model import ApprovalStatus

EMPTY = "I didn't receive any message. Could you please try again?"
FAILURE = "I apologize, but I'm experiencing technical difficulties. Please try again or contact support."
CALL_FAILURE = "I'm sorry, but I'm experiencing technical difficulties. Please try again later."
GREETING = "Hello! I'm your AI customer service assistant. How can I help you today?"
OFFER_PERSON = "To talk to a person, press zero at any time."
LONGEST_NAME = 40


def too_long(limit: int) -> str:
    """Tell the customer how long a message may be, in characters."""
    return f"That message is too long for me. Please keep it under {limit:,} characters."


STILL_THERE = "Are you still there?"
GOODBYE_SILENCE = "I can't hear you any more, so I will hang up now. Call or text us any time. Goodbye."
ALMOST_OVER = "Just so you know, we have about one minute left on this call."
GOODBYE_LENGTH = "We have reached the end of the time for this call. Call or text us any time. Goodbye."
TRANSFER = "I will connect you with a colleague. One moment, please."
_NOBODY_FREE = "Nobody is free to talk right now."
CALL_AGAIN = "Please call again in a few minutes, or send us a text."
NOBODY_FREE = f"{_NOBODY_FREE} {CALL_AGAIN}"
TICKET_OPENED = "I have opened a ticket for you, and a colleague will call you back."
CALL_BACK = f"{_NOBODY_FREE} {TICKET_OPENED}"
ASK_NUMBER = (
    f"{_NOBODY_FREE} I have opened a ticket for you. Your number is withheld, so please tell me the number at which a "
    "colleague can call you back."
)
CLOSED = "Nobody is here at this hour. I have opened a ticket for you, and a colleague will call you back when we open."
CUT_OFF = "We were cut off. I was saying:"
NOTHING_TO_REPEAT = "There is nothing to repeat yet. How can I help you?"
LINE_BUSY = "All our lines are busy at the moment. Please call again in a few minutes, or send us a text. Goodbye."
LINE_LOST = "I'm sorry, the connection keeps breaking."
ONE_MOMENT = "One moment, please."
MOVING = "One moment, I am moving your call to another line."
TOO_MANY_STEPS = "I could not finish this by myself, so I have opened a ticket. A colleague will get back to you."
PICTURE = "Thank you. I can only read text, so please describe in words what your picture shows."
SPEAK_LATER = "I can't keep up with so much at once. Please give me a minute, and then go on."
FILE = "Thank you. I can only read text, so please write in words what you sent me."
SLOWER = "You are writing faster than I can answer. Please give me a minute and then write again."
REPEATED = "I keep receiving the same message, so I will wait for a different one."
WAITING = "A colleague has to look at your request first. We will tell you as soon as it is decided."
OPTED_OUT = "You will get no more texts from us here. Reply START if you want them again."
OPTED_IN = "You will get texts from us again. How can we help you?"
NO_MORE_TEXTS = "You will get no more texts from us. Text us START if you want them again."
HOW_TO_STOP = "If you want no more texts from us, reply STOP."
REFUSED = "I'm sorry, but I can't help with that. Is there anything else I can do for you?"
ANYTHING_ELSE = "Is there anything else I can do for you?"
RATING = "How satisfied are you with our help? Please reply with a number from 1 (not at all) to 5 (very)."
RATED = "Thank you for telling us."
HELD = "A colleague has taken over this conversation and will get back to you."

EXECUTED = "Good news: your request was approved and has been carried out."
FAILED = "Your request was approved, but it could not be carried out. Please ask again or contact support."
UNKNOWN = "Your request is being checked by a colleague. You will hear from us."
VOID = "Your earlier request can no longer be carried out. Please ask again if you wish."
REJECTED = "Your request was looked at by a colleague and could not be approved."
WITHDRAWN = "Your request was withdrawn and nothing was done."
EXPIRED = "Your request was not decided in time; nothing was done. Please ask again if you wish."
REASON = "Reason:"

OUTCOMES = {
    ApprovalStatus.EXECUTED: EXECUTED,
    ApprovalStatus.FAILED: FAILED,
    ApprovalStatus.UNKNOWN: UNKNOWN,
    ApprovalStatus.VOID: VOID,
    ApprovalStatus.REJECTED: REJECTED,
    ApprovalStatus.WITHDRAWN: WITHDRAWN,
    ApprovalStatus.EXPIRED: EXPIRED,
}
"""What became of a request, for when the agent does not tell it; a reason may follow."""


_BESIDE_NAMES = re.compile(
    r"(?:m|mrs?|ms|miss|mx|dr|prof(?:essor)?|sir|madam|herr|frau|señora?|sra?|mme|mlle|monsieur|madame|signora?"
    r"|jr|i{2,3}|md|phd|esq|inc|llc|ltd|gmbh)\.?",
    re.IGNORECASE,
)
"""Words of an account's name by which people are not called."""
_NO_NAME = re.compile(
    r"(?:unknown|n/a|none|null|undefined|customer|caller|guest|user|anonymous)|.*[\d@].*", re.IGNORECASE
)


def _first_name(name: str) -> str:
    """Return the first name in a name as accounts hold it ("Mr. John Doe", "Doe, John"), empty where there is none."""
    family, _, given = name.partition(",")
    words = family.split()
    called = [word for word in words if not _BESIDE_NAMES.fullmatch(word)]
    if len(called) == 1 < len(words):
        called = []  # a title and the family's name
    names = [word for word in given.split() if not _BESIDE_NAMES.fullmatch(word)] or called
    first = next((word for word in names if any(map(str.isalpha, word))), "")
    sayable = first.isprintable() and len(first) <= LONGEST_NAME and not _NO_NAME.fullmatch(first)
    return first if sayable else ""


def greeting(name: str | None, text: str = GREETING) -> str:
    """Greet a caller, by their first name where it is known and can be said."""
    first = _first_name(name or "")
    hello, mark, rest = text.partition("!")
    if not (mark and first):
        return text
    spoken = hello.rstrip()
    return f"{spoken} {first}{hello.removeprefix(spoken)}!{rest}"


def attachment_note(files: tuple[str, ...] | list[str]) -> str:
    """Tell the agent what came along with a text: ``[2 pictures] [voice note]``."""
    counted = {name: files.count(name) for name in files}
    return " ".join(f"[{name}]" if count == 1 else f"[{count} {name}s]" for name, count in counted.items())


def ticket_answer(ticket: str, message: str) -> str:
    """Tell the customer what staff agreed to answer."""
    return f"About your ticket {ticket}: {message}"


def ticket_under_review(ticket: str) -> str:
    """Tell the customer that there is no answer yet."""
    return f"Your ticket {ticket} is still under review. A colleague will get back to you."
