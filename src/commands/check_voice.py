"""``tandem check``, voice: the options of calls, the languages that have sentences, and who takes calls over."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from ..channels.voice.options_hook import load_hook
from ..channels.voice.voice_options import DEFAULT_LANGUAGE, MULTI, VoiceOptions
from ..conversation.translations import Translations, load_translations, primary_tag
from ..errors import ConfigurationError
from ..settings import Settings
from ..settings.company import Company
from .check_result import CheckResult, notice, ok, problem, skipped

LONGEST_VALUE = 40


def voice_findings(settings: Settings, company: Company) -> Iterator[CheckResult]:
    """Look at everything of calls that can be looked at without Twilio."""
    try:
        options = company.voice
        if settings.voice_options_path:
            load_hook(settings.voice_options_path)
        translations = load_translations(settings.phrases_dir)
    except ConfigurationError as error:
        for sentence in error.problems:
            yield problem("voice", sentence)
        return
    hook = settings.voice_options_path
    yield ok("voice", _listed(options) + (f"; {hook} may change them for each call" if hook else ""))
    yield from _untranslated(options, translations)
    yield _person(settings, company)


def _listed(options: VoiceOptions) -> str:
    chosen = {"language": DEFAULT_LANGUAGE, **options.chosen()}
    return ", ".join(f"{to_camel(name)}={_shown(value)}" for name, value in chosen.items())


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(one.code for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)[:LONGEST_VALUE]


def _untranslated(options: VoiceOptions, translations: Translations) -> Iterator[CheckResult]:
    languages = dict.fromkeys((options.spoken_language, *(one.code for one in options.languages)))
    for language in languages:
        if language != MULTI and primary_tag(language) not in translations.languages:
            yield notice(
                "voice", f"{language} has no fixed sentences, so they are said in English; PHRASES_DIR takes yours"
            )


def _person(settings: Settings, company: Company) -> CheckResult:
    number = settings.human_transfer_number
    hours, zone = settings.human_transfer_hours, settings.human_transfer_zone
    if not hours:
        hours, zone = company.hours, company.zone
    if not number:
        return skipped("a person", "HUMAN_TRANSFER_NUMBER is not set: a caller who asks for one gets a ticket")
    when = f"{hours} ({zone})" if hours else "at any time"
    return ok("a person", f"callers are put through to …{number[-4:]}, {when}")
