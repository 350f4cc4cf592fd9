"""The pretend Twilio's account: its numbers and messaging services, read and changed by REST.

Protocol: twilio.com/docs/iam/api/account, /docs/phone-numbers/api/incomingphonenumber-resource,
/docs/messaging/api/service-resource. Knows nothing of the gateway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tandem.simulator.http import error, not_found, refusal
from tandem.simulator.wire import new_sid

_ADDRESSES = ("sms_url", "sms_fallback_url", "voice_url", "voice_fallback_url", "status_callback")
_METHODS = ("sms_method", "sms_fallback_method", "voice_method", "voice_fallback_method", "status_callback_method")
_SIDS = ("sms_application_sid", "voice_application_sid", "trunk_sid")
_CHANGEABLE = frozenset({*_ADDRESSES, *_METHODS, *_SIDS, "friendly_name"})

Row = dict[str, Any]


@dataclass(slots=True)
class SimAccount:
    """One account. ``status`` is active, suspended or closed; ``type`` is Full or Trial. Rows are by their SIDs."""

    sid: str
    status: str = "active"
    type: str = "Full"
    numbers: dict[str, Row] = field(default_factory=dict)
    services: dict[str, Row] = field(default_factory=dict)
    pools: dict[str, set[str]] = field(default_factory=dict)

    def add_number(self, number: str, **fields: Any) -> str:
        """Buy a number; ``fields`` are the resource's, as the REST API names them. Return its SID."""
        sid = new_sid("PN")
        self.numbers[sid] = {
            "sid": sid,
            "account_sid": self.sid,
            "phone_number": number,
            "friendly_name": number,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            **dict.fromkeys(_ADDRESSES, ""),
            **dict.fromkeys(_METHODS, "POST"),
            **dict.fromkeys(_SIDS, ""),
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{self.sid}/IncomingPhoneNumbers/{sid}.json",
            **fields,
        }
        return sid

    def add_service(self, sid: str, *, numbers: Sequence[str] = (), **fields: Any) -> None:
        """Make a messaging service with these numbers (E.164) of the account among its senders."""
        self.services[sid] = {
            "sid": sid,
            "account_sid": self.sid,
            "inbound_request_url": None,
            "fallback_url": None,
            "use_inbound_webhook_on_number": False,
            **fields,
        }
        self.pools[sid] = {key for key, row in self.numbers.items() if row["phone_number"] in numbers}


class AccountApi:
    """Serves one account. ``logins`` are the pairs of name and password that may enter."""

    def __init__(self, account: SimAccount, logins: Set[tuple[str, str]]) -> None:
        self._account = account
        self._logins = logins

    def routes(self) -> Sequence[BaseRoute]:
        """Name the REST routes; all need the login."""
        numbers = "/2010-04-01/Accounts/{account}/IncomingPhoneNumbers"
        return (
            Route("/2010-04-01/Accounts/{account}.json", self._fetch, methods=["GET"]),
            Route(f"{numbers}.json", self._list, methods=["GET"]),
            Route(f"{numbers}/{{number}}.json", self._update, methods=["POST"]),
            Route("/v1/Services/{service}", self._service, methods=["GET"]),
            Route("/v1/Services/{service}/PhoneNumbers/{number}", self._sender, methods=["GET"]),
        )

    async def _fetch(self, request: Request) -> Response:
        # A standard API key may do everything but this (docs/api/errors/20003).
        main = {(name, password) for name, password in self._logins if name == self._account.sid}
        if refused := refusal(request, self._account.sid, main):
            return refused
        account = self._account
        return JSONResponse({"sid": account.sid, "status": account.status, "type": account.type})

    async def _list(self, request: Request) -> Response:
        """List numbers; as at Twilio, ``PhoneNumber`` also finds those that only contain it."""
        if refused := refusal(request, self._account.sid, self._logins):
            return refused
        wanted = request.query_params.get("PhoneNumber", "")
        rows = [row for row in self._account.numbers.values() if wanted in row["phone_number"]]
        return JSONResponse({"incoming_phone_numbers": rows, "page": 0, "page_size": 50, "next_page_uri": None})

    async def _update(self, request: Request) -> Response:
        if refused := refusal(request, self._account.sid, self._logins):
            return refused
        row = self._account.numbers.get(request.path_params["number"])
        if row is None:
            return not_found()
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        changes = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): value for name, value in form.items()}
        for name in _ADDRESSES:
            if not re.match(r"https?://[^/\s]|$", changes.get(name, "")):
                return error(400, 21502, f"{name} is not a valid URL")
        row.update({name: value for name, value in changes.items() if name in _CHANGEABLE})
        return JSONResponse(row)

    async def _service(self, request: Request) -> Response:
        if refused := refusal(request, self._account.sid, self._logins):
            return refused
        row = self._account.services.get(request.path_params["service"])
        return JSONResponse(row) if row else not_found()

    async def _sender(self, request: Request) -> Response:
        if refused := refusal(request, self._account.sid, self._logins):
            return refused
        sid = request.path_params["number"]
        if sid not in self._account.pools.get(request.path_params["service"], ()):
            return not_found()
        return JSONResponse({"sid": sid, "phone_number": self._account.numbers[sid]["phone_number"]})
