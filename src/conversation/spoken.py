"""Spoken turns: what a caller says is answered aloud as the answer comes, and history keeps what they heard."""

from __future__ import annotations

from dataclasses import replace

from ..model import Heard, Item, SpokenPrompt, Tone, Waiting
from ..persistence.base import Change
from .answering import run_agent
from .base import AgentRunner, Steering
from .draft import Draft
from .history import hear
from .speech import Speech


async def answer(runner: AgentRunner, draft: Draft, waiting: Waiting, body: SpokenPrompt, steering: Steering) -> Change:
    """Answer a spoken prompt: aloud while its call is live here, else by whatever way reaches the customer."""
    route, key = body.route, waiting.entry.key
    routes = {**draft.conversation.routes, route.channel: route}
    draft.conversation = replace(draft.conversation, routes=routes, last_channel=route.channel)
    if body.masked:
        draft.note("masked", route.channel, tone=Tone.WARNING, direction="incoming", kinds=list(body.masked))
    draft.begin_session(route.channel)
    before: list[Item] = [{"role": "assistant", "content": body.greeting}] if body.greeting else []
    # Speech is cut, not refused: nobody can be asked to say the same thing shorter.
    text = body.text[: draft.limits.max_input_chars]
    told = await run_agent(runner, draft, route, [key], texts=[text], steering=steering, before=before)
    speech = steering.speech
    if speech is None:
        draft.reply(route, told)
    elif speech.lost:
        _left_behind(draft, waiting, body, told, speech, mattered=steering.tools_begun > 0)
    else:
        speech.finish()
    draft.end_session(route.channel, text)
    return draft.change(consumed=[key])


def correct(draft: Draft, key: str, body: Heard) -> Change:
    """Let history say what the caller heard of a turn that was committed before they spoke over it."""
    conversation = draft.conversation
    draft.conversation = replace(conversation, history=hear(conversation.history, turn=body.turn, text=body.text))
    draft.note("heard", conversation.last_channel, turn=body.turn)
    return draft.change(consumed=[key])


def _left_behind(
    draft: Draft, waiting: Waiting, body: SpokenPrompt, told: str, speech: Speech, *, mattered: bool
) -> None:
    """Decide about an answer whose caller is gone: text it when something was done or nothing was heard of it."""
    heard = (speech.heard or "").strip()
    draft.note("hung_up", body.route.channel, tone=Tone.WARNING, covers=[waiting.entry.key])
    if mattered or not heard:
        draft.reply(body.route, told)
        return
    history = hear(draft.conversation.history, turn=draft.conversation.turns_taken, text=heard)
    draft.conversation = replace(draft.conversation, history=history)
