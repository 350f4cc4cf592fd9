"""``tandem check``, voice: the options of calls, the languages that have sentences, and who takes calls over."""

from __future__ import annotations

from pydantic.alias_generators import to_camel

from ..channels.voice.options_hook import load_hook
from ..channels.voice.voice_options import DEFAULT_LANGUAGE, MULTI, VoiceOptions
from ..conversation.translations import Translations, load_translations, primary_tag
from ..errors import ConfigurationError
from ..settings import Settings
from ..settings.company import Company
from .check_report import Report

LONGEST_VALUE = 40


def look_at_voice(report: Report, settings: Settings, company: Company) -> None:
    """Look at everything of calls that can be looked at without Twilio."""
    try:
        options = company.voice
        if settings.voice_options_path:
            load_hook(settings.voice_options_path)
        translations = load_translations(settings.phrases_dir)
    except ConfigurationError as error:
        report.problem("voice", *error.problems)
        return
    hook = settings.voice_options_path
    report.ok("voice", _listed(options) + (f"; {hook} may change them for each call" if hook else ""))
    for language in _untranslated(options, translations):
        told = f"{language} has no fixed sentences, so they are said in English; PHRASES_DIR takes yours"
        report.notice("voice", told)
    _person(report, settings, company)


def _listed(options: VoiceOptions) -> str:
    chosen = {"language": DEFAULT_LANGUAGE, **options.chosen()}
    return ", ".join(f"{to_camel(name)}={_shown(value)}" for name, value in chosen.items())


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(one.code for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)[:LONGEST_VALUE]


def _untranslated(options: VoiceOptions, translations: Translations) -> list[str]:
    languages = dict.fromkeys((options.spoken_language, *(one.code for one in options.languages)))
    return [one for one in languages if one != MULTI and primary_tag(one) not in translations.languages]


def _person(report: Report, settings: Settings, company: Company) -> None:
    number = settings.human_transfer_number
    hours, zone = settings.human_transfer_hours, settings.human_transfer_zone
    if not hours:
        hours, zone = company.hours, company.zone
    if not number:
        report.skipped("a person", "HUMAN_TRANSFER_NUMBER is not set: a caller who asks for one gets a ticket")
        return
    when = f"{hours} ({zone})" if hours else "at any time"
    report.ok("a person", f"callers are put through to …{number[-4:]}, {when}")
