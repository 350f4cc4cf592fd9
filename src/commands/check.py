"""``tandem check``: would the server start, and with ``--online``, would it work? Changes nothing anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..agents.mcp_tools import open_mcp_tools
from ..agents.tool_gate import put_gates
from ..errors import ConfigurationError, StoreDamaged, StoreError, StoreMissing
from ..identity.factory import open_identity, source_place
from ..knowledge.library import open_knowledge
from ..persistence.factory import open_store, store_place
from ..persistence.file.salvage import damaged_copies
from ..persistence.file_permissions import open_to
from ..settings import Settings, load_settings
from ..settings.agents_file import open_agents
from ..settings.company import CompanyFile, open_company
from ..settings.prices import without_price
from ..shop.embedded import SHOP_FILE
from .check_online import look_online, without_key
from .check_report import Report
from .check_voice import look_at_voice
from .places import data_place


async def check(*, online: bool, load: Callable[[], Settings] = load_settings) -> int:
    """Print a line for each item; return 1 when one of them is a problem, else 0."""
    report = Report()
    try:
        settings = load()
    except ConfigurationError as error:
        report.problem("settings", *error.problems)
        report.skipped("everything else", "the settings come first")
        return 1
    await _look(report, settings, online=online)
    return 1 if report.failed else 0


async def _look(report: Report, settings: Settings, *, online: bool) -> None:
    report.ok("settings", f"all fit; from {settings.source}")
    report.ok("data", f"kept in {data_place(settings)}")
    for sentence in settings.notices:
        report.notice("settings", sentence)
    _twilio_settings(report, settings)
    company = _company(report, settings)
    agents = await _agents(report, settings, company)
    look_at_voice(report, settings, company.current())
    await _customers(report, settings)
    _folder(report, "state folder", settings.state_persistence_dir)
    if mode := open_to(settings.state_persistence_dir):
        # A folder that an operator made for us may be open on purpose, say for a group that makes backups.
        told = f"{settings.state_persistence_dir} has mode {mode}: others may look into it; `chmod 700` closes it"
        report.notice("state folder", told)
    await _store(report, settings)
    for copy in damaged_copies(settings.state_persistence_dir):
        told = f"{copy} was damaged and holds customers' words; delete it when nothing more is needed"
        report.notice("set aside", told)
    if settings.shop_base_url is None:
        _folder(report, "sample shop", SHOP_FILE.parent)
    await _knowledge(report, settings)
    if settings.log_dir:
        _folder(report, "log folder", settings.log_dir)
    if online:
        await look_online(report, settings, agents)
        return
    if settings.openai_api_key is None:
        without_key(report, settings, agents)
    report.skipped("online", "not asked for; add --online")


def _twilio_settings(report: Report, settings: Settings) -> None:
    """Name what a real account needs besides its SID: each alone may be absent, together they are useless."""
    if settings.twilio_account_sid is None:
        reason = "replies cannot be sent" if settings.production else "the pretend Twilio is used"
        report.skipped("twilio settings", f"TWILIO_ACCOUNT_SID is not set: {reason}")
        return
    needed = {
        "TWILIO_AUTH_TOKEN": (settings.twilio_auth_token, "webhooks are refused, because signatures cannot be checked"),
        "TWILIO_PHONE_NUMBER": (settings.twilio_phone_number, "`tandem connect` does not know which number to use"),
        "PUBLIC_BASE_URL": (settings.public_base_url, "signatures do not fit, and no delivery is reported back"),
    }
    missing = [f"{name} is not set: {reason}." for name, (value, reason) in needed.items() if not value]
    if missing:
        report.problem("twilio settings", *missing)
    else:
        report.ok("twilio settings", "account, auth token, number and public address are set")


def _company(report: Report, settings: Settings) -> CompanyFile:
    """Return the company, an unnamed one where its files cannot be used."""
    try:
        company = open_company(settings)
    except ConfigurationError as error:
        report.problem("company", *error.problems)
        return CompanyFile(None, None, settings.voice)
    if settings.company_file or settings.instructions_file:
        report.ok("company", company.current().in_short())
        if settings.agent_path:
            report.notice("company", "name, hours and instructions reach the built-in agent, not AGENT_PATH's")
    return company


async def _agents(report: Report, settings: Settings, company: CompanyFile) -> tuple[Any, ...]:
    """Return the agents, none where one of them cannot serve."""
    try:
        choice = open_agents(settings, company).choice
        async with open_mcp_tools(*choice.all):
            tools = {name: len(put_gates(agent)) for name, agent in choice.agents.items()}
            put_gates(*choice.all)
    except ConfigurationError as error:
        report.problem("agent", *error.problems)
        return ()
    several = settings.agents_file is not None
    for name, agent in choice.agents.items():
        report.ok(f"agent {name}" if several else "agent", f"{agent.name}, {tools[name]} tools")
    try:
        for name in without_price(settings, choice.all):
            report.notice("prices", f"PRICES_FILE has no price for {name}: what it costs is not counted")
    except ConfigurationError as error:
        report.problem("prices", *error.problems)
    if several:
        report.ok("agents", f"{choice.default} answers, and by {len(choice.rules)} rules the others")
    return choice.all


async def _customers(report: Report, settings: Settings) -> None:
    try:
        async with open_identity(settings):
            report.ok("customers", f"known by {source_place(settings)}")
    except ConfigurationError as error:
        report.problem("customers", " ".join(error.problems))


def _folder(report: Report, item: str, folder: Path) -> None:
    """Try to write where a folder is, or would be made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        report.problem(item, f"{there} cannot be written to ({error.strerror}); change its owner or its mode.")
        return
    told = f"{folder} can be written to" if there == folder else f"{folder} will be made at the first start"
    report.ok(item, told)


async def _knowledge(report: Report, settings: Settings) -> None:
    try:
        async with open_knowledge(settings.knowledge_dir, quiet=True) as knowledge:
            broken, count = dict(knowledge.broken), len(knowledge)
    except ConfigurationError as error:
        report.problem("knowledge", " ".join(error.problems))
        return
    for name, reason in broken.items():
        report.notice("knowledge", f"{name} is left out: {reason}")
    place = settings.knowledge_dir or "the shipped samples; KNOWLEDGE_DIR takes your own"
    (report.ok if count else report.notice)("knowledge", f"{count} articles ({place})")


async def _store(report: Report, settings: Settings) -> None:
    try:
        async with open_store(settings, create=False) as store:
            await store.ping()
            counts = await store.counts()
    except StoreMissing:
        report.ok("store", "will be made at the first start")
    except ConfigurationError as error:
        report.problem("store", " ".join(error.problems))
    except StoreDamaged as error:
        report.problem("store", str(error))
    except StoreError as error:
        place = store_place(settings)
        report.problem("store", str(error) if place in str(error) else f"{error} Look at {place}.")
    else:
        report.ok("store", f"opens; conversations: {counts.conversations}, set aside: {counts.set_aside}")
