"""The agent of a soak: a scripted model, and tools that pay at a bank outside. All of it is outside the gateway."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.kit.model_server import Answer

from .soak_journal import ANSWER, OUTCOME, Journal, words

AGENT = '''
import asyncio, json, os, urllib.request
from agents import Agent, function_tool
from tandem.agents.tools.effects import idempotency_key, idempotent

def post(word, key):
    body = json.dumps({"word": word, "key": key}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["BANK_URL"], body), timeout=10).read()

@idempotent
@function_tool(needs_approval=True)
async def pay(word: str) -> str:
    """Pay; the bank knows the key."""
    await asyncio.to_thread(post, word, idempotency_key())
    return "paid"

@function_tool(needs_approval=True)
async def pay_blindly(word: str) -> str:
    """Pay; the bank pays whatever it is asked."""
    await asyncio.to_thread(post, word, None)
    return "paid"

agent = Agent("cashier", tools=[pay, pay_blindly], model="scripted")
'''
"""The module that AGENT_PATH names; it is written into the replicas' working folder."""


def script(journal: Journal) -> Any:
    """Return the model: it repeats the customer's words, asks for payments, and tells outcomes."""

    def answer(request: dict[str, Any]) -> Answer:
        items = request["input"]
        journal.counts["model requests"] += 1
        journal.asked(items)
        tail = _tail(items)
        notes = [item for item in tail if item.get("role") == "system" and "staff desk" in str(item.get("content"))]
        said = [str(item["content"]) for item in tail if item.get("role") == "user"]
        called = any(item.get("type") == "function_call" for item in tail)
        spoken = " ".join(word for text in said for word in words(text))
        if notes and not said:
            return Answer(f"{OUTCOME} {words(notes[-1]['content'])[0]}")
        paying = [text for text in said if text.startswith("pay")]
        if paying and not called:
            return Answer(calls=[(text.split()[0], {"word": words(text)[0]}) for text in paying])
        return Answer(f"{ANSWER} {spoken}", gap=random.choice((0.0, 0.0, 0.02)))  # noqa: S311

    return answer


def _tail(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items of this turn: what follows the last answer."""
    last = max((index for index, item in enumerate(items) if item.get("role") == "assistant"), default=-1)
    return items[last + 1 :]


def bank(journal: Journal) -> Starlette:
    """Return the business system: it honours keys, pays otherwise whatever it is asked, and keeps count."""
    keys: set[str] = set()

    async def pay(request: Request) -> Response:
        body = await request.json()
        await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311
        if body["key"] is None or body["key"] not in keys:
            journal.paid[body["word"]] += 1
            keys.add(body["key"] or "")
        await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311
        return JSONResponse({"paid": True})

    return Starlette(routes=[Route("/pay", pay, methods=["POST"])])
