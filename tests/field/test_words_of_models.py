"""Met in the field, "What we say": thoughts never leave, refusals are said, broken characters end no turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tandem.agents.guarded_model import masked_arguments
from tandem.agents.tool_gate import read_arguments
from tandem.channels.sms.sender import clean, compose
from tandem.conversation import phrases
from tandem.guardrails.stream import WordFilter
from tandem.guardrails.thoughts import said, whole, whole_arguments
from tandem.simulator.call import SimulatedCall

from ..flows.test_approvals import REFUND
from ..flows.test_tickets import DAMAGED, answering
from ..flows.test_voice import committed, dial, words
from ..kit.colleague import JOHNS_ID, entries, staffed
from ..kit.gateway import Running, running
from ..kit.model_server import Answer, ModelServer, repeating
from ..kit.tables import each
from ..kit.waiting import PATIENCE

pytestmark = pytest.mark.promise("F6")
CHATS = {"OPENAI_API_MODE": "chat_completions"}
SECRET = "The customer is rude, but I stay calm."
HALF = "\ud83d"
DEEP = '{"a":' + "[" * 5000
"""No reader of JSON gets to its end."""

THOUGHTS = [
    f"<think>{SECRET}</think>Your order has shipped.",
    f"<think>\n{SECRET}\n</think>\n\nYour order has shipped.",
    f"<THINK>{SECRET}</THINK> Your order has shipped.",
    f"<thinking>{SECRET}</thinking>Your order has shipped.",
    f"<reasoning>{SECRET}</reasoning>Your order has shipped.",
    f"[THINK]{SECRET}[/THINK]Your order has shipped.",
    f"<think></think>Your order has shipped.<think>{SECRET}",
    f"Your order <think>{SECRET}</think>has shipped.",
    f"<seed:think>{SECRET}</seed:think>Your order has shipped.",
    f"<analysis>{SECRET}</analysis>\nYour order has shipped.",
    f"<|START_THINKING|>{SECRET}<|END_THINKING|><|START_RESPONSE|>Your order has shipped.<|END_RESPONSE|>",
    f"<|begin_of_thought|>{SECRET}<|end_of_thought|><|begin_of_solution|>Your order has shipped.<|end_of_solution|>",
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|><|channel|>final<|message|>Your order has shipped.",
    f"<unused94>thought\n{SECRET}<unused95>Your order has shipped.",
    f"<|channel>thought\n{SECRET}<channel|>Your order has shipped.",
    f"<|tool_call>call:order_status{{reason:{SECRET}}}<tool_call|>Your order has shipped.",
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>Your order has shipped."
    "<|return|>",
    f"\u25c1think\u25b7{SECRET}\u25c1/think\u25b7Your order has shipped.",
    f"<antThinking>{SECRET}</antThinking>Your order has shipped.",
    f"<inner_thoughts kind='plan'>{SECRET}</inner_thoughts>Your order has shipped.",
    f"[reasoning]{SECRET}[/reasoning]Your order has shipped.",
    f"<\uff5cbegin\u2581of\u2581thinking\uff5c>{SECRET}<\uff5cend\u2581of\u2581thinking\uff5c>Your order has shipped."
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<|im_start|>assistant\nYour order has shipped.<|im_end|>",
    '<tool_call>{"name": "order_status"}</tool_call>Your order has shipped.',
    "<function=order_status>{}</function>Your order has shipped.",
    "<style>p { color: red }</style>Your order has shipped.",
    "\u200bYour order has shipped.\u202e",
    "Your order has shipped.</s>",
    f"<start_of_turn>model\nYour order has shipped.<end_of_turn>\n<start_of_turn>user\n{SECRET}",
    f"Your order has shipped.<|start|>assistant to=functions.order_status<|channel|>commentary json{SECRET}",
    f'Your order has shipped. to=functions.order_status {{"reason": "{SECRET}"}}',
    f'Your order has shipped.[TOOL_CALLS][{{"name": "{SECRET}"}}]</s>',
    f"&lt;think&gt;{SECRET}&lt;/think&gt;Your order has shipped.",
    f"< think >{SECRET}</ think >Your order has shipped.",
    f"<|channel>thought\n{SECRET}<channel|><|channel>final\nYour order has shipped.",
    # Found by trying, not reported.
    f"Your order has shipped.assistantanalysis{SECRET}",
    f'Your order has shipped.\n{{"name": "order_status", "parameters": {{"order_id": "{SECRET}"}}}}',
    f'Your order has shipped. {{"type": "function", "name": "order_status", "arguments": {{"x": "{SECRET}"}}}}',
    f"Your order has shipped. [order_status(order_id='{SECRET}')]",
    "<think/>Your order has shipped.",
    f"<answer>Your order has shipped.</answer><|user|>{SECRET}",
    f"<|tool_call_begin|>order_status {SECRET}<|tool_call_end|>Your order has shipped.",
    f"Your order has shipped.<|python_tag|>order_status.call(reason={SECRET!r})<|eom_id|>",
    f"[INST]{SECRET}[/INST] Your order has shipped.<eos>",
    f"analysis{SECRET}assistantfinalYour order has shipped.",
    f"analysis{SECRET}assistantcommentary to=functions.order_status json{{}}assistantfinal Your order has shipped.",
    f"analysiswe note: {SECRET}assistantfinalYour order has shipped.",
    f'\nanalysis"Where" they ask. {SECRET}assistantfinal\nYour order has shipped.',
    "𝗬𝗼𝘂𝗿 𝑜𝑟𝑑𝑒𝑟 𝐡𝐚𝐬 ship\u00adped.",
]
INSIDE = f"{SECRET}</think>Your order has shipped."
"""What a server sends whose template opened the thought."""


MODES = pytest.mark.parametrize("it", [{}, CHATS], ids=["responses", "chat"], indirect=True)


@MODES
@each(
    "answer",
    [
        *THOUGHTS,
        f"analysis {SECRET}assistantfinalYour order has shipped.",
        "Your order has shipped.</think>",
        f"<think>Well. <think>Hm.</think>{SECRET}</think>Your order has shipped.",
    ],
)
async def test_thoughts_are_neither_texted_nor_remembered(it: Running, answer: str) -> None:
    it.another(lambda _: Answer(answer))
    assert await it.ask("where is my order?") == "Your order has shipped."
    assert SECRET not in str(await it.conversation())


@MODES
@pytest.mark.parametrize(
    "answer",
    [
        INSIDE,
        f"{SECRET}[/THINK]Your order has shipped.",
    ],
)
async def test_nor_is_a_thought_that_had_begun_before_the_answer(it: Running, answer: str) -> None:
    """A gateway learns from such an answer: each has one of its own."""
    it.another(lambda _: Answer(answer))
    assert await it.ask("where is my order?") == "Your order has shipped."
    assert SECRET not in str(await it.conversation())


@each("answer", THOUGHTS)
async def test_thoughts_are_not_spoken_while_the_answer_streams(it: Running, answer: str) -> None:
    it.another(lambda _: Answer(answer))
    async with dial(it) as call:
        assert (await call.ask("where is my order")).rstrip() == "Your order has shipped."
        conversation = await committed(it, 1)
        assert SECRET not in call.heard()
    assert words(conversation, 1) == ["Your order has shipped."]


async def test_an_answer_of_nothing_but_brackets_ends_no_turn(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer([Answer(DEEP[:1200]), Answer("Fine.")])) as it:
        assert await it.ask("repeat after me") == phrases.FAILURE
        assert await it.ask("hello?") == "Fine."


@pytest.mark.parametrize(
    ("name", "settings"),
    [("some-model", {"HOLD_THOUGHTS": "always"}), ("deepseek-r1:8b", {}), ("qwq", {"HOLD_THOUGHTS": "auto"})],
)
async def test_a_thought_without_a_beginning_is_not_spoken(tmp_path: Path, name: str, settings: dict[str, str]) -> None:
    model = ModelServer(lambda _: Answer(INSIDE))
    async with running(tmp_path, model, AGENT_MODEL=name, **settings) as it, dial(it) as call:
        assert await call.ask("where is my order") == "Your order has shipped."
        assert SECRET not in call.heard()
        conversation = await committed(it, 1)
    assert words(conversation, 1) == ["Your order has shipped."]


async def test_a_model_that_began_inside_a_thought_once_is_held_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path, ModelServer(lambda _: Answer(INSIDE))) as it, dial(it) as call:
        assert await it.ask("where is my order?") == "Your order has shipped."
        assert await call.ask("where is my order") == "Your order has shipped."
        assert SECRET not in call.heard()


@pytest.mark.parametrize("settings", [{"HOLD_THOUGHTS": "always"}, {"AGENT_MODEL": "qwq"}, {}])
async def test_an_answer_without_a_thought_is_spoken_whichever_model_it_comes_from(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    async with running(tmp_path, ModelServer(lambda _: Answer("It has shipped.")), **settings) as it, dial(it) as call:
        assert await call.ask("where is my order") == "It has shipped."


async def test_a_name_that_only_sounds_like_a_thinker_is_held_back_once(tmp_path: Path) -> None:
    answers = [Answer("red orange yellow"), Answer("green blue indigo violet", gap=0.05)]
    async with running(tmp_path, ModelServer(answers), AGENT_MODEL="qwq") as it, dial(it) as call:
        assert await call.ask("one") == "red orange yellow"
        assert len(spoken(call)) == 1
        await call.say("two")
        await call.wait_heard("green")
        assert "violet" not in call.heard()
        await call.wait_heard("violet")


def spoken(call: SimulatedCall) -> list[Mapping[str, Any]]:
    """Return the pieces in which the answers came that were spoken."""
    return [frame for frame in call.received if frame.get("type") == "text" and str(frame.get("token", "")).strip()]


async def test_thoughts_in_the_words_of_tools_reach_nobody(tmp_path: Path) -> None:
    texts = [("send_sms", {"to": "me", "message": f"<think>{SECRET}</think>Here is your copy."})]
    texts += [("send_sms", {"to": "+15557770000", "message": f"{SECRET}</think>Hello from John."})]
    texts += [("send_sms", {"to": "me", "message": f"<thinking>{SECRET}</thinking>"})]
    model = ModelServer([Answer(calls=texts), Answer("Done."), Answer("Sent.")])
    async with staffed(tmp_path, model) as (it, mia):
        await it.say("text us both")
        assert sorted(await it.hear(2)) == ["Done.", "Here is your copy."]
        request = await mia.waiting_approval("send_sms")
        assert request["arguments"] == {"to": "+15557770000", "message": "Hello from John."}
        await mia.decide(request, approved=True)
        assert await it.hear(1, number="+15557770000") == ["Hello from John."]
    assert "The message is empty." in str(model.inputs[1])


async def test_thoughts_in_an_answer_to_a_ticket_are_neither_shown_nor_sent(tmp_path: Path) -> None:
    model = answering(f"[think]{SECRET}[/think]It is **on** its way.")
    async with staffed(tmp_path, model) as (it, mia):
        await mia.post("/tickets", DAMAGED, status=201)
        request = await mia.waiting_approval("reply_to_ticket")
        assert request["arguments"]["message"] == "It is **on** its way."
        await mia.decide(request, approved=True)
        (told,) = await it.hear(1)
    assert told.endswith(": It is on its way.")


async def test_a_model_that_does_nothing_but_think_is_apologised_for(tmp_path: Path) -> None:
    model = ModelServer(lambda _: Answer(f"<think>{SECRET}"))
    async with running(tmp_path, model) as it, dial(it) as call:
        with capture_logs() as lines:
            assert await it.ask("hello") == phrases.FAILURE
        assert await call.ask("hello") == phrases.FAILURE
    assert "answer_without_words" in [line["event"] for line in lines]


@each(
    "answer",
    [
        '{"name": "order_status", "parameters": {"order_id": "12345"}}',
        '```json\n{"name": "order_status", "arguments": {}}\n```',
        "[order_status(order_id='12345')]",
        '<tool_call>{"name": "order_status", "arguments": {"order_id": "12345"}}</tool_call>',
        "<function=order_status><parameter=order_id>12345</parameter></function>",
    ],
)
async def test_a_call_that_the_server_took_for_words_is_told_to_nobody(it: Running, answer: str) -> None:
    it.another(lambda _: Answer(answer))
    with capture_logs() as lines:
        async with dial(it) as call:
            assert await it.ask("where is my order?") == phrases.FAILURE
            assert (await call.ask("where is my order")).strip() == phrases.FAILURE
    told = [line["log_level"] for line in lines if line["event"] == "tool_call_as_text"]
    assert told == ["warning"] * 2
    assert "12345" not in str(lines)


@each("answer", ["***", "---\n***\n", "```\n```", "> \n>", "\u200b\u200b"])
async def test_an_answer_of_nothing_but_marks_is_apologised_for(it: Running, answer: str) -> None:
    it.another(lambda _: Answer(answer))
    async with dial(it) as call:
        assert await it.ask("hello") == phrases.FAILURE
        assert (await call.ask("hello")).strip() == phrases.FAILURE


@each("answer", ["👍", "👍🏽", "🎉🎉 ✅", "👍!", ":thumbsup: 👍"])
async def test_an_emoji_alone_is_texted_and_in_a_call_goes_on_in_words(it: Running, answer: str) -> None:
    it.another(lambda _: Answer(answer))
    async with dial(it) as call:
        assert await it.ask("thanks a lot") not in ("", phrases.FAILURE)
        assert (await call.ask("thank you")).strip("! \n") == phrases.ANYTHING_ELSE


async def test_control_characters_of_a_model_do_not_leave(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ModelServer(lambda _: Answer("It\0 has\x1b[31m shipped.\x07"))) as it,
        dial(it) as call,
    ):
        assert await it.ask("hello") == "It has[31m shipped."
        assert await call.ask("hello") == "It has[31m shipped."
        assert "\\x" not in str(await it.conversation())


async def test_thoughts_before_a_tool_and_after_it_are_not_spoken(tmp_path: Path) -> None:
    answers = [
        Answer(f"<think>{SECRET}", calls=[("order_status", {"order_id": "12345"})]),
        Answer(f"<think>{SECRET}</think>It has shipped."),
    ]
    async with running(tmp_path, ModelServer(answers)) as it, dial(it) as call:
        assert await call.ask("where is my order") == "It has shipped."


async def test_the_summary_holds_no_thoughts(tmp_path: Path) -> None:
    def script(request: dict[str, object]) -> Answer:
        notes = "You keep the notes" in str(request.get("instructions"))
        return Answer(f"<think>{SECRET}</think>They like tea." if notes else "Well.")

    async with running(tmp_path, ModelServer(script), HISTORY_MAX_ITEMS="6") as it:
        for number in range(4):
            await it.ask(f"I like tea {number}")
        async with asyncio.timeout(PATIENCE):
            while not (shown := (await it.conversation()).summary):
                await asyncio.sleep(0.02)
    assert shown == "story: They like tea."


@each(("answer", "size"), [(answer, size) for answer in THOUGHTS for size in (1, 2, 3, 5, 7, 100)])
def test_however_the_stream_is_cut_nothing_of_a_thought_or_its_tags_gets_out(answer: str, size: int) -> None:
    filtered = WordFilter()
    pieces = [filtered.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
    assert "".join([*pieces, filtered.end()]).strip() == "Your order has shipped." == said(answer)


@each(
    "text",
    ["a < b and b > c", "<3", "Use <b>bold</b>", "[t", "see [track](x)", "I think so.", "<th", "<s>$50</s> $40",
     "analysis", "analysis of it: fine", "analysis: done", "analy", "an analysis", "Analysis", "analyse it",
     "{ok}", "As assistants", "[a_b(c)] [see_me", "my assistant analysis", '{"a',
     "write to=support", "AT&T &lt;3", "[x] done", "a <|b", "to", "<your thoughts here> & <analysis@x.example>"],
)  # fmt: skip
def test_what_is_no_thought_passes_the_stream(text: str) -> None:
    filtered = WordFilter()
    assert "".join(map(filtered.feed, text)) + filtered.end() == text == said(text)


# --- refusals ------------------------------------------------------------------------------------------------------

NO = "I'm sorry, I can't help with weapons."


@MODES
@each(
    ("refusal", "told"),
    [
        (NO, NO),
        ("Response withheld by the provider's content filter.", phrases.REFUSED),
        (f"<think>{NO}</think>", phrases.REFUSED),
    ],
)
async def test_a_refusal_is_told_politely_and_the_conversation_goes_on(it: Running, refusal: str, told: str) -> None:
    it.another(repeating(Answer(refusal=refusal), Answer("Your order has shipped.")))
    assert await it.ask("how do I build one?") == told
    assert await it.ask("and my order?") == "Your order has shipped."
    first = (await it.conversation()).history[0]
    assert first.items[-1] == {"role": "assistant", "content": told}


async def test_a_refusal_is_spoken(tmp_path: Path) -> None:
    model = ModelServer(repeating(Answer(refusal=NO), Answer("Your order has shipped.")))
    async with running(tmp_path, model) as it, dial(it) as call:
        assert await call.ask("how do I build one") == NO
        assert await call.ask("and my order") == "Your order has shipped."
        conversation = await committed(it, 2)
    assert words(conversation, 1) == [NO]


async def test_a_refusal_after_a_tool_keeps_what_the_tool_did(tmp_path: Path) -> None:
    answers = [Answer(calls=[("order_status", {"order_id": "12345"})]), Answer(refusal=NO)]
    async with running(tmp_path, ModelServer(answers)) as it:
        assert await it.ask("where is it?") == NO
        items = (await it.conversation()).history[0].items
    assert [item.get("type", item.get("role")) for item in items] == [
        "user", "function_call", "function_call_output", "assistant",
    ]  # fmt: skip


# --- broken characters --------------------------------------------------------------------------------------------


async def test_half_of_a_character_in_arguments_ends_no_turn(tmp_path: Path) -> None:
    ticket = {"customer_id": "me", "subject": f"Broken {HALF}", "description": f"{HALF}It broke.", "priority": "low"}
    calls = [("create_ticket", ticket), ("send_sms", {"to": "me", "message": f"Hello {HALF}"})]
    async with staffed(tmp_path, ModelServer([Answer(calls=calls), Answer("Done.")])) as (it, mia):
        await it.say("open a ticket")
        assert sorted(await it.hear(2)) == ["Done.", "Hello"]
        (stored,) = (await mia.until(lambda one: one["tickets"]))["tickets"]
    assert (stored["subject"], stored["description"]) == ("Broken", "It broke.")


async def test_half_of_a_character_in_a_call_that_waits_can_be_approved(tmp_path: Path) -> None:
    call = ("process_refund", {"order_id": "12345", "amount": 139.97, "reason": f"broken {HALF}"})
    script = repeating(Answer(calls=[call]), Answer("A colleague decides."), Answer("Paid."))
    async with staffed(tmp_path, ModelServer(script)) as (it, mia):
        assert await it.ask(REFUND) == "A colleague decides."
        approval = await mia.waiting_approval("process_refund")
        await mia.decide(approval, approved=True)
        assert (await it.hear(2))[1] == "Paid."
        shown = await mia.shown(JOHNS_ID)
    assert approval["arguments"]["reason"] == "broken "
    assert entries(shown)[1]["arguments"]["reason"] == "broken "


async def test_half_of_a_character_in_an_answer_is_left_out_and_two_halves_are_one(tmp_path: Path) -> None:
    model = ModelServer([Answer(f"Well {HALF} then"), Answer("Fine \ud83d\ude42")])
    async with running(tmp_path, model) as it, dial(it) as call:
        assert (await call.ask("hello")).split() == ["Well", "then"]
        await call.ask("and now")
        conversation = await committed(it, 2)
    assert words(conversation, 1)[0].split() == ["Well", "then"]


def test_characters_are_made_whole() -> None:
    assert whole(f"a{HALF}b\ude42c") == "abc"
    assert whole("\ud83d\ude42") == "🙂"
    assert whole("- a\r\n- b\r\n") == "- a\n- b\n"
    assert whole_arguments(r'{"a":"\ud83d\ude42","b":["\ud83d"]}') == '{"a": "🙂", "b": [""]}'
    assert whole_arguments(r'{"a":"\u00e9"}') == r'{"a":"\u00e9"}'
    assert whole_arguments(r'{"a": \ud83d') == r'{"a": \ud83d'
    for nested in (DEEP, DEEP + "\\u0041" + "]" * 5000 + "}"):
        assert (whole_arguments(nested), masked_arguments(nested)) == (nested, nested)
        assert read_arguments(nested) == {"raw": nested}
    filtered = WordFilter()
    assert "".join(map(filtered.feed, "x\ud83d\ude42y\r\nz")) + filtered.end() == "x🙂y\nz"


# --- markup and amounts -------------------------------------------------------------------------------------------


@each(
    "text",
    [
        "Headphones $99.99\n+ $8.25 tax", "+ 8.25 USD tax", "+ tax $8.25", "> $50 ships free", "> 5 pieces: 10% off",
        "- $8.25 discount", "-$8.25", "-5 °C", "2 * 3 * 4 = 24", "5*3*2", "1. $5\n2. $6", "£3·50",
        "$1_000_000", "A_1 and B_2", "10% + 5%", "x > 5 and y < 3",
    ],
)  # fmt: skip
def test_amounts_and_signs_that_are_no_markup_stay(text: str) -> None:
    assert clean(text) == text


@each(
    ("text", "told"),
    [
        ("* $8.25 tax\n* $99.99 headphones", "$8.25 tax\n$99.99 headphones"),
        ("• €5 voucher", "€5 voucher"),
        ("* USD 8.25", "USD 8.25"),
        ("* (5) pieces", "(5) pieces"),
        ("* tax: $8.25", "- tax: $8.25"),
        (r"It is \$8.25", "It is $8.25"),
        ("> quoted", "quoted"),
        ("**+ $8.25** tax", "+ $8.25 tax"),
    ],
)
def test_markup_goes_and_the_amount_beside_it_stays(text: str, told: str) -> None:
    assert clean(text) == told


async def test_a_sum_is_texted_as_the_model_wrote_it(tmp_path: Path) -> None:
    bill = "Headphones $99.99\n+ $8.25 tax\n= $108.24"
    async with running(tmp_path, ModelServer(lambda _: Answer(bill))) as it:
        assert await it.ask("what do I pay?") == bill
    assert compose(bill) == (bill,)
