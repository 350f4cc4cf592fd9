"""Tells a person from a machine that answers by itself: by what it repeats after being answered. Pure.

Two machines that alternate repeat two texts, and one that numbers its messages repeats all but the numbers. People
repeat themselves while they wait, and say "Yes" to one question after the other; whoever says something new is
listening, so the count begins again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from ..model import SaidBefore

REPEATS = 4
"""Times that a text is said again after an answer, until it is a machine's."""
ANSWERS = 6
"""The same for a word or two; a machine that says as little as "OK" costs little."""
ANSWERS_TO_QUESTIONS = 20
"""The same where the agent had asked something."""
ALIKE = 30
"""The same for texts that differ in their numbers only: people send one order number after another."""
_NUMBER = re.compile(r"\d")
"""A word with a digit is a number, a time or an id (``REF_a8f3``)."""
REPEAT_SECONDS = 600.0
KEPT = 8
"""Different texts that are remembered."""

_ANSWER = re.compile(
    r"(?:yes|yeah|yep|yup|no|nope|nah|ok|okay|sure|thanks|thank|please|correct|right|exactly|fine|good|great)\b"
)


def note_text(
    lately: Sequence[SaidBefore], text: str, at: float, *, answered_at: float
) -> tuple[tuple[SaidBefore, ...], SaidBefore]:
    """Return what was said lately with one text more, and what is known of that text.

    ``answered_at`` is when something was last answered: only what is said before and after it was said again.
    """
    exact = _digest(" ".join(text.lower().split()))
    shape = _digest(" ".join(word for word in text.lower().split() if _NUMBER.search(word) is None))
    recent = [one for one in lately if at - one.at < REPEAT_SECONDS]
    before = next((one for one in recent if one.shape == shape), None)
    if before is None:
        recent = [replace(one, same=0, alike=0) for one in recent]
        now = SaidBefore(exact, shape, at)
    else:
        recent.remove(before)
        again = before.at <= answered_at < at
        same = before.same + again if exact == before.text else 0
        now = SaidBefore(exact, shape, at, same=same, alike=before.alike + again)
    return (*recent, now)[-KEPT:], now


def is_repeating(said: SaidBefore, text: str, *, asked: bool) -> bool:
    """Tell whether a text was said so often that a machine says it; ``asked``: the agent had asked something."""
    if not _is_answer(text):
        return said.same >= REPEATS
    return said.same >= (ANSWERS_TO_QUESTIONS if asked else ANSWERS)


def is_numbering(said: SaidBefore) -> bool:
    """Tell whether texts came that differ in their numbers only, more than people send."""
    return said.alike >= ALIKE


def _is_answer(text: str) -> bool:
    """Tell whether a text is as short as answers are."""
    words = text.lower().split()
    return len(words) <= 2 or (len(words) == 3 and _ANSWER.match(words[0]) is not None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
