"""The part of ``tandem check`` that asks others: the model service, Twilio, and our own public address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from ..agents.model_probe import models_of, probe_models
from ..channels.twilio import SIGNATURE
from ..errors import ConfigurationError, IdentityError, StoreUnavailable
from ..identity.factory import PHONE, probe_source, source_place
from ..settings import Settings
from ..simulator.wire import sign
from ..web.http_client import HttpClient, HttpTrouble, open_http
from ..wiring import model_source, open_shop
from .check_result import CheckResult, ok, problem, skipped
from .check_twilio import look_at_twilio

SECONDS = 15.0


async def look_online(settings: Settings, agents: Sequence[Any]) -> AsyncIterator[CheckResult]:
    """Yield what the others say. There are no ``agents`` when one of them did not load."""
    yield await _model(settings, agents)
    yield await _customers(settings)
    if settings.shop_base_url is not None:
        yield await _shop(settings)
    async for finding in look_at_twilio(settings):
        yield finding
    async for finding in _public_address(settings):
        yield finding


async def _model(settings: Settings, agents: Sequence[Any]) -> CheckResult:
    if settings.openai_api_key is None:
        return without_key(settings, agents)
    if not agents:
        return skipped("model", "the agent comes first")
    probe = await probe_models(agents, model_source(settings))
    if probe.works is None:
        return skipped("model", probe.text)
    return ok("model", probe.text) if probe.works else problem("model", probe.text)


def without_key(settings: Settings, agents: Sequence[Any]) -> CheckResult:
    """Say what answers without a key; a user of their own agent would take the canned rules for it."""
    if agents and not any(models_of(agents, None)):
        return skipped("model", "the agent brings one of its own, which nothing asks")
    own = ", and call none of your own tools" if settings.agent_path or settings.agents_file else ""
    return skipped("model", f"OPENAI_API_KEY is not set: canned rules answer{own}")


async def _shop(settings: Settings) -> CheckResult:
    """Ask the business system how much it holds."""
    async with open_shop(settings, Path()) as shop:
        try:
            counts = await shop.counts()
        except StoreUnavailable as error:
            return problem("shop", f"SHOP_BASE_URL: {error.detail.strip('()')}.")
    return ok("shop", ", ".join(f"{kind}: {count}" for kind, count in counts.items()) or "answers")


async def _customers(settings: Settings) -> CheckResult:
    """Ask the source of customers about a number that nobody has."""
    if settings.subject_resolver == PHONE:
        return skipped("customers online", "SUBJECT_RESOLVER is phone: there is nobody to ask")
    try:
        await probe_source(settings)
    except (ConfigurationError, IdentityError) as error:
        return problem("customers online", f"{error} Look at {source_place(settings)}.")
    return ok("customers online", f"{source_place(settings)} answers")


async def _public_address(settings: Settings) -> AsyncIterator[CheckResult]:
    """Go the way that Twilio goes: from outside to a gateway, and then with a signature to this one."""
    if settings.public_base_url is None:
        yield skipped("public address", "PUBLIC_BASE_URL is not set")
        return
    async with open_http(seconds=SECONDS) as http:
        trouble = await _no_gateway(http, settings.public_base_url)
        if trouble:
            yield problem("public address", trouble)
            yield skipped("signature", "the public address comes first")
            return
        yield ok("public address", f"a gateway answers at {settings.public_base_url}/health")
        yield await _signature(http, settings)


async def _no_gateway(http: HttpClient, url: str) -> str | None:
    """Say why there is no gateway at an address, or None."""
    try:
        answer = await http.ask("GET", f"{url}/health")
    except HttpTrouble as error:
        return f"{url}/health does not answer ({error}); start the gateway, and the tunnel or proxy in front of it."
    status, said = answer.status, answer.json_object()
    if said.get("status") == "ok" and "version" in said:
        return None
    return f"Something else answers at {url}/health (HTTP {status}); point the tunnel or proxy at this gateway's PORT."


async def _signature(http: HttpClient, settings: Settings) -> CheckResult:
    """Ask the fallback, which keeps nothing, with a signature of ours: another gateway would refuse it."""
    if not settings.twilio_auth_token:
        return skipped("signature", "TWILIO_AUTH_TOKEN is not set")
    url = f"{settings.public_base_url}/sms/fallback"
    form = {"MessageSid": "SM" + "0" * 32}
    headers = {SIGNATURE: sign(url, form, settings.twilio_auth_token[0].get_secret_value())}
    try:
        status = (await http.ask("POST", url, data=form, headers=headers)).status
    except HttpTrouble as error:
        return problem("signature", f"{url} does not answer ({error}); try again.")
    if status == 200:
        return ok("signature", "the gateway there takes what this account signs")
    return problem(
        "signature",
        f"The gateway there refuses what this account signs (HTTP {status}): it is another one, it was started before "
        "TWILIO_AUTH_TOKEN or PUBLIC_BASE_URL changed, or a proxy rewrites requests.",
    )
