"""Screens texts before the agent: opt-outs, limits, machines, empty and long ones. Pure.

Texts that never reach it: opt-out words, empty and over-long messages, what comes faster than people write, and what
another machine keeps repeating. A goodbye does reach it, and ends the session. Times are the store's clock, seconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..entries import TextReceived
from ..events import EventName
from ..model import Channel, Conversation
from . import machines, phrases
from .opt_out import read_wish

WINDOW = 60.0
"""Seconds over which texts are counted, and in which a flood is told once that it is one."""


@dataclass(slots=True)
class Screened:
    """Screened burst: ``texts`` for the agent, ``notices`` for the customer, ``happened`` for the timeline.

    ``blocked`` says that waiting replies of the channel must not be sent any more; ``confirmations`` of an opt-out are
    sent all the same.
    """

    conversation: Conversation
    texts: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    happened: list[EventName] = field(default_factory=list)
    blocked: bool = False
    confirmations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds: texts per minute and number (0: no bound), and characters per text."""

    rate_per_minute: int
    max_chars: int


def screen(conversation: Conversation, arrivals: Sequence[tuple[float, TextReceived]], rules: Rules) -> Screened:
    """Sort a burst of texts over one route; each comes with the time at which it was accepted."""
    found = Screened(conversation)
    for at, body in arrivals:
        _screen(found, at, body, rules)
    return found


def _screen(found: Screened, at: float, body: TextReceived, rules: Rules) -> None:
    channel = body.route.channel
    opted_out = channel in found.conversation.opted_out
    if body.route.customer == body.route.ours:
        found.happened.append(EventName.OWN_MESSAGE)
    elif (wish := read_wish(body, opted_out=opted_out)) is not None:
        found.conversation = opt(found.conversation, channel, out=wish.out)
        found.blocked = found.blocked or wish.out
        found.happened.append(EventName.OPTED_OUT if wish.out else EventName.OPTED_IN)
        if not wish.confirmed:
            found.confirmations.append(phrases.OPTED_OUT if wish.out else phrases.OPTED_IN)
    elif body.opt_out == "HELP":
        found.happened.append(EventName.HELP_ANSWERED_BY_PROVIDER)
    elif opted_out:
        # An answer could not be sent: the provider refuses it (error 21610).
        found.happened.append(EventName.TEXT_AFTER_OPT_OUT)
    else:
        _measure(found, at, body, rules)


def _measure(found: Screened, at: float, body: TextReceived, rules: Rules) -> None:
    text, conversation = body.text, found.conversation
    meter = conversation.meter
    recent = tuple(one for one in meter.arrivals if at - one < WINDOW)
    # One more than the bound is enough to know that it is passed.
    recent = (*recent, at)[-(rules.rate_per_minute + 1) :] if rules.rate_per_minute else ()
    lately, said = machines.note_text(meter.lately, text, at, answered_at=conversation.updated_at)
    meter = replace(meter, arrivals=recent, lately=lately)
    found.conversation = replace(conversation, meter=meter)
    too_many = rules.rate_per_minute > 0 and len(recent) > rules.rate_per_minute
    alike = rules.rate_per_minute > 0 and machines.is_numbering(said)
    machine = alike or machines.is_repeating(said, text, asked=_asked(conversation))
    if too_many or machine:
        found.happened.append(EventName.RATE_LIMITED if too_many else EventName.LOOP_STOPPED)
        if at - meter.noticed_at > WINDOW:
            found.conversation = replace(found.conversation, meter=replace(meter, noticed_at=at))
            found.notices.append(phrases.SLOWER if too_many else phrases.REPEATED)
        return
    if not text.strip():
        found.notices.append(phrases.PICTURE if body.media else phrases.EMPTY)
        found.happened.append(EventName.NOTICE)
    elif len(text) > rules.max_chars:
        found.notices.append(phrases.too_long(rules.max_chars))
        found.happened.append(EventName.NOTICE)
    else:
        found.texts.append(f"{text}\n{phrases.attachment_note(body.media)}" if body.media else text)


def _asked(conversation: Conversation) -> bool:
    """Tell whether the agent's last words were, or held, a question."""
    last = conversation.history[-1:]
    said = [str(item["content"]) for turn in last for item in turn.items if item.get("role") == "assistant"]
    return bool(said) and "?" in said[-1]


def opt(conversation: Conversation, channel: Channel, *, out: bool) -> Conversation:
    """Return a conversation with a channel's opt-out set or lifted."""
    others = tuple(one for one in conversation.opted_out if one is not channel)
    return replace(conversation, opted_out=(*others, channel) if out else others)


_LONGEST = 12
"""Words. Who says more than that has something to say."""

_WISH = r"have a (good|great|nice) (day|one|evening|night|week|weekend|afternoon|morning|time)"
_ENOUGH = r"that('s| is| will be| would be|'ll be) (all|it|everything)|nothing else|no,? (thanks|thank you)"
_DONE = r"i('m| am) (good|all set|done)|all set|we('re| are) done"
_FAREWELL = re.compile(rf"\b(good ?bye|bye|bye[- ]bye|see (you|ya)|take care|good ?night|{_WISH}|{_ENOUGH}|{_DONE})\b")
_MORE = re.compile(
    r"\?|\b(but|with|want|need|would|could|can|please|order|refund|replacement|return|also|one more|before|not|"
    r"until|how|what|when|where|why)\b"
)
"""Signs that something is still wanted: "I'm good with a replacement" is an answer, not a goodbye."""


def is_goodbye(text: str) -> bool:
    """Tell whether a text ends the conversation."""
    said = " ".join(text.lower().replace("’", "'").split())
    if len(said.split()) > _LONGEST or not _FAREWELL.search(said):
        return False
    # What is asked for beside the farewell counts; its own words ("that would be all") do not.
    return not _MORE.search(_FAREWELL.sub(" ", said))
