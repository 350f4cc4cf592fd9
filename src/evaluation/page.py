"""The report as one HTML page that needs nothing else: no script, no font, no picture. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources

from .report import SIGNS, agents_of, summary
from .result import Score
from .trial import Trial

_CHANNELS = {"text": "by text", "phone": "on the phone"}


def page(found: Sequence[Score], *, at: float, note: str = "") -> str:
    """Return the page. ``at`` is when it was made, ``note`` what has to be said above everything."""
    style = resources.files(__package__).joinpath("report.css").read_text("utf-8")
    made = datetime.fromtimestamp(at, UTC).strftime("%d %B %Y, %H:%M UTC")
    return "\n".join((
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>tandem eval</title><style>{style}</style></head><body><main>",
        f"<h1>tandem eval</h1><p>{made}</p>",
        f"<p><strong>{escape(note)}</strong></p>" if note else "",
        *_head(found),
        *_table(found),
        "<h2>Conversations</h2>",
        *(_trial(trial, several=len(score.trials) > 1) for score in _worst_first(found) for trial in score.trials),
        "</main></body></html>\n",
    ))  # fmt: skip


def _head(found: Sequence[Score]) -> Iterator[str]:
    lines = list(summary(found))
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        yield f"<p><strong>{escape(first)}</strong><br>{escape(second.strip())}</p>"


def _worst_first(found: Sequence[Score]) -> list[Score]:
    return sorted(found, key=lambda score: list(SIGNS).index(score.state), reverse=True)


def _table(found: Sequence[Score]) -> Iterator[str]:
    agents = agents_of(found)
    by_name = {(score.scenario, score.agent): score for score in found}
    yield '<div class="wide"><table><thead><tr><th scope="col">Scenario</th><th scope="col">Group</th>'
    yield from (f'<th scope="col">{escape(agent)}</th>' for agent in agents)
    yield "</tr></thead><tbody>"
    for name, group in dict.fromkeys((score.scenario, score.group) for score in found):
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(group)}</td>'
        yield from (_cell(by_name.get((name, agent))) for agent in agents)
        yield "</tr>"
    yield "</tbody></table></div>"


def _cell(score: Score | None) -> str:
    if score is None:
        return "<td>not tried</td>"
    runs = f" {score.passed} of {len(score.trials)}" if len(score.trials) > 1 else ""
    seconds = sum(trial.seconds for trial in score.trials) / len(score.trials)
    return (
        f'<td><a class="{score.state}" href="#{_place(score.trials[0])}">{SIGNS[score.state]}</a>{runs}'
        f" <small>{seconds:.1f} s</small></td>"
    )


def _trial(trial: Trial, *, several: bool) -> str:
    opened = "" if trial.state == "passed" else " open"
    which = f" · run {trial.number}" if several else ""
    cost = f"{trial.turns} turns, {trial.seconds:.1f} s, slowest answer {trial.slowest:.2f} s, {trial.tokens:,} tokens"
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in trial.problems)
    calls = "".join(
        f"<li><code>{escape(call.tool)} {escape(json.dumps(dict(call.arguments), ensure_ascii=False))}</code> "
        f"{escape(call.how)}</li>"
        for call in trial.calls
    )
    return (
        f'<details id="{_place(trial)}"{opened}><summary><span class="{trial.state}">{SIGNS[trial.state]}</span> '
        f"{escape(trial.scenario)}{which} <small>{escape(trial.agent)}</small></summary><p><small>{cost}</small></p>"
        + (f'<ul class="problems">{problems}</ul>' if problems else "")
        + f"<ol>{''.join(map(_line, _rows(trial)))}</ol>"
        + (f"<p>Tools</p><ul>{calls}</ul>" if calls else "")
        + "</details>"
    )


def _rows(trial: Trial) -> Iterator[tuple[str, str, str]]:
    for line in trial.lines:
        wait = f" after {line.seconds:.2f} s" if line.seconds is not None else ""
        yield line.who, f"{_CHANNELS.get(line.channel, '')}{wait}", line.text


def _line(row: tuple[str, str, str]) -> str:
    who, how, text = row
    return f'<li class="{escape(who)}"><b>{escape(who)}</b> <small>{escape(how)}</small><p>{escape(text)}</p></li>'


def _place(trial: Trial) -> str:
    """Return the anchor of a trial."""
    name = f"{trial.scenario}-{trial.agent}-{trial.number}"
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
