"""Tells a goodbye from a sentence that only sounds like one. Pure."""

from __future__ import annotations

import re

_LONGEST = 12
"""Words. Who says more than that has something to say."""

_WISH = r"have a (good|great|nice) (day|one|evening|night|week|weekend|afternoon|morning|time)"
_ENOUGH = r"that('s| is| will be| would be|'ll be) (all|it|everything)|nothing else|no,? (thanks|thank you)"
_DONE = r"i('m| am) (good|all set|done)|all set|we('re| are) done"
_FAREWELL = re.compile(rf"\b(good ?bye|bye|bye[- ]bye|see (you|ya)|take care|good ?night|{_WISH}|{_ENOUGH}|{_DONE})\b")
_MORE = re.compile(
    r"\?|\b(but|with|want|need|would|could|can|please|order|refund|replacement|return|also|one more|before|not|"
    r"until|how|what|when|where|why)\b"
)
"""Signs that something is still wanted: "I'm good with a replacement" is an answer, not a goodbye."""


def is_goodbye(text: str) -> bool:
    """Tell whether a text ends the conversation."""
    said = " ".join(text.lower().replace("’", "'").split())
    if len(said.split()) > _LONGEST or not _FAREWELL.search(said):
        return False
    # What is asked for beside the farewell counts; its own words ("that would be all") do not.
    return not _MORE.search(_FAREWELL.sub(" ", said))
