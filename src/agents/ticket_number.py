"""Ticket numbers as people write and say them: ``TKT_1A2B3C4D5E6F``, "ticket 1a2b3c4d5e6f", "tee kay tee one a two".

Pure. :func:`parse_ticket_number` reads a text that is a ticket number and nothing else, :func:`find_ticket_number`
looks for one in a customer's sentence.
"""

from __future__ import annotations

import re

from ..shop.order_number import UNITS

PREFIX = "TKT_"
TICKET_NUMBER = re.compile(
    r"\b(?:tkt|ticket(?:\s+(?:number|no\b\.?|nr|id))?(?:\s+is)?)[\s_#:.-]*(?P<code>(?=[a-f]*\d)[0-9a-f]{4,32})\b",
    re.IGNORECASE,
)
"""A ticket number in a sentence; it is no order number."""
_CODE = re.compile(r"(?=[a-f]*\d)[0-9a-f]{4,32}")
_TOKEN = re.compile(r"[a-z0-9]+")
_FILLERS = frozenset({"ticket", "number", "no", "nr", "id", "my", "the", "its", "it", "s", "is"})
_LETTERS = {"tee": "t", "kay": "k", "ay": "a", "bee": "b", "see": "c", "sea": "c", "cee": "c", "dee": "d"}
_LETTERS |= {"ee": "e", "ef": "f", "eff": "f", "oh": "0"}
"""Letters as they are spelled, each a word of its own."""


def parse_ticket_number(text: str) -> str | None:
    """Return ``TKT_1A2B…`` when the whole text is a ticket number in any usual spelling, else None."""
    spoken = [word for word in _TOKEN.findall(text.casefold()) if word not in ("please", "underscore")]
    while spoken and spoken[0] in _FILLERS:
        spoken.pop(0)
    code = "".join(UNITS.get(word) or _LETTERS.get(word, word) for word in spoken).removeprefix("tkt")
    return PREFIX + code.upper() if _CODE.fullmatch(code) else None


def find_ticket_number(text: str) -> str | None:
    """Return the ticket number that a sentence speaks of, else None."""
    found = TICKET_NUMBER.search(text)
    return PREFIX + found["code"].upper() if found else None
