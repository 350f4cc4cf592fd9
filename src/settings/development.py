"""Stand-ins of a development server for what is not configured: account, number and tokens.

Light to import, because the terminal's customers need nothing else of a gateway.
"""

from __future__ import annotations

from ..staff.auth import DEVELOPER, TOKEN_FILE
from ..staff.scopes import Scopes
from .development_secret import development_secret
from .settings import Settings

SAMPLE_ACCOUNT_SID = "AC" + "0" * 32
"""Names the pretend account while no real one is configured."""
SAMPLE_NUMBER = "+15550001111"
"""The gateway's own number while none is configured; 555 numbers belong to nobody."""


def simulated(settings: Settings) -> bool:
    """Say whether replies go to the pretend Twilio: in development, as long as no account is configured."""
    return not settings.production and settings.twilio_account_sid is None


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
