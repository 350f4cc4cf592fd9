"""Turns the offline model's answers into speech: no symbols, numbers as people say them. Pure."""

from __future__ import annotations

import re

_MONEY = re.compile(r"\$(\d[\d,]*)(?:\.(\d\d))?")
_SPELLED = re.compile(
    r"\b[A-Z]{2,}_?(?=[A-Z]*\d)[A-Z0-9]+\b|\b[A-Z]{2,}_[A-Z0-9]+\b|(?i:(?<=\border ))\d+\b|\b\d{5,}\b"
)
"""Codes and order numbers: said one sign after the other."""
_WORDS = {"&": " and ", "%": " percent", "@": " at ", ";": ",", "(": ", ", ")": ", "}


def speakable(text: str) -> str:
    """Write a text the way it is to be spoken: "$5.20 of order 12" is "5 dollars and 20 cents of order 1 2"."""
    text = re.sub(r"https?://\S+", " ", text)
    text = _MONEY.sub(lambda money: _dollars(int(money[1].replace(",", "")), int(money[2] or 0)), text)
    text = _SPELLED.sub(lambda code: " ".join(code[0].replace("_", "")), text)
    for symbol, word in _WORDS.items():
        text = text.replace(symbol, word)
    text = re.sub(r"[^\w\s.,?!':-]|_", " ", re.sub(r":(?!\d)", ",", text))
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"(?:\s*,)+(?=\s*[.,?!])|\s+(?=[.,?!])", "", text).strip()


def _dollars(dollars: int, cents: int) -> str:
    whole = f"{dollars} dollar{'' if dollars == 1 else 's'}"
    return f"{whole} and {cents} cent{'' if cents == 1 else 's'}" if cents else whole
