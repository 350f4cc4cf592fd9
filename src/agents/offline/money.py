"""How the offline rules read a wish for money back. Pure.

Money moves only on an unmistakable request. So a refund is read by what may stand in it, not by what may not: a
sentence with any word beyond the few below is no request, or one whose amount is not clear, and the customer is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from ...shop.order_number import cut_order_number
from .words import REFUND, straight, without_codes, words


class Wish(Enum):
    """What somebody who speaks of a refund wants."""

    NOT_CLEAR = auto()
    """No request, as far as these rules can tell."""
    SOME = auto()
    """A refund, but not clearly of how much."""
    ALL = auto()
    """All that is left of the order."""
    AMOUNT = auto()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A wish, its words, and the cents when it names an amount."""

    wish: Wish
    words: str
    cents: int = 0


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?(?![\d.,]*\d)"
_MARKED = rf"(?:\$ ?{_NUMBER}|{_NUMBER} ?(?:\$|dollars?|bucks|usd))"
_AMOUNT = rf"(?:{_MARKED}|{_NUMBER})"
_ORDER = r"(?:my|the|this|that|whole|entire|full|complete|total|last|latest|recent|order|purchase|package|number|id|N)"
_OPENING = (
    r"(?:(?:hi|hello|hey|there|good (?:morning|afternoon|evening|day)|ok|okay|yes|yeah|so|and|but|then|well|please|pls"
    r"|plz|kindly|just|now|also|sorry) )*"
)
# Nothing below may be read in two ways at the same place within a repetition: the time would double with every word.
_REST = (
    rf"(?: (?:(?:of|for|on|from) )?(?:{_ORDER}|it|everything|all|me|{_AMOUNT})"
    r"| please| pls| plz| now| today| immediately| right away| asap| at once| urgently| thanks| thank you| in full"
    r"| fully| completely| back| to me| to my (?:credit )?(?:card|account))"
)
_A_REFUND = (
    rf"(?:(?:(?:an?|full|complete|total|{_MARKED}) )*refund|(?:all (?:of )?)?(?:my |the )?money back"
    rf"|(?:to )?(?:be|get|have (?:it|{_ORDER}(?: {_ORDER})*)) (?:refunded|reimbursed))"
)
_ASK_YOU = (
    r"(?:(?:i|we) (?:want|need|would like|wish) (?:you )?to |(?:i|we)'d like (?:you )?to "
    r"|(?:can|could) you (?:please )?)"
)
_DO = rf"(?:{_ASK_YOU})?(?:refund|reimburse)"
_WANT = (
    r"(?:(?:i|we)(?:'d| would| really| do)* (?:want|need|like|demand|request)(?: to (?:have|get|receive|request))?"
    r"|(?:i|we)(?: am|'m| are|'re) (?:requesting|asking for|demanding)"
    rf"|(?:{_ASK_YOU})?(?:give|get|issue|process|make|send)(?: me| us)?)"
)
_SURE = re.compile(rf"{_OPENING}(?:{_DO}{_REST}+|{_WANT} {_A_REFUND}{_REST}*)")
_POLITE = re.compile(
    rf"{_OPENING}(?:(?:will|would) you (?:please )?refund{_REST}+"
    rf"|(?:(?:can|could|may) i (?:please )?(?:get|have) )?{_A_REFUND}{_REST}*)"
)
"""These are requests only with a "please"."""
_BEGUN = re.compile(rf"{_OPENING}(?:{_DO}(?! (?:is|was|has|did|does|will|would|take|took|came))|{_WANT} {_A_REFUND})\b")
_PLEASE = words(r"please|pls|plz|kindly")
_REPLY = re.compile(rf"{_OPENING}(?:(?:refund|i want|make it|only) )?(?:me )?{_AMOUNT}{_REST}*")
_REPLY_ALL = re.compile(
    rf"{_OPENING}(?:refund )?(?:all(?: of (?:it|{_ORDER}(?: {_ORDER})*))?|everything|in full|(?:(?:the|my) )?"
    rf"(?:whole|entire|full|complete)(?: {_ORDER}| amount)*)(?: please| thanks| thank you)*"
)
_ORDER_ALONE = re.compile(
    rf"{_OPENING}(?:(?:it's|it is|its|i mean|i meant) )?(?:for )?{_ORDER}(?: {_ORDER}| is)*(?: please| thanks)*"
)
_BOUNDARY = re.compile(
    r"[.,](?!\d)|(?<!\d),|[;!?\n]|\b(?=because\b|since\b|due to\b|as (?:it|they)\b)| - |[\u2013\u2014]"
)
_BECAUSE = re.compile(r"(?:because|since|due to|as)\b")
_GREETING = re.compile(
    rf"{_OPENING}(?:hi|hello|hey|there|please|ok|okay|yes|thanks|thank you|thx)?(?: (?:so|very) much)?"
)
_REASON = re.compile(
    r"(?:(?:because|since|and|but|so|as) )*(?:it|it's|its|they|they're|this|that|that's|these|those|everything|nothing"
    r"|i|i'm|i've|we|we're|we've|N|order|(?:my|the|this|that) (?:order|package|parcel)|arrived|came|broken|damaged"
    r"|defective|faulty|wrong|late|too late)\b.*"
)
_PART = words(
    r"one|two|three|four|five|six|seven|eight|nine|ten|half|some|part\w*|portion|pieces?|only|just|each|either|both|few"
    r"|couple|pair|items?|articles?|products?|things?|percent|%|third|quarter|rest|except|without|other|another|most"
    r"|missing|difference|shipping|fees?|tax\w*|discount\w*"
)
_COMPLAINT = words(
    r"(?:never|not|hasn't|haven't|hadn't|didn't|doesn't|don't|isn't|wasn't|aren't|weren't|won't)"
    r"(?: yet| even| really| been)* (?:arrived?|come|came|work\w*|receiv\w+|get|got|gotten|fit\w*|deliver\w*|ship\w*"
    r"|turn\w*|like it|need it|satisfied|happy|good|as described)"
)
"""What went wrong; its negation denies no refund."""
_AGAINST = words(
    r"not|no|never|nobody|none|nor|don't|do ?nt|\w+n't|dont|cannot|cant|without|instead|rather|stop|wait|hold on|cancel"
    r"|forget|refuse\w*|actually|if|unless|when\w*|whether|or|maybe|perhaps|might|should|how|what|why|who|which|where"
)


def read_wish(said: str) -> Wanted:
    """Read what somebody says who speaks of a refund."""
    _, text = _cut(said)
    clauses = _clauses(text)
    asking = [clause for clause in clauses if REFUND.search(clause)]
    others = [clause for clause in clauses if clause not in asking]
    if any(_against(clause, asking=clause in asking) for clause in clauses) or not _may_ask(text, asking):
        return Wanted(Wish.NOT_CLEAR, said)
    if not all(_is_request(clause, text) for clause in asking):
        return Wanted(Wish.SOME if all(_BEGUN.match(clause) for clause in asking) else Wish.NOT_CLEAR, said)
    if re.search(r"\b(?:orders?|number|no|nr|id) ?#? ?\d", text):
        return Wanted(Wish.SOME, said)  # a second order
    figures = re.findall(r"\d[\d.,]*", text)
    if not figures:
        return Wanted(Wish.ALL if all(_harmless(clause) for clause in others) else Wish.SOME, said)
    here = [clause for clause in clauses if clause in asking or re.fullmatch(_MARKED, clause)]
    cents = _cents(" ".join(here)) if len(figures) == 1 else 0
    return Wanted(Wish.AMOUNT, said, cents) if cents else Wanted(Wish.SOME, said)


def read_reply(said: str) -> tuple[Wanted, str | None] | None:
    """Read an answer to "How much?": the wish and the order it names, if any; None when it is something else."""
    for order, text in ((None, straight(said).casefold()), _cut(said)):
        clause = _joined(text)
        if _REPLY_ALL.fullmatch(clause):
            return Wanted(Wish.ALL, said), order
        if _REPLY.fullmatch(clause) and (cents := _cents(clause)):
            return Wanted(Wish.AMOUNT, said, cents), order
    return None


def is_order_alone(said: str) -> bool:
    """Tell whether somebody says an order number and nothing else that matters."""
    order, text = _cut(said)
    return order is not None and _ORDER_ALONE.fullmatch(_joined(text)) is not None


def to_cents(amount: object) -> int:
    """Read an amount as tools write it, "$1,139.97"; 0 for anything else."""
    return _cents(str(amount))


def _cut(said: str) -> tuple[str | None, str]:
    """Return the order number, and the rest with ``N`` in its place."""
    order, text = cut_order_number(without_codes(straight(said)))
    return order, re.sub(r"\b(order|order number) no\b\.?(?= +N)", r"\1", text)


def _clauses(text: str) -> list[str]:
    return [clause for piece in _BOUNDARY.split(text) if (clause := _tidy(piece))]


def _tidy(clause: str) -> str:
    """Leave out marks that mean nothing, and join by single blanks."""
    return " ".join(re.sub(r"[#()\"*_:]", " ", clause).split())


def _joined(text: str) -> str:
    """Give a short answer without its marks."""
    return _tidy(re.sub(r"[.,!](?!\d)|(?<!\d),", " ", text))


def _is_request(clause: str, text: str) -> bool:
    return bool(_SURE.fullmatch(clause) or (_POLITE.fullmatch(clause) and _PLEASE.search(text)))


def _may_ask(text: str, asking: list[str]) -> bool:
    """Tell whether the question marks of a text leave it a request: "can you refund order 7?"."""
    if "?" not in text:
        return True
    last = _tidy(text.rstrip("?! \n").rsplit("\n", 1)[-1])
    polite = re.search(r"\b(?:can|could|will|would|may) (?:you|i)\b", asking[-1]) if asking else None
    return text.count("?") == 1 and text.rstrip().endswith("?") and polite is not None and last.endswith(asking[-1])


def _against(clause: str, *, asking: bool) -> bool:
    """Tell whether a clause speaks against a refund, or makes it depend on something."""
    if not asking and _BECAUSE.match(clause):
        return False
    return _AGAINST.search(clause if asking else _COMPLAINT.sub(" ", clause)) is not None


def _harmless(clause: str) -> bool:
    """Tell whether a clause beside the request leaves it a request for the whole order."""
    said_why = _REASON.fullmatch(clause) and not _PART.search(clause)
    return bool(_GREETING.fullmatch(clause) or said_why)


def _cents(text: str) -> int:
    """Read the first amount of a text in cents; 0 when there is none."""
    found = re.search(_NUMBER, text)
    return int(Decimal(found[0].replace(",", "")) * 100) if found else 0
