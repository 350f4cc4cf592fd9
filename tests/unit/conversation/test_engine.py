"""The turn engine over a real store: order, exactly once, leases, poison, and a store that comes and goes."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tandem.conversation import phrases
from tandem.conversation.base import Execution, GatedCall, PendingWrites, TurnRequest, TurnResult
from tandem.conversation.delivery import CALL_ENDED
from tandem.conversation.notes import words
from tandem.conversation.speech_stream import SpeechStream, SpeechStreams
from tandem.conversation.spoken_turn import LEFT_OPEN, left_open, left_unspoken
from tandem.entries import Decision, Entry, Heard, SpokenPrompt, TextReceived, Verdict, Waiting
from tandem.errors import (
    DeliveryError,
    DeliveryFailed,
    DeliveryRefused,
    DeliveryThrottled,
    DeliveryUnclear,
    StoreUnavailable,
)
from tandem.model import Approval, ApprovalStatus, Channel, Conversation, ReplyStatus, Route
from tandem.persistence.base import LaneStore
from tandem.persistence.file import open_file_store
from tandem.persistence.values import Claim, Outcome

from ...kit.engine import JOHN, ROUTE, SHORT_LEASE, Lab, answer, echo, lab
from ...kit.tables import each
from ...kit.waiting import PATIENCE, until

pytestmark = pytest.mark.promise("S8", "S10", "H2", "H3", "H6", "H8", "H10")

VOICE = Route(Channel.VOICE, ROUTE.customer, ROUTE.ours)


async def saved(it: Lab) -> Conversation:
    found = await it.store.conversation(JOHN)
    assert found is not None
    return found


async def settled(it: Lab) -> None:
    """Wait until nothing waits and every reply is settled."""
    async with asyncio.timeout(PATIENCE):
        while (await it.store.counts()).oldest_unsettled_reply_seconds or await it.store.waiting(JOHN):
            await asyncio.sleep(0.005)


async def poisoned(request: TurnRequest) -> TurnResult:
    if "poison" in request.texts:
        raise ValueError("boom")
    return await echo(request)


async def answered(it: Lab, count: int) -> list[str]:
    """Let the lane be tried until so many replies were sent; return their texts."""
    async with asyncio.timeout(PATIENCE):
        while len(it.sender.sent) < count:
            it.engine.wake(JOHN)
            await asyncio.sleep(0.005)
    return [reply.text for reply in it.sender.sent]


async def test_texts_are_answered_in_order_one_turn_at_a_time(tmp_path: Path) -> None:
    running = 0

    async def slow(request: TurnRequest) -> TurnResult:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.002)
        running -= 1
        return await echo(request)

    async with lab(tmp_path, slow) as it:
        await asyncio.gather(*(it.text(f"SM{n}", f"{n}") for n in range(10)))
        heard = await it.sender.texts(10)
    assert sorted(heard) == sorted(f"You said: {n}" for n in range(10))
    assert [request.number for request in it.runner.requests] == list(range(1, 11))


@pytest.mark.promise("P13")
async def test_a_raising_turn_is_tried_three_times_then_set_aside_and_the_lane_goes_on(tmp_path: Path) -> None:
    async with lab(tmp_path, poisoned) as it:
        await it.text("SM1", "poison")
        await it.text("SM2", "fine")
        heard = await answered(it, 2)
        counts = await it.store.counts()
    assert heard == [phrases.FAILURE, "You said: fine"]
    assert len([request for request in it.runner.requests if "poison" in request.texts]) == 3
    assert counts.set_aside == 1


@pytest.mark.promise("P13")
async def test_of_a_burst_that_fails_only_the_text_that_makes_it_fail_is_set_aside(tmp_path: Path) -> None:
    burst = [Entry(f"SM{n}", TextReceived(ROUTE, text)) for n, text in enumerate(["fine", "poison", "fine too"])]
    async with lab(tmp_path, poisoned, coalesce=0.01) as it:
        await it.engine.accept(JOHN, burst, token="t")
        heard = await answered(it, 3)
    assert heard == ["You said: fine", phrases.FAILURE, "You said: fine too"]


@pytest.mark.promise("S13")
@pytest.mark.parametrize(("texts", "stays"), [(("bye", "wait, where is it?"), True), (("here it is", "bye"), False)])
async def test_the_last_words_of_a_burst_decide_whether_it_was_a_goodbye(
    tmp_path: Path, texts: tuple[str, str], stays: bool
) -> None:
    async with lab(tmp_path, coalesce=0.01) as it:
        burst = [Entry(f"SM{number}", TextReceived(ROUTE, text)) for number, text in enumerate(texts)]
        await it.engine.accept(JOHN, burst, token="t")
        await it.sender.texts(1)
        assert (await saved(it)).in_session is stays
    assert it.runner.requests[0].texts == texts


@pytest.mark.promise("P7")
async def test_a_worker_that_lost_its_lease_writes_nothing(tmp_path: Path) -> None:
    started, gate = asyncio.Event(), asyncio.Event()

    async def waits(request: TurnRequest) -> TurnResult:
        started.set()
        await gate.wait()
        return answer(request, "from the sleeper")

    async with lab(tmp_path, waits) as it:
        await it.text("SM1", "hello")
        await started.wait()
        async with open_file_store(tmp_path, clock_offset=3600) as other:
            claim = await other.claim(JOHN, holder="other", seconds=60)
            assert claim is not None
            gate.set()
            await asyncio.sleep(0.05)
            assert await it.store.conversation(JOHN) is None
            assert it.sender.sent == []


async def test_a_lost_lease_cancels_the_turn(tmp_path: Path) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def waits(request: TurnRequest) -> TurnResult:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    async with lab(tmp_path, waits, lease=SHORT_LEASE) as it:
        await it.text("SM1", "hello")
        await started.wait()
        async with open_file_store(tmp_path, clock_offset=3600) as other:
            await other.claim(JOHN, holder="other", seconds=60)
            await asyncio.wait_for(cancelled.wait(), PATIENCE)


class Flaky:
    """A store whose commits are carried out while their answers are lost, or which is down, as ordered."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.lose_answers = 0
        self.down = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *args: Any, **kw: Any) -> Any:
        if self.down:
            self.down -= 1
            raise StoreUnavailable
        result = await self._store.commit(*args, **kw)
        if self.lose_answers:
            self.lose_answers -= 1
            raise StoreUnavailable
        return result


@pytest.mark.parametrize(("lose", "down"), [(1, 0), (0, 2)])
async def test_a_commit_whose_answer_is_lost_is_repeated_without_a_second_turn(
    tmp_path: Path, lose: int, down: int
) -> None:
    stores: list[Flaky] = []

    def wrap(store: Any) -> Any:
        stores.append(Flaky(store))
        stores[0].lose_answers, stores[0].down = lose, down
        return stores[0]

    async with lab(tmp_path, wrap=wrap) as it:
        await it.text("SM1", "hello")
        assert await it.sender.texts(1) == ["You said: hello"]
        await settled(it)
        assert (await saved(it)).turns_taken == 1
    assert len(it.runner.requests) == 1
    assert len(it.sender.sent) == 1


async def test_work_that_another_process_left_behind_is_taken_over(tmp_path: Path) -> None:
    async with open_file_store(tmp_path) as gone:
        await gone.accept(JOHN, [Entry("SM1", TextReceived(ROUTE, "left behind"))], token="t")
    async with lab(tmp_path) as it:
        assert await it.sender.texts(1) == ["You said: left behind"]


@pytest.mark.promise("P5")
async def test_an_unreadable_record_is_set_aside_and_the_customer_still_answered(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.text("SM1", "first")
        await it.sender.texts(1)
        await settled(it)
    database = sqlite3.connect(tmp_path / "tandem.db")
    with database:
        database.execute("UPDATE lane_row SET record = '{broken' WHERE kind = 'conversation'")
    database.close()
    async with lab(tmp_path) as it:
        await it.text("SM2", "second")
        assert await it.sender.texts(1) == ["You said: second"]
        await settled(it)
        assert "record_set_aside" in [event.name for event in await it.store.timeline(JOHN)]


async def test_a_turn_that_shutdown_cuts_off_uses_up_no_try(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def waits(request: TurnRequest) -> TurnResult:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with lab(tmp_path, waits) as it:
        await it.text("SM1", "hello")
        await started.wait()
        assert not await it.engine.drain(0.01)
    async with open_file_store(tmp_path) as store:
        (waiting,) = await store.waiting(JOHN)
    assert waiting.tries == 0


# --- approvals ------------------------------------------------------------------------------------------------


def asks(request: TurnRequest) -> TurnResult:
    """Ask for a gated call when the customer says so; else say what the notes say."""
    if "pay" in request.texts:
        call = GatedCall("apr_1", "call_1", "pay", {"amount": 5}, "{}", "f")
        return answer(request, "A colleague looks at it.", gated=(call,))
    return answer(request, " / ".join(map(words, request.notes)) or "You said: " + " / ".join(request.texts))


async def responds(request: TurnRequest) -> TurnResult:
    return asks(request)


async def waiting_approval(it: Lab) -> Approval:
    await it.text("SM1", "pay")
    await it.sender.texts(1)
    await settled(it)
    (approval,) = (await saved(it)).approvals
    return approval


async def decide(it: Lab, verdict: Verdict, **more: Any) -> Outcome:
    approval = (await saved(it)).approvals[0]
    decision = Decision("apr_1", verdict, actor="mia", decided_at=1.0, **more)
    receipt = await it.engine.decide(JOHN, decision, key="decision:apr_1", not_after=approval.expires_at)
    return receipt.outcome


async def test_an_approved_call_is_executed_and_the_customer_told(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        assert (await waiting_approval(it)).status is ApprovalStatus.PENDING
        assert await decide(it, Verdict.APPROVE) is Outcome.ACCEPTED
        heard = await it.sender.texts(2)
        await settled(it)
        (approval,) = (await saved(it)).approvals
        events = [(event.name, event.data.get("actor")) for event in await it.store.timeline(JOHN)]
    assert "carried out. Result: done" in heard[1]
    assert (approval.status, approval.result, approval.decided_by) == (ApprovalStatus.EXECUTED, "done", "mia")
    assert approval.snapshot == ""
    assert ("approval_decided", "mia") in events
    assert len(it.runner.executed) == 1


async def test_the_final_message_of_staff_replaces_the_models(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        await decide(it, Verdict.APPROVE, final_message="All done, John. Mia")
        heard = await it.sender.texts(2)
        await settled(it)
        items = (await saved(it)).history[-1].items
    assert heard[1] == "All done, John. Mia"
    assert items[-1] == {"role": "assistant", "content": "All done, John. Mia"}
    assert len(it.runner.requests) == 1


@pytest.mark.promise("H7")
async def test_a_decision_about_what_is_settled_runs_nothing(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        await decide(it, Verdict.REJECT)
        await it.sender.texts(2)
        late = Decision("apr_1", Verdict.APPROVE, actor="tom", decided_at=2.0)
        await it.engine.decide(JOHN, late, key="another way in", not_after=None)
        await settled(it)
        (approval,) = (await saved(it)).approvals
    assert (it.runner.executed, approval.status) == ([], ApprovalStatus.REJECTED)


@pytest.mark.promise("H9")
async def test_a_customer_who_withdrew_is_not_told_so_again(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        await decide(it, Verdict.WITHDRAW)
        await settled(it)
        (approval,) = (await saved(it)).approvals
    assert (approval.status, len(it.sender.sent)) == (ApprovalStatus.WITHDRAWN, 1)


@pytest.mark.promise("H7")
async def test_that_a_call_is_carried_out_is_stored_before_it_is(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        it.runner.gate = asyncio.Event()
        await decide(it, Verdict.APPROVE)
        await until(lambda: it.runner.executed)
        (approval,) = (await saved(it)).approvals
        it.runner.gate.set()
        await it.sender.texts(2)
    assert approval.status is ApprovalStatus.EXECUTING


async def test_a_final_message_is_not_sent_when_the_call_failed(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        it.runner.executions = [Execution(ApprovalStatus.FAILED, "no such order")]
        await waiting_approval(it)
        await decide(it, Verdict.APPROVE, final_message="All done, John. Mia")
        heard = await it.sender.texts(2)
    assert "no such order" in heard[1]


@pytest.mark.promise("P13")
async def test_a_decision_that_cannot_be_carried_to_its_end_is_told_and_left_to_staff(tmp_path: Path) -> None:
    async def breaks(request: TurnRequest) -> TurnResult:
        if request.notes:
            raise ValueError("boom")
        return asks(request)

    async with lab(tmp_path, breaks) as it:
        await waiting_approval(it)
        await decide(it, Verdict.APPROVE)
        heard = await answered(it, 2)
        await settled(it)
        (approval,) = (await saved(it)).approvals
    assert heard[1] == phrases.UNKNOWN
    assert approval.status is ApprovalStatus.UNKNOWN


async def test_the_first_decision_wins(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        outcomes = await asyncio.gather(
            *(decide(it, verdict) for verdict in (Verdict.APPROVE, Verdict.REJECT, Verdict.APPROVE, Verdict.REJECT))
        )
        await it.sender.texts(2)
        await settled(it)
    assert sorted(outcomes) == [Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(it.sender.sent) == 2


async def test_a_decision_after_the_deadline_is_refused_even_before_anybody_noticed_it(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        approval = await waiting_approval(it)
        decision = Decision("apr_1", Verdict.APPROVE, actor="mia", decided_at=1.0)
        receipt = await it.engine.decide(JOHN, decision, key="decision:apr_1", not_after=approval.requested_at)
    assert receipt.outcome is Outcome.LATE


async def test_an_unknown_execution_is_kept_for_staff_who_settle_it(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        it.runner.executions = [Execution(ApprovalStatus.UNKNOWN, "?")]
        await waiting_approval(it)
        await decide(it, Verdict.APPROVE)
        await it.sender.texts(2)
        await settled(it)
        (unknown,) = (await saved(it)).approvals
        retry = Decision("apr_1", Verdict.RETRY, actor="mia", decided_at=2.0)
        await it.engine.decide(JOHN, retry, key="resolve:apr_1:1", not_after=None)
        await it.sender.texts(3)
        await settled(it)
        (done,) = (await saved(it)).approvals
    assert unknown.status is ApprovalStatus.UNKNOWN
    assert (done.status, done.retries) == (ApprovalStatus.EXECUTED, 1)


async def test_when_the_agent_cannot_tell_the_outcome_a_fixed_sentence_does(tmp_path: Path) -> None:
    async def silent(request: TurnRequest) -> TurnResult:
        return replace(asks(request), text="") if request.notes else asks(request)

    async with lab(tmp_path, silent) as it:
        await waiting_approval(it)
        await decide(it, Verdict.APPROVE)
        heard = await it.sender.texts(2)
    assert heard[1] == "Good news: your request was approved and has been carried out."


@pytest.mark.promise("H9")
async def test_the_customer_goes_on_chatting_while_a_call_waits(tmp_path: Path) -> None:
    async with lab(tmp_path, responds) as it:
        await waiting_approval(it)
        await it.text("SM2", "what are your hours?")
        heard = await it.sender.texts(2)
        await settled(it)
        (approval,) = (await saved(it)).approvals
    assert heard[1] == "You said: what are your hours?"
    assert approval.status is ApprovalStatus.PENDING


@pytest.mark.promise("S16")
async def test_delivery_news_never_moves_backwards(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.text("SM1", "hello")
        await it.sender.texts(1)
        await settled(it)
        reply = it.sender.sent[0]
        for status in (ReplyStatus.DELIVERED, ReplyStatus.SENT):
            await it.engine.delivery_status(JOHN, reply.id, status, provider_id="SM1")
        (stored,) = await it.store.replies(JOHN)
    assert stored.status is ReplyStatus.DELIVERED
    assert stored.tries == 1


async def opted_out(it: Lab) -> None:
    """Wait until the customer's opt-out is stored."""
    async with asyncio.timeout(PATIENCE):
        while not ((found := await it.store.conversation(JOHN)) and found.opted_out):
            await asyncio.sleep(0.005)


async def three(request: TurnRequest) -> TurnResult:
    """Answer with three messages."""
    return answer(request, "three", requested=PendingWrites(messages=[(ROUTE, "one"), (ROUTE, "two")]))


@pytest.mark.promise("S11")
@pytest.mark.parametrize("by", ["a text", "a refusal"])
async def test_what_waits_to_be_sent_is_not_sent_after_an_opt_out(tmp_path: Path, by: str) -> None:
    async with lab(tmp_path, three) as it:
        it.sender.gate = asyncio.Event()
        if by == "a refusal":
            it.sender.troubles = [DeliveryRefused(provider_code=21610)]
        await it.text("SM1", "hello")
        async with asyncio.timeout(PATIENCE):
            while len(await it.store.replies(JOHN)) < 3:
                await asyncio.sleep(0.005)
        if by == "a text":
            await it.text("SM2", "STOP")
        await opted_out(it)
        it.sender.gate.set()
        await settled(it)
        last = (await it.store.replies(JOHN))[-1]
    assert "three" not in [reply.text for reply in it.sender.sent]  # one may have left already
    assert (last.reply.text, last.status) == ("three", ReplyStatus.BLOCKED)


@pytest.mark.promise("V14")
async def test_what_can_no_longer_be_said_is_texted_as_it_is_written(tmp_path: Path) -> None:
    async def spells(request: TurnRequest) -> TurnResult:
        return answer(request, "Your refund is R E F 0 B 7.")

    async with lab(tmp_path, spells) as it:
        it.sender.elsewhere = ROUTE
        it.sender.troubles = [DeliveryRefused(provider_code=CALL_ENDED)]
        await it.text("SM1", "hello", route=VOICE)
        assert await it.sender.texts(1) == ["Your refund is REF0B7."]
    assert it.sender.sent[0].route == ROUTE


# --- speech ---------------------------------------------------------------------------------------------------


class Down(Flaky):
    """A store whose claims fail."""

    async def claim(self, *args: Any, **kw: Any) -> Any:
        raise StoreUnavailable


async def test_a_caller_hears_an_apology_when_the_store_is_down(tmp_path: Path) -> None:
    heard: list[str] = []
    finished = asyncio.Event()
    speech = SpeechStream(JOHN, heard.append, finished.set, first_token_timeout=5)
    async with lab(tmp_path, wrap=Down) as it:
        it.engine.speeches["CA1:1"] = speech
        await it.engine.hear(JOHN, [Entry("CA1:1", SpokenPrompt(VOICE, "CA1", "hello"))])
        await asyncio.wait_for(finished.wait(), PATIENCE)
    assert heard == [phrases.FAILURE]


async def test_a_caller_who_speaks_while_the_gateway_stops_hears_an_apology(tmp_path: Path) -> None:
    heard: list[str] = []
    speech = SpeechStream(JOHN, heard.append, lambda: heard.append("<end>"), first_token_timeout=5)
    async with lab(tmp_path) as it:
        assert await it.engine.drain(PATIENCE)
        it.engine.speeches["CA1:1"] = speech
        await it.engine.hear(JOHN, [Entry("CA1:1", SpokenPrompt(VOICE, "CA1", "hello"))])
        assert heard == [phrases.FAILURE, "<end>"]


def test_what_ended_two_turns_is_left_out_of_the_next_one_and_so_is_another_call() -> None:
    said = [("CA1", 3), ("CA1", 2), ("CA2", 0), ("CA1", 0)]
    waiting = [
        Waiting(Entry(f"{call}:{number}", SpokenPrompt(VOICE, call, "hello")), accepted_at=1.0, tries=tries)
        for number, (call, tries) in enumerate(said)
    ]
    last = waiting[-1].entry.body
    assert isinstance(last, SpokenPrompt)
    assert [one.entry.key for one in left_unspoken(waiting, last, SpeechStreams())] == ["CA1:1"]


@each(("later", "offered"), [(599.0, "the rest"), (600.0, "")])
def test_what_was_left_open_is_offered_for_ten_minutes(later: float, offered: str) -> None:
    context = {LEFT_OPEN: {"text": "the rest", "at": 1000.0}}
    left = Conversation(JOHN, created_at=0, updated_at=0, context=context)
    assert left_open(left, now=1000.0 + later) == offered


class Refusing:
    """A store that can be read and, while ``full``, not written."""

    full = False

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, *args: Any, **kw: Any) -> Any:
        if self.full:
            raise StoreUnavailable("(OperationalError: disk is full)")
        return await self._store.accept(*args, **kw)

    async def ping(self) -> None:
        if self.full:
            raise StoreUnavailable
        await self._store.ping()


async def test_an_outage_is_logged_once_and_so_is_its_end(tmp_path: Path) -> None:
    stores: list[Refusing] = []

    def wrap(store: Any) -> Any:
        stores.append(Refusing(store))
        return stores[0]

    with capture_logs() as logs:
        async with lab(tmp_path, wrap=wrap) as it:
            for outage in range(2):
                stores[0].full = True
                for number in range(3):
                    with pytest.raises(StoreUnavailable):
                        await it.text(f"SM{outage}{number}", "hello")
                stores[0].full = False
                await it.text(f"SM{outage}9", "hello")
                await it.text(f"SM{outage}8", "hello")
            await settled(it)
    told = [line for line in logs if line["event"].startswith("store_")]
    assert [line["event"] for line in told] == ["store_unavailable", "store_back"] * 2
    assert [line["reason"] for line in told[::2]] == ["(OperationalError: disk is full)"] * 2


async def test_the_end_of_an_outage_shows_without_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.conversation.engine.SWEEP_SECONDS", 0.01)
    stores: list[Refusing] = []

    def wrap(store: Any) -> Any:
        stores.append(Refusing(store))
        return stores[0]

    with capture_logs() as logs:
        async with lab(tmp_path, wrap=wrap) as it, asyncio.timeout(PATIENCE):
            stores[0].full = True
            with pytest.raises(StoreUnavailable):
                await it.text("SM1", "hello")
            await asyncio.sleep(0.05)
            assert [line["event"] for line in logs] == ["store_unavailable"]
            stores[0].full = False
            while len(logs) < 2:
                await asyncio.sleep(0.005)
    assert logs[1]["event"] == "store_back"


async def test_a_spoken_prompt_goes_before_texts_that_wait(tmp_path: Path) -> None:
    said: list[str] = []
    gate, started = asyncio.Event(), asyncio.Event()

    async def responds_in_order(request: TurnRequest) -> TurnResult:
        said.append(request.texts[0])
        started.set()
        request.steering.tools_begun += 1  # it has done something, so it is not cancelled
        await gate.wait()
        return await echo(request)

    async with lab(tmp_path, responds_in_order) as it:
        await it.text("SM1", "first text")
        await started.wait()
        await it.text("SM2", "second text")
        speech = SpeechStream(JOHN, lambda _: None, lambda: None, first_token_timeout=5)
        it.engine.speeches["CA1:1"] = speech
        await it.engine.hear(JOHN, [Entry("CA1:1", SpokenPrompt(VOICE, "CA1", "spoken"))])
        gate.set()
        await asyncio.wait_for(speech.done.wait(), PATIENCE)
        await it.sender.texts(2)
    assert said == ["first text", "spoken", "second text"]


async def test_what_was_heard_corrects_the_turn_it_belongs_to(tmp_path: Path) -> None:
    async with lab(tmp_path) as it:
        await it.text("SM1", "one")
        await it.text("SM2", "two")
        await it.sender.texts(2)
        await settled(it)
        await it.engine.accept(JOHN, [Entry("heard:1", Heard(1, "You said"))], token="h")
        await settled(it)
        first, second = (await saved(it)).history
    assert first.items[-1] == {"role": "assistant", "content": "You said"}
    assert second.items[-1] == {"role": "assistant", "content": "You said: two"}


@pytest.mark.parametrize("blind", [DeliveryFailed(), DeliveryThrottled()])
async def test_a_reply_that_cannot_be_looked_up_is_not_sent_again_before_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blind: DeliveryError
) -> None:
    monkeypatch.setattr("tandem.conversation.delivery.UNCLEAR_WAIT", 0.01)
    async with lab(tmp_path, echo) as it:
        it.sender.troubles = [DeliveryUnclear()]
        it.sender.existing = {"You said: hello": "SMlost"}
        it.sender.blind = [blind]
        await it.text("SM1", "hello")
        await until(lambda: len(it.sender.looked_for) >= 2)
        await settled(it)
        (row,) = await it.store.replies(JOHN)
    assert (row.status, row.provider_id) == (ReplyStatus.SENT, "SMlost")
    assert it.sender.sent == []
    assert len(it.sender.looked_for) == 2


@pytest.mark.parametrize("tries", [1, 2])
async def test_a_reply_that_could_not_be_looked_up_and_is_not_there_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    monkeypatch.setattr("tandem.conversation.delivery.UNCLEAR_WAIT", 0.01)
    async with lab(tmp_path, echo) as it:
        it.sender.troubles = [DeliveryUnclear()]
        it.sender.blind = [DeliveryFailed() for _ in range(tries)]
        await it.text("SM1", "hello")
        assert await it.sender.texts(1) == ["You said: hello"]
        await settled(it)
    assert len(it.sender.looked_for) == tries + 1


@pytest.mark.parametrize("order", ["heard first", "text first"])
async def test_what_was_heard_stands_before_the_text_that_waits_beside_it(tmp_path: Path, order: str) -> None:
    histories: list[str] = []
    gate = asyncio.Event()

    async def looks_back(request: TurnRequest) -> TurnResult:
        histories.append(str([turn.items for turn in request.conversation.history]))
        if request.texts[0] == "two":
            request.steering.tools_begun += 1
            await gate.wait()
        return await echo(request)

    async with lab(tmp_path, looks_back) as it:
        await it.text("SM1", "one")
        await it.sender.texts(1)
        await it.text("SM2", "two")  # the lane is held while both come in
        await until(lambda: len(histories) == 2)
        heard, text = Entry("heard:1", Heard(1, "You")), Entry("SM3", TextReceived(ROUTE, "three"))
        both = [heard, text] if order == "heard first" else [text, heard]
        for number, entry in enumerate(both):
            await it.engine.accept(JOHN, [entry], token=f"t{number}")
        gate.set()
        await it.sender.texts(3)
    assert "You said: one" in histories[1]
    assert "You said: one" not in histories[2]
    assert "'You'" in histories[2]


async def test_what_was_heard_shields_no_text_that_never_ends(tmp_path: Path) -> None:
    async def raises(request: TurnRequest) -> TurnResult:
        if request.texts == ("poison",):
            raise RuntimeError("no luck")
        return await echo(request)

    async with lab(tmp_path, raises) as it:
        await it.text("SM1", "one")
        await it.sender.texts(1)
        poison = Entry("SM2", TextReceived(ROUTE, "poison"))
        await it.engine.accept(JOHN, [Entry("heard:1", Heard(1, "You")), poison], token="t")
        async with asyncio.timeout(PATIENCE):
            while len(it.sender.sent) < 2:
                it.engine.wake(JOHN)
                await asyncio.sleep(0.01)
        assert it.sender.sent[1].text == phrases.FAILURE
        await it.text("SM3", "three")
        assert (await it.sender.texts(3))[2] == "You said: three"
        first = (await saved(it)).history[0]
    assert first.items[-1] == {"role": "assistant", "content": "You"}


class HeldRelease:
    """A store whose first release does not get through before it is cancelled."""

    def __init__(self, store: LaneStore) -> None:
        self._store = store
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def release(self, claim: Claim, *, forgive: bool = False) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()
        await self._store.release(claim, forgive=forgive)


async def test_a_stop_while_an_idle_lane_is_given_back_leaves_it_to_the_next_process(tmp_path: Path) -> None:
    """It was kept until its lease ran out, and whatever came meanwhile waited as long."""
    held: list[HeldRelease] = []

    def wrap(store: LaneStore) -> Any:
        held.append(HeldRelease(store))
        return held[0]

    async with lab(tmp_path, wrap=wrap) as it:
        await it.text("SM1", "hello")
        await it.sender.texts(1)
        await settled(it)
        it.engine.wake(JOHN)
        async with asyncio.timeout(PATIENCE):
            await held[0].reached.wait()
    async with open_file_store(tmp_path) as store:
        assert await store.claim(JOHN, holder="next", seconds=1.0) is not None
