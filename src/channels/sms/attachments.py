"""Names what came along with a text, for an agent that can neither see nor hear it. Pure.

Fields: twilio.com/docs/messaging/guides/webhook-request, and for WhatsApp /docs/whatsapp/api. Twilio does not tell how
long a voice note is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from ...guardrails.pii import mask

MOST: Final = 20
"""Files that are named, one by one; Twilio takes ten."""
LONGEST_PLACE: Final = 100
"""Characters of the name of a place that are kept."""
_KINDS: Final = {"image": "picture", "audio": "voice note", "video": "video"}
_CONTACTS: Final = frozenset({"text/vcard", "text/x-vcard", "text/directory"})
_MESSAGE_TYPE = re.compile(r"[a-z][a-z_]{1,19}", re.ASCII)
_WORDS: Final = frozenset({"text", "button", "interactive"})
"""WhatsApp's kinds of messages that are nothing but their words."""


def files(form: Mapping[str, str]) -> Sequence[str]:
    """Name each file of a message by its kind."""
    count = form.get("NumMedia", "0")
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= 2 else 0
    sticker = form.get("MessageType") == "sticker"
    return tuple(
        "sticker" if sticker else _kind(form.get(f"MediaContentType{place}", "")) for place in range(min(number, MOST))
    )


def place(form: Mapping[str, str]) -> str:
    """Name the location that a message holds: ``location 52.5, 13.4 (Berlin)``; empty without one."""
    try:
        latitude, longitude = float(form["Latitude"]), float(form["Longitude"])
    except (KeyError, ValueError):
        return ""
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return ""
    told = dict.fromkeys(text for name in ("Label", "Address") if (text := _line(form.get(name, ""))))
    where = f"location {round(latitude, 6)!r}, {round(longitude, 6)!r}"
    return f"{where} ({', '.join(told)})" if told else where


def other(form: Mapping[str, str]) -> str:
    """Name a message that has neither words, nor files, nor a place: an order, a reaction; empty for a blank text."""
    kind = form.get("MessageType", "")
    return kind.replace("_", " ") if _MESSAGE_TYPE.fullmatch(kind) and kind not in _WORDS else ""


def _kind(media_type: str) -> str:
    whole = media_type.partition(";")[0].strip().lower()
    if whole in _CONTACTS:
        return "contact"
    return "PDF" if whole == "application/pdf" else _KINDS.get(whole.partition("/")[0], "file")


def _line(text: str) -> str:
    """Return words of a message on one line, harmless inside brackets."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split())
    return mask(line[:LONGEST_PLACE]).text
