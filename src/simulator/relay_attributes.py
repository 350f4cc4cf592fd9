"""Attributes of ``<ConversationRelay>`` as the pretend Twilio accepts and refuses them. Pure.

Written from twilio.com/docs/voice/twiml/connect/conversationrelay alone, so that it can find what the gateway gets
wrong. A name that is not known is let pass: Twilio gets new ones every month.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

MULTI: Final = "multi"

Check = Callable[[str], bool]


def _one_of(*values: str) -> Check:
    return lambda value: value.lower() in values


def _number(low: float, high: float) -> Check:
    return lambda value: re.fullmatch(r"\d+(\.\d+)?", value) is not None and low <= float(value) <= high


def _language(value: str) -> bool:
    return value == MULTI or re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", value) is not None


_switch = _one_of("true", "false")
_input = _one_of("none", "dtmf", "speech", "any", "true", "false")
_milliseconds = _number(600, 5000)

_CHECKS: Final[Mapping[str, Check]] = {
    "language": _language,
    "ttsLanguage": _language,
    "transcriptionLanguage": _language,
    "ttsProvider": _one_of("elevenlabs", "google", "amazon"),
    "transcriptionProvider": _one_of("deepgram", "google"),
    "interruptible": _input,
    "welcomeGreetingInterruptible": _input,
    "reportInputDuringAgentSpeech": _input,
    "interruptSensitivity": _one_of("high", "medium", "low"),
    "speechTimeout": lambda value: value == "auto" or _milliseconds(value),
    "eotThreshold": _number(0.5, 0.9),
    "eagerEotThreshold": _number(0.3, 0.9),
    "elevenlabsTextNormalization": _one_of("auto", "on", "off"),
    **dict.fromkeys(
        (
            "dtmfDetection", "profanityFilter", "backgroundNoiseReduction", "ignoreBackchannel", "partialPrompts",
            "preemptible", "turnDetection", "echoPromptFiltering", "deepgramSmartFormat", "applicationReconnect",
        ),
        _switch,
    ),
}  # fmt: skip
_OF_FLUX: Final = ("eotThreshold", "eagerEotThreshold")


def refused(noun: Mapping[str, str], languages: Iterable[Mapping[str, str]], others: Collection[str] = ()) -> str:
    """Return the attribute for which Twilio ends the session with error 64101, "" when all fit.

    ``others`` are refused whatever they say.
    """
    unfit = next(_unfit(noun), "") or next((name for name in others if name in noun), "")
    return unfit or next((bad for one in languages for bad in _unfit_language(one)), "")


def _unfit(noun: Mapping[str, str]) -> Iterator[str]:
    yield from (name for name, value in noun.items() if name in _CHECKS and not _CHECKS[name](value))
    spoken = noun.get("ttsLanguage") or noun.get("language")
    if spoken == MULTI and noun.get("ttsProvider", "ElevenLabs") != "ElevenLabs":
        yield "ttsProvider"
    if understood(noun) == MULTI and noun.get("transcriptionProvider", "Deepgram") != "Deepgram":
        yield "transcriptionProvider"
    if not noun.get("speechModel", "").startswith("flux"):
        yield from (name for name in _OF_FLUX if name in noun)


def _unfit_language(language: Mapping[str, str]) -> Iterator[str]:
    if not _language(language.get("code", "")):
        yield "code"
    providers = ("ttsProvider", "transcriptionProvider")
    yield from (name for name in providers if name in language and not _CHECKS[name](language[name]))


def understood(noun: Mapping[str, str]) -> str:
    """Return the language in which the caller is understood at first."""
    return noun.get("transcriptionLanguage") or noun.get("language") or "en-US"


def heard(understood: str, spoken: str) -> str:
    """Return the ``lang`` of a prompt: languages are told apart only where that was asked for, without the region."""
    return (spoken or "en").partition("-")[0] if understood == MULTI else understood
