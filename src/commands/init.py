"""``tandem init``: the files that a folder of one's own begins with, from a few questions or from flags."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from importlib import resources
from pathlib import Path

from ..errors import ConfigurationError
from ..settings import Settings, load_settings, written

ENV, AGENT, ARTICLES, COMPANY = Path(".env"), Path("agent.py"), Path("articles"), Path("company.toml")
ARTICLE = """\
# Opening hours

Write here what customers may be told; each file is one article. The first line is its title.
"""
QUESTIONS: Mapping[str, str] = {
    "OPENAI_API_KEY": "Key of the model service (empty: canned rules answer, to look around)",
    "TWILIO_ACCOUNT_SID": "Twilio account SID (empty: a pretend Twilio, nothing leaves this machine)",
    "TWILIO_AUTH_TOKEN": "Twilio auth token",
    "TWILIO_PHONE_NUMBER": "Your number at Twilio",
    "PUBLIC_BASE_URL": "The https address under which Twilio reaches this server",
}
"""What is asked; those of Twilio only when there is an account."""
HIDDEN = frozenset({"OPENAI_API_KEY", "TWILIO_AUTH_TOKEN"})


def init(
    given: Mapping[str, str], *, agent: bool | None, articles: bool | None, company: bool | None, ask: bool
) -> int:
    """Write the files; return the exit code. Raises ConfigurationError, and then nothing was written.

    ``given`` are settings from the command line. With ``ask``, the others are asked for; ``agent``, ``articles`` and
    ``company`` are asked for when they are None.
    """
    values = dict(given)
    if ask:
        _ask_settings(values)
        agent = _yes("Write an example agent of your own?") if agent is None else agent
        articles = _yes("Write a folder for articles of your own?") if articles is None else articles
        company = _yes("Write a file for your company's name, greeting and hours?") if company is None else company
    if agent:
        values.setdefault("AGENT_PATH", f"{AGENT.stem}:agent")
    if articles:
        values.setdefault("KNOWLEDGE_DIR", str(ARTICLES))
    if company:
        values.setdefault("COMPANY_FILE", str(COMPANY))
    if "TWILIO_ACCOUNT_SID" in values:
        values.setdefault("STAFF_TOKENS", f"staff:{secrets.token_hex(24)}")
    load_settings(values, env_file=None)
    files: dict[Path, str] = {ENV: env_text(values)}
    if agent:
        files[AGENT] = _example("agent")
    if company:
        files[COMPANY] = _example("company")
    if articles:
        files[ARTICLES / "opening-hours.md"] = ARTICLE
    if there := [str(path) for path in files if path.exists()]:
        raise ConfigurationError([f"{path} is there already; move it away first." for path in there])
    for path, text in files.items():
        _write(path, text)
        print(f"wrote {path}")
    print("Next: tandem check, then tandem serve.")
    return 0


def _example(name: str) -> str:
    return resources.files(__package__).joinpath(f"example_{name}.txt").read_text("utf-8")


def env_text(values: Mapping[str, str]) -> str:
    """Return an environment file: what is set, and every other setting with its default behind a #."""
    lines = ["# Settings of the gateway. Remove the # before a name to change it.", ""]
    for name, about in Settings.variables().items():
        value = values.get(name)
        lines.append(f"# {about.description}")
        lines.append(f"#{name}={written(about)}" if value is None else f"{name}={_quoted(value)}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """Spell a value so that it is read back as it is."""
    plain = value.replace("'", "").replace("\\", "") == value and "\n" not in value
    if not plain:
        raise ConfigurationError(
            ["A value with quotes, backslashes or line breaks has to be written into .env by hand."]
        )
    return value if value.isascii() and not set(value) & set(' #"$`') else f"'{value}'"


def _ask_settings(values: dict[str, str]) -> None:
    for name, question in QUESTIONS.items():
        of_account = name.startswith(("TWILIO_", "PUBLIC_")) and name != "TWILIO_ACCOUNT_SID"
        if name in values or (of_account and "TWILIO_ACCOUNT_SID" not in values):
            continue
        read: Callable[[str], str] = getpass if name in HIDDEN and sys.stdin.isatty() else input
        try:
            answer = read(f"{question}: ").strip()
        except EOFError:
            return
        if answer:
            values[name] = answer


def _yes(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _write(path: Path, text: str) -> None:
    """Write a new file; the one with secrets is for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if path == ENV else 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
