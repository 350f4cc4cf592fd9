"""A trial's gateway keeps what makes the agent, and reaches nobody."""

from pathlib import Path

import pytest

from tandem.evaluation.world import throwaway
from tandem.settings import Settings, load_settings

pytestmark = pytest.mark.promise("G6")

REAL = {
    "TWILIO_ACCOUNT_SID": "AC" + "9" * 32,
    "TWILIO_AUTH_TOKEN": "real-token",
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "9" * 32,
    "PUBLIC_BASE_URL": "https://real.example.com",
    "DATABASE_URL": "postgresql://real.example.com/real",
    "PERSISTENCE_ADAPTER": "postgres",
    "SEGMENT_WRITE_KEY": "real-key",
    "SUBJECT_RESOLVER": "crm",
    "CRM_BASE_URL": "https://crm.example.com",
    "CRM_API_KEY": "real-key",
    "SHOP_BASE_URL": "https://shop.example.com",
    "SHOP_API_KEY": "real-key",
    "STAFF_TOKENS": "mia:real-token-1234567890",
    "STAFF_WEBHOOK_URL": "https://hooks.example.com/real",
    "TRACING_ENABLED": "true",
    "OPENAI_API_KEY": "model-key",
    "OPENAI_BASE_URL": "https://model.example.com/v1",
    "AGENT_MODEL": "a-model",
    "EVENTS_WEBHOOK_URL": "https://hooks.example.com/real",
    "EVENTS_WEBHOOK_SECRET": "whsec_cmVhbC1ldmVudHMtc2VjcmV0LTEyMzQ1Njc4OTA=",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://traces.example.com",
    "TRACES_PERSONAL": "true",
    "REFUND_APPROVAL_THRESHOLD": "7",
}
OWN = {
    "twilio_account_sid", "twilio_auth_token", "twilio_phone_number", "twilio_api_base_url", "public_base_url",
    "state_persistence_dir", "coalesce_ms", "rate_limit_per_minute", "silence_seconds",
}  # fmt: skip


def test_only_what_makes_the_agent_is_kept(tmp_path: Path) -> None:
    given, nothing = load_settings(REAL, env_file=None), Settings.model_validate({})
    trial = throwaway(given, tmp_path, "http://127.0.0.1:1", "made-up-token")
    others = Settings.model_fields.keys() - Settings.of_agent() - OWN
    assert {name for name in others if getattr(trial, name) != getattr(nothing, name)} == set()
    assert (trial.agent_model, trial.refund_approval_threshold) == ("a-model", 7)
    told = " ".join([*trial.secrets(), *(str(getattr(trial, name)) for name in Settings.model_fields)])
    assert [word for word in ("real", "crm.", "shop.", "hooks.", "traces.", "9" * 32) if word in told] == []


def test_what_makes_the_agent_is_marked_and_what_reaches_somebody_is_not() -> None:
    marked = Settings.of_agent()
    assert {"openai_api_key", "agent_path", "agents_file", "company_file", "voice", "hold_thoughts"} <= marked
    beginnings = ("twilio_", "staff_", "segment_", "crm_", "shop_", "events_", "postgres_", "redis_", "otel_")
    assert [name for name in marked if name.startswith(beginnings)] == []
