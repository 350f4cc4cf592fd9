"""Keys that a caller presses, read to the end of what they mean. Pure.

``0`` alone asks for a person, ``*`` alone for the last answer again; everything else is a number. Which of these it is
shows at ``#`` or after a pause, so no key of a number acts before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST = 64
"""Digits; nobody enters more, and a stuck key must not fill the memory."""


class KeyMeaning(StrEnum):
    """Meaning of what was entered."""

    NOTHING = "nothing"
    PERSON = "person"
    REPEAT = "repeat"
    NUMBER = "number"


@dataclass(slots=True)
class Keys:
    """The keys of what is being entered."""

    pressed: str = ""

    def press(self, key: str) -> bool:
        """Take in a key; True when it ends what is being entered."""
        if key == "#":
            return True
        self.pressed = (self.pressed + key)[:LONGEST]
        return False

    def take(self, *, ended: bool) -> tuple[KeyMeaning, str]:
        """Return what was entered and its digits, and begin anew; ``ended`` by its key, not by a pause.

        A caller who wants a person presses ``0`` again and again; "00#" is a number.
        """
        pressed, self.pressed = self.pressed, ""
        if pressed == "0" or (set(pressed) == {"0"} and not ended):
            return KeyMeaning.PERSON, ""
        if set(pressed) == {"*"}:
            return KeyMeaning.REPEAT, ""
        return (KeyMeaning.NUMBER if pressed else KeyMeaning.NOTHING), pressed
