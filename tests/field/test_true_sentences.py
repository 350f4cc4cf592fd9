"""Met in the field, "What we say": a sentence that promises is said by the code that stored what it promises."""

from __future__ import annotations

import ast
import asyncio
import re
from collections import defaultdict
from pathlib import Path

import pytest

import tandem
from tandem.conversation import phrases
from tandem.conversation.turn_maker import UNTOLD
from tandem.model import ApprovalStatus, SubjectId, Ticket
from tandem.simulator.call import SimulatedCall
from tandem.simulator.wire import Fault

from ..flows.test_approvals import REFUND
from ..flows.test_phone_line import COLLEAGUE
from ..flows.test_real_number import quiet
from ..flows.test_voice import dial, echo
from ..kit.colleague import staffed
from ..kit.gateway import OURS, Running, running
from ..kit.model_server import ModelServer
from ..kit.sources import subject_of
from ..kit.tables import each
from ..kit.waiting import PATIENCE
from .test_stopping_machines_floods import exchange

pytestmark = pytest.mark.promise("F6")
TRANSFERS = {"HUMAN_TRANSFER_NUMBER": COLLEAGUE}
WITHHELD = "anonymous"


def withheld(call: SimulatedCall) -> SubjectId:
    """Return the subject of a caller without a number."""
    return SubjectId(f"withheld_{call.sid}")


async def ticket_of(it: Running, subject: SubjectId) -> Ticket:
    """Return a customer's only ticket, once its lane has written it."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await it.store.tickets(subject)):
            await asyncio.sleep(0.005)
    (ticket,) = found
    return ticket


# --- calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", ["no-answer", "busy", "failed", "canceled"])
async def test_a_line_that_is_given_up_has_a_ticket_before_a_call_back_is_promised(
    tmp_path: Path, answered: str
) -> None:
    async with running(tmp_path, ModelServer(echo), **TRANSFERS) as it, dial(it, dial=answered) as call:
        for session in range(1, 5):
            await call.wait_sessions(session)
            await call.drop()
        await call.wait_over()
        ticket = await ticket_of(it, subject_of())
    assert ticket.escalation
    heard = call.heard()
    assert heard.index(phrases.LINE_LOST) < heard.index(phrases.CALL_BACK)


async def test_a_line_that_is_given_up_without_a_colleague_to_dial_has_a_ticket_too(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo)) as it, dial(it) as call:
        for session in range(1, 5):
            await call.wait_sessions(session)
            await call.drop()
        await call.wait_over()
        await ticket_of(it, subject_of())
    assert f"{phrases.LINE_LOST} {phrases.TICKET_OPENED}" in call.heard()


@pytest.mark.parametrize("extra", [{}, TRANSFERS], ids=["no colleague", "nobody answers"])
async def test_a_withheld_caller_whose_line_is_given_up_is_promised_nothing(
    tmp_path: Path, extra: dict[str, str]
) -> None:
    async with running(tmp_path, ModelServer(echo), **extra) as it, dial(it, WITHHELD, dial="no-answer") as call:
        for session in range(1, 5):
            await call.wait_sessions(session)
            await call.drop()
        await call.wait_over()
        await quiet(it)
        assert await it.store.tickets(withheld(call)) == ()
    assert phrases.CALL_AGAIN in call.heard()
    assert "ticket" not in call.heard()


@pytest.mark.parametrize("extra", [{}, TRANSFERS], ids=["no colleague", "nobody answers"])
async def test_with_the_store_away_nobody_is_promised_a_call_back(tmp_path: Path, extra: dict[str, str]) -> None:
    state, away = tmp_path / "state", tmp_path / "unmounted"
    async with running(tmp_path, ModelServer(echo), **extra) as it, dial(it, dial="no-answer") as call:
        await call.wait_silent()
        state.rename(away)
        await call.press("0#")
        await call.wait_heard(phrases.NOBODY_FREE)
        away.rename(state)
    assert "ticket" not in call.heard()


async def test_a_withheld_caller_is_asked_for_a_number_that_the_agent_is_told(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model) as it, dial(it, WITHHELD) as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_heard(phrases.ASK_NUMBER)
        await ticket_of(it, withheld(call))
        await call.ask("it is 555 123 4567")
    assert phrases.CALL_BACK not in call.heard()
    assert phrases.ASK_NUMBER in str(model.inputs[0])


async def test_a_withheld_caller_whom_nobody_answers_is_asked_by_the_agent(tmp_path: Path) -> None:
    model = ModelServer(echo)
    async with running(tmp_path, model, **TRANSFERS) as it, dial(it, WITHHELD, dial="no-answer") as call:
        await call.wait_silent()
        await call.press("0#")
        await call.wait_sessions(2)
        await call.wait_heard(phrases.ASK_NUMBER)
        assert await call.ask("it is 555 123 4567") == "You said: it is 555 123 4567"
        await ticket_of(it, withheld(call))
    assert phrases.ASK_NUMBER in str(model.inputs[0])


async def test_zero_pressed_while_the_transfer_begins_changes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(echo), **TRANSFERS) as it, dial(it, dial="no-answer") as call:
        await call.wait_silent()
        await call.press("0#0#0#")
        await call.wait_over()
        await ticket_of(it, subject_of())
        assert len(call.happened("dial")) == 1
    assert call.heard().count(phrases.TRANSFER) == 1


# --- outcomes that were promised ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["a landline", "never arrives", "opted out"])
async def test_an_outcome_that_cannot_reach_the_customer_is_left_to_staff(tmp_path: Path, way: str) -> None:
    async with staffed(tmp_path, TWILIO_PHONE_NUMBER=OURS) as (it, mia):
        if way == "never arrives":
            it.twilio.statuses = ("sent", "undelivered")
        await exchange(it, ["STOP" if way == "opted out" else "hello"])
        async with dial(it) as call:
            assert "colleague" in await call.ask(REFUND)
            await call.hang_up()
        if way == "a landline":
            it.twilio.faults.append(Fault(status=400, code=21614))
        await mia.decide(await mia.waiting_approval("process_refund"), approved=True)
        ticket = await ticket_of(it, subject_of())
        await quiet(it)
        assert await it.store.tickets(subject_of()) == (ticket,)
    assert ticket.title == UNTOLD
    assert "paid back" in ticket.description


# --- every fixed sentence --------------------------------------------------------------------------------------

PROMISE = re.compile(
    r"have opened|ticket .* (?:review|for you)|colleague (?:will|can|has to)|(?:we|I) will (?:tell|connect|call|text)|"
    r"you will (?:hear|get)|will (?:call you|get back|look into)|has been (?:carried out|paid)|"
    r"was (?:approved|withdrawn)",
    re.IGNORECASE,
)
PRODUCERS = {
    "ASK_NUMBER": {"channels/voice/transfer.py:nobody_free"},
    "CALL_BACK": {"channels/voice/transfer.py:nobody_free", "conversation/agent_turn.py:_fixed"},
    "CLOSED": {"channels/voice/transfer.py:nobody_free"},
    "TICKET_OPENED": {"channels/voice/transfer.py:line_lost"},
    "NO_MORE_TEXTS": {"conversation/spoken_turn.py:_stop_texts"},
    "OPTED_IN": {"conversation/text_screening.py:_screen"},
    "OPTED_OUT": {"conversation/text_screening.py:_screen"},
    "TRANSFER": {"channels/voice/call.py:_want_person", "conversation/agent_turn.py:_fixed"},
    "TOO_MANY_STEPS": {"conversation/agent_turn.py:_instead", "conversation/outreach.py:_come_back"},
    "WAITING": {"conversation/agent_turn.py:_instead"},
    "HELD": {"conversation/agent_pause.py:keep_texts", "conversation/agent_pause.py:hear_out"},
    "ticket_under_review": {"conversation/ticket_work.py:_under_review"},
    "OUTCOMES": {"conversation/turn_maker.py:_outcome"},
}
"""Sentences that promise or report something, and the functions that store it and say it."""
ONLY_COMPARED = {
    "ASK_NUMBER": {"channels/voice/call.py", "channels/voice/transfer.py"},
    "HELD": {"agents/offline/reading.py"},
} | {name: {"settings/company.py"} for name in ("CALL_BACK", "CLOSED", "TRANSFER")}
"""Where a sentence is looked for or given a company's own words, not said."""


def sentences() -> dict[str, str]:
    """Return every fixed sentence by its name, those of functions with something filled in."""
    found = {name: value for name, value in vars(phrases).items() if name.isupper() and isinstance(value, str)}
    found = {name: value for name, value in found.items() if value not in phrases.OUTCOMES.values()}
    found |= {"OUTCOMES": " ".join(phrases.OUTCOMES.values())}
    return found | {
        "too_long": phrases.too_long(10),
        "greeting": phrases.greeting("Ann"),
        "attachment_note": phrases.attachment_note(("picture",)),
        "ticket_answer": phrases.ticket_answer("TKT_1", "Hello."),
        "ticket_under_review": phrases.ticket_under_review("TKT_1"),
    }


def uses() -> dict[str, set[str]]:
    """Return where each sentence is used, as file:function below the package."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    root = Path(tandem.__file__).parent
    for file in root.rglob("*.py"):
        where = file.relative_to(root).as_posix()
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.ImportFrom) and (function.module or "").endswith("phrases"):
                for name in function.names:
                    found[name.name].add(f"{where}:")
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "phrases":
                    found[node.attr].add(f"{where}:{function.name}")
    return found


def test_every_function_of_the_sentences_is_among_those_walked() -> None:
    public = {name for name, value in vars(phrases).items() if callable(value) and not name.startswith("_")}
    assert public - {"ApprovalStatus"} <= set(sentences())


def test_every_sentence_that_promises_has_its_producers_and_no_others() -> None:
    promising = {name for name, text in sentences().items() if PROMISE.search(text)}
    used = uses()
    assert promising == set(PRODUCERS)
    for name, producers in PRODUCERS.items():
        elsewhere = {use for use in used[name] - producers if use.partition(":")[0] not in ONLY_COMPARED.get(name, ())}
        assert (name, elsewhere) == (name, set())
        assert producers <= used[name]


@each("status", [ApprovalStatus.FAILED, ApprovalStatus.VOID, ApprovalStatus.EXPIRED])
def test_an_outcome_after_which_nothing_is_stored_promises_nothing(status: ApprovalStatus) -> None:
    assert "colleague will" not in phrases.OUTCOMES[status]
    assert "hear from us" not in phrases.OUTCOMES[status]
