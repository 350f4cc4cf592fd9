"""Twilio's part of ``tandem check --online``: credentials, number, webhooks, messaging service."""

from __future__ import annotations

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
from .check_report import Report


async def look_at_twilio(report: Report, settings: Settings) -> None:
    """Tell what Twilio says of the account; nothing is changed."""
    sid, login, base_url = settings.twilio_account_sid, settings.twilio_login, settings.twilio_api_base_url
    if sid is None or login is None:
        report.skipped("twilio account", "TWILIO_ACCOUNT_SID, or what signs in with it, is not set")
        return
    for position, token in enumerate(settings.twilio_auth_token):
        name = "second auth token" if position else "auth token"
        password = token.get_secret_value()
        async with open_twilio_account(account_sid=sid, login=(sid, password), base_url=base_url) as account:
            await _token(report, account, name)
    async with open_twilio_account(account_sid=sid, login=login, base_url=base_url) as account:
        try:
            await _number(report, account, settings)
        except (AccountError, ConfigurationError) as error:
            report.problem("number", str(error))


async def _token(report: Report, account: TwilioAccount, name: str) -> None:
    """Look whether a token is the account's: with any other one every webhook would be refused."""
    try:
        found = await account.account()
    except AccountError as error:
        report.problem(name, str(error))
        return
    if not found.active:
        report.problem(name, "The account is suspended or closed; its console says why.")
        return
    trial = "; a trial account texts and calls verified numbers alone, and adds a sentence" if found.trial else ""
    report.ok(name, f"the account takes it{trial}")


async def _number(report: Report, account: TwilioAccount, settings: Settings) -> None:
    if settings.twilio_phone_number is None:
        await account.numbers()  # the API key is worth a question all the same
        report.skipped("number", "TWILIO_PHONE_NUMBER is not set")
        return
    written = e164(settings.twilio_phone_number, settings.default_region)
    if written is None:
        report.skipped("number", "TWILIO_PHONE_NUMBER is a short code; look at its webhooks in Twilio's console")
        return
    number = await find_number(account, written)
    report.ok("number", f"…{written[-4:]} belongs to the account")
    if not number.texts:
        report.problem("number", "It cannot receive texts; buy one that can.")
    if not number.calls:
        report.notice("number", "it cannot receive calls")
    url = settings.public_base_url
    if url is None:
        report.skipped("webhooks", "PUBLIC_BASE_URL is not set")
        return
    _webhooks(report, number, url)
    service = settings.twilio_messaging_service_sid
    if service and (trouble := await service_trouble(account, service, number, url)):
        report.problem("messaging service", trouble)
    elif service:
        report.ok("messaging service", "texts come here")


def _webhooks(report: Report, number: Number, url: str) -> None:
    wanted = webhooks_at(url)
    wrong = [name for name, value in wanted.items() if _bare(number.webhooks[name]) != _bare(value)]
    if wrong:
        told = f"{', '.join(wrong)} not as they should be; run `tandem connect --url {url}`."
        report.problem("webhooks", told)
    elif number.webhooks != wanted:
        report.ok("webhooks", f"point here, but ask for no retries; `tandem connect --url {url}` sets them")
    else:
        report.ok("webhooks", "texts, calls, fallbacks and status callback point here")


def _bare(address: str) -> str:
    """Leave out the fragment, which asks for retries and leads nowhere else."""
    return address.partition("#")[0]
