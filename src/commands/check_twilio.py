"""Twilio's part of ``tandem check --online``: credentials, number, webhooks, messaging service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from ..channels.twilio_account import (
    Number,
    TwilioAccount,
    find_number,
    open_twilio_account,
    service_trouble,
    webhooks_at,
)
from ..errors import AccountError, ConfigurationError
from ..identity.phone import e164
from ..settings import Settings
from .check_result import CheckResult, notice, ok, problem, skipped


async def look_at_twilio(settings: Settings) -> AsyncIterator[CheckResult]:
    """Yield what Twilio says of the account; nothing is changed."""
    sid, login, base_url = settings.twilio_account_sid, settings.twilio_login, settings.twilio_api_base_url
    if sid is None or login is None:
        yield skipped("twilio account", "TWILIO_ACCOUNT_SID, or what signs in with it, is not set")
        return
    for position, token in enumerate(settings.twilio_auth_token):
        name = "second auth token" if position else "auth token"
        password = token.get_secret_value()
        async with open_twilio_account(account_sid=sid, login=(sid, password), base_url=base_url) as account:
            yield await _token(account, name)
    async with open_twilio_account(account_sid=sid, login=login, base_url=base_url) as account:
        try:
            async for finding in _number(account, settings):
                yield finding
        except (AccountError, ConfigurationError) as error:
            yield problem("number", str(error))


async def _token(account: TwilioAccount, name: str) -> CheckResult:
    """Look whether a token is the account's: with any other one every webhook would be refused."""
    try:
        found = await account.account()
    except AccountError as error:
        return problem(name, str(error))
    if not found.active:
        return problem(name, "The account is suspended or closed; its console says why.")
    trial = "; a trial account texts and calls verified numbers alone, and adds a sentence" if found.trial else ""
    return ok(name, f"the account takes it{trial}")


async def _number(account: TwilioAccount, settings: Settings) -> AsyncIterator[CheckResult]:
    if settings.twilio_phone_number is None:
        await account.numbers()  # the API key is worth a question all the same
        yield skipped("number", "TWILIO_PHONE_NUMBER is not set")
        return
    written = e164(settings.twilio_phone_number, settings.default_region)
    if written is None:
        yield skipped("number", "TWILIO_PHONE_NUMBER is a short code; look at its webhooks in Twilio's console")
        return
    number = await find_number(account, written)
    yield ok("number", f"…{written[-4:]} belongs to the account")
    if not number.texts:
        yield problem("number", "It cannot receive texts; buy one that can.")
    if not number.calls:
        yield notice("number", "it cannot receive calls")
    url = settings.public_base_url
    if url is None:
        yield skipped("webhooks", "PUBLIC_BASE_URL is not set")
        return
    yield _webhooks(number, url)
    if service := settings.twilio_messaging_service_sid:
        trouble = await service_trouble(account, service, number, url)
        yield problem("messaging service", trouble) if trouble else ok("messaging service", "texts come here")


def _webhooks(number: Number, url: str) -> CheckResult:
    wanted = webhooks_at(url)
    if wrong := _differing({name: _bare(value) for name, value in wanted.items()}, number):
        return problem("webhooks", f"{', '.join(wrong)} not as they should be; run `tandem connect --url {url}`.")
    if number.webhooks != wanted:
        return ok("webhooks", f"point here, but ask for no retries; `tandem connect --url {url}` sets them")
    return ok("webhooks", "texts, calls, fallbacks and status callback point here")


def _differing(wanted: Mapping[str, str], number: Number) -> list[str]:
    return [name for name, value in wanted.items() if _bare(number.webhooks[name]) != value]


def _bare(address: str) -> str:
    """Leave out the fragment, which asks for retries and leads nowhere else."""
    return address.partition("#")[0]
