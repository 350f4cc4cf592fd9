"""Reads TwiML answers as Twilio does. Pure.

Verbs and nouns: twilio.com/docs/voice/twiml and, below it, connect/conversationrelay, say, dial, number, redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

from .relay_attributes import understood


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


Verb = Relay | Xml.Element
"""A verb. One that connects to the agent is read at once: where it does not fit, Twilio takes none of the document."""


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


def words(element: Xml.Element) -> str:
    """Return the text of a verb or noun."""
    return (element.text or "").strip()


def dialled(dial: Xml.Element) -> str:
    """Return the number that ``<Dial>`` rings."""
    noun = dial.find("Number")
    return words(dial if noun is None else noun)


def _verb(element: Xml.Element) -> Verb:
    noun = element.find("ConversationRelay") if element.tag == "Connect" else None
    if noun is None:
        return element
    url = noun.get("url", "")
    if not url.startswith("wss://"):
        raise BadTwiml("error 64101: <ConversationRelay> needs a url that begins with wss://")
    parameters = {one.get("name", ""): one.get("value", "") for one in noun.findall("Parameter")}
    languages = tuple(dict(one.attrib) for one in noun.findall("Language"))
    return Relay(url, element.get("action"), dict(noun.attrib), languages, parameters)
