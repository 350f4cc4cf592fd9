"""Screens texts before the agent: opt-outs, limits, machines, empty and long ones. Pure.

Texts that never reach it: opt-out words, empty and over-long messages, what comes faster than people write, and what
another machine keeps repeating. A goodbye does reach it, and ends the session. Times are the store's clock, seconds.

A machine that answers by itself is told by what it repeats after being answered. Two machines that alternate repeat two
texts, and one that numbers its messages repeats all but the numbers. People repeat themselves while they wait, and say
"Yes" to one question after the other; a sender who says something new is listening, so the count begins again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..entries import Entry, SpokenPrompt, TextReceived
from ..events import EventName
from ..guardrails.pii import mask_code
from ..identity.phone import is_short_code, proven_number
from ..meter import SaidBefore
from ..model import Channel, Conversation
from . import phrases
from .base import EngineLimits
from .opt_out import Wish, asks_to_stop_texts, may_ask_to_stop, read_wish

TEXTED = tuple(channel for channel in Channel if channel is not Channel.VOICE)
WINDOW = 60.0
"""Seconds over which texts are counted, and in which a flood is told once that it is one."""
PICTURES = frozenset({"picture", "sticker", "video"})
"""Files that say nothing to an agent that cannot see them."""
ALBUM_SECONDS = 30.0
"""Files without words that follow each other so closely are one message: a carrier sends eight pictures one by one."""


@dataclass(slots=True)
class Screened:
    """Screened burst: ``texts`` for the agent, ``notices`` for the customer, ``happened`` for the timeline.

    ``blocked`` says that waiting replies of the channel must not be sent any more; ``confirmations`` of an opt-out are
    sent all the same. ``kept`` are words for the history that need no answer. ``pictures`` are shown to the agent.
    """

    conversation: Conversation
    texts: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    happened: list[EventName] = field(default_factory=list)
    blocked: bool = False
    confirmations: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    new_files: bool = False
    language: str = "en"
    """That of the wish which is confirmed."""
    asked_how: str = ""
    """Language of a text that may have meant that no more texts are wanted: the way is told beside the answer."""
    pictures: list[str] = field(default_factory=list)


def screen(
    conversation: Conversation, arrivals: Sequence[tuple[float, TextReceived]], limits: EngineLimits
) -> Screened:
    """Sort a burst of texts over one route; each comes with the time at which it was accepted."""
    found = Screened(conversation)
    for at, body in arrivals:
        _screen(found, at, body, limits)
    return _gathered(found)


def _screen(found: Screened, at: float, body: TextReceived, limits: EngineLimits) -> None:
    channel = body.route.channel
    opted_out = channel in found.conversation.opted_out
    if body.route.customer.value in (body.route.ours.value, limits.own_number):  # also at another number of ours
        found.happened.append(EventName.OWN_MESSAGE)
    elif (wish := _wish(body, opted_out=opted_out)) is not None:
        found.conversation = opt(found.conversation, channel, out=wish.out)
        found.blocked = found.blocked or wish.out
        found.happened.append(EventName.OPTED_OUT if wish.out else EventName.OPTED_IN)
        flood = _count(found, at, limits)  # out and in again and again: each is done, and one a minute is confirmed
        if not (wish.confirmed or (flood and not _tells(found, at))):
            found.confirmations.append(phrases.OPTED_OUT if wish.out else phrases.OPTED_IN)
            found.language = wish.language
    elif body.opt_out == "HELP":
        found.happened.append(EventName.HELP_ANSWERED_BY_PROVIDER)
    elif opted_out:
        # An answer could not be sent: the provider refuses it (error 21610).
        found.happened.append(EventName.TEXT_AFTER_OPT_OUT)
    else:
        _measure(found, at, body, limits)


def _wish(body: TextReceived, *, opted_out: bool) -> Wish | None:
    return None if _is_touch(body.text) else read_wish(body, opted_out=opted_out)


def silencing(entry: Entry) -> Entry:
    """Return an entry with the channels over which nothing more may leave: it asks for no more texts."""
    body, channels = entry.body, tuple[Channel, ...]()
    if isinstance(body, TextReceived):
        wish = _wish(body, opted_out=False)
        channels = (body.route.channel,) if wish is not None and wish.out else ()
    elif isinstance(body, SpokenPrompt) and proven_number(body.route.customer) and asks_to_stop_texts(body.text):
        channels = TEXTED
    return replace(entry, silences=channels) if channels else entry


def _measure(found: Screened, at: float, body: TextReceived, limits: EngineLimits) -> None:
    too_many = _count(found, at, limits)
    conversation, most = found.conversation, limits.rate_per_minute
    meter, files = conversation.meter, body.files or ("file",) * body.media
    text = "\n".join(part for part in (body.text, body.told and f"[{body.told}]") if part.strip())
    wordless = bool(files) and not text
    more = wordless and at - meter.files_at < ALBUM_SECONDS
    meter = replace(meter, files_at=at if files else meter.files_at)
    machine = False
    if not more:  # the rest of an album is no repetition
        words = phrases.attachment_note(files) if wordless else text
        if _sent_back(conversation, text):
            words = _SENT_BACK
        lately, said = note_text(meter.lately, words, at, answered_at=conversation.updated_at)
        meter = replace(meter, lately=lately)
        alike = most > 0 and is_numbering(said, machine=is_short_code(body.route.customer.value))
        machine = alike or is_repeating(said, words, asked="?" in _last_words(conversation))
    found.conversation = replace(conversation, meter=meter)
    if too_many or machine:
        found.happened.append(EventName.RATE_LIMITED if too_many else EventName.LOOP_STOPPED)
        if _tells(found, at):
            found.notices.append(phrases.SLOWER if too_many else phrases.REPEATED)
    elif wordless:
        found.files += files
        found.new_files = found.new_files or not more
        found.pictures += body.pictures
    elif not text:
        found.notices.append(phrases.EMPTY)
        found.happened.append(EventName.NOTICE)
    elif len(body.text) > limits.max_input_chars:
        found.notices.append(phrases.too_long(limits.max_input_chars))
        found.happened.append(EventName.NOTICE)
    else:
        found.asked_how = found.asked_how or may_ask_to_stop(body.text) or ""
        found.texts.append(f"{text}\n{phrases.attachment_note(files)}" if files else text)
        found.pictures += body.pictures


def _count(found: Screened, at: float, limits: EngineLimits) -> bool:
    """Count a text; tell whether there were too many in the last minute."""
    meter, most = found.conversation.meter, limits.rate_per_minute
    recent = tuple(one for one in meter.arrivals if at - one < WINDOW)
    # One more than the bound is enough to know that it is passed.
    recent = (*recent, at)[-(most + 1) :] if most else ()
    found.conversation = replace(found.conversation, meter=replace(meter, arrivals=recent))
    return 0 < most < len(recent)


def _tells(found: Screened, at: float) -> bool:
    """Tell whether a flood may be told something, and note that it is: once in a minute."""
    meter = found.conversation.meter
    if at - meter.noticed_at <= WINDOW:
        return False
    found.conversation = replace(found.conversation, meter=replace(meter, noticed_at=at))
    return True


def _gathered(found: Screened) -> Screened:
    """Put the files of a burst into words: for the agent, unless the first of an album was answered already.

    Of pictures alone that it is not shown, the agent could only say what the notice says.
    """
    if found.files:
        note, unseen = phrases.attachment_note(found.files), PICTURES.issuperset(found.files) and not found.pictures
        if found.texts or (found.new_files and not unseen):
            found.texts.append(note)
        else:
            found.kept.append(note)
            if found.new_files:
                found.notices.append(phrases.PICTURE)
            found.happened.append(EventName.NOTICE if found.new_files else EventName.FILES_KEPT)
    return found


_SENT_BACK = "\0 what the agent said"
"""Stands for words of the agent that come back: they differ each time, and a machine repeats what it does."""
_SHORT = 12
"""Characters of words that people say, too."""
_TOUCH = re.compile(
    r"\W*(?:(?:dis)?liked|loved|laughed at|emphasi[sz]ed|questioned|(?:reacted )?\S{0,8} to|removed an? .{3,20} from)"
    r"\W*[\"\u201c\u201e\u00ab]",
    re.IGNORECASE,
)


def _is_touch(text: str) -> bool:
    """Tell whether a telephone sent that a person touched a text: ``Liked “…”``, ``👍 to “…”`` with words of ours."""
    return _TOUCH.match(text) is not None


def _last_words(conversation: Conversation) -> str:
    """Return the agent's last words."""
    last = conversation.history[-1:]
    said = [str(item["content"]) for turn in last for item in turn.items if item.get("role") == "assistant"]
    return said[-1] if said else ""


def without_codes(conversation: Conversation, texts: Sequence[str]) -> list[str]:
    """Return a customer's words without a card's security code that the agent has just asked for."""
    items = [item for turn in conversation.history[-1:] for item in turn.items]
    talk = "\n".join(str(item["content"]) for item in items if item.get("role") in ("user", "assistant"))
    return [mask_code(text, question=_last_words(conversation), talk=talk) for text in texts]


def _sent_back(conversation: Conversation, text: str) -> bool:
    """Tell whether a text holds the agent's last words or ours, alone or among what a mail program puts around them."""
    if _is_touch(text):
        return False
    came, last, ours = (
        "".join(filter(str.isalnum, words.lower())) for words in (text, _last_words(conversation), phrases.REPEATED)
    )
    return (len(last) > _SHORT and last in came) or ours in came


def opt(conversation: Conversation, channel: Channel, *, out: bool) -> Conversation:
    """Return a conversation with a channel's opt-out set or lifted."""
    others = tuple(one for one in conversation.opted_out if one is not channel)
    return replace(conversation, opted_out=(*others, channel) if out else others)


# --- goodbyes -----------------------------------------------------------------------------------------------

_LONGEST = 12
"""Words; a longer text says something besides."""

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


# --- machines -----------------------------------------------------------------------------------------------

REPEATS = 4
"""Times that a text is said again after an answer, until it is a machine's."""
ANSWERS = 6
"""The same for a word or two; a machine that says as little as "OK" costs little."""
ANSWERS_TO_QUESTIONS = 20
"""The same where the agent had asked something."""
ALIKE = 30
"""The same for texts that differ in their numbers only: people send one order number after another."""
_NUMBER = re.compile(r"\d")
"""A word with a digit is a number, a time or an id (``REF_a8f3``)."""
REPEAT_SECONDS, ANSWER_SECONDS = 3600.0, 600.0
"""Between a text and its repetition: some machines answer late, and some people say "OK" after each step of a task."""
KEPT = 24
"""Different texts that are remembered: some machines have as many and send them in turns."""

_ANSWER = re.compile(
    r"(?:yes|yeah|yep|yup|no|nope|nah|ok|okay|sure|thanks|thank|please|correct|right|exactly|fine|good|great)\b"
)


def note_text(
    lately: Sequence[SaidBefore], text: str, at: float, *, answered_at: float
) -> tuple[tuple[SaidBefore, ...], SaidBefore]:
    """Return what was said lately with one text more, and what is known of that text.

    ``answered_at`` is when something was last answered: only what is said before and after it was said again.
    """
    exact = _digest(" ".join(text.lower().split()))
    shape = _digest(" ".join(word for word in text.lower().split() if _NUMBER.search(word) is None))
    recent = [one for one in lately if at - one.at < REPEAT_SECONDS]
    before = next((one for one in recent if one.shape == shape), None)
    if before is None:
        recent = [replace(one, same=0, alike=0) for one in recent]
        now = SaidBefore(exact, shape, at)
    else:
        recent.remove(before)
        again = before.at <= answered_at < at
        late = _is_answer(text) and at - before.at >= ANSWER_SECONDS
        same = before.same + again if exact == before.text and not late else 0
        now = SaidBefore(exact, shape, at, same=same, alike=0 if late else before.alike + again)
    return (*recent, now)[-KEPT:], now


def is_repeating(said: SaidBefore, text: str, *, asked: bool) -> bool:
    """Tell whether a text was said so often that a machine says it; ``asked``: the agent had asked something."""
    if not _is_answer(text):
        return said.same >= REPEATS
    return said.same >= (ANSWERS_TO_QUESTIONS if asked else ANSWERS)


def is_numbering(said: SaidBefore, *, machine: bool) -> bool:
    """Tell whether texts came that differ in their numbers only, more than people send, or than a ``machine`` should:
    codes, alerts and their answers come from short codes, which no telephone has.
    """
    return said.alike >= (REPEATS if machine else ALIKE)


def _is_answer(text: str) -> bool:
    """Tell whether a text is as short as answers are."""
    words = text.lower().split()
    return len(words) <= 2 or (len(words) == 3 and _ANSWER.match(words[0]) is not None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
