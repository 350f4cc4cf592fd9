"""The part of ``tandem check`` that asks others: the model service, Twilio, and our own public address."""

from __future__ import annotations

from collections.abc import Sequence
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
from .check_report import Report
from .check_twilio import look_at_twilio

SECONDS = 15.0


async def look_online(report: Report, settings: Settings, agents: Sequence[Any]) -> None:
    """Tell what the others say. There are no ``agents`` when one of them did not load."""
    await _model(report, settings, agents)
    await _customers(report, settings)
    if settings.shop_base_url is not None:
        await _shop(report, settings)
    await look_at_twilio(report, settings)
    await _public_address(report, settings)


async def _model(report: Report, settings: Settings, agents: Sequence[Any]) -> None:
    if settings.openai_api_key is None:
        without_key(report, settings, agents)
        return
    if not agents:
        report.skipped("model", "the agent comes first")
        return
    probe = await probe_models(agents, model_source(settings))
    if probe.works is None:
        report.skipped("model", probe.text)
    elif probe.works:
        report.ok("model", probe.text)
    else:
        report.problem("model", probe.text)


def without_key(report: Report, settings: Settings, agents: Sequence[Any]) -> None:
    """Say what answers without a key; a user of their own agent would take the canned rules for it."""
    if agents and not any(models_of(agents, None)):
        report.skipped("model", "the agent brings one of its own, which nothing asks")
        return
    own = ", and call none of your own tools" if settings.agent_path or settings.agents_file else ""
    report.skipped("model", f"OPENAI_API_KEY is not set: canned rules answer{own}")


async def _shop(report: Report, settings: Settings) -> None:
    """Ask the business system how much it holds."""
    async with open_shop(settings, Path()) as shop:
        try:
            counts = await shop.counts()
        except StoreUnavailable as error:
            report.problem("shop", f"SHOP_BASE_URL: {error.detail.strip('()')}.")
            return
    report.ok("shop", ", ".join(f"{kind}: {count}" for kind, count in counts.items()) or "answers")


async def _customers(report: Report, settings: Settings) -> None:
    """Ask the source of customers about a number that nobody has."""
    if settings.subject_resolver == PHONE:
        report.skipped("customers online", "SUBJECT_RESOLVER is phone: there is nobody to ask")
        return
    try:
        await probe_source(settings)
    except (ConfigurationError, IdentityError) as error:
        report.problem("customers online", f"{error} Look at {source_place(settings)}.")
    else:
        report.ok("customers online", f"{source_place(settings)} answers")


async def _public_address(report: Report, settings: Settings) -> None:
    """Go the way that Twilio goes: from outside to a gateway, and then with a signature to this one."""
    if settings.public_base_url is None:
        report.skipped("public address", "PUBLIC_BASE_URL is not set")
        return
    async with open_http(seconds=SECONDS) as http:
        trouble = await _no_gateway(http, settings.public_base_url)
        if trouble:
            report.problem("public address", trouble)
            report.skipped("signature", "the public address comes first")
            return
        report.ok("public address", f"a gateway answers at {settings.public_base_url}/health")
        await _signature(report, http, settings)


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


async def _signature(report: Report, http: HttpClient, settings: Settings) -> None:
    """Ask the fallback, which keeps nothing, with a signature of ours: another gateway would refuse it."""
    if not settings.twilio_auth_token:
        report.skipped("signature", "TWILIO_AUTH_TOKEN is not set")
        return
    url = f"{settings.public_base_url}/sms/fallback"
    form = {"MessageSid": "SM" + "0" * 32}
    headers = {SIGNATURE: sign(url, form, settings.twilio_auth_token[0].get_secret_value())}
    try:
        status = (await http.ask("POST", url, data=form, headers=headers)).status
    except HttpTrouble as error:
        report.problem("signature", f"{url} does not answer ({error}); try again.")
        return
    if status == 200:
        report.ok("signature", "the gateway there takes what this account signs")
        return
    report.problem(
        "signature",
        f"The gateway there refuses what this account signs (HTTP {status}): it is another one, it was started before "
        "TWILIO_AUTH_TOKEN or PUBLIC_BASE_URL changed, or a proxy rewrites requests.",
    )
