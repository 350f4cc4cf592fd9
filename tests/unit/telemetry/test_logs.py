"""The log: nothing personal and no secret at any level, from our modules and from libraries."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tandem.errors import ConfigurationError, StoreUnavailable
from tandem.telemetry import log_writer, logs
from tandem.telemetry.logs import configure_logging, subject_label

from ...kit.canaries import found
from ...kit.tables import each

WORDS = "my cat is ill"
"""Stands for anything a customer may say; no pattern could find it."""
SECRET = "Zz-signing-secret-1"
CANARIES = ("+14155550100", "14155550100", "4155550100", "555-0100", "4242 4242", "4242424242424242", "joe@", "078-05")

Log = Callable[..., Any]


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Give back the handlers, levels and structlog settings that a test replaced."""
    root, ours = logging.getLogger(), logging.getLogger("tandem")
    before = (list(root.handlers), root.level, ours.level, structlog.get_config())
    yield
    logs._take_over()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    structlog.configure(**before[3])


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that gives the JSON lines since its last call."""
    return lambda: [json.loads(line) for line in stderr(capsys).splitlines()]


def stderr(capsys: pytest.CaptureFixture[str]) -> str:
    flush()
    return capsys.readouterr().err


def flush() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


def log() -> Any:
    return structlog.get_logger("tandem.tests")


@pytest.mark.promise("E3")
@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_no_canary_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path, production: bool, level: Any) -> None:
    configure_logging(level=level, production=production, folder=tmp_path, secrets=[SECRET])
    values = {
        "phone": "+14155550100",
        "pretty": "call +1 (415) 555-0100 now",
        "local": "(415) 555-0100",
        "dashes": "415-555-0100",
        "digits": "from 4155550100",
        "number": 14155550100,
        "encoded": "From=%2B14155550100&Body=hi",
        "address": "whatsapp:+14155550100",
        "subject": "phone_14155550100",
        "other_subject": "lane/phone_+14155550100/x",
        "email": "write to joe@example.com.",
        "card": "4242 4242 4242 4242",
        "bare_card": "card=4242424242424242",
        "social_security": "it is 078-05-1120",
        "secret": f"x{SECRET}y",
        "deep": {"+14155550100": [("phone_14155550100", ValueError(WORDS)), {SECRET}]},
        "bearer": "Authorization: Bearer abcdef123456",
        "key": "sk-proj-abcdef123456",
        "path": "/conversation-relay/abcdef123456?x=1",
    }
    log().error("canaries", **values)
    everything = stderr(capsys) + "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert "canaries" in everything
    assert found((*CANARIES, WORDS, SECRET, "abcdef123456"), everything) == []


def test_ordinary_values_stay(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(production=True)
    sid = "SM" + "0123456789abcdef" * 2
    log().info("turn_finished", ms=123_456, seconds=1.5, tries=2, sid=sid, ok=True, nothing=None, order="ORD_12345")
    (line,) = written()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "turn_finished",
        "level": "info",
        "logger": "tandem.tests",
        "ms": 123_456,
        "seconds": 1.5,
        "tries": 2,
        "sid": sid,
        "ok": True,
        "nothing": None,
        "order": "ORD_12345",
    }


def test_level_is_kept(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(level="warning", production=True)
    log().info("quiet")
    log().warning("loud")
    assert [line["event"] for line in written()] == ["loud"]


@each("name", ["openai", "openai.agents", "httpx2", "httpcore2", "uvicorn.error", "uvicorn.access"])
def test_libraries_do_not_chat(written: Callable[[], list[dict[str, Any]]], name: str) -> None:
    configure_logging(level="debug", production=True)
    library = logging.getLogger(name)
    # What OPENAI_LOG=debug and the like do behind our back.
    library.setLevel(logging.DEBUG)
    library.debug("Request options: %s", {"input": WORDS})
    library.info('GET "/conversation-relay/token"')
    library.setLevel(logging.NOTSET)
    assert written() == []


@pytest.mark.promise("E3")
@each(
    ("name", "message", "arguments", "kept"),
    [
        ("openai.agents", f"Error streaming response: {WORDS}", (), ""),
        ("openai.agents", "Error: %s", (WORDS,), "Error: %s"),
        (
            "asyncio",
            f"Task exception was never retrieved\nfuture: <Task {WORDS}>",
            (),
            "Task exception was never retrieved",
        ),
        ("uvicorn.error", "Exception in ASGI application\n", (), "Exception in ASGI application"),
        ("some.library", "%d of %s", (1,), "%d of %s"),
    ],
)
def test_library_message_loses_its_values(
    written: Callable[[], list[dict[str, Any]]], name: str, message: str, arguments: tuple[Any, ...], kept: str
) -> None:
    configure_logging(level="debug", production=True)
    logging.getLogger(name).error(message, *arguments)
    (line,) = written()
    assert (line["event"], line["logger"], line["message"]) == ("library_log", name, kept)
    assert WORDS not in json.dumps(line)


@each("message", ["%s", "%s: %s", " %-5.2f ", "%(what)s"])
def test_a_library_message_that_is_nothing_but_values_is_left_out(
    written: Callable[[], list[dict[str, Any]]], message: str
) -> None:
    configure_logging(level="debug", production=True)
    logger = logging.getLogger("openai.agents")
    count = message.count("%")
    logger.error(message, *([{"what": 1.0}] if "(" in message else [1.0] * count))
    logger.error("something %s", WORDS)
    assert [line["message"] for line in written()] == ["something %s"]


def test_handlers_of_libraries_are_removed(capsys: pytest.CaptureFixture[str]) -> None:
    library = logging.getLogger("some.library")
    library.addHandler(logging.StreamHandler(sys.stderr))
    library.propagate = False
    configure_logging(production=True)
    library.error(WORDS)
    assert WORDS not in stderr(capsys)
    assert library.handlers == []


def test_exception_is_told_without_foreign_words(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(production=True)
    local_value = WORDS
    try:
        try:
            raise KeyError(local_value)
        except KeyError as cause:
            raise StoreUnavailable("disk full") from cause
    except StoreUnavailable:
        log().exception("commit_failed")
    (line,) = written()
    assert "StoreUnavailable: The store does not answer. disk full" in line["exception"]
    assert "builtins.KeyError" in line["exception"]
    assert "test_logs.py:" in line["exception"]
    assert WORDS not in json.dumps(line)


def test_every_exception_of_a_group_is_told(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(production=True)
    named = [ValueError(WORDS), FileNotFoundError(2, "No such file or directory", f"{WORDS}.txt")]
    log().error("group", exc_info=ExceptionGroup("both", [OSError(28, "No space left on device"), *named]))
    (line,) = written()
    assert "OSError: [Errno 28] No space left on device" in line["exception"]
    assert "builtins.ValueError" in line["exception"]
    assert WORDS not in line["exception"]


def test_exception_in_a_circle_ends(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(production=True)
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    log().error("circle", exc_info=first)
    assert len(written()) == 1


def test_subject_label_is_keyed_and_ends_with_four_digits() -> None:
    configure_logging(key="one")
    first = subject_label("phone_14155550100")
    assert first.endswith("_0100")
    assert "555" not in first.removesuffix("_0100")
    configure_logging(key="one")
    assert subject_label("phone_14155550100") == first
    configure_logging(key="two")
    assert subject_label("phone_14155550100") != first


def test_label_in_a_text_equals_the_label(written: Callable[[], list[dict[str, Any]]]) -> None:
    configure_logging(production=True)
    log().info("same", given=subject_label("phone_14155550100"), found="phone_+14155550100")
    (line,) = written()
    assert line["given"] == line["found"] == subject_label("phone_14155550100")


def test_label_of_another_kind_of_subject_shows_nothing_of_it() -> None:
    configure_logging()
    assert "user_joe7777" not in subject_label("user_joe7777")
    assert not subject_label("user_joe7777").endswith("7777")


def test_folder_gets_two_files_of_json_lines(tmp_path: Path) -> None:
    configure_logging(level="debug", folder=tmp_path / "logs")
    log().debug("small")
    log().error("big")
    flush()
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "logs").iterdir()}
    assert {name: [json.loads(line)["event"] for line in text.splitlines()] for name, text in files.items()} == {
        "customer-service.log": ["small", "big"],
        "error.log": ["big"],
    }


@pytest.mark.promise("E3a")
def test_files_rotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "FILE_BYTES", 2_000)
    monkeypatch.setattr(log_writer, "FILES_KEPT", 2)
    configure_logging(folder=tmp_path)
    for _ in range(60):
        log().error("line", text="x" * 50)
    flush()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{name}{end}" for name in ("customer-service.log", "error.log") for end in ("", ".1", ".2")]
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 2_000


@pytest.mark.promise("V30")
def test_workers_that_write_the_same_files_lose_no_line_when_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "FILE_BYTES", 2_000)
    workers = [log_writer.FileTarget(tmp_path / "customer-service.log") for _ in range(3)]
    for number in range(150):
        workers[number % 3].write(f"line {number:03d} {'x' * 40}\n")
    for worker in workers:
        worker.close()
    kept = sorted(tmp_path.iterdir(), key=lambda path: int(path.suffix[1:]) if path.suffix != ".log" else 0)[::-1]
    found = [int(line.split()[1]) for path in kept for line in path.read_text(encoding="utf-8").splitlines()]
    assert found == list(range(150))
    assert len(kept) == 4
    assert max(path.stat().st_size for path in kept) <= 2_000


def test_folder_that_cannot_be_used_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="LOG_DIR"):
        configure_logging(folder=tmp_path / "file")


def test_failing_handler_shows_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    configure_logging(folder=tmp_path)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Broken())
    log().error("lost", text=WORDS)
    said = [stderr(capsys), *(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())]
    assert said == ["tandem: a log line of tandem.tests could not be written\n"] * 3


class _Broken(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise ValueError(record.msg)
