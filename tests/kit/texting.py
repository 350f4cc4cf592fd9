"""A text channel without an engine: real webhooks, sender and REST client, and the pretend Twilio, on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from tandem.channels.sms.sender import SmsSender
from tandem.channels.sms.webhooks import SmsWebhooks
from tandem.channels.twilio import SignatureCheck, TwilioRest, open_twilio_rest
from tandem.conversation.outages import StoreOutage
from tandem.entries import Entry
from tandem.errors import StoreUnavailable, TandemError
from tandem.identity.phone import PhoneResolver
from tandem.model import ReplyStatus, SubjectId
from tandem.persistence.values import Outcome, Receipt
from tandem.simulator.twilio_simulator import TwilioSimulator
from tandem.web.status import error_response

from .serving import serve

ACCOUNT = "AC" + "0" * 32
TOKEN = "auth-token-0123456789abcdef0123456"
OLD_TOKEN = "old-token-0123456789abcdef01234567"
PUBLIC = "https://gateway.example"
CUSTOMER, OURS = "+14155550100", "+15550001111"


@dataclass
class Desk:
    """Stands where engine and store stand: keeps what webhooks hand in. ``down`` makes it a store that is away."""

    entries: list[tuple[SubjectId, Entry]] = field(default_factory=list)
    statuses: list[tuple[SubjectId, str, ReplyStatus, str, int | None]] = field(default_factory=list)
    down: bool = False
    identity: PhoneResolver = field(default_factory=lambda: PhoneResolver("US"))
    outage: StoreOutage = field(default_factory=StoreOutage)

    async def erased(self, key: str) -> bool:
        return False

    async def accept(self, subject: SubjectId, entries: Sequence[Entry]) -> tuple[Receipt, ...]:
        if self.down:
            raise StoreUnavailable
        known = {(who, entry.key) for who, entry in self.entries}
        fresh = [entry for entry in entries if (subject, entry.key) not in known]
        self.entries += [(subject, entry) for entry in fresh]
        return tuple(Receipt(entry.key, Outcome.ACCEPTED if entry in fresh else Outcome.DUPLICATE) for entry in entries)

    async def delivery_status(
        self,
        subject: SubjectId,
        reply_id: str,
        status: ReplyStatus,
        *,
        provider_id: str,
        error_code: int | None = None,
    ) -> bool:
        if self.down:
            raise StoreUnavailable
        self.statuses.append((subject, reply_id, status, provider_id, error_code))
        return True


@dataclass
class Texting:
    """One text channel under test."""

    sender: SmsSender
    rest: TwilioRest
    desk: Desk
    simulator: TwilioSimulator
    signatures: SignatureCheck
    gateway: str


class _Later:
    """An app that is given after its address is known."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@asynccontextmanager
async def open_texting(
    *, rest_seconds: float = 5.0, service: str | None = None, login: tuple[str, str] = (ACCOUNT, TOKEN), **options: Any
) -> AsyncIterator[Texting]:
    """Open everything on free ports. ``options`` go to the simulator."""
    later, desk = _Later(), Desk()
    async with serve(later) as gateway:
        simulator = TwilioSimulator(
            account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=gateway, public_base_url=PUBLIC, **options
        )
        async with (
            simulator,
            open_twilio_rest(
                account_sid=ACCOUNT,
                username=login[0],
                password=login[1],
                base_url=gateway,
                connect_seconds=rest_seconds,
                total_seconds=rest_seconds,
            ) as rest,
        ):
            signatures = SignatureCheck(public_base_url=PUBLIC, tokens=[TOKEN, OLD_TOKEN])
            webhooks = SmsWebhooks(desk, desk, signatures=signatures)  # type: ignore[arg-type]
            sender = SmsSender(rest, public_base_url=PUBLIC, messaging_service_sid=service)
            routes = [*webhooks.routes(), *simulator.routes()]  # one server, as in development
            later.app = Starlette(routes=routes, exception_handlers={TandemError: error_response})
            yield Texting(sender, rest, desk, simulator, signatures, gateway)
