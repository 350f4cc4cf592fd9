"""One log for the gateway and its libraries: JSON lines in production, readable lines in development.

Our own modules use ``structlog.get_logger(__name__)`` with a constant event name and values as fields. Libraries
are heard from WARNING up only, and without the values in their messages: those may be customers' words.
"""

from __future__ import annotations

import logging
import re
import sqlite3
import sys
import traceback
from collections.abc import Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Literal

import structlog
from structlog.typing import Processor

from ..errors import ConfigurationError, TandemError
from .log_writer import FileTarget, LineHandler, StreamTarget, Target
from .masking import Masker

OURS = "tandem"
TRUSTED = ("uvicorn", "asyncio")
"""Libraries whose messages without values are constant texts; only their first line is kept."""

HARMLESS = (TandemError, OSError, sqlite3.Error, TypeError, AttributeError, NameError, ImportError)
"""Exceptions whose message is logged. Others may quote what they choked on, so their type must do."""

_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]")
"""What a value takes the place of in a library's message."""
_active = Masker()
_opened: list[logging.Handler] = []


def subject_label(subject: str) -> str:
    """Return the name under which a subject appears in the log; the id itself never does."""
    return _active.label(subject)


def configure_logging(
    *,
    level: Literal["debug", "info", "warning", "error"] = "info",
    production: bool = False,
    folder: Path | None = None,
    secrets: Iterable[str] = (),
    key: str | None = None,
) -> None:
    """Send everything that is logged in this process through one masked stream to standard error.

    * ``folder``: also keep ``customer-service.log`` and, from ERROR up, ``error.log`` there as JSON lines, rotated.
    * ``secrets`` never appear; ``key`` makes :func:`subject_label` stable across processes.
    * A thread writes the lines: see :mod:`.log_writer`.
    * Replaces every handler that was there, so call it once, after the libraries are imported. uvicorn must be given
      ``log_config=None, access_log=False``: its access log holds paths and queries.
    * Raises ConfigurationError when the folder cannot be written.
    """
    global _active  # the log is one per process, as the interpreter's is
    _active = Masker(secrets=secrets, key=key)
    _take_over()
    _add(StreamTarget(sys.stderr), _formatter(production=production))
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _add(FileTarget(folder / "customer-service.log"), _formatter(production=True))
            _add(FileTarget(folder / "error.log"), _formatter(production=True), level=logging.ERROR)
        except OSError as error:
            raise ConfigurationError([f"LOG_DIR: {folder} cannot be written ({type(error).__name__})."]) from error
    lowest = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(lowest)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _take_over() -> None:
    """Remove every handler that some library put somewhere, and let all records come to the root."""
    for handler in _opened:
        handler.close()
    _opened.clear()
    known = (logging.getLogger(name) for name in logging.root.manager.loggerDict)
    for logger in (logging.getLogger(), *known):
        logger.handlers.clear()
        logger.propagate = True


def _add(target: Target, formatter: logging.Formatter, *, level: int = logging.NOTSET) -> None:
    handler = LineHandler(target)
    handler.setFormatter(formatter)
    handler.setLevel(level)
    # In the handler, because a library may set its own logger's level at any time (OPENAI_LOG=debug does).
    handler.addFilter(lambda record: _is_ours(record.name) or (record.levelno >= logging.WARNING and _says(record)))
    logging.getLogger().addHandler(handler)
    _opened.append(handler)


def _says(record: logging.LogRecord) -> bool:
    """Tell whether a library's record says something once the values are taken out of its message."""
    return bool(record.exc_info) or not record.args or bool(_PLACEHOLDER.sub("", str(record.msg)).strip(" :"))


def _is_ours(name: str) -> bool:
    return name == OURS or name.startswith(OURS + ".")


def _formatter(*, production: bool) -> logging.Formatter:
    renderer: Processor = structlog.processors.JSONRenderer()
    if not production:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=30)
    return structlog.stdlib.ProcessorFormatter(
        use_get_message=False,
        pass_foreign_args=True,
        processors=[
            _without_values,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.stdlib.add_log_level,
            _trace,
            _mask,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
    )


def _without_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduce a library's record to where it came from and, where that is a constant text, what it says."""
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if event["_from_structlog"]:
        return event
    # A message with values to fill in is a constant text; one without may be a customer's words, ready formatted.
    said = event["event"] if event.pop("positional_args", ()) or record.name.startswith(TRUSTED) else ""
    where = f"{record.module}:{record.lineno} {record.funcName}"
    return {**event, "event": "library_log", "where": where, "message": (said.splitlines() or [""])[0]}


def _trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by where it came from: no local values, no source lines, no foreign messages."""
    given = event.pop("exc_info", None)
    if given:
        error = given if isinstance(given, BaseException) else (given[1] if isinstance(given, tuple) else None)
        error = error or sys.exc_info()[1]
        if error is not None:
            event["exception"] = "\n".join(_tell(error))
    return event


def _tell(error: BaseException, depth: int = 0) -> Iterator[str]:
    said = f": {error}" if isinstance(error, HARMLESS) else ""
    yield f"{type(error).__module__}.{type(error).__qualname__}{said}"
    for frame in traceback.extract_tb(error.__traceback__)[-12:]:
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"
    if depth == 5:
        return
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (cause, *inner):
        if other is not None:
            yield "after" if other is cause else "contains"
            yield from _tell(other, depth + 1)


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {str(name): _active.value(value) for name, value in event.items()}
