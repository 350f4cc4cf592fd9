"""Reads TwiML answers as Twilio does. Pure.

Verbs and nouns: twilio.com/docs/voice/twiml and, below it, connect/conversationrelay, say, dial, number, redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

from .relay_attributes import understood


@dataclass(frozen=True, slots=True)
class SayVerb:
    """Words that Twilio speaks by itself."""

    text: str
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Relay:
    """``<Connect>`` with ``<ConversationRelay>``. ``attributes`` are the noun's, ``action`` the verb's."""

    url: str
    action: str | None
    attributes: Mapping[str, str]
    languages: tuple[Mapping[str, str], ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """Tell whether a boolean attribute is set; the default of all of them is false."""
        return self.attributes.get(name, "").lower() == "true"

    def inputs(self, name: str, default: str = "any") -> str:
        """Return an attribute that is none, dtmf, speech or any; true and false are old names of any and none."""
        value = self.attributes.get(name, default).lower()
        return {"true": "any", "false": "none"}.get(value, value)

    @property
    def language(self) -> str:
        """Return the language in which the caller is understood at first."""
        return understood(self.attributes)


@dataclass(frozen=True, slots=True)
class Dial:
    """A transfer to another number; ``whisper`` is the address whose TwiML that person hears first."""

    number: str
    action: str | None
    whisper: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gather:
    """A wait for a key, with which ``action`` is asked; ``words`` are said meanwhile."""

    action: str
    words: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The end of the call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another address's TwiML."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Other:
    """A verb that this simulator does not act on."""

    name: str


Verb = SayVerb | Relay | Dial | Gather | Hangup | Redirect | Pause | Other


class BadTwiml(ValueError):
    """The document is none, or lacks what it must have; the message says what."""


def parse(document: str) -> list[Verb]:
    """Read the verbs of a TwiML document, in order. Raises BadTwiml."""
    try:
        root = Xml.fromstring(document)  # noqa: S314 - our own gateway's answer
    except Xml.ParseError as error:
        raise BadTwiml("error 12100: the document is no XML") from error
    if root.tag != "Response":
        raise BadTwiml("error 12200: the document is no <Response>")
    return [_verb(element) for element in root]


def _verb(element: Xml.Element) -> Verb:
    text = (element.text or "").strip()
    match element.tag:
        case "Say":
            return SayVerb(text, element.get("language", "en-US"))
        case "Connect":
            return _relay(element)
        case "Dial":
            return _dial(element, text)
        case "Gather":
            return Gather(element.get("action", ""), " ".join(one.text or "" for one in element.findall("Say")))
        case "Hangup":
            return Hangup()
        case "Redirect":
            return Redirect(text, element.get("method", "POST"))
        case "Pause":
            return Pause(float(element.get("length", "1")))
        case name:
            return Other(name)


def _relay(element: Xml.Element) -> Verb:
    noun = element.find("ConversationRelay")
    if noun is None:
        return Other("Connect")
    url = noun.get("url", "")
    if not url.startswith("wss://"):
        raise BadTwiml("error 64101: <ConversationRelay> needs a url that begins with wss://")
    parameters = {one.get("name", ""): one.get("value", "") for one in noun.findall("Parameter")}
    languages = tuple(dict(one.attrib) for one in noun.findall("Language"))
    return Relay(url, element.get("action"), dict(noun.attrib), languages, parameters)


def _dial(element: Xml.Element, text: str) -> Dial:
    noun = element.find("Number")
    if noun is None:
        return Dial(text, element.get("action"), None, dict(element.attrib))
    return Dial((noun.text or "").strip(), element.get("action"), noun.get("url"), dict(element.attrib))
