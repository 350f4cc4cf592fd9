"""The parts that settings name, files and code of the operator's own, read together: every fault is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..channels.voice.options_hook import OptionsPerCall, load_hook
from ..conversation.translations import Translations, load_translations
from ..errors import ConfigurationError
from ..staff.ready_replies import ReadyReply, load_ready_replies
from .agents_file import GatewayAgents, open_agents
from .company import CompanyFile, open_company
from .prices import read_prices
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of a gateway, as they were read."""

    company: CompanyFile
    agents: GatewayAgents
    translations: Translations
    replies: tuple[ReadyReply, ...]
    options: OptionsPerCall


def read_parts(settings: Settings) -> Parts:
    """Read the company, the agents, the sentences and all else. Raises ConfigurationError with every fault of each."""
    problems: list[str] = []
    company = CompanyFile(None, None, settings.voice)  # in place of one that cannot be used: the agents need some
    with _noted(problems):
        company = open_company(settings)
    with _noted(problems):
        agents = open_agents(settings, company)
    with _noted(problems):
        translations = load_translations(settings.phrases_dir, own=lambda: company.current().sentences)
    with _noted(problems):
        replies = load_ready_replies(settings.replies_file)
    with _noted(problems):
        hook = load_hook(settings.voice_options_path) if settings.voice_options_path else None
        options = OptionsPerCall(lambda: company.current().voice, lambda call: agents.options(call), hook)
    with _noted(problems):
        read_prices(settings)
    if problems:
        raise ConfigurationError(problems)
    return Parts(company, agents, translations, replies, options)


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """Note what does not fit, and go on."""
    try:
        yield
    except ConfigurationError as error:
        problems += error.problems
