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
from .agents.model_source import open_models
from .agents.runner import RunLimits, SdkRunner, warm_up
from .agents.shop import open_embedded_shop
from .channels.base import error_response
from .channels.sms import SmsAdapter
from .channels.voice import VoiceAdapter
from .channels.voice_call import CallRules
from .channels.voice_token import SocketTokens
from .conversation import phrases
from .conversation.delivery import Delivery
from .conversation.engine import TurnEngine
from .errors import StoreUnavailable, TandemError
from .health import Health
from .identity.base import Resolution
from .identity.phone import PhoneResolver
from .parts import (
    auth_tokens,
    configuration,
    engine_limits,
    gateway_agent,
    model_source,
    open_twilio,
    staff_tokens,
    voice_ways,
)
from .persistence.chosen import open_store
from .settings import Settings, load_settings
from .staff.api import StaffApi
from .staff.auth import StaffTokens
from .staff.desk import ApprovalDesk

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
        twilio = await open_twilio(settings, stack, address)
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
