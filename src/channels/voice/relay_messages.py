"""The messages of Twilio's ConversationRelay: JSON text ⇄ frozen dataclasses. Lenient in, strict out. Pure.

The messages are those of twilio.com/docs/voice/conversationrelay/websocket-messages. ``info`` is only named in
twilio.com/docs/voice/twiml/connect/conversationrelay (attribute ``events``); its shape comes from recorded calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

INVALID_MESSAGE = 64107
"""The error for a message of ours that Twilio cannot use; it need not name its code."""
LONGEST_FRAME = 65_536
"""Characters, or bytes, of a frame that is read at all. Twilio's largest, a prompt, has some hundreds."""

_ERROR_CODE = re.compile(r"\b6\d{4}\b", re.ASCII)
_QUOTED_FIELD = re.compile(r'"([A-Za-z]+)"\s*:', re.ASCII)
_OPTIONS = frozenset({"lang", "ttsLanguage", "transcriptionLanguage", "interruptible", "preemptible", "source"})
"""Fields of our messages in which an operator's choice can be refused."""
_DIGIT = re.compile(r"[0-9*#A-D]", re.ASCII)
_LONGEST_NUMBER = 9

Fields = Mapping[str, Any]


# --- Twilio → gateway --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setup:
    """The first frame of a session. Only ``call_sid`` is sure to be there; ``from_`` is empty when withheld."""

    call_sid: str
    from_: str = ""
    to: str = ""
    direction: str = ""
    custom_parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Caller's words. Partials, ``last`` False, are cumulative; the final one repeats them."""

    text: str
    lang: str = ""
    last: bool = True


@dataclass(frozen=True, slots=True)
class Dtmf:
    """One key: ``0`` to ``9``, ``*``, ``#`` or ``A`` to ``D``."""

    digit: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The caller stopped our speech; ``heard`` is what was played of it."""

    heard: str


@dataclass(frozen=True, slots=True)
class RelayError:
    """Twilio refused a message of ours and goes on. Its description quotes that message, and so is not kept.

    ``field`` is what may not fit in it, where it has more than words.
    """

    code: int | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """``agentSpeaking`` and ``clientSpeaking`` are ``on`` or ``off``; ``tokensPlayed`` is the text just played."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed message of a type that is not served, such as ``configUpdated``."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """No message at all. ``reason`` is fixed words, nothing of the frame."""

    reason: str


Inbound = Setup | Prompt | Dtmf | Interrupt | RelayError | Info | Unknown | Malformed


def read(frame: str | bytes) -> Inbound:
    """Read one frame; what cannot be read is Malformed. Never raises, whatever it is given.

    A binary frame that holds UTF-8 is read like a text one. Lone surrogates become U+FFFD and NUL is left out: the
    store takes neither.
    """
    if not isinstance(frame, str | bytes | bytearray):
        return Malformed("neither text nor bytes")
    if len(frame) > LONGEST_FRAME:
        return Malformed("too large")
    try:
        fields = json.loads(frame if isinstance(frame, str) else frame.decode())
    except UnicodeDecodeError:
        return Malformed("not UTF-8")
    except (ValueError, RecursionError):  # RecursionError: thousands of opening brackets
        return Malformed("not JSON")
    if not isinstance(fields, dict):
        return Malformed("no object")
    kind = fields.get("type")
    if not isinstance(kind, str) or not kind:
        return Malformed("no type")
    try:
        reader = _READERS.get(kind)
        return reader(fields) if reader else Unknown(_clean(kind))
    except _UnfitError as error:
        return Malformed(str(error))


class _UnfitError(Exception):
    """A field has a type that it cannot have; the message says which field."""


def _setup(fields: Fields) -> Setup:
    call_sid = _text(fields, "callSid")
    if not call_sid:
        raise _UnfitError("setup without callSid")  # nothing could be checked against the socket's address
    parameters = fields.get("customParameters")
    named = parameters.items() if isinstance(parameters, dict) else ()
    return Setup(
        call_sid=call_sid,
        from_=_text(fields, "from"),
        to=_text(fields, "to"),
        direction=_text(fields, "direction"),
        custom_parameters={_clean(name): _clean(value) for name, value in named if isinstance(value, str)},
    )


def _prompt(fields: Fields) -> Prompt:
    # Without partial prompts Twilio sends final ones alone, so a missing "last" is a final one.
    last = fields.get("last")
    if isinstance(last, str):
        last = {"true": True, "false": False}.get(last.lower(), last)
    if last is not None and not isinstance(last, bool):
        raise _UnfitError("unfit last")
    return Prompt(_text(fields, "voicePrompt"), _text(fields, "lang"), last is not False)


def _dtmf(fields: Fields) -> Dtmf:
    digit = fields.get("digit")
    digit = str(digit) if type(digit) is int and 0 <= digit <= 9 else digit
    if not isinstance(digit, str) or not _DIGIT.fullmatch(digit := digit.upper()):
        raise _UnfitError("unfit digit")
    return Dtmf(digit)


def _interrupt(fields: Fields) -> Interrupt:
    return Interrupt(_text(fields, "utteranceUntilInterrupt"))


def _error(fields: Fields) -> RelayError:
    description = _text(fields, "description")
    named = next((fields[name] for name in ("code", "errorCode") if name in fields), None)
    found = _ERROR_CODE.search(description)
    code = _integer(named)
    field = next((name for name in _QUOTED_FIELD.findall(description) if name in _OPTIONS), "")
    return RelayError(int(found[0]) if code is None and found else code, field)


def _info(fields: Fields) -> Info:
    value = fields.get("value")
    if isinstance(value, bool):
        return Info(_text(fields, "name"), "on" if value else "off")
    return Info(_text(fields, "name"), _text(fields, "value"))


_READERS: Mapping[str, Callable[[Fields], Inbound]] = {
    "setup": _setup,
    "prompt": _prompt,
    "dtmf": _dtmf,
    "interrupt": _interrupt,
    "error": _error,
    "info": _info,
}


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _UnfitError(f"unfit {name}")
    return _clean(value)


def _clean(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "")


def _integer(value: object) -> int | None:
    """Read a count that is an integer on the wire and a string in the documentation."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**_LONGEST_NUMBER:
        return int(value)
    return None


# --- gateway → Twilio --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """Words to speak, blanks included. ``last`` ends a talk cycle; the next one's words replace a preemptible one."""

    token: str
    last: bool = False
    lang: str | None = None
    interruptible: bool | None = None
    preemptible: bool | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """A recording to play, ``loop`` times."""

    source: str
    loop: int | None = None
    preemptible: bool | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The end of the session. ``handoff_data`` comes back in the action request; an empty one is left out."""

    handoff_data: str = ""


Outbound = Text | Play | End


def write(message: Outbound) -> str:
    """Give the JSON text of a message: documented fields alone, and none that is None. Text is never trimmed."""
    fields = {
        name: _clean(value) if isinstance(value, str) else value
        for name, value in _written(message).items()
        if value is not None
    }
    return to_json(fields).decode()


def _written(message: Outbound) -> dict[str, object]:
    match message:
        case Text(token, last, lang, interruptible, preemptible):
            stops = {"interruptible": interruptible, "preemptible": preemptible}
            return {"type": "text", "token": token, "last": last, "lang": lang, **stops}
        case Play(source, loop, preemptible):
            return {"type": "play", "source": source, "loop": loop, "preemptible": preemptible}
        case End(handoff_data):
            return {"type": "end", "handoffData": handoff_data or None}
