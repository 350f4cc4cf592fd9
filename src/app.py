"""The composition root: settings in, one running gateway out. Opens everything with ``async with``, in order."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from .agents.callers import Callers
from .agents.model_source import ModelSource, open_models
from .agents.runner import RunLimits, SdkRunner, warm_up
from .agents.shop import open_embedded_shop
from .agents.support import build_support_agent, load_agent
from .channels.base import error_response
from .channels.simulator import TwilioSimulator
from .channels.sms import SmsAdapter
from .channels.twilio import SignatureCheck, TwilioRest, open_twilio_rest
from .channels.voice import VoiceAdapter, Ways
from .channels.voice_call import CallRules
from .channels.voice_token import SocketTokens
from .conversation import phrases
from .conversation.base import EngineLimits
from .conversation.delivery import Delivery
from .conversation.engine import TurnEngine
from .development_secret import development_secret
from .errors import StoreUnavailable, TandemError
from .health import Health
from .identity.base import Resolution
from .identity.phone import PhoneResolver
from .persistence.chosen import open_store
from .settings import Settings, load_settings
from .staff.api import StaffApi
from .staff.auth import DEVELOPER, TOKEN_FILE, StaffTokens
from .staff.desk import ApprovalDesk

SAMPLE_ACCOUNT_SID = "AC" + "0" * 32
"""Names the pretend account while no real one is configured."""
SAMPLE_NUMBER = "+15550001111"
"""The gateway's own number while none is configured; 555 numbers belong to nobody."""
SHOP_FILE = Path("data/shop.sqlite3")
GC_THRESHOLDS = (50_000, 20, 50)
"""Collections in the middle of speech are what concurrent calls feel; see docs/decisions/0006."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: what to serve, and how to stop it without cutting a turn."""

    routes: tuple[BaseRoute, ...]
    engine: TurnEngine
    health: Health

    async def drain(self, seconds: float) -> bool:
        """Answer readiness with 503 from now on and finish what runs; return whether it ended in time."""
        self.health.draining = True
        return await self.engine.drain(seconds)

    def app(self, **arguments: Any) -> Starlette:
        """Return the ASGI app that serves this gateway."""
        return Starlette(routes=list(self.routes), exception_handlers={TandemError: error_response}, **arguments)


def create_app() -> Starlette:
    """Return the app for a server of your own: ``uvicorn --factory tandem.app:create_app``.

    Settings are read when this is called; raises ConfigurationError. ``tandem serve`` also drains on SIGTERM.
    """
    settings = load_settings()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_gateway(settings) as gateway:
            app.router.routes.extend(gateway.routes)
            yield
            await gateway.drain(settings.drain_seconds)

    return Starlette(lifespan=lifespan, exception_handlers={TandemError: error_response})


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, port: int | None = None, shop_file: Path = SHOP_FILE
) -> AsyncIterator[Gateway]:
    """Open everything that a gateway needs. ``port`` is where it is served, when ``PORT`` does not say."""
    async with AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{port or settings.port}"
        agent = gateway_agent(settings)
        store = await stack.enter_async_context(open_store(settings))
        shop = await stack.enter_async_context(open_embedded_shop(shop_file, settings.sample_customer_phone))
        models = await stack.enter_async_context(open_models(model_source(settings)))
        runner = SdkRunner(
            agent,
            models=models.provider,
            callers=Callers(shop, store, region=settings.default_region),
            ledger=store,
            limits=RunLimits(settings.max_turns, settings.turn_timeout_ms / 1000),
            workflow_name=settings.workflow_name,
            tracing=settings.tracing_enabled and settings.openai_api_key is not None,
        )
        await warm_up()
        delivery = Delivery(store, lease=settings.lane_lease_seconds)
        engine = TurnEngine(store=store, runner=runner, delivery=delivery, limits=engine_limits(settings))
        twilio = await _twilio(settings, stack, address)
        sms = SmsAdapter(
            resolver=PhoneResolver(settings.default_region),
            inbox=engine,
            statuses=engine,
            signatures=twilio.signatures,
            rest=twilio.rest,
            public_base_url=settings.public_base_url or address,
            messaging_service_sid=settings.twilio_messaging_service_sid,
            number=settings.twilio_phone_number,
        )
        delivery.add(sms)

        async def greet(resolution: Resolution) -> str:
            try:
                customer = await shop.customer_by_phone(resolution.phone) if resolution.phone else None
            except StoreUnavailable:
                customer = None  # a greeting without a name is better than none
            return phrases.greeting(customer.name.split()[0] if customer else None)

        public = settings.public_base_url or address
        voice = VoiceAdapter(
            engine=engine,
            store=store,
            resolver=PhoneResolver(settings.default_region),
            signatures=twilio.signatures,
            tokens=SocketTokens(auth_tokens(settings)[0] if auth_tokens(settings) else ""),
            ways=voice_ways(settings, public),
            rules=CallRules(
                first_token_timeout=settings.first_token_timeout_ms / 1000,
                silence=settings.silence_seconds,
                longest=settings.call_max_seconds,
                transfers=settings.human_transfer_number is not None,
            ),
            greet=greet,
            warm=models.warm,
        )
        delivery.add(voice)
        health = Health(
            store,
            shop,
            (agent.name,),
            configuration(settings),
            refused_signatures=lambda: twilio.signatures.refused,
            open_calls=lambda: voice.open_calls,
        )
        await stack.enter_async_context(engine)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        staff = StaffApi(
            ApprovalDesk(store, engine, runner), StaffTokens(staff_tokens(settings)), region=settings.default_region
        )
        yield Gateway(
            (*sms.routes(), *voice.routes(), *staff.routes(), *health.routes(), *twilio.routes), engine, health
        )


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
class _Twilio:
    signatures: SignatureCheck
    rest: TwilioRest
    routes: tuple[BaseRoute, ...] = ()


async def _twilio(settings: Settings, stack: AsyncExitStack, address: str) -> _Twilio:
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
    return _Twilio(signatures, rest, routes)


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
