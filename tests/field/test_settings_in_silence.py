"""Met in the field, "Starting": no setting is wrong in silence, and all that is wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.errors import ConfigurationError
from tandem.settings import load_settings

from ..kit.tables import each

pytestmark = pytest.mark.promise("F5")


NAMED = "name:token, several with commas, each name and each token once, and no JSON"
PORTED = "an address whose port is a number from 1 to 65535"
NUMBER = "a telephone number such as +15551234567, with its plus, or a short code of 5 to 8 digits"


def problems(**env: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_settings(env, env_file=None)
    return list(raised.value.problems)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VOICE_LANGAUGE", "VOICE_LANGUAGE"), ("TWILIO_AUTHTOKEN", "TWILIO_AUTH_TOKEN"),
        ("STAFF_TOKEN", "STAFF_TOKENS"),
        ("PORTT", "PORT"), ("OPENAI_APIKEY", "OPENAI_API_KEY"), ("POSTGRES_USER", "POSTGRES_USERNAME"),
        ("REDIS_KEYPREFIX", "REDIS_KEY_PREFIX"), ("MAX_CALL", "MAX_CALLS"), ("voice_hint", "VOICE_HINTS"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_name_that_is_nearly_right_is_named(tmp_path: Path, name: str, meant: str, where: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{name}=x\n" if where == "file" else "")
    settings = load_settings({} if where == "file" else {name: "x"}, env_file=file)
    (notice,) = [one for one in settings.notices if name.upper() in one]
    place = f"{file}, line 1" if where == "file" else "in the environment"
    assert notice == (
        f"{name.upper()} ({place}) is not a setting of this version and changes nothing; is {meant} meant?"
    )


def test_names_of_other_programs_are_passed_over() -> None:
    env = {"HOSTNAME": "me", "LC_ALL": "C", "PATH": "/bin", "SHOP_SERVICE_HOST": "10.0.0.1", "SHOP_PORT_80_TCP": "tcp://x",
           "OPENAI_ORG_ID": "org", "DATABASE_NAME": "x", "LOGNAME": "me"}  # fmt: skip
    assert load_settings(env, env_file=None).notices == ()


def test_ours_by_its_beginning_is_named_although_it_is_like_none() -> None:
    (notice,) = load_settings({"VOICE_COLOUR": "blue"}, env_file=None).notices
    assert notice == "VOICE_COLOUR (in the environment) is not a setting of this version and changes nothing."


def test_two_spellings_of_a_name_are_told() -> None:
    settings = load_settings({"voice_language": "de-DE", "VOICE_LANGUAGE": "en-US"}, env_file=None)
    assert settings.voice.language == "en-US"
    assert settings.notices == (
        "VOICE_LANGUAGE is set twice in the environment, in two spellings; the one in capitals counts.",
    )


@each(
    ("env", "problem"),
    [
        ({"VOICE_SPEECH_MODEL": 'flux"'}, "VOICE_SPEECH_MODEL must not begin or end with a quotation mark."),
        ({"VOICE_SPEECH_MODEL": '"flux"'}, "VOICE_SPEECH_MODEL must not begin or end with a quotation mark."),
        ({"APP_ENV": "'development'"}, "APP_ENV must not begin or end with a quotation mark."),
        ({"AGENT_MODEL": "gpt-5'"}, "AGENT_MODEL must not begin or end with a quotation mark."),
        ({"VOICE_SPEECH_MODEL": "nova 3"}, "VOICE_SPEECH_MODEL must be a name without blanks and quotation marks."),
        ({"VOICE_HINTS": ",,,,"}, "VOICE_HINTS must be words with commas between them, such as Aurora, Lumen."),
        ({"VOICE_HINTS": " , "}, "VOICE_HINTS must be words with commas between them, such as Aurora, Lumen."),
        ({"VOICE_LANGUAGES": '[{"code": "es-ES"}, {"code": "es-es"}]'}, "VOICE_LANGUAGES names es-ES twice."),
        ({"VOICE_ATTRIBUTES": '{"newOne": NaN}'}, 'VOICE_ATTRIBUTES must be JSON such as {"newOne": "value"}.'),
        ({"VOICE_ATTRIBUTES": '{"newOne": Infinity}'}, 'VOICE_ATTRIBUTES must be JSON such as {"newOne": "value"}.'),
        ({"VOICE_ATTRIBUTES": '{"newOne": 1e999}'}, 'VOICE_ATTRIBUTES must be JSON such as {"newOne": "value"}.'),
        ({"VOICE_ATTRIBUTES": '{"a": 1, "a": 2}'}, 'VOICE_ATTRIBUTES must be JSON such as {"newOne": "value"}.'),
        (
            {"OPENAI_BASE_URL": "https://openrouter.ai/api/v1/chat/completions"},
            "OPENAI_BASE_URL must be an address without /chat/completions at its end, which is added to it.",
        ),
        (
            {"OPENAI_BASE_URL": "http://localhost:8080/v1/responses/"},
            "OPENAI_BASE_URL must be an address without /responses at its end, which is added to it.",
        ),
        (
            {"OPENAI_BASE_URL": "https://OpenRouter.ai/"},
            "OPENAI_BASE_URL must name the path, too: https://openrouter.ai/api/v1.",
        ),
        (
            {"PUBLIC_BASE_URL": "https://line.example/sms"},
            "PUBLIC_BASE_URL must be an address without /sms at its end, which is added to it.",
        ),
        (
            {"PUBLIC_BASE_URL": "https://line.example/?a=b"},
            "PUBLIC_BASE_URL must be an address that starts with https:// or http:// and has no query.",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318/v1/traces"},
            "OTEL_EXPORTER_OTLP_ENDPOINT must be an address without /v1/traces at its end, which is added to it.",
        ),
        ({"SHOP_BASE_URL": "https://shop.example:99999/api"}, f"SHOP_BASE_URL must be {PORTED}."),
        ({"OPENAI_BASE_URL": "http://localhost:$PORT/v1"}, f"OPENAI_BASE_URL must be {PORTED}."),
        ({"STAFF_TOKENS": '{"mia": "0123456789abcdef"}'}, f"STAFF_TOKENS must be {NAMED}."),
        ({"STAFF_TOKENS": '["mia:0123456789abcdef"]'}, f"STAFF_TOKENS must be {NAMED}."),
        # One colleague would be two pairs of eyes.
        ({"STAFF_TOKENS": "mia:0123456789abcdef,Mia:fedcba9876543210"}, f"STAFF_TOKENS must be {NAMED}."),
        (
            {"EVENTS_WEBHOOK_SECRET": '["0123456789abcdef", "fedcba9876543210"]'},
            "EVENTS_WEBHOOK_SECRET must be one token, or two with a comma, and no JSON.",
        ),
        ({"TWILIO_PHONE_NUMBER": "15551234567"}, f"TWILIO_PHONE_NUMBER must be {NUMBER}."),
        ({"TWILIO_PHONE_NUMBER": "0015551234567"}, f"TWILIO_PHONE_NUMBER must be {NUMBER}."),
        ({"HUMAN_TRANSFER_NUMBER": "(555) 123-4567"}, f"HUMAN_TRANSFER_NUMBER must be {NUMBER}."),
        ({"SAMPLE_CUSTOMER_PHONE": "+05551234567"}, f"SAMPLE_CUSTOMER_PHONE must be {NUMBER}."),
        (
            {"OPENAI_API_KEY": "OPENAI_API_KEY=sk-123"},
            "OPENAI_API_KEY must be the value alone, without the name in front of it.",
        ),
        ({"OPENAI_API_KEY": "Bearer sk-1"}, "OPENAI_API_KEY must be the key alone, without the word in front of it."),
        ({"SHOP_API_KEY": "bearer abc"}, "SHOP_API_KEY must be the key alone, without the word in front of it."),
        (
            {"OPENAI_API_KEY": "sk-12\u200b34"},
            "OPENAI_API_KEY must hold no character that cannot be seen; type it anew.",
        ),
        ({"SILENCE_SECONDS": "nan"}, "SILENCE_SECONDS must be a number from 0.1 to 600, not 'nan'."),
        (
            {"REFUND_APPROVAL_THRESHOLD": "NaN"},
            "REFUND_APPROVAL_THRESHOLD must be an amount from 0 to 1000000, such as 100 or 49.99, not 'NaN'.",
        ),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_stops_the_start(env: dict[str, str], problem: str) -> None:
    assert problems(**env) == [problem]


def test_quotes_of_sentences_and_secrets_stay() -> None:
    env = {"VOICE_WELCOME_GREETING": 'Say "hi"', "WORKFLOW_NAME": "The Joneses' shop", "REDIS_PASSWORD": '"abc"'}
    settings = load_settings(env, env_file=None)
    assert (settings.voice.welcome_greeting, settings.workflow_name) == ('Say "hi"', "The Joneses' shop")
    assert settings.redis_password is not None
    assert settings.redis_password.get_secret_value() == '"abc"'
    assert settings.notices == (
        "REDIS_PASSWORD has quotes around it, which are part of it now; leave them out if they are not meant.",
    )


def test_faults_of_all_kinds_are_told_in_the_first_round() -> None:
    env = {
        "APP_ENV": "production", "STAFF_TOKENS": "mia:short", "PORT": "abc", "VOICE_SPEECH_MODEL": 'nova"',
        "VOICE_HINTS": ",", "VOICE_TTS_PROVIDER": "Google", "VOICE_LANGUAGE": "multi", "VOICE_EOT_THRESHOLD": "0.7",
        "TWILIO_API_KEY_SID": "SK1", "PUBLIC_BASE_URL": "http://gateway.example", "ALLOW_SAMPLE_DATA": "true",
        "METRICS_PORT": "3002",
    }  # fmt: skip
    assert problems(**env) == [
        "VOICE_SPEECH_MODEL must not begin or end with a quotation mark.",
        "VOICE_HINTS must be words with commas between them, such as Aurora, Lumen.",
        "PORT must be a whole number from 0 to 65535, not 'abc'.",
        "Only ElevenLabs speaks multi (VOICE_TTS_PROVIDER).",
        "STAFF_TOKENS: the token of mia must have at least 16 characters in production.",
        "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET must be set together.",
        "TWILIO_AUTH_TOKEN must be set in production: signatures cannot be checked without it.",
        "PUBLIC_BASE_URL must start with https:// in production.",
    ]


@pytest.mark.parametrize(
    ("env", "notice"),
    [
        ({"OPENAI_BASE_URL": "http://localhost:11434"}, "OPENAI_BASE_URL has no path, and most services answer below"),
        ({"PUBLIC_BASE_URL": "https://line.example/tandem"}, "PUBLIC_BASE_URL has a path: what is in front of this"),
        ({"AGENT_MODEL": "gpt-5 # the fast one"}, "AGENT_MODEL has a # behind a blank: what follows is part of its"),
        ({"OPENAI_BASE_URL": " http://localhost:11434/v1/ "}, ""),
        ({"PUBLIC_BASE_URL": "https://line.example/"}, ""),
        ({"TWILIO_PHONE_NUMBER": "+1 (555) 123-4567"}, ""),
        ({"TWILIO_PHONE_NUMBER": "55512"}, ""),
        ({"OPENAI_BASE_URL": "https://openrouter.ai/api/v1"}, ""),
    ],
)
def test_a_value_that_may_be_meant_is_told_and_a_right_one_is_not(env: dict[str, str], notice: str) -> None:
    found = load_settings(env, env_file=None).notices
    assert [one[: len(notice)] for one in found] == ([notice] if notice else [])


@pytest.mark.parametrize("number", ["+15550001111", "+1 (555) 000-1111"])
def test_a_caller_is_not_put_through_to_where_they_called(number: str) -> None:
    (told,) = problems(TWILIO_PHONE_NUMBER="+15550001111", HUMAN_TRANSFER_NUMBER=number)
    assert told.startswith("HUMAN_TRANSFER_NUMBER must be another number than TWILIO_PHONE_NUMBER")
    assert load_settings({"TWILIO_PHONE_NUMBER": "+15550001112", "HUMAN_TRANSFER_NUMBER": number}, env_file=None)
