"""The TwiML that the gateway answers to voice webhooks. Source: twilio.com/docs/voice/twiml."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response
from twilio.twiml.voice_response import Connect, VoiceResponse  # type: ignore[import-untyped]

from .voice_options import Attribute, VoiceOptions

EVENTS = "speaker-events tokens-played"
"""Lets Twilio tell when the agent and the caller speak; without it nobody knows when the line is silent."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML may hold, however they are escaped (w3.org/TR/xml, section 2.2)."""


def connect(
    *,
    socket: str,
    action: str,
    greeting: str,
    options: VoiceOptions | None = None,
    after: int = 0,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Connect the call to a ConversationRelay socket; ``greeting`` is spoken by Twilio at once, unless empty.

    ``parameters`` come back in the socket's setup message. ``after`` is how many seconds of silence come first.
    ``dtmfDetection`` is off by default there, so keys would be lost
    (twilio.com/docs/voice/twiml/connect/conversationrelay).
    """
    response, verb = VoiceResponse(), Connect(action=action, method="POST")
    if after:
        response.pause(length=after)
    options = options or VoiceOptions()
    attributes: dict[str, Attribute] = {"url": socket, "dtmfDetection": True, "events": EVENTS}
    attributes |= options.relay_attributes()
    if greeting:
        attributes["welcomeGreeting"] = greeting
    relay = verb.conversation_relay(**_clean_all(attributes))
    for language in options.language_attributes():
        relay.language(**_clean_all(language))
    for name, value in (parameters or {}).items():
        relay.parameter(name=name, value=_clean(value))
    response.append(verb)
    return str(response)


def answer(twiml: str) -> Response:
    """Return TwiML as the answer to a webhook."""
    return Response(twiml, media_type="text/xml")


def say(text: str, language: str | None = None) -> str:
    """Say something and end the call; ``language`` is that of the words, where it is not English."""
    response = VoiceResponse()
    response.say(_clean(text), language=language)
    return str(response)


def transfer(
    number: str, *, whisper: str, action: str, digits: str = "", before: str = "", language: str | None = None
) -> str:
    """Connect the caller with a colleague, who is told at ``whisper`` what it is about before they are connected.

    ``digits`` are pressed when a colleague, or a switchboard, answers there.

    ``action`` is asked when the colleague hung up or did not answer (twilio.com/docs/voice/twiml/dial, number).
    """
    response = VoiceResponse()
    if before:
        response.say(_clean(before), language=language)
    dial = response.dial(action=action, method="POST", answer_on_bridge=True)
    dial.number(number, send_digits=digits or None, url=whisper, method="POST")
    return str(response)


def _clean(text: str) -> str:
    """Return words without what would make the whole answer unreadable: the call would end."""
    return _NO_XML.sub(" ", text)


def _clean_all(attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
    return {name: _clean(value) if isinstance(value, str) else value for name, value in attributes.items()}


def ask_for_key(text: str, *, action: str) -> str:
    """Say something and wait for a key, with which ``action`` is asked; without one, the call ends."""
    response = VoiceResponse()
    response.gather(num_digits=1, timeout=10, action=action, method="POST").say(_clean(text))
    response.hangup()
    return str(response)


def ring(number: str, *, caller_id: str) -> str:
    """Connect with a number, which sees ``caller_id``."""
    response = VoiceResponse()
    response.dial(caller_id=caller_id, answer_on_bridge=True).number(number)
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
