"""Wiring: each part of the gateway, made from the settings in its own terms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from .agents.models import ModelSource
from .channels.sms.pictures import open_pictures
from .channels.sms.sender import SmsSender
from .channels.twilio import SignatureCheck, TwilioRest, open_twilio_rest
from .channels.voice.call_registry import CallRegistry
from .channels.voice.parties import AttestationRule
from .channels.voice.sender import VoiceSender
from .channels.voice.voice_config import CallRules, VoiceAddresses
from .conversation.base import EngineLimits, FetchPictures, Sender
from .conversation.bounds import Bounds
from .conversation.event_bus import Listener
from .conversation.opening_hours import Hours
from .identity.analytics import ADDRESSES, open_analytics
from .identity.base import Identity
from .persistence.base import LaneStore
from .settings import Settings
from .settings.company import CompanyFile
from .settings.development import (
    SAMPLE_ACCOUNT_SID,
    SAMPLE_NUMBER,
    auth_tokens,
    our_number,
    simulated,
    staff_scopes,
    staff_tokens,
)
from .shop.base import Shop
from .shop.embedded import open_embedded_shop, reset_embedded_shop
from .shop.http import open_http_shop
from .simulator.phone import PhoneLine
from .simulator.twilio_simulator import TwilioSimulator
from .staff.auth import StaffTokens, no_others
from .staff.development_pages import demo_reset, phone_pages, signed_in
from .staff.notifier import open_notifier
from .staff.page_files import PageFiles
from .staff.scopes import Scope
from .staff.single_sign_on import Provider
from .telemetry.logs import configure_logging
from .telemetry.streams import forgive
from .web.loopback import from_outside


def open_log(settings: Settings) -> None:
    """Open the log of this process; every replica has the key of its labels. Raises ConfigurationError."""
    forgive()
    tokens, given = auth_tokens(settings), settings.log_label_key
    configure_logging(
        level=settings.log_level,
        production=settings.production,
        folder=settings.log_dir,
        secrets=(*settings.secrets(), *tokens, *staff_tokens(settings).values()),
        key=given.get_secret_value() if given else next(iter(tokens), None),
    )


def open_shop(settings: Settings, file: Path) -> AbstractAsyncContextManager[Shop]:
    """Open the business data: ``SHOP_BASE_URL``'s, or the sample shop in a file."""
    if settings.shop_base_url is None:
        return open_embedded_shop(file, settings.sample_customer_phone)
    key = settings.shop_api_key
    return open_http_shop(settings.shop_base_url, key.get_secret_value() if key else None)


def engine_limits(settings: Settings, hours: Hours) -> EngineLimits:
    """Translate settings (milliseconds) into the engine's bounds (seconds)."""
    return EngineLimits(
        coalesce=settings.coalesce_ms / 1000,
        lease=settings.lane_lease_seconds,
        history_max_items=settings.history_max_items,
        history_max_chars=settings.history_max_chars,
        # Without a model there is nobody to wait for.
        unfolded_max_items=settings.history_max_items if settings.openai_api_key else 0,
        state_max_age=settings.state_max_age / 1000,
        context_max_age=settings.context_max_age / 1000,
        max_input_chars=settings.max_input_chars,
        rate_per_minute=settings.rate_limit_per_minute,
        approval_timeout=settings.approval_timeout_seconds,
        second_above=None if (limit := settings.approval_second_above) is None else int(limit * 100),
        bounds=Bounds(
            spoken_turns=settings.max_spoken_turns_per_hour,
            tickets=settings.max_tickets_per_hour,
            texts=settings.max_texts_per_hour,
            waiting_requests=settings.max_waiting_requests,
            requests_per_turn=settings.max_requests_per_turn,
        ),
        ask_rating=settings.ask_rating,
        hours=hours,
        contact=settings.contact,
        template=settings.whatsapp_template_sid is not None,
        own_number=our_number(settings),
    )


def voice_ways(settings: Settings, public: str) -> VoiceAddresses:
    """Return the addresses of the voice channel; without its own setting, the socket is beside the webhooks."""
    socket = settings.twilio_websocket_url or f"wss://{public.partition('://')[2]}/conversation-relay"
    base, number = public.rstrip("/"), settings.human_transfer_number
    digits = settings.human_transfer_digits
    return VoiceAddresses(base, socket.rstrip("/"), number, digits, our_number(settings), max_calls=settings.max_calls)


def call_rules(settings: Settings, hours: Hours) -> CallRules:
    """Return what holds for every call, seconds."""
    return CallRules(
        first_token_timeout=settings.first_token_timeout_ms / 1000,
        silence=settings.silence_seconds,
        longest=settings.call_max_seconds,
        preemptive=settings.preemptive_turns,
        transfers=settings.human_transfer_number is not None,
        attestation=AttestationRule(settings.caller_attestation),
        hours=hours,
        contact=settings.contact,
    )


def senders(settings: Settings, rest: TwilioRest, calls: CallRegistry, public: str) -> tuple[Sender, ...]:
    """Return what sends replies, one sender per channel's provider. ``public`` is the gateway's address."""
    number, service = settings.twilio_phone_number, settings.twilio_messaging_service_sid
    template = settings.whatsapp_template_sid
    return (
        SmsSender(rest, public_base_url=public, messaging_service_sid=service, number=number, template=template),
        VoiceSender(calls, number=number),
    )


def configuration(settings: Settings, company: CompanyFile) -> dict[str, Any]:
    """Return what ``/status`` says of the configuration now; numbers masked, no secret."""
    number = settings.twilio_phone_number
    return {
        "company": company.current().name,
        "companyProblem": company.problem,
        "twilioConfigured": settings.twilio_account_sid is not None and bool(settings.twilio_auth_token),
        "openaiConfigured": settings.openai_api_key is not None,
        "phoneNumber": f"…{number[-4:]}" if number else None,
        "subjectResolver": settings.subject_resolver,
        "segmentConfigured": settings.segment_write_key is not None,
        "segmentProfileApiConfigured": bool(settings.segment_profile_api_token and settings.segment_space_id),
        "persistenceAdapter": settings.persistence_adapter,
        "model": (settings.agent_model or "default") if settings.openai_api_key else OFFLINE,
    }


OFFLINE = "offline (canned rules, no language model)"


@dataclass(frozen=True, slots=True)
class TwilioSide:
    """The way to Twilio, and the routes of the pretend one where that is used."""

    signatures: SignatureCheck
    rest: TwilioRest
    simulator: TwilioSimulator | None = None
    pictures: FetchPictures | None = None

    @property
    def routes(self) -> tuple[BaseRoute, ...]:
        """Return the pretend one's routes."""
        return tuple(self.simulator.routes()) if self.simulator else ()


async def open_twilio(
    settings: Settings, stack: AsyncExitStack, address: str, refused: Callable[[], None]
) -> TwilioSide:
    """Open the way to Twilio, or the pretend one, from ``address``; ``refused`` is told of unsigned requests."""
    tokens = auth_tokens(settings)
    signatures = SignatureCheck(
        public_base_url=settings.public_base_url or address,
        tokens=tokens,
        required=settings.twilio_validate_signatures,
        missing="" if settings.twilio_auth_token else "TWILIO_AUTH_TOKEN",
        refused=refused,
    )
    account = settings.twilio_account_sid or SAMPLE_ACCOUNT_SID
    username, password = settings.twilio_login or (account, tokens[0] if tokens else "")
    base_url = settings.twilio_api_base_url
    simulator = None
    if simulated(settings):
        simulator = await stack.enter_async_context(
            TwilioSimulator(
                account_sid=account,
                auth_token=tokens[0],
                gateway_url=address,
                public_base_url=settings.public_base_url,
            )
        )
        username, password, base_url = account, tokens[0], address
    rest = await stack.enter_async_context(
        open_twilio_rest(account_sid=account, username=username, password=password, base_url=base_url)
    )
    if not settings.model_sees:
        return TwilioSide(signatures, rest, simulator)
    pictures = open_pictures(username=username, password=password, base_url=base_url)
    return TwilioSide(signatures, rest, simulator, await stack.enter_async_context(pictures))


def phone_routes(
    settings: Settings, files: PageFiles, tokens: StaffTokens, simulator: TwilioSimulator | None, shop_file: Path
) -> tuple[BaseRoute, ...]:
    """Return the routes of the phone in the browser, which only a development server has."""
    if settings.production:
        return ()
    ours = settings.twilio_phone_number or SAMPLE_NUMBER
    line = PhoneLine(simulator, ours, settings.default_region, signed_in(tokens))
    made_up = () if settings.shop_base_url else demo_reset(tokens, lambda: reset_embedded_shop(shop_file))
    return (*phone_pages(files), *line.routes(), *made_up)


def may_look(settings: Settings, tokens: StaffTokens) -> Callable[[Request], bool]:
    """Return what tells whether a request may see metrics and the details of the status.

    That is so on ``METRICS_PORT``, with a token that may read, and on the machine of a development server.
    """
    known = signed_in(tokens, Scope.READ)

    def check(request: Request) -> bool:
        server = request.scope.get("server") or ("", 0)
        inner = settings.metrics_port != 0 and server[1] == settings.metrics_port
        return inner or known(request) or not (settings.production or from_outside(request))

    return check


def staff_at_the_desk(settings: Settings, store: LaneStore) -> StaffTokens:
    """Return what knows the colleagues at the desk: by their tokens, and by the provider where there is one."""
    provider = sign_on_provider(settings)
    return StaffTokens(
        staff_tokens(settings),
        scopes=staff_scopes(settings),
        public=settings.public_base_url,
        sso_secret=provider.client_secret if provider else "",
        others=store.colleagues if provider else no_others,
    )


def sign_on_provider(settings: Settings) -> Provider | None:
    """Return the provider where colleagues sign in, if there is one."""
    if not (settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret):
        return None
    return Provider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        scopes=settings.oidc_scopes,
        scopes_claim=settings.oidc_scopes_claim,
        name_claim=settings.oidc_name_claim,
    )


def model_source(settings: Settings) -> ModelSource:
    """Say where the models are."""
    key = settings.openai_api_key
    return ModelSource(
        api_key=key.get_secret_value() if key else None,
        base_url=settings.openai_base_url,
        mode=settings.openai_api_mode,
        default=settings.agent_model,
        call_timeout=settings.stream_timeout_ms / 1000,
        hold_thoughts=settings.hold_thoughts,
    )


async def open_listeners(
    settings: Settings, stack: AsyncExitStack, identity: Identity, public: str
) -> dict[str, Listener]:
    """Open the listeners that the settings ask for. ``public`` is the gateway's address.

    Opened before the engine, they hear what it does last.
    """
    listeners: dict[str, Listener] = {}
    if settings.segment_write_key is not None:
        analytics = await stack.enter_async_context(
            open_analytics(
                settings.segment_api_url or ADDRESSES[settings.segment_region],
                settings.segment_write_key.get_secret_value(),
                known=identity.known,
                must_know=settings.subject_resolver == "segment",
            )
        )
        listeners["segment"] = analytics.hear
    if settings.staff_webhook_url is not None:
        secret = settings.staff_webhook_secret
        notifier = await stack.enter_async_context(
            open_notifier(
                settings.staff_webhook_url.get_secret_value(),
                desk=f"{public}/staff",
                secret=secret.get_secret_value() if secret else None,
            )
        )
        listeners["staff-webhook"] = notifier.hear
    return listeners
