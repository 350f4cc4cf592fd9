"""Secrets that a development server makes for itself, where production must be given one."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigurationError
from ..persistence.file_permissions import make_folder

FILE_NAME = "signing-secret"
"""Holds the secret that signs the simulator's webhooks while no Twilio account is configured."""


def development_secret(folder: Path, name: str = FILE_NAME) -> str:
    """Return the secret kept in the file ``name`` of ``folder``, making folder and secret when they are missing.

    * The file is readable by its owner alone (mode 0600).
    * Two processes that start together get the same secret: a complete file appears under its name in one step, and
      whoever comes second reads the first one's.
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
