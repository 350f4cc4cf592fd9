"""What the app makes of settings before anything is opened."""

from pathlib import Path

import pytest

from tandem.conversation.opening_hours import always
from tandem.settings import load_settings
from tandem.settings.development import staff_tokens
from tandem.wiring import engine_limits

pytestmark = pytest.mark.promise("A12")


def test_development_has_a_staff_token_of_its_own(tmp_path: Path) -> None:
    settings = load_settings({"STATE_PERSISTENCE_DIR": str(tmp_path)}, env_file=None)
    tokens = staff_tokens(settings)
    assert tokens == {"developer": (tmp_path / "staff-token").read_text().strip()}
    assert staff_tokens(settings) == tokens


def test_given_staff_tokens_are_the_only_ones(tmp_path: Path) -> None:
    env = {"STATE_PERSISTENCE_DIR": str(tmp_path), "STAFF_TOKENS": "anna:a1,ben:b2"}
    assert staff_tokens(load_settings(env, env_file=None)) == {"anna": "a1", "ben": "b2"}
    assert list(tmp_path.iterdir()) == []


def test_requests_wait_as_long_as_the_setting_says() -> None:
    settings = load_settings({"APPROVAL_TIMEOUT_SECONDS": "90.5"}, env_file=None)
    assert engine_limits(settings, always).approval_timeout == 90.5
