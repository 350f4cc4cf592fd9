"""One log for the gateway and its libraries: JSON lines in production, readable lines in development.

Our own modules use ``structlog.get_logger(__name__)`` with a constant event name and values as fields. Libraries
are heard from WARNING up only, and without the values in their messages: those may be customers' words. Callers log
labels and numbers in the first place; :class:`Masker` is the last line of defence, for what slips through.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets as random
import sqlite3
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal

import structlog
from structlog.typing import Processor

from ..errors import ConfigurationError, TandemError
from .log_writer import FileTarget, LineHandler, StreamTarget, Target

SHORTEST_SECRET = 4
"""Shorter values are not searched for: they would blot out half of every line."""

CARD = re.compile(r"(?<![0-9a-fA-F])\d(?:[ -]?\d){12,18}(?![0-9a-fA-F])")
SOCIAL_SECURITY = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
EMAIL = re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
SUBJECT = re.compile(r"phone_(?:\+|%2B)?\d{4,}", re.IGNORECASE)
PHONE = re.compile(
    r"(?:\+|%2B)\d(?:[ ().-]{0,2}\d){6,14}"  # +1 (415) 555-0100
    r"|(?<!\w)\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"  # (415) 555-0100
    r"|(?<![\w.])\d{10,19}(?![\w.])",  # 4155550100, and any other long run of digits
    re.IGNORECASE,
)
CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+|\bsk-[\w-]{8,}", re.IGNORECASE)
SOCKET_TOKEN = re.compile(r"(/conversation-relay/)[^\s/?#\"']+")


class Masker:
    """Masks texts, and names subjects without giving them away.

    ``key`` makes labels of the same subject equal across restarts and replicas; a random one serves one process.
    """

    def __init__(self, *, secrets: Iterable[str] = (), key: str | None = None) -> None:
        self._key = key.encode() if key else random.token_bytes(32)
        # The longest first, so that a secret which contains another is not left half open.
        known = sorted({text for text in secrets if len(text) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None

    def label(self, subject: str) -> str:
        """Return a keyed hash of a subject id, and the last four digits of a telephone number's."""
        digest = hmac.new(self._key, subject.encode(), hashlib.sha256).hexdigest()[:10]
        return f"subj_{digest}" + (f"_{subject[-4:]}" if SUBJECT.fullmatch(subject) else "")

    def text(self, text: str) -> str:
        """Mask one text."""
        if self._secrets:
            text = self._secrets.sub("[secret]", text)
        text = SOCKET_TOKEN.sub(r"\1[token]", text)
        text = CREDENTIAL.sub("[secret]", text)
        text = EMAIL.sub("[email]", text)
        text = SUBJECT.sub(lambda found: self.label(_canonical(found[0])), text)
        text = CARD.sub(lambda found: "[card]" if luhn(found[0]) else found[0], text)
        text = SOCIAL_SECURITY.sub("[ssn]", text)
        return PHONE.sub(lambda found: f"…{re.sub(r'[^0-9]', '', found[0])[-4:]}", text)

    def value(self, value: Any) -> Any:
        """Mask whatever a log call was given, however deep; unknown objects become masked text."""
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            # Counts and milliseconds stay numbers; a number long enough to be a telephone's does not.
            return value if abs(value) < 10**9 else self.text(str(value))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(inner) for name, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(inner) for inner in value]
        # What an exception says may quote a customer; its kind does not.
        return type(value).__name__ if isinstance(value, BaseException) else self.text(repr(value))


def luhn(text: str) -> bool:
    """Return whether the digits of a text carry a card number's check digit."""
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _canonical(subject: str) -> str:
    """Spell a subject id the stored way, so that every spelling gets one label."""
    return "phone_" + re.sub(r"^(?:\+|%2B)", "", subject[len("phone_") :], flags=re.IGNORECASE)


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
    to_terminal: bool = True,
) -> None:
    """Send everything that is logged in this process through one masked stream to standard error.

    * ``to_terminal`` false: into the files of ``folder`` alone.
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
    if to_terminal:
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
    if isinstance(error, OSError) and error.filename is not None:  # which may have been made of anything
        said = f": [Errno {error.errno}] {error.strerror}"
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
