"""A whole gateway in the test's event loop: real HTTP in and out, a pretend Twilio, a scripted model, a file store."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BasicAuth
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from tandem.app import NO_LISTENERS, Gateway, open_gateway
from tandem.conversation.event_bus import Listener
from tandem.model import Conversation
from tandem.persistence.base import LaneStore
from tandem.settings import Settings, load_settings
from tandem.simulator.twilio_simulator import TwilioSimulator

from .model_server import Answer, ModelServer, Script
from .serving import listen, port_of, serve
from .sources import JANE, JOHN, known_everywhere, subject_of

__all__ = ["ACCOUNT", "JANE", "JOHN", "OURS", "TOKEN", "Running", "running", "running_beside", "surroundings"]

ACCOUNT = "AC" + "1" * 32
TOKEN = "test-auth-token"
OURS = "+15550001111"


@dataclass(slots=True)
class Running:
    """A gateway that runs, and the world around it."""

    twilio: TwilioSimulator
    gateway: Gateway
    store: LaneStore
    url: str
    settings: Settings
    logins: list[str]
    """Who signed in to Twilio's REST API, one name per request."""
    env: dict[str, str] = field(default_factory=dict)
    """The settings that a further gateway of the same world has, too."""
    model: ModelServer = field(default_factory=lambda: ModelServer(()))
    who: str = JOHN
    """The customer who texts and calls where no other number is given."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(15553000001))

    def another(self, script: Script | Sequence[Answer]) -> ModelServer:
        """Go on with another customer, for the next row of a table: nothing was said yet, and the model says this."""
        self.who = f"+{next(self._numbers)}"
        self.model.play(script)
        return self.model

    async def say(self, text: str, *, sender: str | None = None, sid: str | None = None) -> int:
        """Text the gateway and return its HTTP status."""
        answers = await self.twilio.text(self.who if sender is None else sender, text, to=OURS, sid=sid)
        return answers[0].status

    async def hear(self, count: int = 1, *, number: str | None = None) -> list[str]:
        """Wait until a customer has got ``count`` messages and return all that they got."""
        return [message.body for message in await self.twilio.wait_for(number or self.who, count)]

    async def ask(self, text: str, *, sender: str | None = None) -> str:
        """Text the gateway and return the next message that comes back."""
        before = len(self.twilio.sent_to(sender or self.who))
        assert await self.say(text, sender=sender) == 200
        return (await self.hear(before + 1, number=sender))[before]

    async def conversation(self, number: str | None = None) -> Conversation:
        """Return what is stored of a customer."""
        found = await self.store.conversation(subject_of(number or self.who))
        assert found is not None
        return found


def surroundings(twilio_url: str, model_url: str | None, public_url: str) -> dict[str, str]:
    """Settings by which a gateway meets its world: a pretend Twilio, and a model service if there is one."""
    model = {"OPENAI_API_KEY": "test-key", "OPENAI_BASE_URL": f"{model_url}/v1", "TRACING_ENABLED": "false"}
    return {
        "COALESCE_MS": "0",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_BASE_URL": twilio_url,
        "PUBLIC_BASE_URL": public_url,
        **(model if model_url else {}),
    }


class _Doorman:
    """Notes who signs in to an app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.logins: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"authorization":
                self.logins.append(BasicAuth.decode(value.decode()).login)
        await self._app(scope, receive, send)


@asynccontextmanager
async def running(
    folder: Path,
    model: ModelServer | None = None,
    *,
    twilio: TwilioSimulator | None = None,
    api_key: tuple[str, str] | None = None,
    port: int = 0,
    listeners: Mapping[str, Listener] = NO_LISTENERS,
    **extra: str,
) -> AsyncIterator[Running]:
    """Run a gateway on a folder; without ``model`` the offline rules answer. ``extra`` are settings,
    ``listeners`` are told of events.

    With ``twilio``, what an earlier gateway's customers got is kept: a restart, on its ``port`` if need be. ``api_key``
    is one that Twilio knows.
    """
    with listen(port) as listener, listen() as outside:  # closed, too, when something does not open
        url = f"http://127.0.0.1:{port_of(listener)}"
        simulator = TwilioSimulator(account_sid=ACCOUNT, auth_token=TOKEN, gateway_url=url, api_key=api_key)
        doorman = _Doorman(Starlette(routes=list(simulator.routes())))
        if twilio is not None:
            simulator.messages = twilio.messages
        async with (
            simulator,
            serve(doorman, listener=outside) as twilio_url,
            serve(model.app if model else Starlette()) as model_url,
            known_everywhere(extra) as identity,
        ):
            env = surroundings(twilio_url, model_url if model else None, url)
            # Longer than any test waits: neither a busy machine nor what was left held is helped by its running out.
            settings = env | {"LANE_LEASE_SECONDS": "60"} | identity | extra
            async with _one_gateway(folder, listener, simulator, doorman.logins, settings, listeners) as it:
                it.model = model or it.model
                yield it


@asynccontextmanager
async def running_beside(
    it: Running, folder: Path, model: ModelServer | None = None, *, port: int = 0, **extra: str
) -> AsyncIterator[Running]:
    """Run another gateway of the same world, over the same store and shop, with a model of its own, if any.

    ``twilio.route`` chooses between the two; ``extra`` are settings that differ. With the ``port`` of one that was
    there before, it is its restart.
    """
    async with serve(model.app if model else Starlette()) as model_url:
        env = it.env | ({"OPENAI_BASE_URL": f"{model_url}/v1"} if model else {}) | extra
        with listen(port) as listener:
            async with _one_gateway(folder, listener, it.twilio, it.logins, env) as another:
                yield another


@asynccontextmanager
async def _one_gateway(
    folder: Path,
    listener: socket.socket,
    twilio: TwilioSimulator,
    logins: list[str],
    env: dict[str, str],
    listeners: Mapping[str, Listener] = NO_LISTENERS,
) -> AsyncIterator[Running]:
    port = port_of(listener)
    settings = load_settings({"STATE_PERSISTENCE_DIR": str(folder / "state"), **env}, env_file=None)
    async with (
        open_gateway(settings, port=port, shop_file=folder / "shop.sqlite3", listeners=listeners) as gateway,
        serve(gateway.app(), listener=listener),
    ):
        url = f"http://127.0.0.1:{port}"
        yield Running(twilio, gateway, gateway.health.store, url, settings, logins, env)
