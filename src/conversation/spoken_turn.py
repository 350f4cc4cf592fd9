"""Spoken turns: what a caller says is answered aloud as the answer comes, and history keeps what they heard."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..entries import CallEnded, Heard, PersonWanted, SpokenPrompt, Waiting
from ..events import EventName
from ..identity.phone import proven_number
from ..model import Channel, Conversation, Item, Priority, Route, Tone, Turn
from ..persistence.values import Change
from . import agent_pause, phrases
from .agent_turn import run_agent
from .base import PendingWrites, RunTurn, Steering
from .bounds import Bound, speak
from .change_draft import Draft
from .delivery import CALL_ENDED
from .history import agents_words, hear, hear_colleague, rest_of
from .notes import CallerSpeaks, note_item
from .opt_out import asks_to_stop_texts
from .plain_speech import as_written, plain_speech
from .speech_stream import SpeechStream, SpeechStreams
from .text_screening import TEXTED, is_goodbye, opt, without_codes
from .ticket_history import new_ticket

TRIED = 2
"""Tries of a prompt that another one may take along: by the replica that died, and this one."""
LEFT_OPEN, TOLD_LATER = "left_open", "told_later"
"""Keys in the conversation's context: the rest of an answer, and the number of a turn that a reply tells."""
AGAIN_SECONDS = 60.0
"""How long ago a caller's words may have been taken up that are delivered for the second time."""
LEFT_OPEN_SECONDS = 600.0
_SIDES = {"user": "Customer", "assistant": "Agent"}


def left_unspoken(waiting: Sequence[Waiting], body: SpokenPrompt, speeches: SpeechStreams) -> tuple[Waiting, ...]:
    """Return what the caller said earlier in the same call, and what no voice here answers: its replica died.

    One turn answers all of it, so that nothing is told twice. What ended more turns than that is left out.
    """
    return tuple(
        one
        for one in itertools.takewhile(lambda one: one.entry.body is not body, waiting)
        if isinstance(one.entry.body, SpokenPrompt)
        and one.entry.body.call == body.call
        and speeches.get(one.entry.key) is None
        and one.tries <= TRIED
    )


async def answer(run: RunTurn, draft: Draft, batch: Sequence[Waiting], steering: Steering) -> Change:
    """Answer what a caller said: aloud while the call is live here, else by whatever way reaches the customer.

    ``batch`` is one prompt, or several of the same call of which only the last has a voice.
    """
    prompts = [(one, one.entry.body) for one in batch if isinstance(one.entry.body, SpokenPrompt)]
    waiting, body = prompts[-1]
    covers = [one.entry.key for one, _ in prompts]
    route, speech = body.route, steering.speech
    # Speech is cut, not refused: a caller cannot be asked to say the same thing shorter. The question comes last.
    texts = [ending(prompt.text, draft.limits.max_input_chars) for _, prompt in prompts]
    if body.again and (earlier := _answered(draft, texts)) is not None:
        _say_again(draft, earlier, speech)
        return draft.change(consumed=covers)
    if body.again:
        texts = list(dict.fromkeys(texts))
    spoken, texts = texts, without_codes(draft.conversation, texts)
    _begin(draft, [prompt for _, prompt in prompts], ["security code"] * (texts != spoken))
    meter = speak(draft.conversation.meter, draft.limits.bounds, now=draft.now)
    if meter is None:
        return _refuse(draft, covers, speech)
    draft.conversation = replace(draft.conversation, meter=meter)
    greeting = next((prompt.greeting for _, prompt in prompts if prompt.greeting), "")
    before: list[Item] = [{"role": "assistant", "content": greeting}] if greeting else []
    notes = [CallerSpeaks(body.lang)] if body.lang else []
    if proven_number(route.customer) and any(map(asks_to_stop_texts, texts)):
        told = _stop_texts(draft, route, texts, before=[*before, *map(note_item, notes)], speech=speech)
    elif draft.conversation.paused:
        kept = [*before, *map(note_item, notes)]
        told = agent_pause.hear_out(draft, route, "\n".join(texts), before=kept, speech=speech)
    else:
        told = await run_agent(run, draft, route, covers, texts=texts, notes=notes, steering=steering, before=before)
    if speech is not None:
        _trace(draft, speech)
    if speech is None:
        draft.reply(route, told)
    elif speech.lost:
        told = draft.masked(told, route.channel)
        draft.note(EventName.HUNG_UP, route.channel, tone=Tone.WARNING, covers=[waiting.entry.key])
        _left_behind(draft, route, draft.conversation.turns_taken, told, speech.heard or "", back=speech.back)
    else:
        if speech.interrupted:  # also in the moment between the last word and here
            draft.conversation = hear(draft.conversation, draft.conversation.turns_taken, [speech.heard or ""])
        speech.finish()
        draft.note_filtered(route.channel, speech.filter.found, speech.filter.replaced)
    if is_goodbye(texts[-1]):
        draft.end_session(route.channel)
    return draft.change(consumed=covers)


def _begin(draft: Draft, prompts: Sequence[SpokenPrompt], kinds: Sequence[str]) -> None:
    """Note that the customer speaks, and on which way; what was left open is theirs to ask for now."""
    route = prompts[-1].route
    routes = {**draft.conversation.routes, route.channel: route}
    context = {key: value for key, value in draft.conversation.context.items() if key not in (LEFT_OPEN, TOLD_LATER)}
    draft.conversation = replace(draft.conversation, routes=routes, last_channel=route.channel, context=context)
    masked = [kind for prompt in prompts for kind in prompt.masked] + [*kinds]
    if masked:
        draft.note(EventName.MASKED, route.channel, tone=Tone.WARNING, direction="incoming", kinds=masked)
    draft.begin_session(route.channel)


def _refuse(draft: Draft, covers: Sequence[str], speech: SpeechStream | None) -> Change:
    """Answer what is said more often than people speak with a fixed sentence, and ask no model."""
    draft.note_limit(Bound.SPOKEN_TURNS)
    if speech is not None:
        speech.say(speech.words(phrases.SPEAK_LATER))
        speech.finish()
    return draft.change(consumed=covers)


def _stop_texts(
    draft: Draft, route: Route, texts: Sequence[str], *, before: Sequence[Item], speech: SpeechStream | None
) -> str:
    """Opt a caller who says so out of all texts, and return what they are told."""
    for channel in TEXTED:
        draft.conversation = opt(draft.conversation, channel, out=True)
    draft.blocked += TEXTED
    number, told = draft.conversation.turns_taken + 1, draft.words(route, phrases.NO_MORE_TEXTS)
    if speech is not None:
        speech.number, told = number, speech.words(phrases.NO_MORE_TEXTS)
        speech.say(told)
    said: list[Item] = [{"role": "user", "content": text} for text in texts]
    draft.remember(route, [*before, *said, {"role": "assistant", "content": told}])
    draft.note(EventName.OPTED_OUT, route.channel, tone=Tone.WARNING, turn=number)
    return told


def ending(text: str, longest: int) -> str:
    """Return a text, or its last whole words of at most ``longest`` characters."""
    if len(text) <= longest:
        return text
    kept = text[-longest:]
    return kept if text[-longest - 1].isspace() else kept.partition(" ")[2] or kept


# --- words that come for the second time --------------------------------------------------------------------


def _answered(draft: Draft, texts: Sequence[str]) -> Turn | None:
    """Return the turn of this caller that answered the same words a moment ago."""
    for turn in reversed(draft.conversation.history):
        if turn.channel is not Channel.VOICE or draft.now - turn.at > AGAIN_SECONDS:
            return None
        if [item["content"] for item in turn.items if item.get("role") == "user"] == list(texts):
            return turn
    return None


def _say_again(draft: Draft, turn: Turn, speech: SpeechStream | None) -> None:
    """Give an answer once more, or the rest of it; nothing is run. What is said by itself later is not said now."""
    told = " ".join(str(turn.items[index]["content"]) for index in agents_words(turn.items))
    rest = left_open(draft.conversation, now=draft.now)
    if speech is not None and draft.conversation.context.get(TOLD_LATER) != turn.number:
        speech.say(f"{speech.words(phrases.CUT_OFF)} {rest}" if rest else told)
    if speech is not None:
        speech.finish()


# --- what the caller heard ----------------------------------------------------------------------------------


def _trace(draft: Draft, speech: SpeechStream) -> None:
    """Put what happened on the line into the turn's row, from which staff see the call."""
    if call := dict(speech.trace()):
        draft.events = [
            replace(row, data={**row.data, "call": call}) if row.name == EventName.TURN else row for row in draft.events
        ]


def end_call(draft: Draft, key: str, body: CallEnded) -> Change:
    """Note that a call is over, and what happened on the line since its last turn."""
    draft.note(EventName.CALL_ENDED, Channel.VOICE, call=dict(body.call))
    return draft.change(consumed=[key])


def correct(draft: Draft, body: Heard) -> None:
    """Let history say what the caller heard of a turn that was committed before they spoke over it.

    What was announced and not heard to its end, because the call was lost, is texted: it will not be asked for again.
    """
    conversation = draft.conversation
    items = next((turn.items for turn in conversation.history if turn.number == body.turn), ())
    told = [str(items[index]["content"]) for index in agents_words(items)]
    if body.announced:
        announced = plain_speech(body.announced)
        if body.lost and rest_of(announced, body.text) and (route := draft.text_route()) is not None:
            draft.note(EventName.SENT_ANOTHER_WAY, route.channel, tone=Tone.WARNING, code=CALL_ENDED)
            draft.reply(route, as_written(body.announced))
        if not told:
            draft.conversation = hear_colleague(conversation, body.turn, body.text)
        if not told or plain_speech(told[-1]) != announced:
            return
        draft.conversation = hear(draft.conversation, body.turn, [body.text], last=True)
    elif body.lost and told and (route := conversation.routes.get(Channel.VOICE)) is not None:
        _left_behind(draft, route, body.turn, " ".join(told), body.text, back=False)
    else:
        draft.conversation = hear(draft.conversation, body.turn, [body.text])
    draft.note(EventName.HEARD, conversation.last_channel, turn=body.turn)


def _left_behind(draft: Draft, route: Route, turn: int, told: str, heard: str, *, back: bool) -> None:
    """Decide about an answer whose caller is gone before its end.

    It is told all the same, said if the call comes ``back`` and else texted, when a tool did something and little of
    it was heard, or nothing was and the caller had not said goodbye. Of any other one the rest is said in a call that
    comes back, or offered at the next.
    """
    rest = rest_of(plain_speech(told), heard)
    items = next((one.items for one in draft.conversation.history if one.number == turn), ())
    acted = any(item.get("type") == "function_call" for item in items)
    parted = is_goodbye(next((str(item["content"]) for item in reversed(items) if item.get("role") == "user"), ""))
    if rest and ((acted and len(rest) > len(told) // 2) or not (heard.strip() or parted)):
        _tell_later(draft, route, turn, told)
        return
    again = f"{draft.words(route, phrases.CUT_OFF)} {rest}" if back and rest else ""
    draft.conversation = hear(draft.conversation, turn, [heard, again])
    if again:
        _tell_later(draft, route, turn, again)
    elif rest:
        context = {**draft.conversation.context, LEFT_OPEN: {"text": rest, "at": draft.now}}
        draft.conversation = replace(draft.conversation, context=context)


def _tell_later(draft: Draft, route: Route, turn: int, told: str) -> None:
    draft.conversation = replace(draft.conversation, context={**draft.conversation.context, TOLD_LATER: turn})
    draft.reply(route, told)


def left_open(conversation: Conversation | None, *, now: float) -> str:
    """Return what a caller did not get to hear when the line broke lately, or nothing."""
    left = conversation.context.get(LEFT_OPEN) if conversation else None
    return str(left["text"]) if left and now - float(left["at"]) < LEFT_OPEN_SECONDS else ""


def want_person(draft: Draft, key: str, body: PersonWanted) -> Change:
    """Open a ticket for a caller who wants a person.

    It counts among the tickets of the hour and is never refused: a call has one at most, and was promised it.
    """
    ticket = new_ticket(
        draft.conversation.subject,
        "The caller asked for a person",
        _summary(draft.conversation),
        Priority.HIGH,
        now=draft.now,
        begins=draft.limits.hours().opens_after(draft.now),
        escalation=True,
        id=body.ticket,
    )
    draft.grant(PendingWrites([ticket], escalation=Priority.HIGH))
    draft.note(
        EventName.ESCALATION, body.route.channel, tone=Tone.WARNING, ticket=ticket.id, priority=ticket.priority.value
    )
    return draft.change(consumed=[key])


def _summary(conversation: Conversation) -> str:
    """Return the last words of both sides, for the colleague who takes over."""
    said = [item for turn in conversation.history[-2:] for item in turn.items if item.get("role") in _SIDES]
    return ending("\n".join(f"{_SIDES[item['role']]}: {item['content']}" for item in said[-4:]), 800)
