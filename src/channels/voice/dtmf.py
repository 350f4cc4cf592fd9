"""Keys that a caller presses, collected until they mean something. Pure.

``0`` asks for a person, ``*`` for the last answer again. Other digits are collected until ``#`` or a pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST = 64
"""Digits; nobody enters more, and a stuck key must not fill the memory."""


class KeyMeaning(StrEnum):
    """Meaning of a key."""

    PERSON = "person"
    REPEAT = "repeat"
    MORE = "more"
    """It belongs to a number; wait for the rest."""
    DONE = "done"
    """The number is complete."""


@dataclass(slots=True)
class Keys:
    """The digits of the number that is being entered."""

    digits: str = ""

    def press(self, key: str) -> KeyMeaning:
        """Take in a key and return what it does. Within a number, ``0`` and ``*`` are part of it."""
        if key == "#":
            return KeyMeaning.DONE
        if not self.digits and key == "0":
            return KeyMeaning.PERSON
        if not self.digits and key == "*":
            return KeyMeaning.REPEAT
        self.digits = (self.digits + key)[:LONGEST]
        return KeyMeaning.MORE

    def take(self) -> str:
        """Return the number and begin a new one; empty when there is none."""
        digits, self.digits = self.digits, ""
        return digits
