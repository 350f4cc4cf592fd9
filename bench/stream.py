"""The cost of the filter of spoken answers: delay in tokens and characters, processor time. ``python -m bench.stream``.

Delay is told in tokens because a model writes them one after the other: "1 token" is the time to the next one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tandem.conversation.plain_speech import PlainSpeech
from tandem.guardrails.stream import StreamFilter

from .answers import ANSWERS, LENGTH
from .figures import Row, median, ms, percentile, table

ROUNDS = 60
MOST_OF_A_TURN = 0.04
TURN_SECONDS = 0.013
"""Processor time that a turn with such an answer may cost."""


@dataclass(slots=True)
class Delays:
    """Token by token: how many more came before it was out whole, the characters held back, and seconds."""

    tokens: list[int]
    characters: list[int]
    seconds: list[float]


def rows() -> list[Row]:
    """Measure answers with and without numbers; return the table's lines."""
    return [*_rows("clean text", "plain", held=0.25), *_rows("text with numbers", "numbers")]


def _rows(what: str, name: str, *, held: float | None = None) -> Iterator[Row]:
    tokens = ANSWERS[name]
    for _ in range(ROUNDS):
        delays = _delays(tokens)
    seconds = sorted(second for _ in range(ROUNDS) for second in _delays(tokens).seconds)
    late = sum(delay > 0 for delay in delays.tokens) / len(tokens)
    few = ("", None) if held is None else (f"<= {held:.0%}, by 1 token", late <= held and max(delays.tokens) <= 1)
    yield Row(f"{what}: tokens held back", f"{late:.0%}, by {max(delays.tokens)} at most", *few)
    mean = sum(delays.characters) / len(tokens)
    yield Row("  characters held back after a token", f"mean {mean:.2f}, most {max(delays.characters)}")
    yield Row(
        "  processor time per token",
        f"{percentile(seconds, 0.5) * 1e6:.1f} µs, p99 {percentile(seconds, 0.99) * 1e6:.0f} µs",
    )
    cost = median([_cost(tokens[:LENGTH]) for _ in range(ROUNDS)])
    most = MOST_OF_A_TURN * TURN_SECONDS
    target = f"<= {ms(most)}, {MOST_OF_A_TURN:.0%} of a turn"
    yield Row(f"  processor time per answer of {LENGTH} tokens, markup included", ms(cost), target, cost <= most)


def _cost(tokens: Sequence[str]) -> float:
    plain, stream, began = PlainSpeech(), StreamFilter(), time.process_time()
    for token in tokens:
        stream.feed(plain.feed(token))
    stream.feed(plain.end())
    stream.end()
    return time.process_time() - began


def _delays(tokens: list[str]) -> Delays:
    stream, delays = StreamFilter(), Delays([], [], [])
    fed = out = 0
    waiting: list[tuple[int, int]] = []  # where a token ends, and its place
    for place, token in enumerate(tokens):
        began = time.perf_counter()
        out += len(stream.feed(token))
        delays.seconds.append(time.perf_counter() - began)
        fed += len(token)
        waiting.append((fed, place))
        delays.characters.append(fed - out)
        delays.tokens += [place - came for end, came in waiting if end <= out]
        waiting = [one for one in waiting if one[0] > out]
    delays.tokens += [len(tokens) - came for _, came in waiting]
    return delays


if __name__ == "__main__":
    print(table("The filter of spoken answers", rows()))
