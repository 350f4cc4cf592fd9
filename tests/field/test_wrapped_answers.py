"""Met in the field, "What we say": small models answer as if a program read them; people get the words alone."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from tandem.conversation import phrases
from tandem.guardrails.stream import WordFilter
from tandem.guardrails.wrapped_answers import unwrapped

from ..flows.test_voice import committed, dial, words
from ..kit.gateway import Running
from ..kit.model_server import Answer
from ..kit.tables import each

pytestmark = pytest.mark.promise("F6")
MODES = pytest.mark.parametrize(
    "it", [{}, {"OPENAI_API_MODE": "chat_completions"}], ids=["responses", "chat"], indirect=True
)
SHIPPED = "It has shipped."
AS_DATA = [
    *(json.dumps({name: SHIPPED}) for name in ("answer", "response", "message", "reply", "text", "content", "output")),
    f'```json\n{{"answer": "{SHIPPED}"}}\n```', f'```\n{{"answer": "{SHIPPED}"}}\n```',
    f'\n {{"Response" : "{SHIPPED}"}} ',
    f'{{"role": "assistant", "content": "{SHIPPED}"}}', f'{{"thought": "Be calm.", "answer": "{SHIPPED}"}}',
    f'{{"answer": "{SHIPPED}", "confidence": 0.9}}',
    # Found by trying, not reported.
    f'{{"response": {{"text": "{SHIPPED}"}}}}', f'[{{"type": "text", "text": "{SHIPPED}"}}]', f'["{SHIPPED}"]',
    f'{{"answer": "{SHIPPED}', f"{{'answer': '{SHIPPED}'}}", f'{{"answer": "{SHIPPED}",}}',
    f'json\n{{"answer": "{SHIPPED}"}}',
    json.dumps(json.dumps({"answer": SHIPPED})),
    f'{{"thought": "Be calm.", "answer": "{SHIPPED}',
    f'<think>Be calm.</think>\n{{"answer": "{SHIPPED}"}}', f'Assistant: {{"message": "Assistant: {SHIPPED}"}}',
]  # fmt: skip
NAMED = [
    f"Assistant: {SHIPPED}", f"assistant: {SHIPPED}", f"ASSISTANT:\n{SHIPPED}", f"AI: {SHIPPED}", f"Agent: {SHIPPED}",
    f"Bot: {SHIPPED}", f"**Assistant:** {SHIPPED}", f"**Assistant**: {SHIPPED}", f"<|assistant|>{SHIPPED}",
    f"<|assistant|>\nAssistant: {SHIPPED}", f"\nAI Assistant: {SHIPPED}", f"Support Agent: {SHIPPED}",
    # Found by trying, not reported.
    f"assistant\n\n{SHIPPED}", f"### Response:\n{SHIPPED}", f"[Assistant]: {SHIPPED}", f"Assistant：{SHIPPED}",
    f"<assistant>{SHIPPED}</assistant>",
    f"<message>{SHIPPED}</message>",
    f"__Bot:__ {SHIPPED}", f"AI: Assistant: {SHIPPED}", f"Final answer: {SHIPPED}",
    f"Assistant: {SHIPPED}\nUser: thanks\nAssistant: You are welcome.", f"AI: {SHIPPED}\n\n**Human:** thanks",
]  # fmt: skip


@MODES
@each("answer", [*AS_DATA, *NAMED])
async def test_what_stands_around_an_answer_is_neither_texted_nor_spoken_nor_remembered(
    it: Running, answer: str
) -> None:
    it.another(lambda _: Answer(answer))
    async with dial(it) as call:
        assert await it.ask("where is my order?") == SHIPPED
        assert (await call.ask("where is my order")).rstrip() == SHIPPED
        conversation = await committed(it, 2)
    assert [words(conversation, number) for number in (1, 2)] == [[SHIPPED], [SHIPPED]]


NO_WORDS = [
    '{"order_id": "12345", "status": "ship',
    "{'order_id': '12345', 'status': 'shipped'}",
    '{"order_id": "12345", "status": "shipped"}',
    '{"trains": 3, "late": [1, 2]}',
    "{}",
    '[{"id": 1}]',
    "Assistant:",
]


@each("answer", NO_WORDS)
async def test_data_without_words_is_apologised_for(it: Running, answer: str) -> None:
    """Braces and names of fields say nothing to a customer; an apology is true, and staff see that it did not work."""
    it.another(lambda _: Answer(answer))
    with capture_logs() as lines:
        async with dial(it) as call:
            assert await it.ask("where is my order?") == phrases.FAILURE
            assert (await call.ask("where is my order")).strip() == phrases.FAILURE
    assert "final_output_without_words" in [line["event"] for line in lines]
    assert "shipped" not in str(lines)


AS_IT_IS = [
    "The Assistant: a story", "Assistant managers are here", "Ask our assistant: he knows", "AI is fun",
    "Agent Smith: hi", f"{SHIPPED}\nUser: John Doe",
    "{ok}", "{first_name}, hello", '{"a', "[x] done", '["here"](https://x.example)', "```\ncode\n```", '"Hi" he said',
    "* a\n* b", "As an AI: I can help", "Responses: 5", "$5 {net}",
]  # fmt: skip


@each("answer", AS_IT_IS)
def test_what_only_looks_like_it_stays(answer: str) -> None:
    assert unwrapped(answer) == answer


async def test_a_role_within_a_sentence_is_texted_and_spoken(it: Running) -> None:
    it.another(lambda _: Answer("Your Assistant: Mia, of course."))
    async with dial(it) as call:
        assert await it.ask("who?") == "Your Assistant: Mia, of course."
        assert (await call.ask("who")).strip() == "Your Assistant: Mia, of course."


@each(("answer", "size"), [(one, size) for one in (*AS_DATA, *NAMED, *NO_WORDS, *AS_IT_IS) for size in range(1, 10)])
def test_a_stream_says_the_same_however_it_is_cut(answer: str, size: int) -> None:
    whole, cut = WordFilter(), WordFilter()
    pieces = [cut.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
    assert "".join([*pieces, cut.end()]) == whole.feed(answer) + whole.end()


def test_plain_words_are_held_back_no_longer_than_it_takes_to_know_them() -> None:
    filtered = WordFilter()
    assert [filtered.feed(piece) for piece in ("As", " soon", " as", " {x}")] == ["", "As soon", " as", " {x}"]
