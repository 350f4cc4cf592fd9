"""Stand-ins of a development server for what is not configured: account, number and tokens.

Light to import, because the terminal's customers need nothing else of a gateway.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigurationError
from ..persistence.file_permissions import make_folder
from ..staff.auth import DEVELOPER, TOKEN_FILE
from ..staff.scopes import Scopes
from .settings import Settings

SAMPLE_ACCOUNT_SID = "AC" + "0" * 32
"""Names the pretend account while no real one is configured."""
SAMPLE_NUMBER = "+15550001111"
"""The gateway's own number while none is configured; 555 numbers are not given out."""


def simulated(settings: Settings) -> bool:
    """Say whether replies go to the pretend Twilio: in development, as long as no account is configured."""
    return not settings.production and settings.twilio_account_sid is None


def our_number(settings: Settings) -> str | None:
    """Return the number that texts and calls of ours begin from; None where there is none."""
    return settings.twilio_phone_number or (SAMPLE_NUMBER if simulated(settings) else None)


def auth_tokens(settings: Settings) -> tuple[str, ...]:
    """Return the tokens that check signatures; in development without one, the generated secret."""
    tokens = tuple(token.get_secret_value() for token in settings.twilio_auth_token)
    return tokens if tokens or settings.production else (development_secret(settings.state_persistence_dir),)


def staff_scopes(settings: Settings) -> dict[str, Scopes]:
    """Return what each of them may do; who is not named may do everything."""
    return {name: token.scopes for name, token in settings.staff_tokens.items()}


def staff_tokens(settings: Settings) -> dict[str, str]:
    """Return the tokens that staff sign in with, by name; in development without one, a generated developer's."""
    tokens = {name: token.get_secret_value() for name, token in settings.staff_tokens.items()}
    if tokens or settings.production:
        return tokens
    return {DEVELOPER: development_secret(settings.state_persistence_dir, TOKEN_FILE)}


# --- secrets that a development server makes for itself -----------------------------------------------------

FILE_NAME = "signing-secret"
"""Holds the secret that signs the simulator's webhooks while no Twilio account is configured."""


def development_secret(folder: Path, name: str = FILE_NAME) -> str:
    """Return the secret kept in the file ``name`` of ``folder``, making folder and secret when they are missing.

    * The file is readable by its owner alone (mode 0600).
    * Two processes that start together get the same secret: a complete file appears under its name in one step, and
      the second one reads the first one's.
    * Raises ConfigurationError when the folder cannot be used or the file is empty.
    """
    path = folder / name
    try:
        make_folder(folder)
        if not path.exists():
            _create(path)
        path.chmod(0o600)
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} cannot be made or read ({type(error).__name__})."]) from error
    if not secret:
        raise ConfigurationError([f"{path} is empty; delete it and start again."])
    return secret


def _create(path: Path) -> None:
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: it fails when another process was first, and then that one's secret counts.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
