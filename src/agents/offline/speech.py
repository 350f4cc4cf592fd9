"""What the offline model says, for the ear: no symbols, and numbers as people say them. Pure."""

from __future__ import annotations

import re

_LINK = re.compile(r"https?://\S+")
_PHONE = re.compile(r"\+\d[\d ()-]{6,}\d")
_MONEY = re.compile(r"\$(?P<dollars>\d[\d,]*)(?:\.(?P<cents>\d\d))?")
_CODE = re.compile(r"\b[A-Z]{2,}_?(?=[A-Z]*\d)[A-Z0-9]+\b|\b[A-Z]{2,}_[A-Z0-9]+\b")
_ORDER = re.compile(r"(?<=\border )\d+\b|\b\d{5,}\b", re.IGNORECASE)
_WORDS = {"&": " and ", "%": " percent", "@": " at ", "/": " ", "_": " ", ";": ",", "(": ", ", ")": ", "}
_SYMBOL = re.compile(r"[^\w\s.,?!':-]|_")


def speakable(text: str) -> str:
    """Write a text the way it is to be spoken: "$5.20 of order 12" is "5 dollars and 20 cents of order 1 2"."""
    text = _LINK.sub(" ", text)
    text = _PHONE.sub(lambda number: ", ".join(_spelled(group) for group in re.findall(r"\d+", number[0])), text)
    text = _MONEY.sub(lambda money: _dollars(money["dollars"], money["cents"]), text)
    text = _CODE.sub(lambda code: _spelled(code[0]), text)
    text = _ORDER.sub(lambda digits: _spelled(digits[0]), text)
    for symbol, word in _WORDS.items():
        text = text.replace(symbol, word)
    text = re.sub(r":(?!\d)", ",", _SYMBOL.sub(" ", text))
    text = re.sub(r"(?:\s*,)+(?=\s*[.,?!])", "", re.sub(r"\s+", " ", text))
    return re.sub(r"\s+(?=[.,?!])", "", text).strip()


def _dollars(dollars: str, cents: str | None) -> str:
    whole = int(dollars.replace(",", ""))
    words = f"{whole} dollar{'' if whole == 1 else 's'}"
    return f"{words} and {int(cents)} cent{'' if int(cents) == 1 else 's'}" if cents and int(cents) else words


def _spelled(code: str) -> str:
    return " ".join(code.replace("_", ""))
