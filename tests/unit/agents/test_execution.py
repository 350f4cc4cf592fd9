"""Calls that wait for people, for any agent: paused, resumed from the stored RunState, run exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, FunctionTool, GuardrailFunctionOutput, function_tool, handoff, output_guardrail
from agents.testing import ScriptedModel, assistant_message, function_call
from pydantic import BaseModel
from structlog.testing import capture_logs

from tandem.agents.agent_choice import only
from tandem.agents.caller_context import CallerContext, CallerContexts
from tandem.agents.models import OneModel
from tandem.agents.runner import RunLimits, SdkRunner
from tandem.agents.tool_journal import ATTEMPTS
from tandem.agents.tools.checks import Check, checked
from tandem.agents.tools.effects import idempotency_key, idempotent, in_commit, reads_only
from tandem.conversation import approvals
from tandem.conversation.base import EngineLimits, Execution, GatedCall, TurnRequest, TurnResult
from tandem.entries import Decision, Entry, Verdict
from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.model import Address, Approval, ApprovalStatus, Channel, Conversation, Route, SubjectId
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.shop.embedded import open_embedded_shop

from ...kit.plain import check_plain

pytestmark = pytest.mark.promise("A15", "H4", "H5", "H7")

ROUTE = Route(Channel.SMS, Address("tel", "+15551234567"), Address("tel", "+15550001111"))


class Bench:
    """A runner over a scripted model, and a tool ``pay`` that counts what it did."""

    def __init__(self, runner: SdkRunner, store: LaneStore, model: ScriptedModel) -> None:
        self.runner = runner
        self.store = store
        self.model = model

    async def turn(self, conversation: Conversation, text: str = "pay", *, key: str = "SM1") -> TurnResult:
        request = TurnRequest(conversation, ROUTE, (text,), conversation.turns_taken + 1, 0.0, key)
        return await self.runner.run(request)

    async def paused(self, subject: str = "phone_1") -> tuple[Conversation, list[Approval], TurnResult]:
        conversation = empty(subject)
        result = await self.turn(conversation)
        waiting = [
            approvals.requested(call, conversation, said="pay", channel=Channel.SMS, now=0, limits=EngineLimits())
            for call in result.gated
        ]
        return approvals.put(conversation, *waiting), waiting, result

    async def execute(self, approval: Approval, conversation: Conversation | None = None) -> Execution:
        decided = replace(approval, status=ApprovalStatus.EXECUTING)
        return await self.runner.execute(decided, conversation or empty(approval.subject), ROUTE, now=0.0)


def empty(subject: str = "phone_1") -> Conversation:
    return Conversation(SubjectId(subject), created_at=0, updated_at=0)


def pay_tool(paid: list[Any], *, raising: Exception | None = None) -> FunctionTool:
    @function_tool(needs_approval=True)
    async def pay(amount: int | float) -> str:
        """Pay."""
        if raising is not None:
            raise raising
        paid.append(amount)
        return f"paid {amount}"

    return pay


@asynccontextmanager
async def bench(
    folder: Path, agent: Agent[Any], script: Sequence[Any], *, tracing: bool = False
) -> AsyncIterator[Bench]:
    model = ScriptedModel(list(script))
    async with open_embedded_shop(folder / "shop.sqlite3") as shop, open_file_store(folder / "state") as store:
        runner = SdkRunner(
            only(agent),
            models=OneModel(model, call_timeout=5),
            callers=CallerContexts(shop, store, region="US"),
            ledger=store,
            limits=RunLimits(turn_timeout=10),
            workflow_name="test",
            tracing=tracing,
        )
        yield Bench(runner, store, model)


def call(amount: float, call_id: str = "call_1") -> Any:
    return function_call("pay", {"amount": amount}, call_id=call_id)


SAID = [assistant_message("A colleague looks at it.")]


@pytest.mark.promise("H1")
async def test_a_gated_call_waits_and_the_customer_is_answered(tmp_path: Path) -> None:
    paid: list[Any] = []
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), [[call(5)], SAID]) as it:
        _, (waiting,), result = await it.paused()
    assert paid == []
    assert result.text == "A colleague looks at it."
    assert (waiting.tool, dict(waiting.arguments)) == ("pay", {"amount": 5})
    assert waiting.id in str(result.items)
    check_plain(result.items)


async def test_an_approved_call_runs_exactly_once_however_often_it_is_executed(tmp_path: Path) -> None:
    paid: list[Any] = []
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        first = await it.execute(waiting)
        again = await it.execute(waiting)
    assert first == again == Execution(ApprovalStatus.EXECUTED, "paid 5")
    assert paid == [5]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
async def test_several_waiting_calls_are_executed_one_by_one_in_any_order(
    tmp_path: Path, order: tuple[int, int, int]
) -> None:
    paid: list[Any] = []
    script = [[call(1, "c1"), call(2, "c2"), call(3, "c3")], SAID]
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), script) as it:
        _, waiting, _ = await it.paused()
        for index in order:
            await it.execute(waiting[index])
    assert paid == [index + 1 for index in order]


async def test_ungated_calls_beside_a_gated_one_run_once_before_the_pause(tmp_path: Path) -> None:
    paid: list[Any] = []
    looked: list[int] = []

    @function_tool
    async def look() -> str:
        """Look."""
        looked.append(1)
        return "seen"

    agent = Agent("a", tools=[pay_tool(paid), look])
    async with bench(tmp_path, agent, [[call(1), function_call("look", {}, call_id="c2")], SAID]) as it:
        _, (waiting,), result = await it.paused()
        await it.execute(waiting)
    assert (paid, looked) == ([1], [1])
    check_plain(result.items)


async def test_edited_arguments_are_what_runs(tmp_path: Path) -> None:
    paid: list[Any] = []
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), [[call(139.97)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        await it.execute(replace(waiting, edited_arguments={"amount": 20}))
        problem = it.runner.checks.argument_problem("pay", {"amount": "twenty"})
        fits = it.runner.checks.argument_problem("pay", {"amount": 20})
    assert paid == [20]
    assert problem is not None
    assert "amount" in problem
    assert fits is None


async def problem_of(folder: Path, check: Check) -> str | None:
    """What staff are told when they approve a call to a tool with this check."""
    pay = checked(check)(pay_tool([]))
    async with bench(folder, Agent("a", tools=[pay]), [[call(5)], SAID]) as it:
        conversation, (waiting,), _ = await it.paused()
        known = replace(conversation, routes={Channel.SMS: ROUTE})
        return await it.runner.checks.call_problem(waiting, {"amount": 7}, known, now=1.0)


async def test_a_tools_own_check_says_why_a_call_cannot_be_carried_out(tmp_path: Path) -> None:
    async def at_most_five(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
        return f"{caller.phone} gets at most 5, not {arguments['amount']}."

    assert await problem_of(tmp_path, at_most_five) == "+15551234567 gets at most 5, not 7."


async def test_a_check_that_is_broken_stands_in_nobodys_way(tmp_path: Path) -> None:
    async def broken(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
        raise KeyError("amuont")

    with capture_logs() as logs:
        assert await problem_of(tmp_path, broken) is None
    assert {"event": "check_raised", "log_level": "warning", "tool": "pay", "kind": "KeyError"} in logs


async def test_a_check_whose_business_system_is_away_lets_staff_try_again(tmp_path: Path) -> None:
    async def away(caller: CallerContext, arguments: Mapping[str, Any]) -> str | None:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await problem_of(tmp_path, away)


async def test_the_same_request_again_joins_the_one_that_waits(tmp_path: Path) -> None:
    paid: list[Any] = []
    script = [[call(5, "c1")], SAID, [function_call("pay", '{ "amount" : 5 }', call_id="c9")], SAID]
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), script) as it:
        conversation, (waiting,), _ = await it.paused()
        again = await it.turn(conversation, key="SM2")
    assert again.gated == ()
    assert waiting.id in str(again.items)


async def test_the_same_call_id_in_two_conversations_runs_once_in_each(tmp_path: Path) -> None:
    paid: list[Any] = []
    script = [[call(1, "call_1")], SAID, [call(2, "call_1")], SAID]
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), script) as it:
        _, (one,), _ = await it.paused("phone_1")
        _, (two,), _ = await it.paused("phone_2")
        await it.execute(one)
        await it.execute(two)
    assert paid == [1, 2]


async def test_a_handoff_cycle_pauses_and_resumes_without_a_model_call(tmp_path: Path) -> None:
    paid: list[Any] = []
    front: Agent[Any] = Agent("front")
    back: Agent[Any] = Agent("back", tools=[pay_tool(paid)], handoffs=[front])
    front.handoffs.append(handoff(back))
    script = [[function_call("transfer_to_back", {}, call_id="h1")], [call(7)], SAID]
    async with bench(tmp_path, front, script) as it:
        _, (waiting,), result = await it.paused()
        execution = await it.execute(waiting)
    assert result.text == "A colleague looks at it."
    assert execution.status is ApprovalStatus.EXECUTED
    assert paid == [7]
    check_plain(result.items)


async def test_an_output_guardrail_changes_nothing_about_the_execution(tmp_path: Path) -> None:
    paid: list[Any] = []

    @output_guardrail
    async def never(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered=output == "")

    agent = Agent("a", tools=[pay_tool(paid)], output_guardrails=[never])
    async with bench(tmp_path, agent, [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        execution = await it.execute(waiting)
    assert execution == Execution(ApprovalStatus.EXECUTED, "paid 5")


async def test_an_output_type_changes_nothing_about_the_execution(tmp_path: Path) -> None:
    class Verdict(BaseModel):
        words: str

    paid: list[Any] = []
    agent = Agent("a", tools=[pay_tool(paid)], output_type=Verdict)
    script = [[call(5)], [assistant_message('{"words": "wait"}')]]
    async with bench(tmp_path, agent, script) as it:
        _, (waiting,), _ = await it.paused()
        execution = await it.execute(waiting)
    assert execution == Execution(ApprovalStatus.EXECUTED, "paid 5")


async def test_a_raising_tool_is_a_failed_execution_and_is_not_repeated(tmp_path: Path) -> None:
    agent = Agent("a", tools=[pay_tool([], raising=RuntimeError("declined, key=sk-secret"))])
    async with bench(tmp_path, agent, [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        first = await it.execute(waiting)
        again = await it.execute(waiting)
    assert first == again
    assert first.status is ApprovalStatus.FAILED
    assert "sk-secret" not in first.output


async def test_a_tool_that_timed_out_is_unknown_and_not_repeated(tmp_path: Path) -> None:
    agent = Agent("a", tools=[pay_tool([], raising=TimeoutError())])
    async with bench(tmp_path, agent, [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        statuses = [(await it.execute(waiting)).status for _ in range(2)]
    assert statuses == [ApprovalStatus.UNKNOWN] * 2


async def test_a_call_cut_off_in_the_middle_is_unknown_until_staff_order_a_retry(tmp_path: Path) -> None:
    reached, paid = asyncio.Event(), []

    @function_tool(needs_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()
        paid.append(amount)
        return "paid"

    async with bench(tmp_path, Agent("a", tools=[pay]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        cut = asyncio.create_task(it.execute(waiting))
        await reached.wait()
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        unknown = await it.execute(waiting)
        retried = await it.execute(replace(waiting, retries=1))
    assert unknown.status is ApprovalStatus.UNKNOWN
    assert retried.status is ApprovalStatus.EXECUTED
    assert paid == [5]


async def test_an_idempotent_tool_cut_off_is_repeated_with_the_same_key(tmp_path: Path) -> None:
    keys: list[str] = []
    reached = asyncio.Event()

    @idempotent
    @function_tool(needs_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        keys.append(idempotency_key())
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()
        return "paid"

    async with bench(tmp_path, Agent("a", tools=[pay]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        cut = asyncio.create_task(it.execute(waiting))
        await reached.wait()
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        again = await it.execute(waiting)
    assert again.status is ApprovalStatus.EXECUTED
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_a_retry_that_staff_ordered_has_the_idempotency_key_of_the_first_try(tmp_path: Path) -> None:
    keys: list[str] = []

    @idempotent
    @function_tool(needs_approval=True)
    async def pay(amount: int | float) -> str:
        """Pay."""
        keys.append(idempotency_key())
        if len(keys) <= ATTEMPTS:
            raise ConnectionError
        return "paid"

    async with bench(tmp_path, Agent("a", tools=[pay]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        ended = [(await it.execute(replace(waiting, retries=retries))).status for retries in (0, 1)]
    assert ended == [ApprovalStatus.UNKNOWN, ApprovalStatus.EXECUTED]
    assert (len(keys), len(set(keys))) == (ATTEMPTS + 1, 1)


async def test_an_ungated_effect_is_not_repeated_when_the_turn_is_run_again(tmp_path: Path) -> None:
    sent: list[str] = []

    @function_tool
    async def send(text: str) -> str:
        """Send."""
        sent.append(text)
        return "sent"

    def step(arguments: Mapping[str, Any] | str, call_id: str) -> list[Any]:
        return [function_call("send", arguments, call_id=call_id)]

    # The turn that is run again has new call ids and may spell its arguments otherwise.
    script = [step({"text": "hi"}, "c1"), SAID, step('{ "text": "hi" }', "c7"), SAID, step({"text": "hi"}, "c8"), SAID]
    async with bench(tmp_path, Agent("a", tools=[send]), script) as it:
        await it.turn(empty(), key="SM1")
        again = await it.turn(empty(), key="SM1")
        other = await it.turn(empty(), key="SM2")
    assert sent == ["hi", "hi"]
    assert "sent" in str(again.items)
    assert other.unknown == ()


async def test_two_equal_calls_of_one_turn_both_happen_and_once_each(tmp_path: Path) -> None:
    sent: list[str] = []

    @function_tool
    async def send(text: str) -> str:
        """Send."""
        sent.append(text)
        return "sent"

    twice = [[function_call("send", {"text": "hi"}, call_id=f"c{number}")] for number in range(2)]
    async with bench(tmp_path, Agent("a", tools=[send]), [*twice, SAID, *twice, SAID]) as it:
        await it.turn(empty())
        await it.turn(empty())  # run again after a crash
    assert sent == ["hi", "hi"]


@pytest.mark.promise("R1")
@pytest.mark.parametrize("declare", [None, reads_only, idempotent, in_commit])
async def test_no_card_number_of_a_tool_reaches_the_model_or_the_timeline(
    tmp_path: Path, declare: Callable[[FunctionTool], FunctionTool] | None
) -> None:
    @function_tool
    async def look(card: str) -> str:
        """Look."""
        return f"ORD_12345, paid with {card}"

    script = [[function_call("look", {"card": "4111 1111 1111 1111"}, call_id="c1")], SAID]
    async with bench(tmp_path, Agent("a", tools=[declare(look) if declare else look]), script) as it:
        (use,) = (await it.turn(empty())).tools
        shown = [item["output"] for item in it.model.calls[1].input if item.get("type") == "function_call_output"]
    masked = "[card number removed, ends in 1111]"
    assert shown == [f"ORD_12345, paid with {masked}"]
    assert (use.output, use.arguments) == (shown[0], {"card": masked})


@pytest.mark.promise("R1", "E2")
async def test_no_card_number_of_a_call_that_was_never_run_is_on_the_timeline(tmp_path: Path) -> None:
    script = [[function_call("pay", {"amount": "4111 1111 1111 1111"}, call_id="c1")], SAID]
    async with bench(tmp_path, Agent("a", tools=[pay_tool([])]), script) as it:
        (use,) = (await it.turn(empty())).tools
    assert (use.arguments, use.failed) == ({"amount": "[card number removed, ends in 1111]"}, True)


@pytest.mark.promise("H9")
async def test_a_turn_that_is_run_again_meets_its_own_withdrawal_and_not_a_colleagues(tmp_path: Path) -> None:
    withdraw = [function_call("withdraw_request", {"approval_id": "apr_1"}, call_id="c1")]
    async with bench(tmp_path, Agent("a", tools=[pay_tool([])]), [withdraw, SAID] * 3) as it:
        waits = approvals.requested(
            GatedCall("apr_1", "c0", "pay", {"amount": 5}, "{}", "f"),
            empty(), said="pay", channel=Channel.SMS, now=0, limits=EngineLimits(),
        )  # fmt: skip
        asked = approvals.put(empty(), waits)
        first = (await it.turn(asked, key="SM1")).tools[0]
        again = (await it.turn(asked, key="SM1")).tools[0]
        other = approvals.put(empty("phone_2"), replace(waits, subject=SubjectId("phone_2")))
        decision = Entry("decision:apr_1", Decision("apr_1", Verdict.APPROVE, actor="mia", decided_at=1.0))
        await it.store.accept(SubjectId("phone_2"), [decision], token="t")
        late = (await it.turn(other, key="SM2")).tools[0]
    assert (first.failed, again.output, late.failed) == (False, first.output, True)


async def test_an_ungated_effect_without_an_end_is_shown_and_can_be_retried(tmp_path: Path) -> None:
    sent: list[str] = []
    reached = asyncio.Event()

    @function_tool
    async def send(text: str) -> str:
        """Send."""
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()
        sent.append(text)
        return "sent"

    step = [function_call("send", {"text": "hi"}, call_id="c1")]
    async with bench(tmp_path, Agent("a", tools=[send]), [step, step, SAID]) as it:
        cut = asyncio.create_task(it.turn(empty()))
        await reached.wait()
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        again = await it.turn(empty())
        (effect,) = again.unknown
        approval = approvals.unknown(effect, "apr_1", empty(), said="hi", channel=Channel.SMS, now=0)
        retried = await it.execute(replace(approval, retries=1))
    assert retried == Execution(ApprovalStatus.EXECUTED, "sent")
    assert sent == ["hi"]


@pytest.mark.promise("P11")
@pytest.mark.parametrize("change", ["agent", "tool", "schema"])
async def test_a_snapshot_of_another_agent_is_void_and_runs_nothing(tmp_path: Path, change: str) -> None:
    paid: list[Any] = []
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
    other = pay_tool(paid)
    if change == "schema":
        other.params_json_schema = {**other.params_json_schema, "title": "changed"}
    tools: list[Any] = [] if change == "tool" else [other]
    async with bench(tmp_path, Agent("b" if change == "agent" else "a", tools=tools), []) as it:
        execution = await it.execute(waiting)
    assert execution.status is ApprovalStatus.VOID
    assert paid == []


async def test_a_damaged_snapshot_is_void(tmp_path: Path) -> None:
    async with bench(tmp_path, Agent("a", tools=[pay_tool([])]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
        execution = await it.execute(replace(waiting, snapshot=waiting.snapshot[:-50]))
    assert execution.status is ApprovalStatus.VOID


async def test_a_restart_keeps_the_snapshot_usable(tmp_path: Path) -> None:
    paid: list[Any] = []
    async with bench(tmp_path, Agent("a", tools=[pay_tool([])]), [[call(5)], SAID]) as it:
        _, (waiting,), _ = await it.paused()
    async with bench(tmp_path, Agent("a", tools=[pay_tool(paid)]), []) as it:
        execution = await it.execute(waiting)
    assert execution.status is ApprovalStatus.EXECUTED
    assert paid == [5]


def test_gated_tools_inside_an_agent_as_a_tool_are_refused(tmp_path: Path) -> None:
    inner = Agent("inner", tools=[pay_tool([])])
    outer = Agent("outer", tools=[inner.as_tool("ask_inner", "Ask.")])
    with pytest.raises(ConfigurationError, match="ask_inner"):
        SdkRunner(
            only(outer), models=OneModel(ScriptedModel([]), call_timeout=1), callers=None, ledger=None,  # type: ignore[arg-type]
            limits=RunLimits(), workflow_name="t", tracing=False,
        )  # fmt: skip


def test_agents_with_gated_tools_get_withdraw_request(tmp_path: Path) -> None:
    from tandem.agents.tool_gate import put_gates

    plain: Agent[Any] = Agent("plain")
    gated: Agent[Any] = Agent("gated", tools=[pay_tool([])], handoffs=[plain])
    put_gates(gated)
    assert [tool.name for tool in gated.tools] == ["pay", "withdraw_request"]
    assert plain.tools == []


async def test_a_turn_that_is_run_again_does_not_ask_approval_for_what_it_did_already(tmp_path: Path) -> None:
    spent: list[int] = []

    async def over_budget(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        return sum(spent) + arguments["amount"] > 100

    @function_tool(needs_approval=over_budget)
    async def spend(amount: int) -> str:
        """Spend."""
        spent.append(amount)
        return "spent"

    step = [function_call("spend", {"amount": 60}, call_id="c1")]
    again = [function_call("spend", {"amount": 60}, call_id="c2")]
    script = [step, SAID, again, SAID, again, SAID]
    async with bench(tmp_path, Agent("a", tools=[spend]), script) as it:
        await it.turn(empty(), key="SM1")
        repeated = await it.turn(empty(), key="SM1")
        new = await it.turn(empty(), key="SM2")
    assert spent == [60]
    assert repeated.gated == ()
    assert len(new.gated) == 1


async def test_arguments_that_do_not_fit_are_a_failure_and_not_a_mystery(tmp_path: Path) -> None:
    @idempotent
    @function_tool
    async def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    script = [[function_call("pay", {"amount": "lots"}, call_id="c1")], SAID]
    async with bench(tmp_path, Agent("a", tools=[pay]), script) as it:
        result = await it.turn(empty())
    assert result.unknown == ()
    assert [use.failed for use in result.tools] == [True]


async def test_a_retry_that_staff_ordered_is_not_gated_again(tmp_path: Path) -> None:
    sent: list[str] = []
    reached = asyncio.Event()

    async def once_sent(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        return reached.is_set()

    @function_tool(needs_approval=once_sent)
    async def send(text: str) -> str:
        """Send."""
        if not reached.is_set():
            reached.set()
            await asyncio.Event().wait()
        sent.append(text)
        return "sent"

    step = [function_call("send", {"text": "hi"}, call_id="c1")]
    async with bench(tmp_path, Agent("a", tools=[send]), [step, step, SAID]) as it:
        cut = asyncio.create_task(it.turn(empty()))
        await reached.wait()
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        (effect,) = (await it.turn(empty())).unknown
        approval = approvals.unknown(effect, "apr_1", empty(), said="hi", channel=Channel.SMS, now=0)
        retried = await it.execute(replace(approval, retries=1))
    assert retried.status is ApprovalStatus.EXECUTED
    assert sent == ["hi"]
