"""Met in the field, "Models": services of many makers, small contexts, refusals, and models that are away."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tandem.agents.guarded_model import MAX_BACKOFF
from tandem.agents.models import wire_items
from tandem.conversation import phrases
from tandem.conversation.history import size
from tandem.guardrails.thoughts import whole_arguments
from tandem.model import TicketStatus

from ..flows.test_voice import dial
from ..kit.colleague import Colleague, staffed
from ..kit.gateway import JANE, JOHN, Running, running
from ..kit.model_server import TROUBLE, Answer, ModelServer, repeating
from ..kit.sources import subject_of
from ..kit.tables import each

pytestmark = pytest.mark.promise("F4")

MODES = ["responses", "chat_completions"]
BOTH = pytest.mark.parametrize("it", [{"OPENAI_API_MODE": mode} for mode in MODES], ids=MODES, indirect=True)
ORDERS = ("ORD_12345", "ORD_67890")


async def ask_anew(it: Running) -> str:
    """Ask for John's order in other words each time: a text that comes again and again is not answered."""
    return await it.ask("where is it?" + " Please!" * len(it.twilio.sent_to(JOHN)))


# --- ids of calls -----------------------------------------------------------------------------------------------


def looking(ids: list[Any]) -> ModelServer:
    """A model that looks up both orders in each turn, under ids that its service chose badly."""
    calls = [("order_status", {"order_id": order}) for order in ORDERS]
    turn = [Answer(calls=calls, ids=ids), Answer("There.")]
    answers = itertools.cycle(turn)
    return ModelServer(lambda _: next(answers))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ids", [["x", "x"], ["", ""], [None, None], ["call_1", "call_2"]])
async def test_calls_are_told_apart_whatever_ids_a_service_gives_them(
    tmp_path: Path, mode: str, ids: list[Any]
) -> None:
    async with running(tmp_path, looking(ids), OPENAI_API_MODE=mode) as it:
        said = [await it.ask(f"where are they, {number}?") for number in range(3)]
        history = (await it.conversation()).history
    assert said == ["There."] * 3
    items = [item for turn in history for item in turn.items]
    calls = [item for item in items if item.get("type") == "function_call"]
    outputs = {item["call_id"]: item["output"] for item in items if item.get("type") == "function_call_output"}
    assert len({call["call_id"] for call in calls}) == len(outputs) == 6
    asked = [json.loads(call["arguments"])["order_id"] for call in calls]
    assert asked == list(ORDERS) * 3
    # Order 12345 is John's, the other one is not: every call has its own output.
    assert ["shipped" in outputs[call["call_id"]] for call in calls] == [True, False] * 3


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_sent_back_has_ids_that_every_service_takes(tmp_path: Path, mode: str) -> None:
    model = looking(["", ""])
    async with running(tmp_path, model, OPENAI_API_MODE=mode) as it:
        await it.ask("where?")
        await it.ask("and now?")
    if mode == "responses":
        ids = [item["call_id"] for item in model.wire[-1]["input"] if item["type"] == "function_call"]
    else:
        ids = [call["id"] for said in model.chats[-1]["messages"] for call in said.get("tool_calls") or ()]
    assert len(set(ids)) == len(ids) == 4
    assert all(len(one) == 9 and one.isalnum() for one in ids)


async def test_requests_with_the_same_foreign_id_are_two_requests(tmp_path: Path) -> None:
    turns = iter([30, 31])

    def answer(body: dict[str, Any]) -> Answer:
        if body["input"][-1].get("role") == "user":
            message = f"call {next(turns)}"
            return Answer(calls=[("send_sms", {"to": "+15559998888", "message": message})], ids=["call_0"])
        return Answer("A colleague decides.")

    async with staffed(tmp_path, ModelServer(answer)) as (it, mia):
        await it.ask("tell my sister")
        await it.ask("and once more")
        first, second = (await mia.get("/approvals"))["approvals"]
        await mia.decide(first, approved=True)
        await mia.decide(second, approved=True)
        told = await it.hear(2, number="+15559998888")
    assert first["toolCallId"] != second["toolCallId"]
    assert sorted(told) == ["call 30", "call 31"]


async def test_a_tool_name_that_a_model_makes_up_spoils_no_later_turn(tmp_path: Path) -> None:
    names = iter(["Refund Money!!", "заплати", "shop.pay", "x" * 200, ""])

    def answer(body: dict[str, Any]) -> Answer:
        asked = body["input"][-1].get("role") == "user"
        return Answer(calls=[(next(names), {})]) if asked else Answer("I cannot do that.")

    model = ModelServer(answer)
    async with running(tmp_path, model) as it:
        said = [await it.ask(f"pay me back, {number}") for number in range(5)]
    assert said == ["I cannot do that."] * 5
    assert model.refused == []


@BOTH
@each(
    "name",
    ["functions.order_status", "order_status<|channel|>commentary", "functions.order_status:0", " order_status\n",
     "order_status()"],
)  # fmt: skip
async def test_a_tool_is_known_by_its_name_whatever_a_template_puts_around_it(it: Running, name: str) -> None:
    it.model.play([Answer(calls=[(name, {"order_id": "12345"})]), Answer("There.")])
    assert await ask_anew(it) == "There."
    items = (await it.conversation()).history[-1].items
    assert [item["name"] for item in items if "name" in item] == ["order_status"]
    assert "shipped" in str([item["output"] for item in items if "output" in item])


@each(
    ("given", "read"),
    [
        (json.dumps(json.dumps({"order_id": "12345"})), {"order_id": "12345"}),
        ('```json\n{"order_id": "12345"}\n```', {"order_id": "12345"}),
        ('"12345"', "12345"),
        ('{"order_id": "{\\"a\\": 1}"}', {"order_id": '{"a": 1}'}),
        ('{"a": "```"}', {"a": "```"}),
    ],
)
def test_arguments_are_read_out_of_what_a_model_wraps_them_in(given: str, read: Any) -> None:
    assert json.loads(whole_arguments(given)) == read


def as_message(arguments: Any, name: str = "order_status", **more: Any) -> dict[str, Any]:
    """Return a message of the older API that calls a tool, with arguments as a service writes them."""
    call = {"id": "c1", "function": {"name": name, "arguments": arguments}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "There."}]


@pytest.mark.parametrize("it", [{"OPENAI_API_MODE": "chat_completions"}], indirect=True)
@each(
    ("message", "output"),
    [
        ({"role": "assistant", "content": PARTS}, ""),
        ({"role": "assistant", "content": PARTS[1:]}, ""),
        (as_message({"order_id": "12345"}, type="function"), "shipped"),
        (as_message('{"order_id": "12345"}'), "shipped"),
        (as_message('{"order_id": 12345}', type="function"), "shipped"),
        (as_message(None, type="function"), "do not fit"),
        (as_message('{"order_id": "123', type="function"), "do not fit"),
        (as_message("{'order_id': '12345'}", type="function"), "do not fit"),
        (as_message('{"order_id": "12345", "amount": 5,}', "process_refund", type="function"), "no JSON object"),
        (as_message('{"arguments": {"order_id": "12345"}}', type="function"), "do not fit"),
    ],
)
async def test_an_answer_is_read_in_the_ways_of_many_services(
    it: Running, message: dict[str, Any], output: str
) -> None:
    """Mistral sends parts, text-generation-inference arguments as an object; small models write ids as numbers."""
    it.model.play(repeating(Answer(message=message), Answer("There.")))
    assert await ask_anew(it) == "There."
    items = (await it.conversation()).history[-1].items
    assert [output in item["output"] for item in items if "output" in item] == [True] * bool(output)


@each(("arguments", "output"), [({"order_id": 12345}, "shipped"), ({}, "do not fit"), ({"order": "1"}, "do not fit")])
async def test_arguments_that_nearly_fit_are_taken_and_others_told_to_the_model(
    it: Running, arguments: dict[str, Any], output: str
) -> None:
    it.model.play(repeating(Answer(calls=[("order_status", arguments)]), Answer("There.")))
    assert await ask_anew(it) == "There."
    assert output in it.model.inputs[1][-1]["output"]


@each("arguments", ["", "{", '"12345"', "[1]"])
def test_arguments_that_are_no_object_leave_as_one(arguments: str) -> None:
    """Some servers read the arguments of earlier calls back, and fail on what is no JSON object."""
    call = {"type": "function_call", "call_id": "a", "name": "order_status", "arguments": arguments}
    (sent,) = wire_items([call])
    assert type(json.loads(sent["arguments"])) is dict


# --- models that repeat themselves ------------------------------------------------------------------------------

PAID = ("process_refund", {"order_id": "12345", "amount": 20, "reason": "broken"})
TEXTED = ("send_sms", {"to": "me", "message": "The link"})
TICKET = ("create_ticket", {"customer_id": "me", "subject": "Lamp", "description": "broken", "priority": "low"})
ONCE = [
    [Answer(calls=[PAID, TEXTED, TICKET] * 2)],
    [Answer(calls=[PAID, TEXTED, TICKET])] * 4,
    [Answer(calls=[PAID, TEXTED, TICKET]), Answer(calls=[(PAID[0], {"reason": "broken", **PAID[1]})])],
]


@pytest.mark.parametrize("answers", ONCE, ids=["in one answer", "in a circle", "in another order"])
async def test_a_call_that_a_model_repeats_within_a_turn_is_made_once(tmp_path: Path, answers: list[Answer]) -> None:
    told = iter([*answers, Answer("Done."), Answer(calls=[PAID])])
    model = ModelServer(lambda _: next(told, Answer("Done again.")))
    async with staffed(tmp_path, model) as (it, _):
        await it.say("refund 20 dollars and text me")
        assert sorted(await it.hear(2)) == ["Done.", "The link"]
        assert await it.ask("and once more, please") == "Done again."
        made = await tickets(it)
    outputs = [str(item["output"]) for item in model.inputs[-1] if item.get("type") == "function_call_output"]
    paid = [json.loads(one)["refunded_in_all"] for one in outputs if '"refunded_in_all"' in one]
    assert (paid, len(made)) == (["$20.00", "$40.00"], 1)
    assert len([one for one in outputs if "made in this turn already" in one]) == len(outputs) - 4


async def test_a_call_that_was_refused_may_be_made_again_within_the_turn(tmp_path: Path) -> None:
    calls = [PAID, (PAID[0], {**PAID[1], "amount": 20.001}), (PAID[0], {**PAID[1], "amount": 20.001})]
    answers = iter([Answer(calls=[call]) for call in calls])
    model = ModelServer(lambda _: next(answers, Answer("Done.")))
    async with running(tmp_path, model) as it:
        await it.ask("refund 20 dollars")
    outputs = [str(item["output"]) for item in model.inputs[-1] if item.get("type") == "function_call_output"]
    assert ["bad_amount" in one for one in outputs] == [False, True, True]


# --- typed items ------------------------------------------------------------------------------------------------


async def test_items_leave_in_their_full_form(tmp_path: Path) -> None:
    model = looking(["a", "b"])
    async with running(tmp_path, model) as it:
        await it.ask("where?")
        await it.ask("and now?")
    sent = model.wire[-1]["input"]
    assert {item["type"] for item in sent} == {"message", "function_call", "function_call_output"}
    parts = {(item["role"], part["type"]) for item in sent if item["type"] == "message" for part in item["content"]}
    assert parts >= {("user", "input_text"), ("assistant", "output_text"), ("system", "input_text")}
    assert model.refused == []


# --- small contexts ---------------------------------------------------------------------------------------------


def small(limit: int, answer: Any) -> ModelServer:
    """A model whose context holds ``limit`` characters of input."""

    def answering(body: dict[str, Any]) -> Answer:
        if len(json.dumps(body["input"])) > limit:
            return Answer(status=400, code="context_length_exceeded")
        return answer(body)

    return ModelServer(answering)


async def test_a_small_context_answers_every_turn(tmp_path: Path) -> None:
    model = small(12_000, lambda body: Answer("Noted: " + "y" * 400))
    async with running(tmp_path, model, RATE_LIMIT_PER_MINUTE="0") as it:
        said = [await it.ask(f"{number} " + "x" * 900) for number in range(25)]
    assert {text[:6] for text in said} == {"Noted:"}


async def test_the_newest_words_and_the_turn_before_survive_a_shortened_input(tmp_path: Path) -> None:
    model = small(12_000, lambda body: Answer("ok"))
    async with running(tmp_path, model) as it:
        said = [await it.ask(f"word-{number} " + "x" * 900) for number in range(16)]
    assert said == ["ok"] * 16
    given = str(model.inputs[-1])
    assert "word-15" in given
    assert "word-14" in given


async def test_history_is_bounded_by_size_as_well(tmp_path: Path) -> None:
    model = ModelServer(lambda body: Answer("y" * 500))
    async with running(tmp_path, model, HISTORY_MAX_CHARS="4000") as it:
        for number in range(12):
            await it.ask(f"{number} " + "x" * 500)
        history = (await it.conversation()).history
    assert size(item for turn in history for item in turn.items) <= 4000
    assert 1 < len(history) < 8


@pytest.mark.parametrize("mode", MODES)
async def test_one_giant_argument_spoils_neither_its_turn_nor_the_next(tmp_path: Path, mode: str) -> None:
    answers = iter(
        [Answer(calls=[("search_knowledge_base", {"query": "q" * 130_000, "category": "", "max_results": 5})])]
    )

    def answer(body: dict[str, Any]) -> Answer:
        given = body.get("input") or body["messages"]
        if len(json.dumps(given)) > 100_000:
            return Answer(status=413, code="request_too_large")
        return next(answers, Answer("Found nothing."))

    async with running(tmp_path, ModelServer(answer), OPENAI_API_MODE=mode) as it:
        said = [await it.ask("look it up"), await it.ask("and now?")]
        history = (await it.conversation()).history
    assert said == ["Found nothing."] * 2
    assert size(item for turn in history for item in turn.items) < 61_000


LONG = "too large for me"
TOO_LONG = [
    (400, {"error": {"code": 400, "message": LONG, "type": "exceed_context_size_error"}}),
    (400, {"object": "error", "message": LONG, "type": "BadRequestError", "code": 400}),
    (400, [{"error": {"code": 400, "message": LONG, "status": "INVALID_ARGUMENT"}}]),
    (400, {"error": LONG}),
    (413, {"error": {"message": f"Request {LONG}", "type": "tokens", "code": "rate_limit_exceeded"}}),
    (422, {"error": LONG, "error_type": "validation"}),
    (429, {"error": {"message": f"Request {LONG} on TPM", "type": "tokens", "code": "rate_limit_exceeded"}}),
    (500, {"error": {"code": 500, "message": "context shift is disabled", "type": "server_error"}}),
]
"""How llama.cpp, vLLM, Gemini, LM Studio, Groq, text-generation-inference, OpenAI, older llama.cpp say it."""


@BOTH
async def test_an_input_is_shortened_whatever_a_maker_calls_too_long(it: Running) -> None:
    model = it.another(repeating(Answer("Noted.")))
    for number in range(8):
        await it.ask(f"{number} " + "x" * 950)

    def answering(status: int, body: Any) -> Any:
        refused = Answer(status=status, body=body)
        return lambda request: refused if str(request).count("x" * 900) > 6 else Answer("ok")

    told = dict[str, tuple[str, int]]()
    for number, (status, body) in enumerate(TOO_LONG):
        model.play(answering(status, body))
        told[str(body)] = await it.ask(f"and now, {number}?"), len(model.requests) + len(model.chats)
    assert {body: one for body, one in told.items() if one != ("ok", 2)} == {}


FILTERS = ["content_filter", "ResponsibleAIPolicyViolation", "data_inspection_failed"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", FILTERS)
async def test_words_that_a_service_takes_offence_at_spoil_no_later_turn(tmp_path: Path, mode: str, code: str) -> None:
    def answer(body: dict[str, Any]) -> Answer:
        offends = "knife" in str(body.get("input") or body["messages"])
        return Answer(status=400, code=code) if offends else Answer("Here.")

    async with running(tmp_path, ModelServer(answer), OPENAI_API_MODE=mode) as it:
        said = [await it.ask(text) for text in ("hello", "I cut it with a knife", "where is it?", "and now?")]
        assert await tickets(it) == []
    assert said == ["Here.", phrases.REFUSED, "Here.", "Here."]


# --- what the service says --------------------------------------------------------------------------------------


@BOTH
@each(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (403, "country_not_supported"),
        (404, "model_not_found"),
        (429, "insufficient_quota"),
        (429, "billing_hard_limit_reached"),
        (400, "unsupported_parameter"),
        (501, "not_implemented"),
    ],
)
async def test_a_lasting_refusal_is_made_once_and_logged_with_status_and_code(
    it: Running, status: int, code: str
) -> None:
    model = it.another(lambda _: Answer(status=status, code=code))
    with capture_logs() as lines:
        assert await it.ask("hello") == phrases.FAILURE
        asked = len(model.requests) + len(model.chats)
    (failed,) = [line for line in lines if line["event"] == "model_failed"]
    assert (failed["status"], failed["code"], asked) == (status, code, 1)
    assert TROUBLE not in str(lines)


@BOTH
@each("status", [408, 425, 429, 500, 503, 520, 524, 529, 598])
async def test_overload_is_tried_again_by_whichever_code_it_comes(it: Running, status: int) -> None:
    it.another([Answer(status=status, headers={"retry-after": "0.01"}), Answer("Here.")])
    assert await it.ask("hello") == "Here."


def failing(code: Any = 502) -> dict[str, Any]:
    """Return trouble as services tell it with a good status."""
    return {"error": {"message": TROUBLE, "code": code}}


BODIES = [
    failing(), failing("503"), failing("server_error"), {"error": TROUBLE}, {}, f"<html>{TROUBLE}</html>",
    {"object": "chat.completion", "choices": [], "output": None},
    {"object": "chat.completion", "choices": [{"index": 0, "message": None}], "status": "failed", **failing()},
    {"choices": [{"index": 0, "finish_reason": "error", "message": {"content": ""}, "delta": {}, **failing()}]},
]  # fmt: skip
"""Answers with status 200 that are none; OpenRouter and proxies in front of models send such ones."""


@pytest.mark.parametrize("late", [False, True], ids=["whole", "event"])
@pytest.mark.parametrize("mode", MODES)
async def test_trouble_with_a_good_status_is_tried_again(tmp_path: Path, mode: str, late: bool) -> None:
    tried = Counter[str]()

    def script(body: dict[str, Any]) -> Answer:
        said = str((body.get("input") or body["messages"])[-1]["content"])
        tried[said] += 1
        return Answer("Here.") if tried[said] > 1 else Answer(body=BODIES[int(said.split()[1])], late=late)

    async def hear(it: Running, place: int) -> tuple[str, str]:
        number = f"+1555888{place:04}"
        told = await it.ask(f"text {place}", sender=number)
        async with dial(it, number) as call:
            return told, await call.ask(f"call {place}")

    async with running(tmp_path, ModelServer(script), OPENAI_API_MODE=mode) as it:
        heard = await asyncio.gather(*(hear(it, place) for place in range(len(BODIES))))
    assert heard == [("Here.", "Here.")] * len(BODIES)
    assert set(tried.values()) == {2}


@pytest.mark.parametrize("mode", MODES)
async def test_trouble_with_a_good_status_that_stays_is_apologised_for_and_logged(tmp_path: Path, mode: str) -> None:
    model = ModelServer(lambda _: Answer(body=failing()))
    with capture_logs() as lines:
        async with running(tmp_path, model, OPENAI_API_MODE=mode) as it, dial(it) as call:
            assert await it.ask("hello") == phrases.FAILURE
            assert await call.ask("hello") == phrases.FAILURE
    told = [line["status"] for line in lines if line["event"] == "model_failed"]
    assert (told, len(model.requests) + len(model.chats)) == ([502, 502], 6)
    assert TROUBLE not in str(lines)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("code", ["insufficient_quota", 402])
async def test_lasting_trouble_with_a_good_status_is_not_repeated(tmp_path: Path, mode: str, code: Any) -> None:
    model = ModelServer(lambda _: Answer(body=failing(code)))
    async with running(tmp_path, model, OPENAI_API_MODE=mode) as it:
        assert await it.ask("hello") == phrases.FAILURE
    assert len(model.requests) + len(model.chats) == 1


@each(
    ("asked", "answered"),
    # Those that are told come last: a model that is back works their tickets.
    [("0.5", True), ("0", True), ("-5", True), ("soon", True), ("\u00b2", True), ("1e400", True),
     ("Wed, 21 Oct 2015 07:28:00 GMT", True), ("9999", False), ("Wed, 21 Oct 2099 07:28:00 GMT", False)],
)  # fmt: skip
async def test_a_pause_that_a_service_asks_for_is_kept_or_the_customer_told_at_once(
    it: Running, asked: str, answered: bool
) -> None:
    model = it.another(repeating(Answer(status=429, headers={"retry-after": asked}), Answer("Here.")))
    began = time.monotonic()
    assert await it.ask("hello") == ("Here." if answered else phrases.FAILURE)
    took = time.monotonic() - began
    assert len(model.requests) == (2 if answered else 1)
    assert took < MAX_BACKOFF


# --- a model that is away ---------------------------------------------------------------------------------------


class Away:
    """A model that can be away; it proposes an answer to tickets that it is given."""

    def __init__(self) -> None:
        self.away = True
        self.server = ModelServer(self._answer)

    def _answer(self, body: dict[str, Any]) -> Answer:
        if self.away:
            return Answer(status=401, code="invalid_api_key")
        note = next((str(item["content"]) for item in body["input"] if "was opened" in str(item.get("content"))), None)
        if note is not None and body["input"][-1].get("type") != "function_call_output":
            ticket = note.split("ticket ")[1].split(" ")[0]
            return Answer(calls=[("reply_to_ticket", {"ticket_id": ticket, "message": "It is on its way."})])
        return Answer("Here I am again.")


@pytest.fixture
def away() -> Iterator[Away]:
    return Away()


async def tickets(it: Running, number: str = JOHN) -> list[Any]:
    return list(await it.store.tickets(subject_of(number)))


async def test_an_outage_opens_one_ticket_for_a_customer_and_the_next_answer_closes_it(
    tmp_path: Path, away: Away
) -> None:
    async with running(tmp_path, away.server) as it:
        said = [await it.ask(text) for text in ("where is order 12345?", "hello?", "anybody?")]
        (during,) = await tickets(it)
        away.away = False
        assert await it.ask("and now?") == "Here I am again."
        (after,) = await tickets(it)
        away.away = True
        await it.ask("where is the other one?")
        again = await tickets(it)
    assert said == [phrases.FAILURE] * 3
    assert during.status is TicketStatus.OPEN
    assert during.description.splitlines() == ["where is order 12345?", "hello?", "anybody?"]
    assert (after.id, after.status) == (during.id, TicketStatus.SOLVED)
    assert [ticket.status for ticket in again].count(TicketStatus.OPEN) == 1
    assert len(again) == 2


async def test_when_the_model_is_back_it_works_the_tickets_of_those_who_did_not_ask_again(
    tmp_path: Path, away: Away
) -> None:
    async with staffed(tmp_path, away.server) as (it, mia):
        await it.ask("where is order 12345?")
        await it.ask("where is mine?", sender=JANE)
        away.away = False
        await it.ask("and now?", sender=JANE)
        proposed = await proposal(mia)
        (johns,), (janes,) = await tickets(it), await tickets(it, JANE)
        await mia.decide(proposed, approved=True)
        told = (await it.hear(2))[1]
    assert proposed["arguments"]["ticket_id"] == johns.id
    assert janes.status is TicketStatus.SOLVED
    assert told == f"About your ticket {johns.id}: It is on its way."


async def proposal(mia: Colleague) -> Any:
    return await mia.waiting_approval("reply_to_ticket")


async def test_who_only_says_goodbye_gets_no_ticket(tmp_path: Path, away: Away) -> None:
    async with running(tmp_path, away.server) as it:
        await it.ask("goodbye")
        assert await tickets(it) == []
