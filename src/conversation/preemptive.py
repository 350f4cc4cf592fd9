"""Turns that are begun before the caller has finished, on what was understood so far. Invisible until the final words.

Such a run may think, and its words go into a buffer; no tool begins, nothing is said and nothing is stored. When the
final prompt has the same words and nothing else has happened to the conversation, the run becomes the turn: its words
leave at once and its tools may begin. Otherwise it is cancelled, and the turn is run as ever. One customer has at most
one such run at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ..entries import SpokenPrompt
from ..meter import Meter
from ..model import Channel, Conversation, Item, SubjectId
from ..telemetry.traces import turn_span
from .base import EngineLimits, Preempted, RunTurn, Steering, TurnRequest, TurnResult
from .history import begin
from .notes import CallerSpeaks
from .speech_stream import SpeechStream
from .spoken_turn import LEFT_OPEN, TOLD_LATER


@dataclass(slots=True)
class _Early:
    """A run that may become the turn of the entry ``key``; ``request`` is None until its conversation is read."""

    key: str
    speech: SpeechStream
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    request: TurnRequest | None = None
    task: asyncio.Task[TurnResult] | None = None


class PreemptiveTurns:
    """The runs of one process: they are handed over, as far as they were begun, when their turn comes."""

    def __init__(
        self, run: RunTurn, read: Callable[[SubjectId], Awaitable[Conversation | None]], limits: EngineLimits
    ) -> None:
        self._run = run
        self._read = read
        self._limits = limits
        self._runs: dict[SubjectId, _Early] = {}
        self._vain: dict[SubjectId, Preempted] = {}
        """What was begun in vain since a customer's last turn."""

    def begin(self, subject: SubjectId, key: str, body: SpokenPrompt, speech: SpeechStream) -> None:
        """Begin the turn that will answer ``key`` if the caller has finished; ``speech`` says nothing until then."""
        self.drop(subject)
        speech.hold()
        early = self._runs[subject] = _Early(key, speech)
        early.task = asyncio.create_task(self._think(subject, early, body), name="preemptive turn")

    def drop(self, subject: SubjectId) -> _Early | None:
        """Give up what was begun for a customer; return it, if anything was."""
        early = self._runs.pop(subject, None)
        if early is None or early.task is None:
            return None
        early.task.cancel()
        early.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        before = self._vain.get(subject, Preempted())
        self._vain[subject] = replace(before, missed=before.missed + 1, tokens=before.tokens + early.speech.pieces)
        return early

    def close(self) -> None:
        """Give up everything."""
        for subject in tuple(self._runs):
            self.drop(subject)

    async def run(self, request: TurnRequest) -> TurnResult:
        """Run a turn, or let the run that was begun for it become the turn."""
        subject, taken = request.conversation.subject, time.perf_counter()
        early = self._runs.get(subject)
        if early is None or early.task is None or not _fits(early, request):
            if (gone := self.drop(subject)) is not None and gone.task is not None:
                await asyncio.gather(gone.task, return_exceptions=True)  # it says nothing any more
                gone.speech.restart()
            return self._noted(subject, await self._run(request), hit=False)
        del self._runs[subject]
        early.speech.release()
        early.confirmed.set()
        try:
            result = await early.task
        except asyncio.CancelledError:
            early.task.cancel()
            raise
        if (began := early.speech.began_at) is not None:
            result = replace(result, first_words_seconds=max(0.0, began - taken))
        return self._noted(subject, result, hit=True)

    async def _think(self, subject: SubjectId, early: _Early, body: SpokenPrompt) -> TurnResult:
        now = time.time()
        conversation = begin(await self._read(subject), subject, self._limits, now=now)
        before: tuple[Item, ...] = ({"role": "assistant", "content": body.greeting},) if body.greeting else ()
        early.request = TurnRequest(
            conversation,
            body.route,
            (body.text,),
            conversation.turns_taken + 1,
            now,
            key=early.key,
            notes=(CallerSpeaks(body.lang),) if body.lang else (),
            before=before,
            steering=Steering(speech=early.speech, confirmed=early.confirmed),
        )
        with turn_span(subject):  # a trace of its own: it may come to nothing
            return await self._run(early.request)

    def _noted(self, subject: SubjectId, result: TurnResult, *, hit: bool) -> TurnResult:
        vain = self._vain.pop(subject, Preempted())
        return replace(result, preempted=replace(vain, hit=hit)) if hit or vain.missed else result


def _fits(early: _Early, request: TurnRequest) -> bool:
    """Tell whether a run was begun with all that its turn would be run with."""
    begun = early.request
    if begun is None or begun.key != request.key or early.speech is not request.steering.speech:
        return False
    same = (request.route, request.texts, request.number, request.notes, request.before)
    if (begun.route, begun.texts, begun.number, begun.notes, begun.before) != same:
        return False
    return _state(begun.conversation) == _state(request.conversation)


def _state(conversation: Conversation) -> Conversation:
    """Return a conversation without what its next turn changes by beginning."""
    context = {name: value for name, value in conversation.context.items() if name not in (LEFT_OPEN, TOLD_LATER)}
    return replace(
        conversation,
        created_at=0.0,
        updated_at=0.0,
        version=0,
        routes={},
        last_channel=Channel.VOICE,
        in_session=True,
        meter=Meter(),
        context=context,
    )
