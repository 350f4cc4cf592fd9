"""Reception of calls: with which options each begins, in which language, and what the caller is greeted with."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cachetools import LRUCache

from ...conversation import phrases
from ...conversation.spoken_turn import left_open
from ...conversation.translations import Phrase, Translations
from ...errors import UnreadableRecord
from ...identity.base import Resolution
from ...model import SubjectId
from ...persistence.base import LaneStore
from .call_language import CallLanguage
from .options_hook import OptionsPerCall
from .relay_messages import Setup
from .voice_options import VoiceOptions

LONGEST_REST = 300
"""Characters of an unheard answer that a greeting takes up."""
OPENINGS = 1000
"""Calls of which it is kept how they began, from the webhook until the socket is there."""

NameOf = Callable[[Resolution], Awaitable[str]]
"""Returns a caller's name, "" where it is not known, without asking a model."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Opening of a call: its options, and the greeting that Twilio speaks."""

    options: VoiceOptions
    greeting: str


class Reception:
    """Receives calls: at the webhook, and again at the socket, which may reach another replica."""

    def __init__(self, store: LaneStore, options: OptionsPerCall, translations: Translations, name_of: NameOf) -> None:
        self._store = store
        self._options = options
        self._translations = translations
        self._name_of = name_of
        self._opened: LRUCache[str, Opening] = LRUCache(OPENINGS)

    async def options(self, form: Mapping[str, str]) -> VoiceOptions:
        """Return the options of the call that a webhook is about, as it began where that is known here."""
        opened = self._opened.get(form.get("CallSid", ""))
        return opened.options if opened else await self._options.choose(form)

    async def open(self, call: str, options: VoiceOptions, resolution: Resolution) -> Opening:
        """Begin a call, of which it is known who is calling."""
        opening = self._opened[call] = Opening(options, await self._greeting(options, resolution))
        return opening

    def reopen(self, call: str, greeting: str) -> VoiceOptions:
        """Let a call begin again with other words; return its options."""
        opened = self._opened.get(call)
        self._opened[call] = Opening(opened.options if opened else self._options.base, greeting)
        return self._opened[call].options

    def say(self, sentence: str, options: VoiceOptions | None = None, *, language: str = "") -> Phrase:
        """Return a fixed sentence as the line says it, or in a caller's language."""
        options = options or self._options.base
        return self._translations.say(sentence, language or self._speaks(options).caller)

    async def language(self, setup: Setup) -> CallLanguage:
        """Return the language of the call that a socket was opened for."""
        form = {"CallSid": setup.call_sid, "From": setup.from_, "To": setup.to, "Direction": setup.direction}
        return self._speaks(await self.options(form))

    def greeted(self, call: str) -> str:
        """Return what the TwiML of a call spoke, "" where that is not known here."""
        opened = self._opened.get(call)
        return opened.greeting if opened else ""

    async def greeting(self, setup: Setup, resolution: Resolution) -> str:
        """Return what the caller was greeted with by another replica."""
        return await self._greeting((await self.language(setup)).options, resolution)

    async def rest(self, subject: SubjectId) -> str:
        """Return what a caller was being told when the line broke lately, or nothing."""
        try:
            return left_open(await self._store.conversation(subject), now=time.time())[:LONGEST_REST]
        except UnreadableRecord:
            return ""

    def _speaks(self, options: VoiceOptions) -> CallLanguage:
        return CallLanguage(options, self._translations)

    async def _greeting(self, options: VoiceOptions, resolution: Resolution) -> str:
        """Greet a caller, and go on where a call that broke off lately was cut."""
        rest = await self.rest(resolution.subject)
        name = await self._name_of(resolution)
        words = options.welcome_greeting or phrases.greeting(name, self.say(phrases.GREETING, options).text)
        if rest:
            hello, mark, _ = words.partition("!")
            words = f"{hello}{mark} {self.say(phrases.CUT_OFF, options).text} {rest}"
        elif options.offer_person:
            words = f"{words} {self.say(phrases.OFFER_PERSON, options).text}"
        return f"{options.legal_notice} {words}" if options.legal_notice else words
