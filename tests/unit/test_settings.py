"""Settings: defaults, every problem at once in plain words, and nothing secret said."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tandem.errors import ConfigurationError
from tandem.settings import RETIRED, Settings, load_settings

from ..kit.tables import each

pytestmark = pytest.mark.promise("A12")

SECRET = "very-secret-value-4711"
PRODUCTION = {
    "APP_ENV": "production",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": SECRET,
    "PUBLIC_BASE_URL": "https://gateway.example.com/",
    "STAFF_TOKENS": f"alice:{SECRET}1",
    "OPENAI_API_KEY": SECRET + "key",
    "SHOP_BASE_URL": "https://shop.example.com",
    "KNOWLEDGE_DIR": "articles",
}


def load(env: dict[str, str], env_file: Path | None = None) -> Settings:
    return load_settings(env, env_file=env_file)


def problems(env: dict[str, str], env_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        load(env, env_file)
    return raised.value.problems


def test_nothing_is_needed_in_development() -> None:
    settings = load({})
    assert settings.model_dump() == Settings().model_dump()
    assert (settings.host, settings.port, settings.notices) == ("127.0.0.1", 3001, ())


def test_production_listens_on_every_address() -> None:
    settings = load(PRODUCTION)
    assert (settings.host, settings.production, settings.notices) == ("0.0.0.0", True, ())


def test_host_is_kept_when_given() -> None:
    assert load({**PRODUCTION, "HOST": "10.0.0.5"}).host == "10.0.0.5"


@pytest.mark.promise("O6")
def test_production_lists_everything_that_is_missing() -> None:
    said = problems({"APP_ENV": "PRODUCTION", "PORT": "eighty", "LOG_LEVEL": "loud"})
    assert [sentence.split()[0] for sentence in said] == [
        "PORT",
        "LOG_LEVEL",
        "TWILIO_AUTH_TOKEN",
        "PUBLIC_BASE_URL",
        "STAFF_TOKENS",
        "OPENAI_API_KEY",
        "SHOP_BASE_URL",
        "KNOWLEDGE_DIR",
    ]


def test_production_needs_https() -> None:
    assert problems({**PRODUCTION, "PUBLIC_BASE_URL": "http://gateway.example.com"}) == (
        "PUBLIC_BASE_URL must start with https:// in production.",
    )


@each(
    ("name", "value", "sentence"),
    [
        ("PORT", "70000", "PORT must be a whole number from 0 to 65535, not '70000'."),
        ("PORT", "80.5", "PORT must be a whole number from 0 to 65535, not '80.5'."),
        ("LANE_LEASE_SECONDS", "nan", "LANE_LEASE_SECONDS must be a number from 0.2 to 300, not 'nan'."),
        ("MAX_TURNS", "0", "MAX_TURNS must be a whole number from 1 to 100, not '0'."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL must be debug, info, warning or error, not 'loud'."),
        (
            "PERSISTENCE_ADAPTER",
            "mongo",
            "PERSISTENCE_ADAPTER must be file, redis, postgres or module:Class, not 'mongo'.",
        ),
        (
            "REDIS_URL",
            "localhost:6379",
            "REDIS_URL must be an address such as redis://user:password@host:6379/0, or rediss:// for TLS.",
        ),
        (
            "DATABASE_URL",
            "localhost:5432/chats",
            "DATABASE_URL must be an address that starts with postgresql:// or postgres://.",
        ),
        (
            "POSTGRES_TABLE_NAME",
            "drop table",
            "POSTGRES_TABLE_NAME must be up to 40 letters, digits and underscores, not beginning with a digit.",
        ),
        (
            "REDIS_KEY_PREFIX",
            "a{b}",
            "REDIS_KEY_PREFIX must be up to 100 letters, digits and the signs : . _ -.",
        ),
        ("SUBJECT_RESOLVER", "x", "SUBJECT_RESOLVER must be phone, segment, crm or module:Class, not 'x'."),
        ("OPENAI_API_MODE", "chat", "OPENAI_API_MODE must be responses or chat_completions, not 'chat'."),
        ("APP_ENV", "staging", "APP_ENV must be development or production, not 'staging'."),
        ("TRACING_ENABLED", "maybe", "TRACING_ENABLED must be true or false, not 'maybe'."),
        ("DEFAULT_REGION", "QQ", "DEFAULT_REGION must be a region of two letters, such as US or GB."),
        ("AGENT_PATH", "mine", "AGENT_PATH must be module:attribute, such as my_agents:billing."),
        ("TWILIO_ACCOUNT_SID", "SK1", "TWILIO_ACCOUNT_SID must be an account SID, which starts with AC."),
        (
            "REFUND_APPROVAL_THRESHOLD",
            "-1",
            "REFUND_APPROVAL_THRESHOLD must be an amount from 0 to 1000000, such as 100 or 49.99, not '-1'.",
        ),
        (
            "REFUND_APPROVAL_THRESHOLD",
            "0.005",
            "REFUND_APPROVAL_THRESHOLD must be an amount from 0 to 1000000, such as 100 or 49.99, not '0.005'.",
        ),
        (
            "REFUND_APPROVAL_THRESHOLD",
            "NaN",
            "REFUND_APPROVAL_THRESHOLD must be an amount from 0 to 1000000, such as 100 or 49.99, not 'NaN'.",
        ),
        (
            "APPROVAL_TIMEOUT_SECONDS",
            "0",
            "APPROVAL_TIMEOUT_SECONDS must be a number from 0.1 to 2592000, not '0'.",
        ),
        (
            "TWILIO_PHONE_NUMBER",
            "mine",
            "TWILIO_PHONE_NUMBER must be a telephone number such as +15551234567, with its plus, "
            "or a short code of 5 to 8 digits.",
        ),
    ],
)
def test_wrong_value_is_answered_in_plain_words(name: str, value: str, sentence: str) -> None:
    assert problems({name: value}) == (sentence,)


@each("name", ["OPENAI_BASE_URL", "TWILIO_API_BASE_URL", "PUBLIC_BASE_URL"])
@each("value", ["gateway.example.com", "ftp://example.com", "https://", "https://a.example/?q=1"])
def test_address_needs_its_scheme_and_no_query(name: str, value: str) -> None:
    assert problems({name: value}) == (
        f"{name} must be an address that starts with https:// or http:// and has no query.",
    )


@each(
    "env",
    [
        {"STAFF_TOKENS": SECRET},
        {"STAFF_TOKENS": f"alice:{SECRET},bob:{SECRET}"},
        {"STAFF_TOKENS": f"alice:{SECRET},alice:other"},
        {"TWILIO_AUTH_TOKEN": f"{SECRET},"},
        {"OPENAI_BASE_URL": f"ftp://user:{SECRET}@model.example.com"},
        {"TWILIO_API_KEY_SECRET": SECRET},
    ],
)
def test_problem_never_repeats_a_secret(env: dict[str, str]) -> None:
    said = problems(env)
    assert len(said) == 1
    assert SECRET not in said[0]


def test_settings_hide_secrets_when_printed() -> None:
    settings = load(PRODUCTION)
    assert SECRET not in repr(settings) + str(settings)
    assert settings.secrets() == (SECRET + "key", SECRET, SECRET + "1")


def test_second_auth_token_and_staff_are_split() -> None:
    settings = load({"TWILIO_AUTH_TOKEN": "new, old", "STAFF_TOKENS": "alice:a1, bob:b:2"})
    assert [token.get_secret_value() for token in settings.twilio_auth_token] == ["new", "old"]
    assert {name: token.get_secret_value() for name, token in settings.staff_tokens.items()} == {
        "alice": "a1",
        "bob": "b:2",
    }


def test_spelling_is_tidied() -> None:
    settings = load(
        {
            "PUBLIC_BASE_URL": "https://gateway.example.com/",
            "TWILIO_PHONE_NUMBER": "+1 (555) 000-1111",
            "LOG_LEVEL": " Debug ",
            "DEFAULT_REGION": "gb",
        }
    )
    assert settings.public_base_url == "https://gateway.example.com"
    assert (settings.twilio_phone_number, settings.log_level, settings.default_region) == (
        "+15550001111",
        "debug",
        "GB",
    )


def test_empty_value_counts_as_absent() -> None:
    assert load({"PORT": "", "OPENAI_API_KEY": "  "}).model_dump() == Settings().model_dump()


def test_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "PORT=4000\nMAX_TURNS=5 # five\nWORKFLOW_NAME='a $HOME b'\nTWILIO_AUTH_TOKEN=a${HOME}b\n", encoding="utf-8"
    )
    settings = load({"PORT": "5000"}, file)
    assert (settings.port, settings.max_turns, settings.workflow_name) == (5000, 5, "a $HOME b")
    assert settings.twilio_auth_token[0].get_secret_value() == "a${HOME}b"


def test_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe\x00")
    assert problems({"PORT": "x"}, file) == (
        f"{file} cannot be read as a text file.",
        "PORT must be a whole number from 0 to 65535, not 'x'.",
    )


@each(("name", "replacement"), [("PORT_VOICE", "PORT"), ("START_CHANNELS", "PORT"), ("NODE_ENV", "APP_ENV")])
def test_old_name_is_answered_with_the_new_one(name: str, replacement: str) -> None:
    (notice,) = load({name: "3002"}).notices
    assert notice == f"{name} is not used any more; {RETIRED[name]}."
    assert f"use {replacement}" in notice


def test_weak_production_settings_are_noticed() -> None:
    env = {**PRODUCTION, "TWILIO_ACCOUNT_SID": "", "TWILIO_VALIDATE_SIGNATURES": "no"}
    assert [notice.split()[0] for notice in load(env).notices] == ["TWILIO_ACCOUNT_SID", "TWILIO_VALIDATE_SIGNATURES"]


@pytest.mark.promise("O6")
def test_a_staff_token_that_can_be_guessed_stops_a_production_start() -> None:
    tokens = {"STAFF_TOKENS": f"alice:{SECRET},bob:0123456789abcde"}
    with pytest.raises(ConfigurationError) as raised:
        load({**PRODUCTION, **tokens})
    assert raised.value.problems == ("STAFF_TOKENS: the token of bob must have at least 16 characters in production.",)
    assert load(tokens).staff_tokens.keys() == {"alice", "bob"}


@each(("name", "url"), [("DATABASE_URL", "postgresql://db/chats"), ("REDIS_URL", "redis://cache:6379/0")])
def test_a_database_that_is_not_used_is_noticed(name: str, url: str) -> None:
    (notice,) = load({name: url}).notices
    assert notice.startswith("PERSISTENCE_ADAPTER is file")


@each("adapter", ["Postgres", "my_stores.own:Store"])
def test_a_store_is_chosen(adapter: str) -> None:
    chosen = load({"PERSISTENCE_ADAPTER": adapter}).persistence_adapter
    assert chosen == (adapter if ":" in adapter else "postgres")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@each("adapter", ["redis", "postgres"])
def test_several_servers_need_a_shop_that_all_of_them_reach(adapter: str) -> None:
    (notice,) = load({"PERSISTENCE_ADAPTER": adapter}).notices
    assert notice.startswith("SHOP_BASE_URL is not set: several servers")
    assert load({"PERSISTENCE_ADAPTER": adapter, "SHOP_BASE_URL": "https://shop.example"}).notices == ()


@each(
    ("env", "start"),
    [
        ({"SHOP_API_KEY": "key"}, "SHOP_API_KEY is set without SHOP_BASE_URL"),
        ({"SHOP_BASE_URL": "https://shop.example", "SAMPLE_CUSTOMER_PHONE": "+15550001111"}, "SAMPLE_CUSTOMER_PHONE"),
    ],
)
def test_what_does_not_fit_together_about_the_shop_is_said(env: dict[str, str], start: str) -> None:
    (notice,) = load(env).notices
    assert notice.startswith(start)
