"""Runs turns on the OpenAI Agents SDK. The only module that knows Runner and RunState."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import structlog
from agents import (
    Agent,
    Model,
    ModelProvider,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunState,
    ToolApprovalItem,
    UserError,
)
from agents.result import RunResult, RunResultStreaming

from ..conversation.approvals import joined, waiting_output
from ..conversation.base import Execution, GatedCall, TurnRequest, TurnResult
from ..conversation.bounds import Tokens, used
from ..conversation.history import KEEPER, OWN_CONTEXT, beginning
from ..conversation.notes import TicketAssigned, for_model
from ..conversation.speech_stream import SpeechStream
from ..errors import StoreUnavailable, TooManySteps, TurnError
from ..model import Approval, ApprovalStatus, Conversation, Item, Route
from ..persistence.base import LaneStore
from ..telemetry.logs import subject_label
from . import own_context
from .agent_choice import AgentChoice
from .agent_graph import everyone
from .caller_context import CallerContext, CallerContexts
from .guarded_model import guarded
from .items import REFUSALS, Progress, briefing
from .offline.model import OfflineModel
from .run_errors import tool_failed, turn_error
from .streaming import speak
from .tool_gate import CallChecks, current, fingerprint, put_gates, read_arguments
from .tool_journal import ApprovedCall, Journal, OneCallModel
from .tools.outputs import BAD_ARGUMENTS, TOO_MANY, refusal

log = structlog.get_logger(__name__)

MAX_PAUSES = 5
"""How often one turn may go on after calls that wait for people."""
_ENOUGH = (
    "Nothing was asked for: as many requests of this customer wait for a colleague as may wait at once. Tell them so, "
    "and that they can ask again when some of those are decided."
)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Bounds of one run: model calls, and seconds from its beginning to its end; seconds of one model call."""

    max_turns: int = 10
    turn_timeout: float = 120.0
    call_timeout: float = 30.0


class SdkRunner:
    """Fulfils :class:`tandem.conversation.base.AgentRunner`."""

    def __init__(
        self,
        choice: AgentChoice,
        *,
        models: ModelProvider,
        callers: CallerContexts,
        ledger: LaneStore,
        limits: RunLimits,
        workflow_name: str,
        tracing: bool,
    ) -> None:
        self.checks = CallChecks(put_gates(*choice.all), callers)
        for one in everyone(*choice.all):
            if isinstance(one.model, Model):  # brought along, so no provider of ours gives it
                one.model = guarded(one.model, timeout=limits.call_timeout)
        self._choice = choice
        self._context_types = {one.name: own_context.context_type(one) for one in choice.all}
        self._callers = callers
        self._ledger = ledger
        self._limits = limits
        self._config = RunConfig(
            model_provider=models,
            workflow_name=workflow_name,
            tracing_disabled=not tracing,
            trace_include_sensitive_data=False,
            tool_error_formatter=tool_failed,
            tool_not_found_behavior="return_error_to_model",
        )

    async def run(self, request: TurnRequest) -> TurnResult:
        """Run a turn; see the protocol. Whatever breaks comes back in ``error``, with what the tools did until then."""
        journal = Journal(self._ledger, request.conversation.subject, request.key, request.steering)
        kept = request.conversation.context
        keeper = None if _is_for_ticket(request) else kept.get(KEEPER)
        root, agent = await self._choice.begin(request.route, request.now, keeper)
        kind, left = self._context_types[root.name], kept.get(OWN_CONTEXT)
        own, live = own_context.make(kind, left) if kind or left else None, request.steering.speech is not None
        turn = request.conversation, request.route, request.now, request.allowance
        caller = self._callers.caller(*turn, own=own, live=live)
        progress = Progress(list(beginning(request)))
        models: dict[str, Tokens] = {}
        token, metered, speech = current.set(journal), used.set(models), request.steering.speech
        started = time.perf_counter()
        error: TurnError | None = None
        try:
            async with asyncio.timeout(self._limits.turn_timeout):
                await self._converse(request, (root, agent), caller, journal, progress)
        except Exception as other:
            # The edge to code that is not ours: guardrails and tools of any agent, and the SDK itself.
            error = turn_error(other)
        finally:
            current.reset(token)
            used.reset(metered)
        began = speech.began_at if speech is not None else None
        cut = speech is not None and speech.interrupted
        said = (speech.heard or "") if speech is not None and cut else progress.text
        return TurnResult(
            items=(*progress.items, *(journal.items(since=progress.counted) if error is not None else ())),
            text=said if error is None else "",
            tools=tuple(journal.uses),
            error=error,
            seconds=time.perf_counter() - started,
            input_tokens=progress.input_tokens,
            output_tokens=progress.output_tokens,
            model_seconds=journal.model.seconds,
            tool_seconds=journal.tool_seconds,
            first_words_seconds=None if began is None else began - started,
            gated=tuple(progress.gated),
            unknown=tuple(journal.open.values()),
            requested=deepcopy(caller.deeds),  # a tool's thread may outlive the run, and write on
            interrupted=error is None and cut,
            keeper=progress.keeper,
            agent=progress.agent or agent.name,
            handoffs=tuple(progress.handoffs),
            models=models,
            context=own_context.kept(caller.own) if error is None and caller.own is not None else None,
        )

    async def execute(self, approval: Approval, conversation: Conversation, route: Route, *, now: float) -> Execution:
        """Run exactly one decided call; see the protocol."""
        caller = self._callers.caller(conversation, route, now)
        edited = approval.edited_arguments
        attempt = f":retry:{approval.retries}" if approval.retries else ""
        first_key = approval.effect_key or f"approval:{approval.id}"
        call = ApprovedCall(
            self._ledger,
            conversation.subject,
            call_id=approval.call_id,
            key=f"{first_key}{attempt}",
            idempotency_key=first_key,
            # What staff saw is what runs, however the model had spelled it.
            arguments=json.dumps(dict(approval.arguments if edited is None else edited)),
        )
        token = current.set(call)
        try:
            async with asyncio.timeout(self._limits.turn_timeout):
                await self._resume(approval, caller)
        except (StoreUnavailable, asyncio.CancelledError):
            raise
        except Exception as error:
            # Only the gate around the tool says what happened: what the run makes of it afterwards, an output
            # guardrail of the agent for example, changes nothing.
            log.info("execution_run_ended", kind=type(error).__name__, reached=call.reached)
        finally:
            current.reset(token)
        if not call.reached:
            return Execution(ApprovalStatus.VOID, "The request could not be resumed.")
        if call.ended is None:
            return Execution(ApprovalStatus.UNKNOWN, "It is not known whether this happened.")
        output, failed = call.ended
        status = ApprovalStatus.FAILED if failed else ApprovalStatus.EXECUTED
        return Execution(status, output, deepcopy(caller.deeds))

    # --- a turn -----------------------------------------------------------------------------------------

    async def _converse(
        self,
        request: TurnRequest,
        agents: tuple[Agent[Any], Agent[Any]],
        caller: CallerContext,
        journal: Journal,
        progress: Progress,
    ) -> None:
        """Run the agent, and after calls that wait for people run it on, until it has an answer."""
        (root, agent), speech = agents, request.steering.speech  # chosen by the rules; the one that begins
        window = for_model([item for turn in request.conversation.history for item in turn.items])
        profile = await self._callers.profiles.block(request, caller.phone)
        shown = briefing(request.conversation, window, profile, pictures=request.pictures, texts=request.texts)
        config = replace(self._config, call_model_input_filter=shown, group_id=subject_label(caller.subject))
        for _ in range(MAX_PAUSES):
            items = [*window, *for_model(progress.items)]
            result = await self._once(agent, items, caller, journal, config, speech)
            progress.take(result, speech, counted=len(journal.uses))
            if result.last_agent is not agent and not _is_for_ticket(request):
                progress.keeper = "" if result.last_agent is root else result.last_agent.name
            if speech is not None and speech.interrupted:
                # What the tools did stays; of the words, what was heard.
                progress.items += journal.items(since=progress.counted)
                if (heard := speech.heard or "").strip():
                    progress.items.append({"role": "assistant", "content": heard})
                progress.counted = len(journal.uses)
                return
            if not result.interruptions:
                return
            paused = _snapshot(result), root
            for waiting in result.interruptions:
                progress.items.append(self._let_wait(waiting, paused, caller, progress, journal))
            progress.counted = len(journal.uses)
            agent = result.last_agent
        raise TooManySteps

    async def _once(
        self,
        agent: Agent[Any],
        items: list[Item],
        caller: CallerContext,
        journal: Journal,
        config: RunConfig,
        speech: SpeechStream | None,
    ) -> RunResult | RunResultStreaming:
        given: Any = items
        arguments: dict[str, Any] = {
            "context": caller,
            "max_turns": self._limits.max_turns,
            "run_config": config,
            "hooks": journal.model,
            "error_handlers": REFUSALS,
        }
        if speech is None:
            return await Runner.run(agent, given, **arguments)
        return await speak(lambda: Runner.run_streamed(agent, given, **arguments), speech, journal)

    def _let_wait(
        self,
        waiting: ToolApprovalItem,
        paused: tuple[str, Agent[Any]],
        caller: CallerContext,
        progress: Progress,
        journal: Journal,
    ) -> Item:
        """Note a call that waits, unless the same one waits already or it cannot be read; return the output that stands
        in its place. ``paused`` are the run's snapshot and the agent that the rules chose.
        """
        call_id = str(waiting.call_id)
        arguments = read_arguments(waiting.arguments or "{}")
        tool = str(waiting.name)
        if problem := self.checks.argument_problem(tool, arguments):
            # The SDK lets a call wait whose arguments it cannot read; no colleague could do anything with it.
            output = refusal(BAD_ARGUMENTS, f"The arguments do not fit the tool ({problem}). Nothing was done.")
            return journal.answered(tool, call_id, arguments, output, failed=True)
        arguments = self.checks.spelled(tool, arguments, caller)
        approval_id = joined(tool, arguments, caller.approvals, progress.gated)
        if approval_id is not None:
            return journal.answered(tool, call_id, arguments, waiting_output(approval_id), failed=False)
        if not caller.may_wait(len(progress.gated)):
            return journal.answered(tool, call_id, arguments, refusal(TOO_MANY, _ENOUGH), failed=True)
        approval_id = f"apr_{uuid.uuid4().hex[:20]}"
        snapshot, root = paused
        progress.gated.append(GatedCall(approval_id, call_id, tool, arguments, snapshot, fingerprint(root, tool)))
        return {"type": "function_call_output", "call_id": call_id, "output": waiting_output(approval_id)}

    # --- a decided call ---------------------------------------------------------------------------------

    async def _resume(self, approval: Approval, caller: CallerContext) -> None:
        """Let the SDK reach the call's tool: from the stored snapshot, or anew for an ungated call."""
        if not approval.snapshot:
            await self._replay(approval, caller)
            return
        # The agent that asked: nothing that its snapshot depends on has changed since.
        asked = (one for one in self._choice.all if fingerprint(one, approval.tool) == approval.fingerprint)
        if (agent := next(asked, None)) is None:
            raise UserError("the agent is not the one that asked")
        state: RunState[Any, Any] = await RunState.from_json(
            agent, json.loads(approval.snapshot), context_override=RunContextWrapper(caller)
        )
        for waiting in state.get_interruptions():
            if waiting.call_id == approval.call_id:
                state.approve(waiting)
        await Runner.run(agent, state, run_config=replace(self._config, model=OneCallModel()))

    async def _replay(self, approval: Approval, caller: CallerContext) -> None:
        arguments = json.dumps(dict(approval.edited_arguments or approval.arguments))
        model = OneCallModel((approval.tool, arguments, approval.call_id))
        for agent in everyone(*self._choice.all):
            if any(tool.name == approval.tool for tool in agent.tools):
                config = replace(self._config, model=model)
                await Runner.run(agent, "retry", context=caller, run_config=config, max_turns=2)
                return


def _is_for_ticket(request: TurnRequest) -> bool:
    """Tell whether a turn is for a ticket: the agent that the rules choose answers it, not the one in charge."""
    return any(isinstance(note, TicketAssigned) for note in request.notes)


async def warm_up() -> None:
    """Run one turn without a service: the SDK's first run costs 50 times what the next ones do."""
    config = RunConfig(tracing_disabled=True)
    await Runner.run(Agent(name="warm-up", model=OfflineModel()), "hello", run_config=config)


def _snapshot(result: RunResult | RunResultStreaming) -> str:
    """Serialise a paused run. The context is made anew when it resumes, so none of it is kept."""
    state = result.to_state()
    return json.dumps(state.to_json(context_serializer=lambda _: {}), separators=(",", ":"))
