"""Language of a call: in which it is spoken, and in which its caller speaks. Pure."""

from __future__ import annotations

from typing import Final

from ...conversation.translations import ENGLISH, Phrase, Translations, primary_tag
from .voice_options import MULTI, VoiceOptions

LOCALES: Final = {"en": "en-US", "es": "es-ES", "fr": "fr-FR", "de": "de-DE", "pt": "pt-BR"}
"""What Twilio is told of a language of which only the first part is known, as it is where Twilio detects it."""


class CallLanguage:
    """Languages of one call. The caller's is the line's until they are heard in another one.

    Twilio detects languages only where it was asked to; a ``language`` message would turn that off again, so none is
    sent: each text says its own language where the session would take another one
    (twilio.com/docs/voice/conversationrelay/websocket-messages).
    """

    def __init__(self, options: VoiceOptions, translations: Translations) -> None:
        self.options = options
        self._translations = translations
        self._spoken = first = options.spoken_language
        self.caller = (options.languages[0].code if options.languages else ENGLISH) if first == MULTI else first
        """The language of the caller, as far as it is known."""

    def hear(self, language: str) -> str:
        """Note in which language the caller spoke; return what the agent is told of it, "" for plain English."""
        told = self.told(language)
        self.caller = language or self.caller
        return told

    def told(self, language: str) -> str:
        """Return what the agent is told of the language in which the caller speaks now."""
        plain = not language or primary_tag(language) == primary_tag(self.caller) == ENGLISH
        return "" if plain else language

    def say(self, sentence: str) -> Phrase:
        """Return a fixed sentence in the caller's language, or in English, and which of the two it is."""
        return self._translations.say(sentence, self.caller)

    def tag(self, language: str = "") -> str | None:
        """Return the ``lang`` of a text in a language, the caller's unless given; None where none is needed."""
        primary, spoken = primary_tag(language or self.caller), self._spoken
        if primary == primary_tag(spoken):
            return None
        declared = next((one.code for one in self.options.languages if primary_tag(one.code) == primary), None)
        # A voice that speaks every language finds out by itself; any other one has to be told.
        return declared or (None if spoken == MULTI else locale(language or self.caller))


def locale(language: str) -> str:
    """Return a language with a region, as Twilio wants it."""
    return language if "-" in language else LOCALES.get(language, language)


def say_attribute(phrase: Phrase) -> str | None:
    """Return the ``language`` of ``<Say>``, None for English."""
    return None if phrase.language == ENGLISH else locale(phrase.language)


def plain_english() -> CallLanguage:
    """Return the language of a call of which nothing is known."""
    return CallLanguage(VoiceOptions(), Translations({}))
