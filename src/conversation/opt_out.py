"""Wishes to get no more texts, and to get them again: the carriers' words and plain language. Pure.

Carriers act on their words themselves, for SMS, and confirm them; for RCS the provider says so. Elsewhere those words
are words: "cancel" answers "keep or cancel?". What nobody else understands, such as "stop texting me", is confirmed by
us, once. Plain "stop" and "unsubscribe" are that wish on every channel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..entries import TextReceived
from ..model import Channel

STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel"})
"""twilio.com/docs/messaging/compliance/opt-out: Twilio answers these itself and blocks what is sent afterwards."""
START_WORDS = frozenset({"start", "unstop"})
AGREEING_WORDS = frozenset({"yes"})
"""Lift an opt-out where there is one; otherwise they are an answer like any other. A carrier's word, too."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish to get no more texts (``out``), or to get them again; ``confirmed`` when nobody has to be told of it."""

    out: bool
    confirmed: bool


def read_wish(body: TextReceived, *, opted_out: bool) -> Wish | None:
    """Return the wish that a text is, or None; without an opt-out nothing is to be started again."""
    word = body.text.strip().lower()
    by_carrier = body.route.channel is Channel.SMS
    if body.opt_out == "STOP" or (by_carrier and word in STOP_WORDS):
        return Wish(out=True, confirmed=True)
    if asks_to_stop(body.text):
        return Wish(out=True, confirmed=opted_out)
    if not opted_out:
        return None
    if body.opt_out == "START" or (by_carrier and word in START_WORDS):
        return Wish(out=False, confirmed=True)
    starts = _plain(body.text)
    if starts in START_WORDS or (by_carrier and starts in AGREEING_WORDS):
        return Wish(out=False, confirmed=by_carrier and starts in AGREEING_WORDS)
    return None


_TEXTS = r"(?:texts?|text messages?|messages?|msgs?|sms|spam)"
_ANY = r"(?: (?:any|all|more|these|those|the|your|such|so many))*"
_WHOM = r"(?: me| us| (?:this|my)(?: phone)? number)"
_WISHES = (
    r"stop(?: stop)*(?: all| everything| it all)?",
    r"stop ?all",
    rf"(?:stop|quit|cease|end)(?: all)? (?:te?xting|messaging|spamming|contacting|bothering){_WHOM}?",
    rf"(?:stop|quit) (?:sending|writing)(?: to)?{_WHOM}?{_ANY} {_TEXTS}",
    rf"(?:stop|quit) writing(?: to)?{_WHOM}",
    rf"stop(?: receiving| getting)?{_ANY} {_TEXTS}",
    rf"(?:do not|don't|dont|never) (?:text|message|contact|bother|spam|sms|write|write to){_WHOM}",
    rf"(?:do not|don't|dont|never) send{_WHOM}?{_ANY} {_TEXTS}",
    rf"(?:do not|don't|dont|no longer) (?:want|wish|need)(?: to (?:get|receive|have))?{_ANY} {_TEXTS}",
    rf"no more {_TEXTS}(?: to{_WHOM})?",
    rf"opt(?: ?me)? ?out(?: (?:of|from)(?: this)?{_ANY} (?:{_TEXTS}|list))?",
    rf"unsub(?:scribe)?{_WHOM}?(?:(?: from)? all)?",
    rf"unsubscribe{_WHOM}?(?: (?:of|from)(?: this)?{_ANY}(?: mailing| text)? (?:{_TEXTS}|list|service|number))?",
    r"remove me",
    r"(?:take|remove|delete) (?:me|us|my(?: phone)? number) (?:off|from)(?: of)?(?: this| the| your| all)*"
    rf"(?: mailing| texting| text| contact)? (?:{_TEXTS}|lists?)",
    r"leave me alone",
    r"(?:revoke|withdraw) my consent",
)
_BEFORE = (
    r"(?:(?:can|could|would|will) (?:you|u) |please |pls |just |wrong number |want to "
    r"|i(?: want to| would like to|'d like to| wish to| need to)? )"
)
_AFTER = r"(?: (?:please|pls|now|immediately|at once|again|any ?more|ever|thanks|thank you))*"
_WISH = re.compile(rf"{_BEFORE}*(?:{'|'.join(_WISHES)}){_AFTER}")
_BARE = re.compile(rf"{_BEFORE}+stop(?: stop)*{_AFTER}|stop(?: stop)*(?: (?:please|pls|now))+")
"""Said to go on differently as often as to get no more texts: the agent asks."""
_LONGEST = 120


def asks_to_stop(text: str) -> bool:
    """Tell whether a text says, in plain words and nothing besides, that no more texts are wanted."""
    said = _plain(_without_signature(text))
    return len(said) <= _LONGEST and _WISH.fullmatch(said) is not None and _BARE.fullmatch(said) is None


def _plain(text: str) -> str:
    """Return a text's words in lower case, without punctuation and pictures."""
    words = re.sub(r"[^\w']+|_", " ", text.lower().replace("’", "'"))
    return " ".join(word.strip("'") for word in words.split())


_SEPARATOR = re.compile(r"\s*(?:-{2,}|_{2,}|—+|–+)\s*")
_SIGNATURE_LINE = re.compile(
    r"[-–—~*\s]*(?:(?i:sent|get|written|von|enviado|envoyé|gesendet)\b.*"
    r"|(?i:(?:best|kind|warm|with kind|many) )?(?i:regards|wishes|thanks|thank you|cheers|sincerely|yours)\b.{0,20}"
    r"|[A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3}"
    r"|[+(\d][\d ().-]{5,}"
    r"|\S+@\S+|(?:https?://|www\.)\S+)[,.!]?\s*"
)  # fmt: skip
_MOST_LINES = 6
_INLINE = re.compile(r"[ \t]+[-–—]+[ \t]*(?=[A-ZÀ-Þ])|[ \t]+(?=(?i:sent|get outlook) )")


def _without_signature(text: str) -> str:
    """Return a text's first line when only a signature stands below it, or behind a dash; else the whole text."""
    apart = _INLINE.sub("\n", text.strip(), count=1)
    first, *below = [line for line in apart.splitlines() if line.strip()] or [""]
    if not below or len(below) > _MOST_LINES:
        return text
    signed = _SEPARATOR.fullmatch(below[0]) or all(map(_SIGNATURE_LINE.fullmatch, below))
    return first if signed else text
