"""The last line of defence of the log: personal data and secrets become short marks. Pure but for its random key.

Callers log labels and numbers in the first place (STYLE: customer words never); this catches what slips through.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as random
from collections.abc import Iterable, Mapping
from typing import Any

SHORTEST_SECRET = 4
"""Shorter values are not searched for: they would blot out half of every line."""

CARD = re.compile(r"(?<![0-9a-fA-F])\d(?:[ -]?\d){12,18}(?![0-9a-fA-F])")
SOCIAL_SECURITY = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
SUBJECT = re.compile(r"phone_(?:\+|%2B)?\d{4,}", re.IGNORECASE)
PHONE = re.compile(
    r"(?:\+|%2B)\d(?:[ ().-]{0,2}\d){6,14}"  # +1 (415) 555-0100
    r"|(?<!\w)\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"  # (415) 555-0100
    r"|(?<![\w.])\d{10,19}(?![\w.])",  # 4155550100, and any other long run of digits
    re.IGNORECASE,
)
CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+|\bsk-[\w-]{8,}", re.IGNORECASE)
SOCKET_TOKEN = re.compile(r"(/conversation-relay/)[^\s/?#\"']+")


class Masker:
    """Masks texts, and names subjects without giving them away.

    ``key`` makes labels of the same subject equal across restarts and replicas; a random one serves one process.
    """

    def __init__(self, *, secrets: Iterable[str] = (), key: str | None = None) -> None:
        self._key = key.encode() if key else random.token_bytes(32)
        # The longest first, so that a secret which contains another is not left half open.
        known = sorted({text for text in secrets if len(text) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def label(self, subject: str) -> str:
        """Return a keyed hash of a subject id, and the last four digits of a telephone number's."""
        digest = hmac.new(self._key, subject.encode(), hashlib.sha256).hexdigest()[:10]
        return f"subj_{digest}" + (f"_{subject[-4:]}" if SUBJECT.fullmatch(subject) else "")

    def text(self, text: str) -> str:
        """Mask one text."""
        if self._secrets:
            text = self._secrets.sub("[secret]", text)
        text = SOCKET_TOKEN.sub(r"\1[token]", text)
        text = CREDENTIAL.sub("[secret]", text)
        text = EMAIL.sub("[email]", text)
        text = SUBJECT.sub(lambda found: self.label(_canonical(found[0])), text)
        text = CARD.sub(lambda found: "[card]" if luhn(found[0]) else found[0], text)
        text = SOCIAL_SECURITY.sub("[ssn]", text)
        return PHONE.sub(lambda found: f"…{re.sub(r'[^0-9]', '', found[0])[-4:]}", text)

    def value(self, value: Any) -> Any:
        """Mask whatever a log call was given, however deep; unknown objects become masked text."""
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            # Counts and milliseconds stay numbers; a number long enough to be a telephone's does not.
            return value if abs(value) < 10**9 else self.text(str(value))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(inner) for inner in value]
        # What an exception says may quote a customer; its kind does not.
        return type(value).__name__ if isinstance(value, BaseException) else self.text(repr(value))


def luhn(text: str) -> bool:
    """Return whether the digits of a text carry a card number's check digit."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _canonical(subject: str) -> str:
    """Spell a subject id the stored way, so that every spelling gets one label."""
    return "phone_" + re.sub(r"^(?:\+|%2B)", "", subject[len("phone_") :], flags=re.IGNORECASE)
