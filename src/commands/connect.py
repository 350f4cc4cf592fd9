"""``tandem connect``: point the number at this gateway, and show what was there before."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ..channels.twilio_account import Number, find_number, open_twilio_account, service_trouble, webhooks_at
from ..errors import ConfigurationError
from ..identity.phone import e164
from ..settings import Settings

LOCAL_NAMES = (".local", ".localhost", ".internal", ".lan")


async def connect(settings: Settings, url: str, *, dry_run: bool) -> int:
    """Set the number's webhooks; return 1 when texts would still go elsewhere, else 0.

    Raises ConfigurationError with everything that is missing, AccountRefused, and AccountUnreachable.
    """
    url = url.strip().rstrip("/")
    number, login = e164(settings.twilio_phone_number or "", settings.default_region), settings.twilio_login
    problems = [*_wrong_address(url), *_missing(settings, number)]
    if problems or number is None or login is None or settings.twilio_account_sid is None:
        raise ConfigurationError(problems)
    async with open_twilio_account(
        account_sid=settings.twilio_account_sid, login=login, base_url=settings.twilio_api_base_url
    ) as account:
        before = await find_number(account, number)
        wanted = webhooks_at(url)
        # Only what differs is sent: a number without a trunk, say, need not be taken off one.
        changes = {name: value for name, value in wanted.items() if before.webhooks[name] != value}
        after = before if dry_run or not changes else await account.point(before, changes)
        print("\n".join(_table(before, wanted if dry_run else after.webhooks)))
        print(_outcome(changes, dry_run=dry_run))
        service = settings.twilio_messaging_service_sid
        trouble = await service_trouble(account, service, before, url) if service else None
    for sentence in _remarks(settings, before, url):
        print(f"notice: {sentence}")
    if trouble:
        print(f"problem: {trouble}")
    return 1 if trouble else 0


def _wrong_address(url: str) -> Iterator[str]:
    if not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", url):
        yield "--url must be an address that starts with https:// and has no user name, query or fragment."
    elif not _public(urlsplit(url).hostname or ""):
        yield "--url must be an address that Twilio can reach; this one is known on your network alone. Open a tunnel."


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(LOCAL_NAMES)


def _missing(settings: Settings, number: str | None) -> Iterator[str]:
    if settings.twilio_account_sid is None:
        yield "TWILIO_ACCOUNT_SID is not set: it names the account, and starts with AC."
    elif settings.twilio_login is None:
        yield "TWILIO_AUTH_TOKEN is not set, nor TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET: one of them signs in."
    if settings.twilio_phone_number is None:
        yield "TWILIO_PHONE_NUMBER is not set: it is the number to connect."
    elif number is None:
        yield "TWILIO_PHONE_NUMBER is no full telephone number; a short code's webhooks are set in Twilio's console."


def _table(before: Number, after: Mapping[str, str]) -> Iterator[str]:
    """Yield the webhooks before and after; a star marks what changes."""
    rows = [(name, _shown(before.webhooks[name]), _shown(after[name])) for name in after]
    name_width = max(len(name) for name, _, _ in rows)
    width = max(len("before"), *(len(old) for _, old, _ in rows))
    yield f"{before.number} ({before.sid})"
    yield f"  {'':<{name_width}}  {'before':<{width}}  after"
    for name, old, new in rows:
        yield f"{'*' if old != new else ' '} {name:<{name_width}}  {old:<{width}}  {new}"


def _shown(value: str) -> str:
    """Show an address without the password that it may carry."""
    return re.sub(r"//[^/@]*@", "//…@", value) or "-"


def _outcome(changes: Mapping[str, str], *, dry_run: bool) -> str:
    if not changes:
        return "Everything is as it should be; nothing was changed."
    return f"{len(changes)} settings would change; nothing was changed." if dry_run else f"{len(changes)} changed."


def _remarks(settings: Settings, number: Number, url: str) -> Iterator[str]:
    if settings.public_base_url != url:
        yield f"set PUBLIC_BASE_URL={url} and restart the gateway: with another one it refuses every signature."
    if not settings.twilio_auth_token:
        yield "set TWILIO_AUTH_TOKEN: without it the gateway refuses every webhook, whatever the API key."
    if not number.texts:
        yield "this number cannot receive texts."
    if not number.calls:
        yield "this number cannot receive calls."
