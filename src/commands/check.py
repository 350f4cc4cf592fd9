"""``tandem check``: would the server start, and with ``--online``, would it work? Changes nothing anywhere."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
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
from .check_result import CheckResult, State, notice, ok, problem, skipped
from .check_voice import voice_findings
from .places import data_place


async def check(*, online: bool, load: Callable[[], Settings] = load_settings) -> int:
    """Print a line for each item; return 1 when one of them is a problem, else 0."""
    code = 0
    async for finding in _look(load, online=online):
        print(finding, flush=True)
        if finding.state is State.PROBLEM:
            code = 1
    return code


async def _look(load: Callable[[], Settings], *, online: bool) -> AsyncIterator[CheckResult]:
    try:
        settings = load()
    except ConfigurationError as error:
        for sentence in error.problems:
            yield problem("settings", sentence)
        yield skipped("everything else", "the settings come first")
        return
    yield ok("settings", f"all fit; from {settings.source}")
    yield ok("data", f"kept in {data_place(settings)}")
    for sentence in settings.notices:
        yield notice("settings", sentence)
    for finding in _twilio_settings(settings):
        yield finding
    company, findings = _company(settings)
    for finding in findings:
        yield finding
    agents, findings = await _agents(settings, company)
    for finding in findings:
        yield finding
    for finding in voice_findings(settings, company.current()):
        yield finding
    yield await _customers(settings)
    yield _folder("state folder", settings.state_persistence_dir)
    for finding in _open_folder(settings.state_persistence_dir):
        yield finding
    yield await _store(settings)
    for finding in _set_aside(settings.state_persistence_dir):
        yield finding
    if settings.shop_base_url is None:
        yield _folder("sample shop", SHOP_FILE.parent)
    async for finding in _knowledge(settings):
        yield finding
    if settings.log_dir:
        yield _folder("log folder", settings.log_dir)
    if not online:
        if settings.openai_api_key is None:
            yield without_key(settings, agents)
        yield skipped("online", "not asked for; add --online")
        return
    async for finding in look_online(settings, agents):
        yield finding


def _twilio_settings(settings: Settings) -> Iterator[CheckResult]:
    """Name what a real account needs besides its SID: each alone may be absent, together they are useless."""
    if settings.twilio_account_sid is None:
        reason = "replies cannot be sent" if settings.production else "the pretend Twilio is used"
        yield skipped("twilio settings", f"TWILIO_ACCOUNT_SID is not set: {reason}")
        return
    needed = {
        "TWILIO_AUTH_TOKEN": (settings.twilio_auth_token, "webhooks are refused, because signatures cannot be checked"),
        "TWILIO_PHONE_NUMBER": (settings.twilio_phone_number, "`tandem connect` does not know which number to use"),
        "PUBLIC_BASE_URL": (settings.public_base_url, "signatures do not fit, and no delivery is reported back"),
    }
    missing = [f"{name} is not set: {reason}" for name, (value, reason) in needed.items() if not value]
    for sentence in missing:
        yield problem("twilio settings", f"{sentence}.")
    if not missing:
        yield ok("twilio settings", "account, auth token, number and public address are set")


def _company(settings: Settings) -> tuple[CompanyFile, list[CheckResult]]:
    """Return the company, an unnamed one where its files cannot be used, and what was found."""
    try:
        company = open_company(settings)
    except ConfigurationError as error:
        return CompanyFile(None, None, settings.voice), [problem("company", sentence) for sentence in error.problems]
    if settings.company_file is None and settings.instructions_file is None:
        return company, []
    findings = [ok("company", company.current().in_short())]
    if settings.agent_path:
        findings.append(notice("company", "name, hours and instructions reach the built-in agent, not AGENT_PATH's"))
    return company, findings


async def _agents(settings: Settings, company: CompanyFile) -> tuple[tuple[Any, ...], list[CheckResult]]:
    """Return the agents, none where one of them cannot serve, and what was found."""
    try:
        choice = open_agents(settings, company).choice
        async with open_mcp_tools(*choice.all):
            tools = {name: len(put_gates(agent)) for name, agent in choice.agents.items()}
            put_gates(*choice.all)
    except ConfigurationError as error:
        return (), [problem("agent", sentence) for sentence in error.problems]
    several = settings.agents_file is not None
    findings = [
        ok(f"agent {name}" if several else "agent", f"{agent.name}, {tools[name]} tools")
        for name, agent in choice.agents.items()
    ]
    try:
        findings += [
            notice("prices", f"PRICES_FILE has no price for {name}: what it costs is not counted")
            for name in without_price(settings, choice.all)
        ]
    except ConfigurationError as error:
        findings += [problem("prices", sentence) for sentence in error.problems]
    if several:
        findings.append(ok("agents", f"{choice.default} answers, and by {len(choice.rules)} rules the others"))
    return choice.all, findings


async def _customers(settings: Settings) -> CheckResult:
    try:
        async with open_identity(settings):
            return ok("customers", f"known by {source_place(settings)}")
    except ConfigurationError as error:
        return problem("customers", " ".join(error.problems))


def _folder(item: str, folder: Path) -> CheckResult:
    """Try to write where a folder is, or would be made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return problem(item, f"{there} cannot be written to ({error.strerror}); change its owner or its mode.")
    return ok(item, f"{folder} can be written to" if there == folder else f"{folder} will be made at the first start")


def _open_folder(folder: Path) -> Iterator[CheckResult]:
    if mode := open_to(folder):
        # A folder that somebody made for us may be open on purpose, say for a group that makes backups.
        yield notice("state folder", f"{folder} has mode {mode}: others may look into it; `chmod 700` closes it")


def _set_aside(folder: Path) -> Iterator[CheckResult]:
    for copy in damaged_copies(folder):
        yield notice(
            "set aside", f"{copy} was damaged and holds customers' words; delete it when nothing more is needed"
        )


async def _knowledge(settings: Settings) -> AsyncIterator[CheckResult]:
    try:
        async with open_knowledge(settings.knowledge_dir, quiet=True) as knowledge:
            broken, count = dict(knowledge.broken), len(knowledge)
    except ConfigurationError as error:
        yield problem("knowledge", " ".join(error.problems))
        return
    for name, reason in broken.items():
        yield notice("knowledge", f"{name} is left out: {reason}")
    place = settings.knowledge_dir or "the shipped samples; KNOWLEDGE_DIR takes your own"
    yield ok("knowledge", f"{count} articles ({place})")


async def _store(settings: Settings) -> CheckResult:
    try:
        async with open_store(settings, create=False) as store:
            await store.ping()
            counts = await store.counts()
    except StoreMissing:
        return ok("store", "will be made at the first start")
    except ConfigurationError as error:
        return problem("store", " ".join(error.problems))
    except StoreDamaged as error:
        return problem("store", str(error))
    except StoreError as error:
        place = store_place(settings)
        return problem("store", str(error) if place in str(error) else f"{error} Look at {place}.")
    return ok("store", f"opens; conversations: {counts.conversations}, set aside: {counts.set_aside}")
