"""The composition root: settings in, one running gateway out. Opens everything with ``async with``, in order."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from .agents.caller_context import CallerContexts
from .agents.mcp_tools import open_mcp_tools
from .agents.models import ModelAccess, open_models
from .agents.runner import RunLimits, SdkRunner, warm_up
from .agents.summariser import Summariser
from .agents.trace_export import set_up_tracing
from .channels.sms.webhooks import SmsWebhooks
from .channels.voice.call_registry import CallRegistry
from .channels.voice.reception import NameOf, Reception
from .channels.voice.socket_token import SocketTokens
from .channels.voice.webhooks import VoiceWebhooks
from .conversation.engine import TurnEngine
from .conversation.event_bus import EventBus, Listener
from .errors import StoreUnavailable, TandemError
from .health import Health
from .identity.base import Resolution
from .identity.factory import PHONE, open_identity
from .knowledge.library import open_knowledge
from .persistence.announcements import Announcements
from .persistence.base import LaneStore
from .persistence.factory import open_store
from .settings import Settings, load_settings
from .settings.agents_file import GatewayAgents
from .settings.company import people_hours
from .settings.development import auth_tokens, our_number
from .settings.parts import read_parts
from .settings.prices import priced
from .shop.base import Shop
from .shop.embedded import SHOP_FILE
from .staff.aliases import Aliases
from .staff.event_stream import StaffEvents
from .staff.event_types import EventTypes
from .staff.event_webhook import open_event_webhook
from .staff.figures import open_figure_book
from .staff.page_files import PageFiles
from .staff.routes import staff_routes
from .staff.session import StaffSession
from .staff.single_sign_on import open_single_sign_on
from .telemetry.debug_log import DebugLog
from .telemetry.metrics import Metrics
from .telemetry.traces import open_traces
from .web.loopback import Unforwarded
from .web.status import error_response
from .wiring import (
    call_rules,
    configuration,
    engine_limits,
    may_look,
    model_source,
    open_listeners,
    open_log,
    open_shop,
    open_twilio,
    phone_routes,
    senders,
    sign_on_provider,
    staff_at_the_desk,
    voice_ways,
)

NO_LISTENERS: Final[Mapping[str, Listener]] = MappingProxyType({})
GREETING_SECONDS = 1.0
"""How long the caller's name is waited for; the phone is ringing meanwhile."""
LAST_TURNS_SECONDS = 10.0
"""How long turns may take that run when the last call has gone, although the time to drain is over."""
GC_THRESHOLDS = (50_000, 20, 50)
"""Collections in the middle of speech are what concurrent calls feel; see docs/decisions/0006."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: what to serve, and how to stop it without cutting a turn."""

    routes: tuple[BaseRoute, ...]
    engine: TurnEngine
    health: Health
    live: StaffEvents
    calls: CallRegistry

    async def drain(self, seconds: float) -> bool:
        """Answer readiness with 503 from now on and finish what runs; return whether it ended in time.

        Live calls go on for ``seconds`` and are then moved to another replica; all else works until they have gone.
        """
        self.health.draining = True
        self.live.close()
        began = asyncio.get_running_loop().time()
        await self.calls.leave(seconds)
        left = seconds - (asyncio.get_running_loop().time() - began)
        return await self.engine.drain(max(left, min(seconds, LAST_TURNS_SECONDS)))

    def app(self, **arguments: Any) -> Starlette:
        """Return the ASGI app that serves this gateway."""
        return Starlette(routes=list(self.routes), exception_handlers={TandemError: error_response}, **arguments)


def create_app() -> Starlette:
    """Return the app for a server of your own: ``uvicorn --factory tandem.app:create_app``.

    Settings are read when this is called; raises ConfigurationError. The log is the gateway's, without the server's
    access log, and addresses that a proxy forwards are not trusted. ``tandem serve`` also drains on SIGTERM and bounds
    connections.
    """
    settings = load_settings()
    open_log(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_gateway(settings) as gateway:
            app.router.routes.extend(gateway.routes)
            yield
            await gateway.drain(settings.drain_seconds)

    return Starlette(
        lifespan=lifespan, exception_handlers={TandemError: error_response}, middleware=[Middleware(Unforwarded)]
    )


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    port: int | None = None,
    figures: Path | None = None,
    shop_file: Path = SHOP_FILE,
    listeners: Mapping[str, Listener] = NO_LISTENERS,
    dropped_connections: Callable[[], int] = int,
) -> AsyncIterator[Gateway]:
    """Open everything that a gateway needs. ``port`` is where it is served, when ``PORT`` does not say.

    ``figures`` is the folder of those that the workers of one server share, if this is one of several.
    ``listeners`` are told what happens, beside the gateway's own; see docs/events.md. ``dropped_connections`` tells how
    many connections the server closed for passing a bound.
    """
    async with AsyncExitStack() as stack:
        address = f"http://127.0.0.1:{port or settings.port}"
        public = settings.public_base_url or address
        endpoint, personal = settings.otel_exporter_otlp_endpoint, settings.traces_personal
        await stack.enter_async_context(open_traces(endpoint, personal=personal))
        source = model_source(settings)
        set_up_tracing(enabled=settings.tracing_enabled, api_key=source.api_key, base_url=source.base_url)
        parts = read_parts(settings)
        company, agents, translations = parts.company, parts.agents, parts.translations
        hours = people_hours(settings, company)
        await stack.enter_async_context(open_mcp_tools(*agents.choice.all))
        store = await stack.enter_async_context(open_store(settings))
        identity = await stack.enter_async_context(open_identity(settings))
        shop = await stack.enter_async_context(open_shop(settings, shop_file))
        knowledge = await stack.enter_async_context(open_knowledge(settings.knowledge_dir))
        models = await stack.enter_async_context(open_models(source))
        callers = CallerContexts(
            shop,
            store,
            region=settings.default_region,
            knowledge=knowledge,
            facts=identity.facts if settings.subject_resolver != PHONE else None,  # a number says nothing of its owner
            hours=hours,
            transfers=settings.human_transfer_number is not None,
        )
        runner = _runner(settings, agents, models, callers, store)
        spending = priced(settings, agents.choice.all, runner, store)
        await warm_up()
        metrics = Metrics(figures)
        tokens = staff_at_the_desk(settings, store)
        known = next(iter(auth_tokens(settings)), "")  # to every replica
        aliases = Aliases(known)
        live = await stack.enter_async_context(StaffEvents(store, tokens, aliases))
        book = await stack.enter_async_context(open_figure_book(store))
        told = await open_listeners(settings, stack, identity, public)
        if settings.events_webhook_url is not None:
            url = settings.events_webhook_url.get_secret_value()
            told["events-webhook"] = await _event_webhook(url, settings, stack, store, aliases)
        if settings.log_level == "debug":
            told["debug-log"] = DebugLog(runner.checks.tools).hear
        twilio = await open_twilio(settings, stack, address, metrics.refused)
        calls = CallRegistry(metrics)
        engine = TurnEngine(
            store=store,
            runner=spending or runner,
            identity=identity,
            senders=senders(settings, twilio.rest, calls, public),
            bus=EventBus({"metrics": metrics.hear, "figures": book.hear, "staff-page": live.hear, **told, **listeners}),
            limits=engine_limits(settings, hours),
            summarise=Summariser(models.provider) if settings.openai_api_key else None,
            pictures=twilio.pictures,
            translations=translations,
        )
        await stack.enter_async_context(engine)
        sms = SmsWebhooks(
            engine,
            store,
            signatures=twilio.signatures,
            several_lanes=settings.subject_resolver != PHONE,
            pictures=settings.model_sees,
        )
        voice = VoiceWebhooks(
            engine,
            calls,
            store=store,
            signatures=twilio.signatures,
            tokens=SocketTokens(known),
            ways=voice_ways(settings, public),
            rules=call_rules(settings, hours),
            reception=Reception(store, parts.options, translations, _namer(callers, shop)),
            warm=models.warm,
            rest=twilio.rest,
        )
        health = Health(
            store,
            shop,
            agents.choice.names,
            lambda: configuration(settings, company),
            dropped_connections=dropped_connections,
            metrics=metrics,
            may_look=may_look(settings, tokens),
            running_turns=lambda: engine.running,
            cost=spending.figures if spending else lambda: None,
        )
        _leave_what_is_there_uncollected()
        pages = PageFiles()
        staff = staff_routes(
            store,
            shop,
            engine,
            runner.checks,
            tokens,
            aliases,
            replies=parts.replies,
            region=settings.default_region,
            ours=our_number(settings),
            call=voice.call_back,
            takes_next=not settings.production,
        )
        provider = sign_on_provider(settings)
        session = StaffSession(tokens, made_token=not settings.staff_tokens, sso=provider is not None)
        sign_on = await stack.enter_async_context(open_single_sign_on(provider, tokens, store, public=public))
        routes = (
            *metrics.counted((*sms.routes(), *voice.routes())),
            *staff,
            *sign_on,
            *(route for part in (session, pages, live, health) for route in part.routes()),
            *twilio.routes,
            *phone_routes(settings, pages, tokens, twilio.simulator, shop_file),
        )
        yield Gateway(routes, engine, health, live, calls)


def _runner(
    settings: Settings, agents: GatewayAgents, models: ModelAccess, callers: CallerContexts, store: LaneStore
) -> SdkRunner:
    return SdkRunner(
        agents.choice,
        models=models.provider,
        callers=callers,
        ledger=store,
        limits=RunLimits(settings.max_turns, settings.turn_timeout_ms / 1000, settings.stream_timeout_ms / 1000),
        workflow_name=settings.workflow_name,
        tracing=settings.tracing_enabled and settings.openai_api_key is not None,
    )


async def _event_webhook(
    url: str, settings: Settings, stack: AsyncExitStack, store: LaneStore, aliases: Aliases
) -> Listener:
    """Have the store announce what happens, and tell it to another system."""
    types = EventTypes(settings.events_webhook_kinds, personal=settings.events_webhook_personal)
    store.storage.announced = types.announced
    webhook = await stack.enter_async_context(
        open_event_webhook(
            Announcements(store.storage),
            url,
            types=types,
            aliases=aliases,
            secrets=[secret.get_secret_value() for secret in settings.events_webhook_secret],
        )
    )
    return webhook.hear


def _namer(callers: CallerContexts, shop: Shop) -> NameOf:
    async def name_of(resolution: Resolution) -> str:
        callers.profiles.expect(resolution.subject, resolution.phone)  # what they will say first should find it there
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                customer = await shop.customer_by_phone(resolution.phone) if resolution.phone else None
        except (StoreUnavailable, TimeoutError):
            return ""  # a greeting without a name is better than none
        return customer.name if customer else ""

    return name_of


def _leave_what_is_there_uncollected() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
