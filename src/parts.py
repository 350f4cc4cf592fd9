"""What the settings come to: each part of the gateway in its own terms."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute

from .agents.model_source import ModelSource
from .agents.support import build_support_agent, load_agent
from .channels.simulator import TwilioSimulator
from .channels.twilio import SignatureCheck, TwilioRest, open_twilio_rest
from .channels.voice import Ways
from .conversation.base import EngineLimits
from .development_secret import development_secret
from .settings import Settings
from .staff.auth import DEVELOPER, TOKEN_FILE

SAMPLE_ACCOUNT_SID = "AC" + "0" * 32
"""Names the pretend account while no real one is configured."""
SAMPLE_NUMBER = "+15550001111"
"""The gateway's own number while none is configured; 555 numbers belong to nobody."""


def gateway_agent(settings: Settings) -> Any:  # an SDK agent; only agents/ may name the type
    """Return the agent that serves: ``AGENT_PATH``'s, or the built-in one. Raises ConfigurationError."""
    if settings.agent_path:
        return load_agent(settings.agent_path)
    return build_support_agent(
        settings.agent_model,
        name=settings.workflow_name,
        refund_threshold_cents=int(settings.refund_approval_threshold * 100),
    )


def engine_limits(settings: Settings) -> EngineLimits:
    """Translate settings (milliseconds) into the engine's bounds (seconds)."""
    return EngineLimits(
        coalesce=settings.coalesce_ms / 1000,
        lease=settings.lane_lease_seconds,
        history_max_items=settings.history_max_items,
        state_max_age=settings.state_max_age / 1000,
        context_max_age=settings.context_max_age / 1000,
        max_input_chars=settings.max_input_chars,
        rate_per_minute=settings.rate_limit_per_minute,
        approval_timeout=settings.approval_timeout_seconds,
    )


def voice_ways(settings: Settings, public: str) -> Ways:
    """Return the addresses of the voice channel; without its own setting, the socket is beside the webhooks."""
    socket = settings.twilio_websocket_url or f"wss://{public.partition('://')[2]}/conversation-relay"
    return Ways(
        base_url=public.rstrip("/"),
        socket_url=socket.rstrip("/"),
        number=settings.twilio_phone_number,
        transfer_number=settings.human_transfer_number,
        max_calls=settings.max_calls,
    )


def configuration(settings: Settings) -> dict[str, Any]:
    """Return what ``/status`` says of the configuration; numbers masked, no secret."""
    number = settings.twilio_phone_number
    return {
        "twilioConfigured": settings.twilio_account_sid is not None and bool(settings.twilio_auth_token),
        "openaiConfigured": settings.openai_api_key is not None,
        "phoneNumber": f"…{number[-4:]}" if number else None,
        "subjectResolver": settings.subject_resolver,
        "segmentConfigured": False,
        "segmentProfileApiConfigured": False,
        "persistenceAdapter": settings.persistence_adapter,
        "model": (settings.agent_model or "default") if settings.openai_api_key else OFFLINE,
    }


OFFLINE = "offline (canned rules, no language model)"


def simulated(settings: Settings) -> bool:
    """Say whether replies go to the pretend Twilio: in development, as long as no account is configured."""
    return not settings.production and settings.twilio_account_sid is None


def auth_tokens(settings: Settings) -> tuple[str, ...]:
    """Return the tokens that check signatures; in development without one, the generated secret."""
    tokens = tuple(token.get_secret_value() for token in settings.twilio_auth_token)
    return tokens if tokens or settings.production else (development_secret(settings.state_persistence_dir),)


def staff_tokens(settings: Settings) -> dict[str, str]:
    """Return the tokens that staff sign in with, by name; in development without one, a generated developer's."""
    tokens = {name: token.get_secret_value() for name, token in settings.staff_tokens.items()}
    if tokens or settings.production:
        return tokens
    return {DEVELOPER: development_secret(settings.state_persistence_dir, TOKEN_FILE)}


@dataclass(frozen=True, slots=True)
class TwilioSide:
    """The way to Twilio, and the routes of the pretend one where that is used."""

    signatures: SignatureCheck
    rest: TwilioRest
    routes: tuple[BaseRoute, ...] = ()


async def open_twilio(settings: Settings, stack: AsyncExitStack, address: str) -> TwilioSide:
    """Open the way to Twilio, or the pretend one. ``address`` is where this gateway is served."""
    tokens = auth_tokens(settings)
    signatures = SignatureCheck(
        public_base_url=settings.public_base_url or address,
        tokens=tokens,
        required=settings.twilio_validate_signatures,
        missing="" if settings.twilio_auth_token else "TWILIO_AUTH_TOKEN",
    )
    account = settings.twilio_account_sid or SAMPLE_ACCOUNT_SID
    username, password = settings.twilio_login or (account, tokens[0] if tokens else "")
    base_url = settings.twilio_api_base_url
    routes: tuple[BaseRoute, ...] = ()
    if simulated(settings):
        simulator = await stack.enter_async_context(
            TwilioSimulator(
                account_sid=account,
                auth_token=tokens[0],
                gateway_url=address,
                public_base_url=settings.public_base_url,
            )
        )
        username, password, base_url, routes = account, tokens[0], address, tuple(simulator.routes())
    rest = await stack.enter_async_context(
        open_twilio_rest(account_sid=account, username=username, password=password, base_url=base_url)
    )
    return TwilioSide(signatures, rest, routes)


def model_source(settings: Settings) -> ModelSource:
    """Say where the models are."""
    key = settings.openai_api_key
    return ModelSource(
        api_key=key.get_secret_value() if key else None,
        base_url=settings.openai_base_url,
        mode=settings.openai_api_mode,
        default=settings.agent_model,
        call_timeout=settings.stream_timeout_ms / 1000,
    )
