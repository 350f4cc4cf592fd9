"""Options of a call: what ConversationRelay is told about voice, language, recognition and taking turns. Pure.

One model for all of it: settings (``VOICE_`` and the name of a field), the hook that is asked per call, and TwiML (the
name of a field in camel case). Attributes: twilio.com/docs/voice/twiml/connect/conversationrelay.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from twilio import __version__ as library_version  # type: ignore[import-untyped]
from twilio.twiml.voice_response import Connect  # type: ignore[import-untyped]

MULTI: Final = "multi"
"""The language that lets Twilio tell which one is spoken."""
DEFAULT_LANGUAGE: Final = "en-US"
"""What Twilio takes where nothing is said."""
OURS: Final = frozenset({"url", "dtmfDetection", "events"})
"""Attributes that the gateway needs as it sets them."""
_LONGEST = 2000
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,63}", re.ASCII)


def _tag(text: str) -> str:
    """Spell a language tag as Twilio does: en-US."""
    if not _TAG.fullmatch(text) and text.lower() != MULTI:
        raise ValueError("a language such as en-US, or multi to let Twilio detect it")
    first, *rest = text.split("-")
    return "-".join((first.lower(), *(part.upper() if len(part) == 2 else part.title() for part in rest)))


def _name(text: str) -> str:
    """Accept a name of Twilio's, which has neither blanks nor quotes."""
    if re.search(r"[\s\"'<>]", text):
        raise ValueError("a name without blanks and quotation marks")
    return _words(text)


def _hints(text: str) -> str:
    """Accept words with commas between them."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise ValueError("words with commas between them, such as Aurora, Lumen")
    return _words(text if len(words) == text.count(",") + 1 else ", ".join(words))


def _words(text: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError(f"at most {_LONGEST} characters")
    return text


def _timeout(text: object) -> object:
    given = str(text).lower()
    if given != "auto" and not (given.isascii() and given.isdigit() and 600 <= int(given[:6]) <= 5000):
        raise ValueError("auto, or milliseconds from 600 to 5000")
    return given


def _json(kind: type | tuple[type, ...], example: str) -> BeforeValidator:
    """Read what an environment can only hold as text: a list, or an object without further ones in it."""

    def read(value: object) -> object:
        found = value
        if isinstance(value, str):
            try:
                found = json.loads(value, parse_constant=_refused, object_pairs_hook=_once)
            except ValueError:
                found = None
        nested = isinstance(found, dict) and not all(
            isinstance(one, str | bool | int) or (isinstance(one, float) and math.isfinite(one))
            for one in found.values()
        )
        if not isinstance(found, kind) or nested:
            raise ValueError(f"JSON such as {example}")
        return found

    return BeforeValidator(read)


def _refused(name: str) -> object:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError(name)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that names something twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("twice")
    return found


def _spelled(*names: str) -> BeforeValidator:
    """Accept the names in any case."""
    known = {name.lower(): name for name in names}
    return BeforeValidator(lambda value: known.get(value.lower(), value) if isinstance(value, str) else value)


Tag = Annotated[str, AfterValidator(_tag)]
Words = Annotated[str, AfterValidator(_words)]
Name = Annotated[str, AfterValidator(_name)]
Hints = Annotated[str, AfterValidator(_hints)]
Input = Annotated[Literal["none", "dtmf", "speech", "any"], _spelled("none", "dtmf", "speech", "any")]
Recogniser = Annotated[Literal["Deepgram", "Google"], _spelled("Deepgram", "Google")]
Speaker = Annotated[Literal["ElevenLabs", "Google", "Amazon"], _spelled("ElevenLabs", "Google", "Amazon")]
Normalisation = Annotated[Literal["auto", "on", "off"], _spelled("auto", "on", "off")]

_CONFIG = ConfigDict(
    frozen=True,
    extra="forbid",
    hide_input_in_errors=True,
    use_attribute_docstrings=True,
    alias_generator=to_camel,
    validate_by_name=True,
    validate_by_alias=True,
)


class LanguageOptions(BaseModel):
    """A further language of a call, with its own voice and recogniser: the noun ``<Language>``."""

    model_config = _CONFIG

    code: Tag
    tts_provider: Speaker | None = None
    voice: Name | None = None
    transcription_provider: Recogniser | None = None
    speech_model: Name | None = None
    hints: Hints | None = None


Attribute = str | bool | int | float
Languages = Annotated[tuple[LanguageOptions, ...], _json((list, tuple), '[{"code": "es-ES"}]')]
Attributes = Annotated[dict[str, Attribute], _json(dict, '{"newOne": "value"}')]


class VoiceOptions(BaseModel):
    """Options of a call. What is None is left to Twilio."""

    model_config = _CONFIG

    language: Tag | None = None
    """Language that is spoken and understood, such as en-US; multi: Twilio detects it."""
    tts_language: Tag | None = None
    """Language that is spoken, where it differs."""
    transcription_language: Tag | None = None
    """Language that is understood, where it differs."""
    languages: Languages = ()
    """Further languages, JSON: [{"code": "es-ES", "voice": "…"}]; also ttsProvider, speechModel, hints."""
    tts_provider: Speaker | None = None
    """Who speaks: ElevenLabs, Google or Amazon."""
    voice: Name | None = None
    """Voice of that provider."""
    transcription_provider: Recogniser | None = None
    """Who understands: Deepgram or Google."""
    speech_model: Name | None = None
    """Model that understands, such as nova-3-general or flux."""
    hints: Hints | None = None
    """Words that are hard to understand, with commas: product names."""
    profanity_filter: bool | None = None
    """Leave swear words out of what was understood."""
    background_noise_reduction: bool | None = None
    """Take noise away before speech is understood."""
    interruptible: Input = "any"
    """What stops the agent's speech: none, dtmf (keys), speech or any."""
    interrupt_sensitivity: Annotated[Literal["high", "medium", "low"], _spelled("high", "medium", "low")] | None = None
    """How easily speech stops it: high, medium or low."""
    welcome_greeting: Words | None = None
    """Words that greet every caller; empty: the built-in greeting, with the caller's name."""
    welcome_greeting_interruptible: Input | None = None
    """What stops the greeting."""
    report_input_during_agent_speech: Input | None = None
    """What is reported while the agent's speech cannot be stopped by it."""
    ignore_backchannel: bool | None = None
    """Let "yeah" and "uh-huh" not stop the agent."""
    speech_timeout: Annotated[str, BeforeValidator(_timeout)] | None = None
    """Silence that ends what the caller says: auto, or 600 to 5000 milliseconds."""
    eot_threshold: float | None = Field(default=None, ge=0.5, le=0.9)
    """How sure flux must be that the caller has finished."""
    eager_eot_threshold: float | None = Field(default=None, ge=0.3, le=0.9)
    """How sure flux must be to say so early."""
    partial_prompts: bool | None = None
    """Report what the caller says while they speak."""
    turn_detection: bool | None = None
    """Let Twilio judge when the caller has finished (not for PCI or HIPAA)."""
    echo_prompt_filtering: bool | None = None
    """Drop what is only the agent's own voice, heard again."""
    application_reconnect: bool | None = None
    """Let Twilio connect a lost socket again by itself, to the same address."""
    deepgram_smart_format: bool | None = None
    """Let Deepgram write numbers and dates as people do."""
    elevenlabs_text_normalization: Normalisation | None = None
    """Let ElevenLabs write out numbers before it speaks: auto, on or off."""
    intelligence_service: Name | None = None
    """Conversational Intelligence service that gets the transcript."""
    legal_notice: Words | None = None
    """Words before the greeting; neither can then be interrupted."""
    hold_music: Words | None = None
    """Address (https) of a recording that is played while a caller waits for long."""
    offer_person: bool = False
    """Say in the greeting that 0 reaches a person."""
    attributes: Attributes = {}
    """Attributes of <ConversationRelay> that are newer than this version, JSON: {"newOne": "value"}."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if said := " ".join(self._misfits()):
            raise ValueError(said)
        return self

    def _misfits(self) -> Iterator[str]:
        """Say what Twilio would refuse although each value alone is right."""
        if self.spoken_language == MULTI and self.tts_provider not in (None, "ElevenLabs"):
            yield "Only ElevenLabs speaks multi (VOICE_TTS_PROVIDER)."
        if self.detects and self.transcription_provider not in (None, "Deepgram"):
            yield "Only Deepgram understands multi (VOICE_TRANSCRIPTION_PROVIDER)."
        flux = (self.speech_model or "").lower().startswith("flux")
        if not flux and (self.eot_threshold is not None or self.eager_eot_threshold is not None):
            yield "VOICE_EOT_THRESHOLD and VOICE_EAGER_EOT_THRESHOLD need VOICE_SPEECH_MODEL=flux."
        codes = [one.code for one in self.languages]
        for code in dict.fromkeys(code for code in codes if codes.count(code) > 1):
            yield f"VOICE_LANGUAGES names {code} twice."
        if self.hold_music and not self.hold_music.startswith("https://"):
            yield "VOICE_HOLD_MUSIC must be an https address."
        for name in self.attributes:
            if reason := _unfit_name(name):
                yield f"VOICE_ATTRIBUTES: {name[:40]!r} {reason}."

    @property
    def spoken_language(self) -> str:
        """Return the language in which the agent speaks at first, or ``multi``."""
        return self.tts_language or self.language or DEFAULT_LANGUAGE

    @property
    def detects(self) -> bool:
        """Tell whether Twilio says which language the caller speaks."""
        return (self.transcription_language or self.language) == MULTI

    def changed(self, changes: Mapping[str, Any]) -> VoiceOptions:
        """Return these options with some others in their place. Raises pydantic's ValidationError."""
        fields = {to_camel(name): name for name in VoiceOptions.model_fields}
        given = {fields.get(name, name): value for name, value in changes.items()}
        return VoiceOptions.model_validate({**self.chosen(), **given})

    def chosen(self) -> dict[str, Any]:
        """Return what differs from leaving everything unsaid, by the names of the fields."""
        return {name: getattr(self, name) for name in VoiceOptions.model_fields if name in self.model_fields_set}

    def without(self, attribute: str) -> VoiceOptions:
        """Return what is left when Twilio refused an attribute; when it is not known which, only our own words."""
        words = {name: value for name, value in self.chosen().items() if name in _OWN_WORDS}
        kept = {name: value for name, value in self.chosen().items() if to_camel(name) != attribute}
        if self.attributes:
            kept["attributes"] = {name: value for name, value in self.attributes.items() if name != attribute}
        try:
            return VoiceOptions.model_validate(words if kept == self.chosen() else kept)
        except ValidationError:  # another one needs it
            return VoiceOptions.model_validate(words)

    def relay_attributes(self) -> dict[str, Attribute]:
        """Return the attributes of ``<ConversationRelay>`` that were chosen, under Twilio's names."""
        values = {to_camel(name): getattr(self, name) for name in RELAY_FIELDS}
        if self.legal_notice:
            values["welcomeGreetingInterruptible"] = "none"
        return {**{name: value for name, value in values.items() if value is not None}, **self.attributes}

    def language_attributes(self) -> list[dict[str, Attribute]]:
        """Return the attributes of each ``<Language>``, under Twilio's names."""
        return [one.model_dump(by_alias=True, exclude_none=True) for one in self.languages]

    def unknown_to_library(self) -> list[str]:
        """Return the chosen attributes that twilio-python has no argument for: they are sent as they are."""
        return sorted(name for name in self.relay_attributes() if name not in LIBRARY)


_OWN_WORDS: Final = frozenset({"welcome_greeting", "legal_notice", "offer_person", "hold_music"})
NOT_IN_RELAY: Final = _OWN_WORDS | {"languages", "attributes"}
"""Fields that are no attribute of the noun itself, or are only a part of one."""
RELAY_FIELDS: Final = tuple(name for name in VoiceOptions.model_fields if name not in NOT_IN_RELAY)
LIBRARY: Final = frozenset(map(to_camel, {*signature(Connect.conversation_relay).parameters} - {"self", "kwargs"}))
"""The attributes that twilio-python names, in camel case."""


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


_KNOWN = {_folded(name): name for name in (*map(to_camel, VoiceOptions.model_fields), *OURS)}
_LIBRARY = {_folded(name): name for name in LIBRARY}


def _unfit_name(name: str) -> str:
    """Return why an attribute cannot be set by its name alone, "" where it can: no name may hide a known one."""
    if known := _KNOWN.get(_folded(name)):
        return "is set by the gateway itself" if known in OURS else "has a setting of its own"
    spelled = _LIBRARY.get(_folded(name), name)
    if spelled != name:
        return f"is spelled {spelled}"
    return "" if _NAME.fullmatch(name) else "is no name of an attribute"


def library_notice(options: VoiceOptions) -> str:
    """Say which attributes nobody here can check, or nothing."""
    unknown = ", ".join(options.unknown_to_library())
    return f"twilio-python {library_version} does not know {unknown}; sent to Twilio unchecked." if unknown else ""


def named_in(text: str, options: VoiceOptions) -> str:
    """Return the attribute that an error of Twilio names, "" where it names none that was sent."""
    sent = {*options.relay_attributes(), *(name for one in options.language_attributes() for name in one)}
    return next((word for word in re.findall(r"[A-Za-z]+", text) if word in sent), "")
