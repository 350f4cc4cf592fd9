"""Texts to customers by Twilio's REST API: SMS, MMS, WhatsApp and RCS leave the same way.

:func:`compose` makes an answer into messages: markup removed (:mod:`.plain_text`), counted in segments, split.
Nothing is lost or added at a seam, whose blank ends the earlier part: ``"".join(compose(text)) == clean(text)``.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from ...identity.phone import proven_number
from ...model import Address, Channel, Reply, Route
from ..twilio import TwilioRest
from .plain_text import strip_markdown

_CLOCK_SLACK = 60.0
"""Seconds by which Twilio's clock may be behind the store's when a lost message is looked for."""


class SmsSender:
    """Fulfils :class:`~tandem.conversation.base.Sender` for text.

    ``public_base_url`` makes the address of status callbacks; with ``messaging_service_sid`` SMS go out through that
    service, from the number that was texted. ``number`` is where SMS leave from when a sender is no number.
    ``template`` is the ContentSid of one that WhatsApp approved, with one variable (twilio.com/docs/content).
    """

    channels = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.RCS})

    def __init__(
        self,
        rest: TwilioRest,
        *,
        public_base_url: str,
        messaging_service_sid: str | None = None,
        number: str | None = None,
        template: str | None = None,
    ) -> None:
        self._rest = rest
        self._template = template
        self._callback = f"{public_base_url.rstrip('/')}/sms/status?reply="
        self._service = messaging_service_sid
        self._number = number

    def compose(self, text: str) -> tuple[str, ...]:
        """Split an answer into messages of at most 1600 characters."""
        return compose(text)

    async def send(self, reply: Reply) -> str:
        """Create the message and return its SID. The errors are those of :meth:`.TwilioRest.create_message`."""
        route = reply.route
        return await self._rest.create_message(
            to=str(route.customer),
            from_=str(route.ours),
            **self._content(reply),
            messaging_service_sid=self._service if route.channel is Channel.SMS else None,
            status_callback=self._callback + quote(reply.id, safe=""),
            media=reply.media,
        )

    def _content(self, reply: Reply) -> dict[str, str]:
        """Return the words of a message; a template's variable is one line, as WhatsApp demands."""
        if not (reply.template and self._template):
            return {"body": reply.text}
        return {"content_sid": self._template, "content_variables": json.dumps({"1": " ".join(reply.text.split())})}

    def other_way(self, route: Route) -> Route | None:
        """Give the way by SMS to a customer of WhatsApp or RCS; see :func:`sms_route`."""
        return None if route.channel is Channel.SMS else sms_route(route, ours=self._number)

    async def find(self, reply: Reply, *, known: frozenset[str]) -> str | None:
        """Look for a message with this text to this customer that is no other reply's; the oldest one, or None."""
        since = reply.created_at - _CLOCK_SLACK
        wanted = " ".join(reply.text.split()) if reply.template else reply.text.strip()
        listed = await self._rest.list_messages(to=str(reply.route.customer), since=since)
        # A trial account's messages begin with a sentence of Twilio's, so the end is what is compared. One without
        # words is told by what came with it.
        fits = str.__contains__ if reply.template else str.endswith
        return next(
            (
                row.sid
                for row in reversed(listed)
                if row.sid not in known and fits(row.body.strip(), wanted) and (wanted or row.media)
            ),
            None,
        )


def sms_route(route: Route, *, ours: str | None) -> Route | None:
    """Give the way by SMS to a customer of WhatsApp or RCS (63016: the 24 hours are over), or None without a number.

    ``ours`` is the number that SMS leave from, when the channel's own sender is no number.
    """
    sender = route.ours.value if route.ours.value.startswith("+") else ours
    number = proven_number(route.customer)
    if not sender or number is None:
        return None
    return Route(Channel.SMS, Address("tel", number), Address("tel", sender))


# --- a text for provider messages ---------------------------------------------------------------------------

LIMIT = 1600
"""Characters that one create request takes; more is error 21617 (twilio.com/docs/messaging/api/message-resource)."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM7_TWICE = frozenset("^{}\\[~]|€\f")
"""Characters of the GSM 03.38 extension table: an escape and a character, so they count two."""

_FOLD = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"'}
    | {"«": '"', "»": '"', "‹": "'", "›": "'", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-"}
    | {"…": "...", "•": "-", "×": "x", "™": "(TM)", "\u00a0": " ", "\u202f": " ", "\u2009": " "}
    | {"\u200b": "", "\u2060": "", "\ufeff": "", "\t": " "}
)

_DOT = re.compile(r"(?<!\d)·|·(?!\d)")
"""A middle dot, but not the point of "£3·50"."""

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"')\]”’]*\s+|\n+")
_BLANK = re.compile(r"\s+")


def segments(text: str) -> int:
    """Count the segments that Twilio bills and sends: GSM-7 160, or 153 each; UCS-2 70, or 67 each; 0 when empty."""
    units, single, each = _units(text)
    return 0 if not units else 1 if units <= single else -(-units // each)


def clean(text: str) -> str:
    """Give the text that is sent: no Markdown, tidy blanks, plain punctuation where that saves a segment."""
    tidy = _tidy(strip_markdown(text))
    folded = _tidy(_DOT.sub("-", tidy).translate(_FOLD))
    saves = sum(map(segments, _split(folded))) < sum(map(segments, _split(tidy)))
    return folded if saves else tidy


def compose(text: str) -> tuple[str, ...]:
    """Give the provider messages that carry an answer: at most 1600 characters each; none for a blank text.

    A part ends after a sentence where one ends in its second half, else after a word; web addresses stay whole
    unless one alone is longer than a part.
    """
    return tuple(_split(clean(text)))


def _split(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    while _size(text[start:]) > LIMIT:
        end = start + _fitting(text[start : start + LIMIT])
        cut = _cut(text, start, end)
        parts.append(text[start:cut])
        start = cut
    return [*parts, text[start:]] if text[start:] else parts


def _cut(text: str, start: int, end: int) -> int:
    """Choose where the part that starts at ``start`` and may reach ``end`` is cut."""
    whole = _before_url(text, start, end)
    window = text[start:whole]
    sentences = [start + match.end() for match in _SENTENCE_END.finditer(window)]
    if sentences and sentences[-1] - start > (end - start) // 2:
        return sentences[-1]
    words = [start + match.end() for match in _BLANK.finditer(window)]
    if words:
        return words[-1]
    if whole > start and whole < end:
        return whole
    return _between_characters(text, start, end)


def _before_url(text: str, start: int, end: int) -> int:
    """Move the end before a web address that it would cut."""
    for match in _URL.finditer(text, start):
        if match.start() >= end:
            break
        if match.end() > end:
            return match.start()
    return end


def _between_characters(text: str, start: int, end: int) -> int:
    """Step back from the middle of a joined character (accents, skin tones, families)."""
    for cut in range(end, max(start, end - 32), -1):
        if not _joins(text[cut]) and text[cut - 1] != "\u200d":
            return cut
    return end


def _joins(character: str) -> bool:
    return (
        character in "\u200d\ufe0f\ufe0e\u20e3"
        or "\u0300" <= character <= "\u036f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _size(text: str) -> int:
    """Count as Twilio may: characters outside the basic plane are two in UTF-16."""
    return len(text) + sum(character > "\uffff" for character in text)


def _fitting(text: str) -> int:
    """Count the characters from the start whose size is at most the limit."""
    size = 0
    for count, character in enumerate(text):
        size += 2 if character > "\uffff" else 1
        if size > LIMIT:
            return count
    return len(text)


def _units(text: str) -> tuple[int, int, int]:
    """Count code units, and how many fit a single message and each segment of several."""
    twice = sum(character in GSM7_TWICE for character in text)
    if all(character in GSM7 or character in GSM7_TWICE for character in text):
        return len(text) + twice, 160, 153
    return _size(text), 70, 67


def _tidy(text: str) -> str:
    """One blank between words, one empty line between paragraphs, none at the ends."""
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
