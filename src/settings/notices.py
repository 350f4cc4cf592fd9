"""Notices for operators at start: settings that change nothing, or not what was meant. None of them stops it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

from ..channels.voice.voice_options import library_notice
from ..identity.factory import PHONE
from .env_file import EnvFile
from .kinds import RETIRED_LEVELS, is_secret, quoted
from .settings import Settings

RETIRED = {
    "PORT_VOICE": "text and phone share one port now: use PORT",
    "START_CHANNELS": "text and phone always start together: use PORT for the one address of both",
    "NODE_ENV": "use APP_ENV (development or production)",
}
"""Names of the earlier system, and what to tell operators who still set them."""

MADE_UP = {
    "OPENAI_API_KEY": "canned rules answer in place of a language model, whatever OPENAI_BASE_URL says",
    "SHOP_BASE_URL": "customers, orders and refunds are those of a made-up shop",
    "KNOWLEDGE_DIR": "the opening hours and terms that customers are told are made up",
}
"""What a production server starts without only when that is asked for by name."""

_OURS = ("VOICE_", "TWILIO_", "SEGMENT_", "STAFF_", "SHOP_", "CRM_", "HUMAN_TRANSFER_")
"""What the names of our settings alone begin with; other programs' variables are passed over unless they are alike."""
_LINKED = re.compile(r"_(?:SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_\w+)\Z")
"""How Kubernetes and Docker name the addresses of a neighbour that happens to be called ``shop``."""
_ALIKE, _VERY_ALIKE = 0.75, 0.86


def notices(settings: Settings, given: Mapping[str, str], file: EnvFile | None) -> Iterator[str]:
    """Say what is odd but no reason to stop."""
    known = Settings.variables()
    for name, advice in RETIRED.items():
        if name in given:
            yield f"{name} is not used any more; {advice}."
    if (level := given.get("LOG_LEVEL", "").lower()) in RETIRED_LEVELS:
        yield f"LOG_LEVEL={level} is called {RETIRED_LEVELS[level]} now."
    yield from _unknown_names(given, file)
    for name in known:
        if name in given and is_secret(known[name]) and quoted(given[name]):
            yield f"{name} has quotes around it, which are part of it now; leave them out if they are not meant."
        if name in given and re.search(r"\s#\s", given[name]):
            yield f"{name} has a # behind a blank: what follows is part of its value, and no comment."
    yield from _paths(settings)
    for name, reason in MADE_UP.items():
        if settings.production and name not in given:
            yield f"{name} is not set: {reason}."
    if settings.persistence_adapter == "file" and (settings.database_url or settings.redis_url):
        yield "PERSISTENCE_ADAPTER is file: conversations are kept on this machine, not in the database that is set."
    if settings.instructions_file and settings.agent_path:
        yield "INSTRUCTIONS_FILE is for the built-in agent and changes nothing with AGENT_PATH."
    yield from _shop_notices(settings)
    yield from _identity_notices(settings)
    yield from _voice_notices(settings)
    if settings.max_calls >= (most := min(settings.max_connections, settings.max_connections_per_address)):
        yield f"MAX_CALLS is {settings.max_calls}, but only {most} connections are taken, calls and requests together."
    if settings.production and not settings.twilio_account_sid:
        yield "TWILIO_ACCOUNT_SID is not set: replies cannot be sent."
    if settings.production and not settings.twilio_validate_signatures:
        yield "TWILIO_VALIDATE_SIGNATURES is false: anybody can send messages in a customer's name."


def _paths(settings: Settings) -> Iterator[str]:
    """Say which addresses have a path that they rarely have, or none where most have one."""
    if settings.openai_base_url and not urlsplit(settings.openai_base_url).path:
        yield "OPENAI_BASE_URL has no path, and most services answer below one such as /v1; tandem check tells."
    if path := urlsplit(settings.public_base_url or "").path:
        yield (
            f"PUBLIC_BASE_URL has a path: what is in front of this server must take {path} off each request, or Twilio "
            "is answered 404."
        )


def _unknown_names(given: Mapping[str, str], file: EnvFile | None) -> Iterator[str]:
    """Name what is no setting: everything in the file, and of the environment what was meant for us."""
    known, in_file = Settings.variables(), file.values if file else {}
    for name in dict.fromkeys((*in_file, *given)):
        if name in known or name in RETIRED:
            continue
        meant = get_close_matches(name, list(known), n=1, cutoff=_ALIKE if name in in_file else _VERY_ALIKE)
        ours = name.startswith(_OURS) and not _LINKED.search(name)
        if name in in_file or meant or ours:
            place = file.place(name) if file and name in in_file else "in the environment"
            hint = f"; is {meant[0]} meant?" if meant else "."
            yield f"{name} ({place}) is not a setting of this version and changes nothing{hint}"


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
    if settings.human_transfer_digits and not settings.human_transfer_number:
        yield "HUMAN_TRANSFER_DIGITS changes nothing without HUMAN_TRANSFER_NUMBER."
    if settings.human_transfer_hours and not settings.human_transfer_number:
        yield "HUMAN_TRANSFER_HOURS is set without HUMAN_TRANSFER_NUMBER: it only changes when a call back is promised."
