"""Reads every setting, once: the only module that looks at the environment.

:mod:`.fields` has the settings; :func:`load_settings` lists everything that is wrong at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from ..channels.voice.voice_options import VoiceOptions
from ..errors import ConfigurationError
from ..identity.factory import PHONE, missing
from ..identity.phone import e164
from ..staff.scopes import Scope
from .env_file import EnvFile, above, read_env_file
from .kinds import complaint, complaint_inside, is_secret, placeholder, stray_quote
from .notices import MADE_UP, notices
from .settings import Settings

NEEDED_IN_PRODUCTION = {
    "TWILIO_AUTH_TOKEN": "signatures cannot be checked without it",
    "PUBLIC_BASE_URL": "it is the https address under which Twilio reaches this server",
    "STAFF_TOKENS": "nobody could approve anything without one (name:token,name:token)",
}
"""What a production server must be given, each with the reason."""

ACCOUNTS = ("OPENAI_", "SEGMENT_", "TWILIO_")
"""What the names of settings begin with that somebody else gives out."""
SHORT_TOKEN = 16
ADDED: Final[Mapping[str, tuple[str, ...]]] = {
    "OPENAI_BASE_URL": ("/chat/completions", "/completions", "/responses", "/models", "/embeddings"),
    "PUBLIC_BASE_URL": ("/sms", "/voice", "/conversation-relay", "/staff", "/health"),
    "TWILIO_API_BASE_URL": ("/2010-04-01",),
    "CRM_BASE_URL": ("/customers/lookup",),
    "OIDC_ISSUER": ("/.well-known/openid-configuration",),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("/v1/traces",),
}
"""What we add to an address; who copied it from where it was in use may have it in there."""
PATHS: Final = {
    "api.openai.com": "/v1",
    "openrouter.ai": "/api/v1",
    "api.groq.com": "/openai/v1",
    "api.mistral.ai": "/v1",
    "api.together.xyz": "/v1",
    "api.anthropic.com": "/v1",
    "api.x.ai": "/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
}
"""Where the model services of these hosts are."""
_UNSEEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\u2060\ufeff]")
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})


def load_settings(
    env: Mapping[str, str] | None = None, *, env_file: Path | str | None = ".env", **given_here: str
) -> Settings:
    """Read settings from ``env`` (this process's environment unless given) and, below it, from ``env_file``.

    * ``given_here``, such as ``WORKERS="2"`` of a command's option, goes before both.
    * Empty values count as absent; a missing file is no problem.
    * Raises ConfigurationError with every problem, one sentence each, naming the variable and never a secret.
    """
    file = read_env_file(Path(env_file)) if env_file is not None else None
    environment = {**(os.environ if env is None else env), **given_here}
    problems = list(file.problems) if file else []
    found = list(file.notices) if file else []
    given = dict(_non_empty({**(file.values if file else {}), **_in_capitals(environment)}))
    found += _spelled_twice(environment)
    found += _set_aside_placeholders(given)
    found += _without_profiles(given)
    settings, wrong = _validated(given)
    problems += [*wrong, *_missing(given)]
    if problems:
        raise ConfigurationError(problems)
    found += notices(settings, given, file)
    return settings.loaded(source=_source(file), notices=tuple(found))


def _validated(given: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return settings, and what is wrong with them; what does not fit together is told with all the rest.

    Values that are wrong alone are left out for that. Then nothing is said of what needs one of them.
    """
    rest, problems = dict(given), list[str]()
    for name, field in Settings.variables().items():
        if name in rest and (fault := _miscopied(name, rest[name], secret=is_secret(field))):
            del rest[name]
            problems.append(f"{name} must {fault}.")
    while True:
        try:
            settings = Settings.model_validate(_values(rest))
        except ValidationError as error:
            faulty = {name for finding in error.errors(include_input=False) if (name := _variable(finding["loc"]))}
            problems += [said for said in _in_plain_words(error, rest) if _without(said, given.keys() - rest.keys())]
            # Options of a call that do not fit together are left out whole.
            for name in faulty or {name for name in rest if name.startswith("VOICE_")}:
                del rest[name]
        else:
            problems += [said for said in _odd_ones(settings) if _without(said, given.keys() - rest.keys())]
            return settings, problems


def _miscopied(name: str, value: str, *, secret: bool) -> str:
    """Return what is wrong with a value that came with something around it, or lost a part of it."""
    if not secret and stray_quote(value):
        return "not begin or end with a quotation mark"
    if value.upper().startswith(f"{name}="):
        return "be the value alone, without the name in front of it"
    if secret and re.match(r"(?:bearer|basic)\s", value, re.IGNORECASE):
        return "be the key alone, without the word in front of it"
    if _UNSEEN.search(value):
        return "hold no character that cannot be seen; type it anew"
    if value.lower().startswith(("http://", "https://")) and not _has_port(value):
        return "be an address whose port is a number from 1 to 65535"
    address = value.rstrip("/")
    if end := next((end for end in ADDED.get(name, ()) if address.lower().endswith(end)), ""):
        return f"be an address without {end} at its end, which is added to it"
    host = re.sub(r"\Ahttps?://(?:www\.)?", "", address.lower())
    if name == "OPENAI_BASE_URL" and host in PATHS:
        return f"name the path, too: https://{host}{PATHS[host]}"
    return ""


def _has_port(address: str) -> bool:
    try:
        return urlsplit(address).port != 0
    except ValueError:
        return False


def _without(said: str, names: Set[str]) -> bool:
    """Tell whether a sentence speaks of none of these variables."""
    return not any(re.search(rf"\b{name}\b", said) for name in names)


def hand_down(name: str, value: str) -> None:
    """Set a variable of this process and those that it starts, for a library that looks nowhere else."""
    os.environ[name] = value


def _in_capitals(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with names in capitals; of two spellings, the one in capitals counts."""
    return {name.upper(): value for name, value in sorted(environment.items(), key=lambda one: one[0].isupper())}


def _spelled_twice(environment: Mapping[str, str]) -> Iterator[str]:
    """Name settings that the environment has in two spellings."""
    for name in Settings.variables():
        values = {value for spelled, value in environment.items() if spelled.upper() == name and value.strip()}
        if len(values) > 1:
            yield f"{name} is set twice in the environment, in two spellings; the one in capitals counts."


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
        name, (first, *inner) = _variable(finding["loc"]), finding["loc"]
        if not name:  # what does not fit together is said in whole sentences
            yield from re.split(r"(?<=\.) ", str(finding["ctx"]["error"]))
        elif inner[1:] and first == "voice" and name in ("VOICE_LANGUAGES", "VOICE_ATTRIBUTES"):
            yield complaint_inside(name, tuple(inner[1:]), finding)
        else:
            yield complaint(name, Settings.variables()[name], finding, given[name])


def _variable(place: tuple[int | str, ...]) -> str:
    """Return the variable that a finding is about; "" where it is how several fit together."""
    first, *inner = place
    if first == "voice":
        return f"VOICE_{to_snake(str(inner[0]))}".upper() if inner else ""
    return str(first).upper()


def _missing(given: Mapping[str, str]) -> Iterator[str]:
    """Name what is absent although something else needs it."""
    pair = ("TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET")
    if sum(name in given for name in pair) == 1:
        yield f"{pair[0]} and {pair[1]} must be set together."
    yield from missing(given.get("SUBJECT_RESOLVER", "").lower(), given)
    if "EVENTS_WEBHOOK_URL" in given and "EVENTS_WEBHOOK_SECRET" not in given:
        yield "EVENTS_WEBHOOK_SECRET must be set with EVENTS_WEBHOOK_URL: it signs what is posted there."
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_SCOPES"):
        if "OIDC_ISSUER" in given and name not in given:
            yield f"{name} must be set with OIDC_ISSUER."
    if given.get("APP_ENV", "").lower() != "production":
        return
    for name, reason in NEEDED_IN_PRODUCTION.items():
        if name not in given:
            yield f"{name} must be set in production: {reason}."
    if given.get("ALLOW_SAMPLE_DATA", "").lower() not in _TRUE:
        for name, reason in MADE_UP.items():
            if name not in given:
                yield f"{name} must be set in production: without it {reason}. ALLOW_SAMPLE_DATA=true allows that."
    for name in ("PUBLIC_BASE_URL", "OIDC_ISSUER"):
        if given.get(name, "").startswith("http://"):
            yield f"{name} must start with https:// in production."


def _odd_ones(settings: Settings) -> Iterator[str]:
    """Name values that fit each alone and not together."""
    if settings.metrics_port and settings.metrics_port == settings.port:
        yield "METRICS_PORT must be another port than PORT, or everybody sees the figures."
    approvers = [name for name, token in settings.staff_tokens.items() if Scope.APPROVE in token.scopes]
    by_provider = any(Scope.APPROVE in scopes for scopes in settings.oidc_scopes.values())
    if settings.approval_second_above is not None and len(approvers) < 2 and not by_provider:
        yield "APPROVAL_SECOND_ABOVE needs two colleagues in STAFF_TOKENS who may approve."
    own, person = ((e164(one or "", settings.default_region) or one)
                   for one in (settings.twilio_phone_number, settings.human_transfer_number))  # fmt: skip
    if person and person == own:
        yield "HUMAN_TRANSFER_NUMBER must be another number than TWILIO_PHONE_NUMBER: a caller would come back here."
    if settings.agents_file and settings.agent_path:
        yield "AGENTS_FILE and AGENT_PATH are both set; name the agent in the file, or keep one of them."
    for name in ("max_cost_per_customer", "max_cost_per_day"):
        if getattr(settings, name) and settings.prices_file is None:
            yield f"{name.upper()} needs PRICES_FILE: without prices nothing has a known cost."
    if settings.workers > 1 and not settings.production and settings.twilio_account_sid is None:
        yield "WORKERS must be 1 as long as TWILIO_ACCOUNT_SID is not set: the pretend Twilio lives in one process."
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
