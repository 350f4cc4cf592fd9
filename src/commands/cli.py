"""The command ``tandem``: what each subcommand takes. What it does is imported when it is asked for."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop

from .. import __version__
from ..errors import ConfigurationError, TandemError
from ..settings import load_settings
from ..telemetry.streams import let_go, open_missing

Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int] | int]
LONGEST_AGE = 100_000
"""Days or hours that cleanup takes: a larger number is a slip."""
LARGEST_PID = 2**22
FASTEST = 1000
NOT_TRIED = 2
"""Exit code of an evaluation that says nothing about the agent; 1 is for scenarios that failed."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one subcommand and exit: 0 done, 1 failed, 2 wrongly called."""
    open_missing()
    code: str | int | None
    try:
        try:
            code = _run(_parser().parse_args(arguments))
        except SystemExit as ended:  # the parser's: help, version, or a wrong call
            code = ended.code
        sys.stdout.flush()
    except BrokenPipeError:  # `tandem show … | head` has read enough; nothing is left to be flushed at the exit
        for descriptor in (1, 2):
            let_go(descriptor)
        code = 1
    sys.exit(code)


def _run(options: argparse.Namespace) -> int:
    command: Command = options.command
    try:
        _refuse_surroundings()
        done = command(options)
        if isinstance(done, int):
            return done
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(done)
    except ConfigurationError as error:
        print("tandem cannot start:" if command is _serve else "tandem cannot do this:", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
    except TandemError as error:
        print(f"tandem: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return NOT_TRIED if command is _eval else 1


def _refuse_surroundings() -> None:
    """Raise ConfigurationError where Python runs in a way in which nothing could work."""
    inside, sentence = Path(__file__).resolve().parents[1], ""
    try:  # our ``agents`` would be the SDK's
        if any(Path(entry).resolve() == inside for entry in (os.getcwd(), *sys.path)[1:]):
            hidden = "is an import path of Python and hides libraries; unset PYTHONPATH, and run it from elsewhere."
            sentence = f"{inside} {hidden}"
    except FileNotFoundError:
        sentence = "The folder that this is run from is gone; run it from another one."
    if sys.flags.optimize > 1:
        sentence = "PYTHONOPTIMIZE=2 takes away the words by which tools and errors are told; unset it, or take 1."
    if sentence:
        raise ConfigurationError([sentence])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tandem", description="One support agent behind one phone number.")
    parser.add_argument("--version", action="version", version=f"tandem {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the server")
    serve.add_argument("--workers", metavar="N", help="processes that serve together; WORKERS unless given")
    serve.set_defaults(command=_serve)
    init = commands.add_parser("init", help="write .env, and what else a folder of your own begins with")
    init.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; may be repeated")
    init.add_argument("--agent", action=argparse.BooleanOptionalAction, help="an example agent in agent.py")
    init.add_argument("--articles", action=argparse.BooleanOptionalAction, help="a folder for articles of your own")
    init.add_argument("--company", action=argparse.BooleanOptionalAction, help="your company in company.toml")
    init.add_argument("--yes", action="store_true", help="ask nothing")
    init.set_defaults(command=_init)
    chat = commands.add_parser("chat", help="text with the agent of a running development server")
    chat.add_argument("--from", dest="sender", required=True, metavar="NUMBER", help='for example "+15551234567"')
    chat.set_defaults(command=_lazy("chat"))
    call = commands.add_parser("call", help="call the agent of a running development server")
    call.add_argument("--from", dest="sender", required=True, metavar="NUMBER", help='for example "+15551234567"')
    call.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="speak N times faster than people do")
    call.set_defaults(command=_lazy("call"))
    _add_looking(commands)
    _add_keeping(commands)
    _add_eval(commands)
    return parser


def _add_looking(commands: Any) -> None:
    """Add what looks at gateways and stores."""
    show = commands.add_parser("show", help="print a conversation from the store")
    show.add_argument("spelling", metavar="SUBJECT", help="a subject id or telephone number")
    show.add_argument("--json", dest="as_json", action="store_true", help="the whole record as JSON")
    show.set_defaults(command=_lazy("show"))
    check = commands.add_parser("check", help="say whether everything is configured as it must be")
    check.add_argument("--online", action="store_true", help="also ask the model service, Twilio and our own address")
    check.set_defaults(command=_check)
    connect = commands.add_parser("connect", help="point TWILIO_PHONE_NUMBER's webhooks at this gateway")
    connect.add_argument("--url", required=True, help="the https address under which Twilio reaches this gateway")
    connect.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    connect.set_defaults(command=_lazy("connect"))
    top = commands.add_parser("top", help="show what gateways do just now")
    top.add_argument("urls", nargs="*", metavar="URL", help="of gateways or their METRICS_PORT; ours unless given")
    top.add_argument("--every", type=_whole(LONGEST_AGE), default=2, metavar="SECONDS", help="2 unless given")
    top.add_argument("--once", action="store_true", help="show it once")
    top.set_defaults(command=_lazy("top"))
    smoke = commands.add_parser("smoke", help="text, approve, call and go on, through the address of running gateways")
    smoke.add_argument("url", metavar="URL", help="where they are reached, such as http://127.0.0.1:8080")
    smoke.add_argument(
        "--calls", type=_whole(LONGEST_AGE), default=2, metavar="N", help="calls at once; 2 unless given"
    )
    smoke.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="let calls go N times faster")
    smoke.add_argument(
        "--drain", type=_whole(LARGEST_PID), metavar="PID", help="stop this replica while calls are on the line"
    )
    smoke.add_argument("--kill", type=_whole(LARGEST_PID), metavar="PID", help="kill this one after that")
    smoke.set_defaults(command=_lazy("smoke"))


def _add_keeping(commands: Any) -> None:
    """Add what changes stores."""
    cleanup = commands.add_parser("cleanup", help="delete what nothing touched for long")
    age = cleanup.add_mutually_exclusive_group()
    # The default is text: argparse takes a value that is its very default for one that was not given.
    age.add_argument(
        "--days", type=_days, dest="hours", default="7", metavar="N", help="how long that is; 7 unless given"
    )
    age.add_argument("--hours", type=_whole(LONGEST_AGE), metavar="N", help="the same in hours")
    cleanup.add_argument("--dry-run", action="store_true", help="count what would be deleted, and delete nothing")
    cleanup.set_defaults(command=_lazy("cleanup"))
    demo = commands.add_parser("demo", help="let the made-up shop begin anew")
    demo.add_argument("--reset", action="store_true", required=True, help="undo every refund in it")
    demo.set_defaults(command=_lazy("demo"))
    events = commands.add_parser("events", help="show the events of which EVENTS_WEBHOOK_URL was told in vain")
    events.add_argument("--again", action="store_true", help="tell them again")
    events.set_defaults(command=_lazy("events"))
    export = commands.add_parser("export", help="write the whole store to a file")
    export.add_argument("file", nargs="?", default="-", metavar="FILE", help="a new file; - or none: a pipe")
    export.add_argument("--running", action="store_true", help="a backup, while gateways go on working")
    export.add_argument("--erasures", action="store_true", help="only who was erased, as keyed hashes")
    export.set_defaults(command=_lazy("transfer", "export_store", logs=True))
    imports = commands.add_parser("import", help="write an export into the store that the settings name")
    imports.add_argument("file", nargs="?", default="-", metavar="FILE", help="an export; - or none: a pipe")
    imports.set_defaults(command=_lazy("transfer", "import_store", logs=True))
    erase = commands.add_parser("erase", help="delete everything that is kept of one person")
    erase.add_argument("spelling", metavar="SUBJECT", help="a subject id or telephone number")
    erase.add_argument("--yes", dest="sure", action="store_true", help="do not ask")
    erase.set_defaults(command=_lazy("erase"))


def _add_eval(commands: Any) -> None:
    """Add what tries the agent; ``record`` in place of a file is a command of its own."""
    trial = commands.add_parser("eval", help="try the agent on scenarios; eval record SUBJECT makes one")
    trial.add_argument("paths", nargs="*", metavar="FILE", help="scenarios; ./evals or the shipped ones unless given")
    trial.add_argument("--offline", action="store_true", help="only scenarios that need no model, by canned rules")
    trial.add_argument("--only", metavar="NAME", help="one scenario, or one group: the name of a file")
    trial.add_argument("--runs", type=_whole(100), default=1, metavar="K", help="try each K times")
    trial.add_argument("--seed", type=_whole(10**9), metavar="N", help="the order, and the whims of played customers")
    trial.add_argument("--resume", action="store_true", help="go on where the last one stopped")
    trial.add_argument("--out", type=Path, default=Path("data/eval"), metavar="FOLDER", help="results and reports")
    trial.add_argument("--compare", metavar="MODULE:AGENT", help="try this agent, too, and show both side by side")
    trial.add_argument("--customer-model", metavar="NAME", help="the model that plays customers")
    trial.add_argument("--judge-model", metavar="NAME", help="the model that judges by rubrics")
    trial.add_argument("--max-turns", type=_whole(100), default=12, metavar="N", help="of a played customer")
    trial.add_argument("--max-seconds", type=_whole(3600), default=120, metavar="N", help="for one conversation")
    trial.add_argument("--max-tokens", type=_whole(10**12), metavar="N", help="for all conversations together")
    trial.set_defaults(command=_eval)


def _whole(most: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to ``most``."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 0 < int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return read


def _days(text: str) -> int:
    """Read a number of days; return as many hours."""
    return 24 * _whole(LONGEST_AGE)(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0.1 <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.1 to {FASTEST}")
    return speed


def _lazy(name: str, function: str = "", *, logs: bool = False) -> Command:
    """Return what runs a function of the module ``name``, ``name`` unless given; its parameters are the options.

    With ``logs``, on standard error: standard output may be what the command makes.
    """

    async def run(options: argparse.Namespace) -> int:
        settings = load_settings()  # before the import, which takes a second: a wrong setting is told at once
        done = getattr(import_module(f".{name}", __package__), function or name)
        if logs:
            from ..wiring import open_log

            open_log(settings)
        given = {option: value for option, value in vars(options).items() if option != "command"}
        return int(await done(settings, **given))

    return run


def _serve(options: argparse.Namespace) -> int:
    given = {} if options.workers is None else {"WORKERS": options.workers}
    settings = load_settings(**given)
    from .workers import run

    return run(settings)


async def _init(options: argparse.Namespace) -> int:
    from .init import init

    given = {name.strip().upper(): value for name, _, value in (one.partition("=") for one in options.set)}
    ask = not options.yes and sys.stdin.isatty()
    return init(given, agent=options.agent, articles=options.articles, company=options.company, ask=ask)


async def _check(options: argparse.Namespace) -> int:
    from .check import check

    return await check(online=options.online)


async def _eval(options: argparse.Namespace) -> int:
    settings = load_settings()
    from .eval import evaluate, record

    if options.paths[:1] == ["record"] and len(options.paths) == 2:
        return await record(settings, options.paths[1])
    return await evaluate(settings, options)
