"""The company in its own words: ``COMPANY_FILE`` and ``INSTRUCTIONS_FILE``, read again when they change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..channels.voice.call_language import CallLanguage
from ..channels.voice.voice_options import VoiceOptions
from ..conversation import phrases
from ..conversation.opening_hours import Hours, OpeningHours
from ..conversation.translations import OwnSentences, Translations, primary_tag
from ..errors import ConfigurationError
from .kinds import Hours as HoursText
from .kinds import Zone
from .settings import Settings
from .toml_file import read_text, read_toml

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the files are looked at, at most; what is found changed is read at the look after that."""

Stamp = tuple[int, int, int]
"""Number of a file, time of its last change and size: what tells that it changed, without reading it."""


def _one_line(text: str) -> str:
    if not text.strip() or any(not character.isprintable() for character in text):
        raise ValueError("words on one line")
    return text.strip()


Words = Annotated[str, Field(max_length=500), AfterValidator(_one_line)]

_CONFIG = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class Escalation(BaseModel):
    """Sentences for callers who want a person."""

    model_config = _CONFIG

    transfer: Words | None = None
    """They are put through now."""
    call_back: Words | None = None
    """No colleague is free; a ticket is open, and one calls back."""
    closed: Words | None = None
    """The same outside opening hours."""


class Company(BaseModel):
    """A company: what callers hear in its name, and what the built-in agent is told of it."""

    model_config = _CONFIG

    name: Words | None = None
    """Name of the company."""
    greeting: Words | None = None
    """Greeting of calls; the caller's name is put before its first exclamation mark."""
    hours: HoursText = ""
    """When people are there, such as Mon-Fri 09:00-17:30, Sat 10:00-14:00."""
    zone: Zone = "UTC"
    """Time zone of those hours, such as Europe/Berlin."""
    instructions: Annotated[str, Field(max_length=50_000)] = ""
    """Further instructions of the built-in agent."""
    escalation: Escalation = Escalation()
    """Sentences for callers who want a person."""
    voice: VoiceOptions = VoiceOptions()
    """Options of calls, named like the settings that begin with VOICE_; those that are not here are theirs."""

    @cached_property
    def opening_hours(self) -> OpeningHours:
        """When people are there; always, where nothing is said."""
        return OpeningHours.parse(self.hours, self.zone)

    @cached_property
    def sentences(self) -> OwnSentences:
        """The fixed sentences that the company has its own words for, and their language: the line's."""
        told = self.escalation
        own = {
            phrases.GREETING: self.greeting,
            phrases.TRANSFER: told.transfer,
            phrases.CALL_BACK: told.call_back,
            phrases.CLOSED: told.closed,
        }
        language = primary_tag(CallLanguage(self.voice, Translations({})).caller)
        return OwnSentences(language, {ours: words for ours, words in own.items() if words})

    def in_short(self) -> str:
        """Return what is said, for an operator: the name, and which other things there are words for."""
        return ", ".join((self.name or "no name", *sorted(self.model_fields_set - {"name", "voice"})))

    def about(self, now: float) -> str:
        """Return what the built-in agent is told of the company, nothing where nothing is known of it."""
        known = []
        if self.name:
            known.append(f"The company is called {self.name}.")
        if self.hours:
            hours = self.opening_hours
            when = "now" if hours.open_at(now) else f"again on {hours.in_words(hours.opens_after(now))}"
            known.append(f"People are there {self.hours} (time zone {self.zone}): {when}.")
        return "\n\n".join(part for part in (" ".join(known), self.instructions.strip()) if part)


def read_company(file: Path | None, instructions: Path | None, voice: VoiceOptions) -> Company:
    """Read a company from its files; ``voice`` are the options that it may change.

    Raises ConfigurationError with a sentence for each fault: file, line and reason.
    """
    company, problems = Company(voice=voice), list[str]()
    if file is not None:
        try:
            company = _read(file, voice)
        except ConfigurationError as error:
            problems += error.problems
    if instructions is not None:
        try:
            further = read_text(instructions)
        except ConfigurationError as error:
            problems += error.problems
        else:
            company = company.model_copy(update={"instructions": f"{company.instructions}\n\n{further}".strip()})
    if problems:
        raise ConfigurationError(problems)
    return company


def _read(path: Path, voice: VoiceOptions) -> Company:
    file = read_toml(path)
    table: dict[str, Any] = dict(file.table)
    changes = table.pop("voice", {})
    problems = list[str]()
    if isinstance(changes, Mapping):
        try:
            voice = voice.changed(changes)
        except ValidationError as error:
            problems += file.complaints(error, VoiceOptions, below=("voice",))
    else:
        problems.append(file.wrong(("voice",), "voice must be a table, [voice]"))
    try:
        company = file.as_model(Company, table)
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return company.model_copy(update={"voice": voice})


class CompanyFile:
    """A company that is read again when its files change; while they cannot be used, it stays as it was.

    Raises ConfigurationError when the first reading fails. ``clock`` gives seconds.
    """

    def __init__(
        self,
        file: Path | None,
        instructions: Path | None,
        voice: VoiceOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._instructions, self._voice = file, instructions, voice
        self._clock = clock
        self._looked_at = clock()
        self._read = self._seen = self._stamps()
        self._company = read_company(file, instructions, voice)
        self._problems: tuple[str, ...] = ()

    @property
    def problem(self) -> str | None:
        """Why the files cannot be used as they are now, or None."""
        self.current()
        return " ".join(self._problems) or None

    def current(self) -> Company:
        """Return the company as its files say; costs next to nothing."""
        now = self._clock()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return self._company

    def about(self, now: float) -> str:
        """Return what the built-in agent is told of the company; see :meth:`Company.about`."""
        return self.current().about(now)

    def _look(self) -> None:
        stamps, before = self._stamps(), self._seen
        self._seen = stamps
        # One that changed since the last look may be half written; it is read once it has rested.
        if stamps == self._read or stamps != before:
            return
        self._read = stamps
        try:
            self._company = read_company(self._file, self._instructions, self._voice)
        except ConfigurationError as error:
            self._problems = error.problems
            log.error("company_unreadable", problems=list(error.problems))
        else:
            self._problems = ()
            log.info("company_read", file=str(self._file or self._instructions))

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(_stamp(path) for path in (self._file, self._instructions) if path is not None)


def open_company(settings: Settings) -> CompanyFile:
    """Read the company that the settings name. Raises ConfigurationError."""
    return CompanyFile(settings.company_file, settings.instructions_file, settings.voice)


def people_hours(settings: Settings, company: CompanyFile) -> Hours:
    """Return when people answer: the hours of the number for transfers, or else the company's."""
    if settings.human_transfer_hours:
        return lambda: settings.opening_hours
    return lambda: company.current().opening_hours


def _stamp(path: Path) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None  # gone, or not to be reached: reading it says why
    return found.st_ino, found.st_mtime_ns, found.st_size
