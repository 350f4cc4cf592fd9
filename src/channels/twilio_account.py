"""The account behind the number, for the commands that look at it and point its number here.

Resources: twilio.com/docs/iam/api/account, /docs/phone-numbers/api/incomingphonenumber-resource,
/docs/messaging/api/service-resource.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from ..errors import AccountRefused, AccountUnreachable, ConfigurationError
from ..web.http_client import HttpClient, HttpTrouble
from .twilio import open_login, provider_code_of

RETRIES = "#rc=2&rp=ct,rt,5xx"
"""Asks Twilio to try a webhook twice more: connection or answer timed out, or 5xx (docs/usage/webhooks)."""


def webhooks_at(url: str) -> dict[str, str]:
    """Return what a number's webhooks are when the gateway at ``url`` serves it, by Twilio's names.

    * An application or trunk would be asked in place of the addresses, so there must be none.
    * ``StatusCallback`` tells how calls ended; each message brings a callback of its own.
    """
    addresses = {
        "SmsUrl": f"{url}/sms{RETRIES}",
        "SmsFallbackUrl": f"{url}/sms/fallback",
        "VoiceUrl": f"{url}/voice",
        "VoiceFallbackUrl": f"{url}/voice/fallback",
        "StatusCallback": f"{url}/sms/status",
    }
    methods = {re.sub("Url$", "", name) + "Method": "POST" for name in addresses}
    return addresses | methods | dict.fromkeys(("SmsApplicationSid", "VoiceApplicationSid", "TrunkSid"), "")


_WEBHOOKS = {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in webhooks_at("")}
"""The names in a request, and in an answer: ``SmsUrl`` is ``sms_url`` there."""


@dataclass(frozen=True, slots=True)
class Account:
    """``active`` is false for one that is suspended or closed; a ``trial`` one reaches verified numbers alone."""

    active: bool
    trial: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the account. ``webhooks`` are by the names of :func:`webhooks_at`, "" for what is not set."""

    sid: str
    number: str
    webhooks: Mapping[str, str]
    texts: bool
    calls: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service: what it does with texts to the numbers in its pool."""

    asks_number: bool
    """Whether the number's own webhook is called ("defer to sender's webhook")."""
    inbound_url: str


class TwilioAccount:
    """One account. Every method raises AccountUnreachable, and AccountRefused with the sentence to show."""

    def __init__(self, http: HttpClient, *, account_sid: str, base_url: str) -> None:
        self._http = http
        self._account = f"{base_url}/2010-04-01/Accounts/{account_sid}"
        self._services = f"{_messaging(base_url)}/v1/Services"

    async def account(self) -> Account:
        """Fetch the account itself, which takes the auth token or a main key: standard keys are refused."""
        row = await self._call("GET", f"{self._account}.json")
        return Account(active=row.get("status") == "active", trial=row.get("type") == "Trial")

    async def numbers(self, number: str | None = None) -> tuple[Number, ...]:
        """List the first fifty numbers of the account, or the one that is ``number`` (E.164)."""
        query = {"PageSize": "50"} | ({"PhoneNumber": number} if number else {})
        answer = await self._call("GET", f"{self._account}/IncomingPhoneNumbers.json", params=query)
        found = tuple(_number(row) for row in answer.get("incoming_phone_numbers") or ())
        # Twilio's filter also finds numbers that only contain it.
        return tuple(one for one in found if number in (None, one.number))

    async def point(self, number: Number, webhooks: Mapping[str, str]) -> Number:
        """Set webhooks of a number, and return it as it is now."""
        path = f"{self._account}/IncomingPhoneNumbers/{number.sid}.json"
        return _number(await self._call("POST", path, data=dict(webhooks)))

    async def service(self, sid: str) -> Service:
        """Fetch a messaging service."""
        row = await self._call("GET", f"{self._services}/{sid}")
        return Service(row.get("use_inbound_webhook_on_number") is True, str(row.get("inbound_request_url") or ""))

    async def in_pool(self, sid: str, number: Number) -> bool:
        """Say whether a number is among the senders of a messaging service."""
        try:
            await self._call("GET", f"{self._services}/{sid}/PhoneNumbers/{number.sid}")
        except AccountRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _call(self, method: str, url: str, **request: Any) -> Mapping[str, Any]:
        try:
            answer = await self._http.ask(method, url, **request)
        except HttpTrouble as error:
            raise AccountUnreachable(f"({urlsplit(url).hostname}: {error})") from error
        row = answer.json_object()
        if answer.status not in (200, 201) or not row:
            _refuse(answer.status, row)
        return row


@asynccontextmanager
async def open_twilio_account(
    *, account_sid: str, login: tuple[str, str], base_url: str, seconds: float = 15.0
) -> AsyncIterator[TwilioAccount]:
    """Open a client for questions about the account; ``login`` as for :func:`~.twilio.open_twilio_rest`."""
    async with open_login(*login, seconds=seconds) as http:
        yield TwilioAccount(http, account_sid=account_sid, base_url=base_url.rstrip("/"))


async def find_number(account: TwilioAccount, number: str) -> Number:
    """Find a number (E.164) among the account's. Raises ConfigurationError with the numbers that there are, masked."""
    if found := await account.numbers(number):
        return found[0]
    others = ", ".join(f"…{one.number[-4:]}" for one in await account.numbers())
    there_are = f"it has {others}" if others else "it has no number"
    raise ConfigurationError([f"TWILIO_PHONE_NUMBER (…{number[-4:]}) is not a number of this account: {there_are}."])


async def service_trouble(account: TwilioAccount, sid: str, number: Number, url: str) -> str | None:
    """Say why texts to or from a number do not go through the gateway at ``url`` and this service, or None."""
    try:
        service = await account.service(sid)
    except AccountRefused as error:
        if error.status == 404:
            return f"TWILIO_MESSAGING_SERVICE_SID ({sid}) is no messaging service of this account."
        raise
    if not await account.in_pool(sid, number):
        return f"The number is not among the senders of {sid}, so replies are refused; add it to the sender pool."
    if service.asks_number or service.inbound_url.partition("#")[0] == f"{url}/sms":
        return None
    host = urlsplit(service.inbound_url).hostname
    instead = f"calls {host} for texts to it" if host else "drops texts to it"
    return (
        f"The number belongs to {sid}, which {instead}, whatever the number itself says; in the service's "
        'integration settings choose "Defer to sender\'s webhook".'
    )


def _messaging(base_url: str) -> str:
    """Return where messaging services are: a host of its own at Twilio, the same place anywhere else."""
    host = urlsplit(base_url).hostname or ""
    return base_url.replace("//api.", "//messaging.", 1) if host.endswith(".twilio.com") else base_url


def _number(row: Mapping[str, Any]) -> Number:
    able = row.get("capabilities") or {}
    return Number(
        sid=str(row.get("sid") or ""),
        number=str(row.get("phone_number") or ""),
        webhooks={name: str(row.get(key) or "") for name, key in _WEBHOOKS.items()},
        texts=able.get("sms") is not False,
        calls=able.get("voice") is not False,
    )


def _refuse(status: int, answer: Mapping[str, Any]) -> NoReturn:
    """Translate an answer that holds nothing. Twilio's own text may quote numbers, so only its code is shown."""
    code = provider_code_of(answer)
    if status == 429 or status >= 500:
        raise AccountUnreachable(f"(HTTP {status})")
    reason = {
        401: "The credentials do not fit: compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or TWILIO_API_KEY_SID and "
        "TWILIO_API_KEY_SECRET, with the console.",
        403: "The API key has no permission for this; give it one, or use a standard key.",
        404: "No such account or resource is known to these credentials; compare TWILIO_ACCOUNT_SID with the console.",
    }.get(status, "The answer is not one of Twilio's; look at TWILIO_API_BASE_URL." if not answer else "")
    raise AccountRefused(f"{reason} (HTTP {status}{f', code {code}' if code else ''})".strip(), status=status)
