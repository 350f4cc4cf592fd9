"""Journal of a turn's tool calls, recorded where they run: it survives a model that fails afterwards.

Every call with a side effect goes through the store's ledger, so that a turn which is run again after a crash does
not do it again.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import structlog
from agents import Model, ModelBehaviorError, ModelResponse, RunHooks, Usage
from agents.items import TResponseStreamEvent
from agents.tool_context import ToolContext
from openai.types import responses as api

from ..conversation.base import Steering, ToolUse, UnknownEffect
from ..errors import StoreUnavailable
from ..guardrails.pii import mask, mask_value
from ..guardrails.thoughts import whole, whole_value
from ..model import Item, SubjectId
from ..persistence.base import LaneStore
from ..persistence.values import EffectState
from ..telemetry.traces import store_span
from .tool_gate import TOOL_FAILED, GatedTool, canonical, read_arguments, refused
from .tools.effects import ToolEffect, current_key
from .tools.outputs import as_text

log = structlog.get_logger(__name__)

UNKNOWN = (
    "It is not known whether this already happened: an earlier attempt broke off. It was not repeated. A colleague "
    "checks it; tell the customer that they will hear from us."
)
MADE = (
    "The very same call was made in this turn already, so it was not made again; what it gave then holds. Where the "
    "customer wants it twice, ask them first: it can be made again in the turn of their answer."
)
_TELLING = frozenset({ToolEffect.IN_COMMIT, ToolEffect.IDEMPOTENT})
"""Effects of tools that say what a second call does; another tool's may be meant: to ask a thing anew, to add one."""
ATTEMPTS = 3
"""How often an idempotent call that raises is tried, with the same key."""


class EffectLedger:
    """Runs calls with a side effect through the ledger, at most once per key."""

    def __init__(self, ledger: LaneStore, subject: SubjectId) -> None:
        self._ledger = ledger
        self._subject = subject
        self._token = uuid.uuid4().hex
        self._raised: dict[str, Exception | None] = {}

    def raised(self, call_id: str, error: Exception | None) -> None:
        """See :class:`.tool_gate.ToolRun`."""
        self._raised[call_id] = error

    async def run(
        self, tool: GatedTool, context: ToolContext[Any], arguments: str, *, key: str, idempotency_key: str
    ) -> tuple[str, bool] | None:
        """Return a call's output and whether it failed, now or earlier; None when it is not known what it did."""
        with store_span("effect_begin"):
            row = await self._ledger.effect_begin(self._subject, key, token=self._token)
        deeds = context.context.deeds
        if row.state is EffectState.DONE:
            # Further parts are what the call remembered and attached: the turn that was lost did not write it.
            output, failed, *more = json.loads(row.result or '["",true]')
            deeds.remembered |= more[0] if more else {}
            deeds.media += more[1] if more[1:] else ()
            return output, failed
        before, attached = dict(deeds.remembered), len(deeds.media)
        if row.state is EffectState.UNKNOWN and tool.effect is not ToolEffect.IDEMPOTENT:
            return None
        attempts = ATTEMPTS if tool.effect is ToolEffect.IDEMPOTENT else 1
        for _ in range(attempts):
            answer, error = await self._invoke(tool, context, arguments, idempotency_key)
            if error is None or _refused(error):
                break
        output = mask(whole(as_text(answer))).text
        # A call that was refused did nothing; every other end may have left something behind.
        if error is not None and not _refused(error) and (attempts > 1 or isinstance(error, TimeoutError)):
            return None
        failed = error is not None or refused(output)
        new = {name: value for name, value in deeds.remembered.items() if name not in before or before[name] != value}
        ended = [output, failed, new, deeds.media[attached:]]
        with store_span("effect_finish"):
            await self._ledger.effect_finish(self._subject, key, result=json.dumps(ended))
        return output, failed

    async def plain(self, tool: GatedTool, context: ToolContext[Any], arguments: str) -> tuple[Any, bool]:
        """Run a call that may be repeated freely; return its output and whether it failed."""
        output, error = await self._invoke(tool, context, arguments, "")
        return mask_value(whole_value(output)), error is not None or refused(str(output))

    async def _invoke(
        self, tool: GatedTool, context: ToolContext[Any], arguments: str, key: str
    ) -> tuple[Any, Exception | None]:
        """Run the tool's own code; an exception comes back as a value, whichever way the tool handles it."""
        self._raised.pop(context.tool_call_id, None)
        token = current_key.set(key)
        log.debug("tool_began", tool=tool.name, effect=tool.effect.value)
        began = time.perf_counter()
        try:
            output = await tool.invoke(context, arguments)
        except Exception as error:
            # The edge to a tool's code, which may be of any make.
            return TOOL_FAILED, error
        finally:
            current_key.reset(token)
            log.debug("tool_ended", tool=tool.name, seconds=round(time.perf_counter() - began, 4))
        if context.tool_call_id in self._raised:
            return output, self._raised[context.tool_call_id] or Exception()
        return output, None


def _refused(error: Exception) -> bool:
    """Tell whether arguments did not fit, or the tool's own code refused them, which it does by a ValueError."""
    return isinstance(error, ModelBehaviorError) or type(error) is ValueError


def _same(tool: GatedTool, arguments: str) -> str:
    """Return what a call asks for, alike for calls that ask for the same."""
    return f"{tool.name}:{canonical(arguments)}"


class Journal(EffectLedger):
    """One turn's calls, in the order in which they ended. Fulfils :class:`.tool_gate.ToolRun`."""

    def __init__(self, ledger: LaneStore, subject: SubjectId, key: str, steering: Steering) -> None:
        super().__init__(ledger, subject)
        self._key = key
        self._steering = steering
        self.busy = 0
        """Calls under way."""
        self._asked: Counter[str] = Counter()
        self._ordinals: dict[str, int] = {}
        self._made: dict[str, str] = {}
        """Ids of the calls that did something, or may have, by what they ask for: models repeat themselves."""
        self.open: dict[str, UnknownEffect] = {}
        """The side effects that began and whose end is not known, by their keys."""
        self.uses: list[ToolUse] = []
        self.model = Stopwatch()
        self.tool_seconds = 0.0
        """How long any call was under way."""
        self._busy_since = 0.0

    async def call(self, tool: GatedTool, context: ToolContext[Any], arguments: str) -> Any:
        """See :class:`.tool_gate.ToolRun`."""
        call_id, same = context.tool_call_id, _same(tool, arguments)
        if tool.effect in _TELLING and self._made.setdefault(same, call_id) != call_id:
            return self.answered(tool.name, call_id, read_arguments(arguments), MADE, failed=True)["output"]
        output: Any = TOOL_FAILED
        failed = True
        if self._steering.confirmed is not None:
            await self._steering.confirmed.wait()
        self._steering.tools_begun += 1
        if self.busy == 0:
            self._busy_since = time.perf_counter()
        self.busy += 1
        try:
            if tool.effect in (ToolEffect.NONE, ToolEffect.IN_COMMIT):
                output, failed = await self.plain(tool, context, arguments)
            else:
                output, failed = await self._with_effect(tool, context, arguments)
        finally:
            self.busy -= 1
            if self.busy == 0:
                self.tool_seconds += time.perf_counter() - self._busy_since
            if failed and not any(one.call_id == call_id for one in self.open.values()):
                self._made.pop(same, None)
            shown = mask_value(read_arguments(arguments))
            self.uses.append(ToolUse(tool.name, call_id, shown, str(output), failed))
        return output

    async def _with_effect(self, tool: GatedTool, context: ToolContext[Any], arguments: str) -> tuple[str, bool]:
        key = self._effect_key(tool, context.tool_call_id, arguments)
        known = UnknownEffect(key, context.tool_call_id, tool.name, read_arguments(arguments))
        self.open[key] = known
        try:
            ended = await self.run(tool, context, arguments, key=key, idempotency_key=key)
        except StoreUnavailable:
            # Begun or not, it cannot be told now; staff see it as unknown.
            return TOOL_FAILED, True
        if ended is None:
            return UNKNOWN, True
        del self.open[key]
        return ended

    async def decided(self, tool: GatedTool, call_id: str, arguments: str) -> bool:
        """See :class:`.tool_gate.ToolRun`: an earlier run of this turn began the call, or this one made it already."""
        made = self._made.get(_same(tool, arguments), call_id) != call_id
        return made or await self._ledger.effect_known(self._subject, self._effect_key(tool, call_id, arguments))

    def _effect_key(self, tool: GatedTool, call_id: str, arguments: str) -> str:
        """Return the ledger key of a call: by what it asks for, and how many same ones came before it."""
        same = _same(tool, arguments)
        if call_id not in self._ordinals:
            self._asked[same] += 1
            self._ordinals[call_id] = self._asked[same]
        digest = hashlib.sha256(same.encode()).hexdigest()[:24]
        return f"turn:{self._key}:{tool.name}:{digest}:{self._ordinals[call_id]}"

    def answered(self, tool: str, call_id: str, arguments: Mapping[str, Any], output: str, *, failed: bool) -> Item:
        """Note a call that was answered without being run, and return the item that answers it."""
        self.uses.append(ToolUse(tool, call_id, mask_value(arguments), output, failed))
        return {"type": "function_call_output", "call_id": call_id, "output": output}

    def unknown_tool(self, name: str, call_id: str, output: str) -> None:
        """See :class:`.tool_gate.ToolRun`."""
        self.uses.append(ToolUse(name, call_id, {}, output, failed=True, known=False))

    def items(self, *, since: int = 0) -> tuple[Item, ...]:
        """Return the calls from ``since`` on, with their outputs, as plain items: history for a run that broke off."""
        items: list[Item] = []
        for use in self.uses[since:]:
            call = {"type": "function_call", "call_id": use.call_id, "name": use.name}
            items.append({**call, "arguments": json.dumps(dict(use.arguments))})
            items.append({"type": "function_call_output", "call_id": use.call_id, "output": use.output})
        return tuple(items)


class ApprovedCall(EffectLedger):
    """The execution of one decided call: this call and no other, once. Fulfils :class:`.tool_gate.ToolRun`."""

    def __init__(
        self,
        ledger: LaneStore,
        subject: SubjectId,
        *,
        call_id: str,
        key: str,
        idempotency_key: str,
        arguments: str,
    ) -> None:
        super().__init__(ledger, subject)
        self._call_id = call_id
        self._key = key
        self._idempotency_key = idempotency_key
        self._arguments = arguments
        self.reached = False
        self.ended: tuple[str, bool] | None = None
        """Output and whether it failed; None although reached: not known."""

    def unknown_tool(self, name: str, call_id: str, output: str) -> None:
        """See :class:`.tool_gate.ToolRun`: nothing is asked beside the decided call."""

    async def decided(self, tool: GatedTool, call_id: str, arguments: str) -> bool:
        """See :class:`.tool_gate.ToolRun`: staff decided about this call, and about no other."""
        return call_id == self._call_id

    async def call(self, tool: GatedTool, context: ToolContext[Any], arguments: str) -> Any:
        """See :class:`.tool_gate.ToolRun`."""
        if context.tool_call_id != self._call_id or self.reached:
            return "not executed"
        self.reached = True
        given = self._arguments
        if tool.effect in (ToolEffect.NONE, ToolEffect.IN_COMMIT):
            # Nothing of it is kept unless this decision is committed, so running it again after a crash is right.
            output, failed = await self.plain(tool, context, given)
            self.ended = str(output), failed
        else:
            self.ended = await self.run(tool, context, given, key=self._key, idempotency_key=self._idempotency_key)
        return self.ended[0] if self.ended else UNKNOWN


class OneCallModel(Model):
    """Asks once for one call (its tool, arguments and id), where there is one; then says nothing."""

    def __init__(self, call: tuple[str, str, str] | None = None) -> None:
        self._call = call

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        """Return the call, later nothing."""
        call, self._call = self._call, None
        output: list[Any] = []
        if call is not None:
            tool, arguments, id = call
            output = [api.ResponseFunctionToolCall(
                type="function_call", name=tool, arguments=arguments, call_id=id, id=id
            )]  # fmt: skip
        return ModelResponse(output=output, usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[TResponseStreamEvent]:
        """Refuse: a decided call is run without streaming."""
        raise TypeError("a decided call is not streamed")


class Stopwatch(RunHooks[Any]):
    """Measures the model calls of one turn: what is left of the turn is ours. The runner takes it as its hooks."""

    def __init__(self) -> None:
        self._total = 0.0
        self._asked: float | None = None

    @property
    def seconds(self) -> float:
        """Return how long the model was asked so far, a call that was cut off included."""
        running = time.perf_counter() - self._asked if self._asked is not None else 0.0
        return self._total + running

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Note that the model is asked."""
        log.debug("model_asked")
        self._asked = time.perf_counter()

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        """Note that the model has answered."""
        self._total, self._asked = self.seconds, None
        log.debug("model_answered", seconds_in_all=round(self._total, 4))
