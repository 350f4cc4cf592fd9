"""The sample shop, lines to the support agent over any model, and single tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from agents import Model, set_tracing_disabled
from agents.tool_context import ToolContext

from tandem.agents.offline.model import OfflineModel
from tandem.agents.support import build_support_agent
from tandem.agents.tools.effects import current_key
from tandem.shop.base import Shop
from tandem.shop.embedded import EmbeddedShop, open_embedded_shop

from ...kit.callers import caller_of
from ...kit.line import Line


@pytest.fixture(autouse=True)
def _no_tracing() -> None:
    set_tracing_disabled(True)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    async with open_embedded_shop(tmp_path / "shop.sqlite3") as opened:
        yield opened


@pytest.fixture
def line(shop: EmbeddedShop) -> Any:
    """Open a conversation: ``line(phone)`` with the offline model, ``line(phone, model)`` with another."""

    def open_line(phone: str | None, model: Model | None = None, other_shop: Shop | None = None) -> Line:
        return Line(other_shop or shop, phone, model or OfflineModel(), build_support_agent(None))

    return open_line


@pytest.fixture
def use(shop: EmbeddedShop) -> Any:
    """Call one tool as the SDK would: ``await use(tool, phone or caller, **arguments)``; returns its answer as text.

    ``key`` is the call's idempotency key.
    """

    async def call(tool: Any, who: Any, *, key: str = "key-1", **arguments: Any) -> str:
        caller = caller_of(shop, who) if who is None or isinstance(who, str) else who
        text = json.dumps(arguments)
        context = ToolContext(caller, tool_name=tool.name, tool_call_id="call_1", tool_arguments=text)
        token = current_key.set(key)
        try:
            return str(await tool.on_invoke_tool(context, text))
        finally:
            current_key.reset(token)

    return call


class BrokenShop:
    """A shop whose every answer is an error with words that no customer may see."""

    async def customer_by_phone(self, phone: str) -> Any:
        raise RuntimeError("secret: connection string postgres://user:password@db")
