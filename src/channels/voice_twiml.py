"""The TwiML that the gateway answers to voice webhooks. Pure. Source: twilio.com/docs/voice/twiml."""

from __future__ import annotations

from twilio.twiml.voice_response import Connect, VoiceResponse  # type: ignore[import-untyped]

APOLOGY = "I'm sorry, but I'm experiencing technical difficulties. Please try again later."

EVENTS = "speaker-events tokens-played"
"""Lets Twilio tell when the agent and the caller speak; without it nobody knows when the line is silent."""


def connect(*, socket: str, action: str, greeting: str) -> str:
    """Connect the call to a ConversationRelay socket; ``greeting`` is spoken by Twilio at once, unless empty.

    ``dtmfDetection`` is off by default there, so keys would be lost
    (twilio.com/docs/voice/twiml/connect/conversationrelay).
    """
    response, verb = VoiceResponse(), Connect(action=action, method="POST")
    attributes = {"url": socket, "dtmf_detection": True, "interruptible": "any", "events": EVENTS}
    if greeting:
        attributes["welcome_greeting"] = greeting
    verb.conversation_relay(**attributes)
    response.append(verb)
    return str(response)


def say(text: str) -> str:
    """Say something and end the call."""
    response = VoiceResponse()
    response.say(text)
    return str(response)


def transfer(number: str, *, whisper: str, action: str, before: str = "") -> str:
    """Connect the caller with a colleague, who is told at ``whisper`` what it is about before they are connected.

    ``action`` is asked when the colleague hung up or did not answer (twilio.com/docs/voice/twiml/dial, number).
    """
    response = VoiceResponse()
    if before:
        response.say(before)
    response.dial(action=action, method="POST", answer_on_bridge=True).number(number, url=whisper, method="POST")
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
