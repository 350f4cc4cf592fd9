"""Reads every setting, once: the only module that looks at the environment.

:mod:`.fields` has the settings; :func:`load_settings` lists everything that is wrong at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from ..channels.voice.voice_options import VoiceOptions, library_notice
from ..errors import ConfigurationError
from ..identity.factory import PHONE, missing
from .env_file import EnvFile, above, read_env_file
from .kinds import RETIRED_LEVELS, complaint, complaint_inside, placeholder
from .settings import Settings

RETIRED = {
    "PORT_VOICE": "text and phone share one port now: use PORT",
    "START_CHANNELS": "text and phone always start together: use PORT for the one address of both",
    "NODE_ENV": "use APP_ENV (development or production)",
}
"""Names of the earlier system, and what to say to whoever still sets them."""

NEEDED_IN_PRODUCTION = {
    "TWILIO_AUTH_TOKEN": "signatures cannot be checked without it",
    "PUBLIC_BASE_URL": "it is the https address under which Twilio reaches this server",
    "STAFF_TOKENS": "nobody could approve anything without one (name:token,name:token)",
}
"""What a production server must be given, each with the reason."""

MADE_UP = {
    "OPENAI_API_KEY": "canned rules answer in place of a language model, whatever OPENAI_BASE_URL says",
    "SHOP_BASE_URL": "customers, orders and refunds are those of a made-up shop",
    "KNOWLEDGE_DIR": "the opening hours and terms that customers are told are made up",
}
"""What a production server starts without only when that is asked for by name."""

ACCOUNTS = ("OPENAI_", "SEGMENT_", "TWILIO_")
"""What the names of settings begin with that somebody else gives out."""
SHORT_TOKEN = 16
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})


def load_settings(env: Mapping[str, str] | None = None, *, env_file: Path | str | None = ".env") -> Settings:
    """Read settings from ``env`` (this process's environment unless given) and, below it, from ``env_file``.

    * Empty values count as absent; a missing file is no problem.
    * Raises ConfigurationError with every problem, one sentence each, naming the variable and never a secret.
    """
    file = read_env_file(Path(env_file)) if env_file is not None else None
    environment = dict(os.environ) if env is None else env
    problems = list(file.problems) if file else []
    notices = list(file.notices) if file else []
    given = dict(_non_empty({**(file.values if file else {}), **_in_capitals(environment)}))
    notices += _set_aside_placeholders(given)
    notices += _without_profiles(given)
    settings = None
    try:
        settings = Settings.model_validate(_values(given))
    except ValidationError as error:
        problems += _in_plain_words(error, given)
    problems += _missing(given)
    problems += _odd_ones(settings) if settings else ()
    if problems or settings is None:
        raise ConfigurationError(problems)
    notices += _notices(settings, given, file)
    return settings.loaded(source=_source(file), notices=tuple(notices))


def _in_capitals(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with names in capitals; of two spellings, the one in capitals counts."""
    return {name.upper(): value for name, value in sorted(environment.items(), key=lambda one: one[0].isupper())}


def _source(file: EnvFile | None) -> str:
    """Say where the settings come from."""
    if file is None:
        return "the environment alone"
    if file.there:
        return f"{file.path} and the environment, which goes first"
    folder = file.path.parent
    unread = next(above(folder), None)
    return f"the environment alone; there is no {file.path.name} in {folder}" + (
        f", and {unread} is not read from there" if unread else ""
    )


def _non_empty(values: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if value is not None and value.strip():
            yield name, value.strip()


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    """Sort variables into fields; the options of calls are a model of their own."""
    own = {name: given[name.upper()] for name in Settings.model_fields if name != "voice" and name.upper() in given}
    voice = {name: given[key] for name in VoiceOptions.model_fields if (key := f"VOICE_{name.upper()}") in given}
    return {**own, "voice": voice} if voice else own


def _in_plain_words(error: ValidationError, given: Mapping[str, str]) -> Iterator[str]:
    """Turn the library's findings into one sentence per variable."""
    for finding in error.errors(include_input=False):
        first, *inner = finding["loc"]
        if first == "voice" and not inner:  # what does not fit together is said in whole sentences
            yield str(finding["ctx"]["error"])
            continue
        name = f"VOICE_{to_snake(str(inner.pop(0)))}".upper() if first == "voice" else str(first).upper()
        if inner and first == "voice" and name in ("VOICE_LANGUAGES", "VOICE_ATTRIBUTES"):
            yield complaint_inside(name, tuple(inner), finding)
        else:
            yield complaint(name, Settings.variables()[name], finding, given[name])


def _missing(given: Mapping[str, str]) -> Iterator[str]:
    """Name what is absent although something else needs it."""
    pair = ("TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET")
    if sum(name in given for name in pair) == 1:
        yield f"{pair[0]} and {pair[1]} must be set together."
    yield from missing(given.get("SUBJECT_RESOLVER", "").lower(), given)
    if "EVENTS_WEBHOOK_URL" in given and "EVENTS_WEBHOOK_SECRET" not in given:
        yield "EVENTS_WEBHOOK_SECRET must be set with EVENTS_WEBHOOK_URL: it signs what is posted there."
    if given.get("APP_ENV", "").lower() != "production":
        return
    for name, reason in NEEDED_IN_PRODUCTION.items():
        if name not in given:
            yield f"{name} must be set in production: {reason}."
    if given.get("ALLOW_SAMPLE_DATA", "").lower() not in _TRUE:
        for name, reason in MADE_UP.items():
            if name not in given:
                yield f"{name} must be set in production: without it {reason}. ALLOW_SAMPLE_DATA=true allows that."
    if given.get("PUBLIC_BASE_URL", "").startswith("http://"):
        yield "PUBLIC_BASE_URL must start with https:// in production."


def _odd_ones(settings: Settings) -> Iterator[str]:
    """Name values that fit each alone and not together."""
    if settings.metrics_port and settings.metrics_port == settings.port:
        yield "METRICS_PORT must be another port than PORT, or everybody sees the figures."
    # Tokens that whoever reaches the server could find by trying: nothing else protects what staff may do.
    for name, token in settings.staff_tokens.items():
        if settings.production and len(token.get_secret_value()) < SHORT_TOKEN:
            yield f"STAFF_TOKENS: the token of {name} must have at least {SHORT_TOKEN} characters in production."


def _set_aside_placeholders(given: dict[str, str]) -> Iterator[str]:
    """Take out what an example file has in place of one's own account, such as ``your_account_sid``."""
    for name in [name for name, value in given.items() if name.startswith(ACCOUNTS) and placeholder(value)]:
        del given[name]
        yield f"{name} holds an example's placeholder and counts as not set."


def _without_profiles(given: dict[str, str]) -> Iterator[str]:
    """Let Segment be told what happens where it is not to be asked who is who."""
    asked = ("SEGMENT_PROFILE_API_TOKEN", "SEGMENT_SPACE_ID")
    wanted = given.get("SUBJECT_RESOLVER", "").lower() == "segment"
    if wanted and "SEGMENT_WRITE_KEY" in given and not any(name in given for name in asked):
        given["SUBJECT_RESOLVER"] = PHONE
        yield (
            f"{asked[0]} and {asked[1]} are not set: Segment is told what happens and not asked who is calling; "
            "customers are known by their number."
        )


def _notices(settings: Settings, given: Mapping[str, str], file: EnvFile | None) -> Iterator[str]:
    """Say what is odd but no reason to stop."""
    known = Settings.variables()
    for name, advice in RETIRED.items():
        if name in given:
            yield f"{name} is not used any more; {advice}."
    if (level := given.get("LOG_LEVEL", "").lower()) in RETIRED_LEVELS:
        yield f"LOG_LEVEL={level} is called {RETIRED_LEVELS[level]} now."
    for name in file.values if file else ():
        if file and name not in RETIRED and name not in known:
            yield _unknown(name, file)
    for name, reason in MADE_UP.items():
        if settings.production and name not in given:
            yield f"{name} is not set: {reason}."
    if settings.persistence_adapter == "file" and (settings.database_url or settings.redis_url):
        yield "PERSISTENCE_ADAPTER is file: conversations are kept on this machine, not in the database that is set."
    yield from _shop_notices(settings)
    yield from _identity_notices(settings)
    yield from _voice_notices(settings)
    if settings.max_calls >= (most := min(settings.max_connections, settings.max_connections_per_address)):
        yield f"MAX_CALLS is {settings.max_calls}, but only {most} connections are taken, calls and requests together."
    if settings.production and not settings.twilio_account_sid:
        yield "TWILIO_ACCOUNT_SID is not set: replies cannot be sent."
    if settings.production and not settings.twilio_validate_signatures:
        yield "TWILIO_VALIDATE_SIGNATURES is false: anybody can send messages in a customer's name."


def _unknown(name: str, file: EnvFile) -> str:
    names = list(Settings.variables())
    meant = get_close_matches(name, names, n=1, cutoff=0.75)
    hint = f"; is {meant[0]} meant?" if meant else "."
    return f"{name} ({file.place(name)}) is not a setting of this version and changes nothing{hint}"


def _shop_notices(settings: Settings) -> Iterator[str]:
    """Say what does not fit together about the business data."""
    if settings.shop_base_url is None:
        if settings.persistence_adapter in {"postgres", "redis"}:
            yield (
                "SHOP_BASE_URL is not set: several servers can share the conversations, but each would have a sample "
                "shop of its own. Set it as soon as there is more than one."
            )
        if settings.shop_api_key:
            yield "SHOP_API_KEY is set without SHOP_BASE_URL and changes nothing."
    elif settings.sample_customer_phone:
        yield "SAMPLE_CUSTOMER_PHONE changes nothing, because SHOP_BASE_URL takes the place of the sample shop."


def _identity_notices(settings: Settings) -> Iterator[str]:
    """Say which keys of a source of customers change nothing."""
    chosen = settings.subject_resolver
    if settings.segment_profile_api_token and chosen in {PHONE, "crm"}:
        yield f"SEGMENT_PROFILE_API_TOKEN changes nothing with SUBJECT_RESOLVER={chosen}."
    if settings.crm_base_url and chosen in {PHONE, "segment"}:
        yield f"CRM_BASE_URL changes nothing with SUBJECT_RESOLVER={chosen}."


def _voice_notices(settings: Settings) -> Iterator[str]:
    """Say what Twilio may not do as it was asked."""
    voice = settings.voice
    if unchecked := library_notice(voice):
        yield unchecked
    if voice.partial_prompts and not (voice.speech_model or "").lower().startswith("flux"):
        yield "VOICE_PARTIAL_PROMPTS: Twilio reports what is said meanwhile with VOICE_SPEECH_MODEL=flux alone."
    if settings.preemptive_turns and not voice.partial_prompts:
        yield "PREEMPTIVE_TURNS changes nothing without VOICE_PARTIAL_PROMPTS."
    if settings.human_transfer_hours and not settings.human_transfer_number:
        yield "HUMAN_TRANSFER_HOURS is set without HUMAN_TRANSFER_NUMBER: it only changes when a call back is promised."
