"""``tandem cleanup``, which ``scripts/cleanup.py`` runs from cron: a purge of the store and one line about it."""

from __future__ import annotations

import sys

from ..conversation.base import EngineLimits
from ..conversation.history import fresh
from ..errors import ConfigurationError, StoreError
from ..model import Conversation
from ..persistence.factory import open_store
from ..settings import Settings


async def cleanup(settings: Settings, *, hours: int, dry_run: bool) -> int:
    """Delete what nothing touched for ``hours``; return 1 when something failed or there is no store, else 0.

    Before, what became too old for a window is folded into its summary, by rules.
    """
    limits = EngineLimits(state_max_age=settings.state_max_age / 1000, context_max_age=settings.context_max_age / 1000)

    def folded(conversation: Conversation, now: float) -> Conversation:
        return fresh(conversation, limits, now=now)

    try:
        async with open_store(settings, create=False) as store:
            number = await store.fold(folded, older_than=limits.state_max_age, dry_run=dry_run)
            report = await store.purge(older_than=hours * 3600.0, dry_run=dry_run)
    except (StoreError, ConfigurationError) as error:
        print(f"cleanup: failed. {error}", file=sys.stderr)
        return 1
    counts = " ".join(f"{kind}={number}" for kind, number in sorted(report.deleted.items()))
    did = "would delete" if dry_run else "deleted"
    folding = f" folded={number}" if number else ""
    print(f"cleanup: {did} {counts} failed={report.failed}{folding} (untouched for {_span(hours)})")
    return 1 if report.failed else 0


def _span(hours: int) -> str:
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"
