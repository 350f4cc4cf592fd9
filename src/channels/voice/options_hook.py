"""Options per call: what the settings say, and what an operator's own function changes of it.

The function gets an :class:`IncomingCall` and returns a mapping of options, :class:`VoiceOptions`, or None. A caller
never waits long for it, and nothing that it does wrong costs a call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import iscoroutinefunction
from typing import Any

import structlog
from pydantic import ValidationError

from ... import own_code
from .parties import Parties
from .voice_options import VoiceOptions

log = structlog.get_logger(__name__)

SETTING = "VOICE_OPTIONS_PATH"
HOOK_SECONDS = 0.5
"""How long the caller waits for the function: the phone is ringing meanwhile."""
MOST_THREADS = 16
"""Calls of a function that never returns; past that it is not called any more."""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call whose options are wanted: the customer's number, and ours that was ``called``.

    ``parameters`` are those of Twilio's webhook.
    """

    sid: str
    caller: str
    called: str
    at: datetime
    parameters: Mapping[str, str]


Hook = Callable[[IncomingCall], Any]
AgentOptions = Callable[[IncomingCall], Awaitable[Mapping[str, Any]]]


async def no_options(call: IncomingCall) -> Mapping[str, Any]:
    """Return that nothing differs."""
    return {}


class OptionsPerCall:
    """Chooses the options of each call.

    ``line`` gives those of the line, which may change between calls; ``agent`` what differs for the agent that answers.
    """

    def __init__(
        self, line: Callable[[], VoiceOptions], agent: AgentOptions = no_options, hook: Hook | None = None
    ) -> None:
        self._line = line
        self._agent = agent
        self._hook = hook
        self._threads = 0

    @property
    def base(self) -> VoiceOptions:
        """Return the options of the line."""
        return self._line()

    async def choose(self, form: Mapping[str, str]) -> VoiceOptions:
        """Return the options of the call that a webhook's form is about. Never fails."""
        parties = Parties.of_form(form)
        customer, ours = str(parties.customer), str(parties.ours)
        call = IncomingCall(form.get("CallSid", ""), customer, ours, datetime.now(UTC), dict(form))
        options = self.base
        try:
            options = _changed(options, await self._agent(call))
            if self._hook is not None:
                async with asyncio.timeout(HOOK_SECONDS):
                    answer = await self._ask(call)
                options = _changed(options, answer)
        except TimeoutError:
            log.warning("voice_options_ignored", reason="too_slow")
        except ValidationError as error:
            names = sorted({".".join(map(str, one["loc"])) for one in error.errors(include_input=False)})
            log.warning("voice_options_ignored", reason="unfit", options=names)
        except Exception as error:
            # The function is somebody else's code: whatever it does, the call is answered.
            log.warning("voice_options_ignored", reason=type(error).__name__)
        return options

    async def _ask(self, call: IncomingCall) -> Any:
        assert self._hook is not None
        if iscoroutinefunction(self._hook):
            return await self._hook(call)
        if self._threads >= MOST_THREADS:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        # A thread that no exit waits for: a function that hangs must not keep the server from stopping.
        threading.Thread(target=self._work, args=(self._hook, call, loop, answer), daemon=True).start()
        self._threads += 1
        return await answer

    def _work(
        self, hook: Hook, call: IncomingCall, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any]
    ) -> None:
        found: Any = None
        failed: Exception | None = None
        try:
            found = hook(call)
        except Exception as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(self._answered, answer, found, failed)

    def _answered(self, answer: asyncio.Future[Any], found: Any, failed: Exception | None) -> None:
        self._threads -= 1
        if answer.done():  # nobody waits any more
            return
        if failed is None:
            answer.set_result(found)
        else:
            answer.set_exception(RuntimeError() if isinstance(failed, StopIteration) else failed)


def _changed(options: VoiceOptions, answer: Any) -> VoiceOptions:
    if isinstance(answer, VoiceOptions):
        return options.changed(answer.chosen())
    return options.changed(answer) if answer else options


def load_hook(path: str) -> Hook:
    """Load the function that ``VOICE_OPTIONS_PATH`` names. Raises ConfigurationError."""
    found: Hook = own_code.load(SETTING, path)
    if not callable(found):
        raise own_code.wrong(SETTING, path, f"is a {type(found).__name__}, not a function")
    if not own_code.takes(found, None):
        raise own_code.wrong(SETTING, path, "must take one argument, the call")
    return found
