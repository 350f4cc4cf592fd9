"""``tandem top``: what gateways do just now, and what waits in their store, in the terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from ..errors import ConfigurationError
from ..settings import Settings
from ..settings.development import staff_tokens

ASK_SECONDS = 5.0
CLEAR = "\x1b[H\x1b[2J"
COLUMNS = ("gateway", "state", "calls", "turns", "turns/s", "failed/s", "5xx/s")
WIDTH = 34


@dataclass(frozen=True, slots=True)
class Sample:
    """Answer of one gateway. ``figures`` are sums over all labels by name, ``state`` is why there are none."""

    url: str
    state: str
    at: float
    figures: Mapping[str, float]


async def top(settings: Settings, urls: Sequence[str], *, every: float, once: bool) -> int:
    """Show the gateways at ``urls`` until interrupted, or ``once``; return 1 when none of them answers, else 0.

    Without any, it is the one at ``PORT`` of this machine. Raises ConfigurationError.
    """
    urls = [url.rstrip("/") for url in urls] or [f"http://127.0.0.1:{settings.port}"]
    if not all(url.startswith(("http://", "https://")) for url in urls):
        raise ConfigurationError(["tandem top takes addresses such as http://10.0.0.5:9101."])
    token = next(iter(staff_tokens(settings).values()), "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=False) as session:
        before: Mapping[str, Sample] = {}
        while True:
            samples = await asyncio.gather(*(_ask(session, url) for url in urls))
            shown = "\n".join(drawn(samples, before))
            print(f"{CLEAR if sys.stdout.isatty() and not once else ''}{shown}", flush=True)
            if once:
                return 0 if any(one.figures for one in samples) else 1
            before = {one.url: one for one in samples}
            await asyncio.sleep(every)


async def _ask(session: aiohttp.ClientSession, url: str) -> Sample:
    began = time.monotonic()
    try:
        async with session.get(f"{url}/metrics") as response:
            page = await response.text() if response.status == 200 else ""
            refused = f"HTTP {response.status}"
        async with session.get(f"{url}/health/ready") as ready:
            state = str((await ready.json()).get("status", ready.status)) if page else refused
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Sample(url, type(error).__name__, began, {})
    return Sample(url, state, began, summed(page))


def summed(page: str) -> Mapping[str, float]:
    """Return the figures of a page of /metrics by name, and what failed by a name of its own."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            found[one.name] = found.get(one.name, 0.0) + one.value
            if one.name == "tandem_turns_total" and one.labels["outcome"] not in ("answered", "interrupted"):
                found["failed"] = found.get("failed", 0.0) + one.value
            if one.name == "tandem_webhook_answers_total" and one.labels["code"].startswith("5"):
                found["5xx"] = found.get("5xx", 0.0) + one.value
    return found


def drawn(samples: Sequence[Sample], before: Mapping[str, Sample]) -> list[str]:
    """Return the lines to show: one per gateway, then the store that they share."""
    lines = ["".join(f"{name:<{WIDTH}}" if n == 0 else f"{name:>12}" for n, name in enumerate(COLUMNS))]
    for one in samples:
        figures, earlier = one.figures, before.get(one.url)
        rates = [_rate(one, earlier, name) for name in ("tandem_turns_total", "failed", "5xx")]
        calls, turns = (_whole(figures.get(name)) for name in ("tandem_open_calls", "tandem_turns_running"))
        cells = (one.state, calls, turns, *rates)
        lines.append(f"{one.url[:WIDTH]:<{WIDTH}}" + "".join(f"{cell:>12}" for cell in cells))
    store = next((one.figures for one in samples if one.figures.get("tandem_store_up") == 1), None)
    if store is None:
        told = any(one.figures for one in samples)
        return [*lines, "", f"store        {'does not answer' if told else 'no gateway is there to tell of it'}"]
    return [*lines, "", *_stored(store)]


def _stored(figures: Mapping[str, float]) -> list[str]:
    """Return the lines about the store."""

    def count(name: str) -> str:
        return _whole(figures[f"tandem_{name}"])

    def age(name: str) -> str:
        return f"{figures[f'tandem_{name}_oldest_seconds']:.1f} s"

    return [
        f"store        {count('conversations')} conversations, {count('set_aside')} set aside",
        f"lanes        waiting longest: {age('entry')}",
        f"outbox       waiting longest: {age('reply')}",
        f"approvals    {count('approvals_pending')} wait, longest: {age('approval')}",
        f"events out   {count('events_waiting')} wait, {count('events_untold')} were not told",
    ]


def _rate(now: Sample, before: Sample | None, name: str) -> str:
    if before is None or not before.figures or not now.figures or now.at <= before.at:
        return "-"
    grown = now.figures.get(name, 0.0) - before.figures.get(name, 0.0)
    return f"{max(0.0, grown) / (now.at - before.at):.1f}"  # a gateway that was restarted begins at 0


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
