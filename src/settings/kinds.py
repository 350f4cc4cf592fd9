"""The kinds of settings: how each is read, described, and answered when it is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Annotated, Any

import phonenumbers
from pydantic import BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from ..identity.factory import PHONE, SOURCES
from ..persistence.chosen import ADAPTERS


def _lower(value: object) -> object:
    """Let enumerated values be written in any case."""
    return value.lower() if isinstance(value, str) else value


def _url(value: object) -> object:
    """Accept an http or https address without query, and drop a trailing slash."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise ValueError
    return value.rstrip("/")


def _phone(value: object) -> object:
    """Accept a telephone number or short code as people write it, and keep its digits and plus."""
    text = re.sub(r"[\s().-]", "", value) if isinstance(value, str) else ""
    if not re.fullmatch(r"\+?\d{5,15}", text):
        raise ValueError
    return text


def _region(value: object) -> object:
    """Accept a region for which telephone numbers are known."""
    text = value.upper() if isinstance(value, str) else ""
    if text not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError
    return text


def _tokens(value: object) -> object:
    """Split a comma-separated list of secrets."""
    if not isinstance(value, str):
        return value
    tokens = tuple(part.strip() for part in value.split(","))
    if not all(tokens):
        raise ValueError
    return tokens


def _named_tokens(value: object) -> object:
    """Split ``name:token,name:token``; two people must not share a name or a token."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":")[::2] for part in value.split(",")]
    named = {name.strip(): token.strip() for name, token in pairs}
    if not all(name and token for name, token in named.items()) or len(set(named.values())) != len(pairs):
        raise ValueError
    return named


def _adapter(value: object) -> object:
    """Accept the name of a store, in any case, or somebody's own as ``module:Class``."""
    return _one_of(ADAPTERS, value)


def _resolver(value: object) -> object:
    """Accept the name of a resolver, in any case, or somebody's own as ``module:Class``."""
    return _one_of((PHONE, *SOURCES), value)


def _one_of(names: Container[str], value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", text) and text.lower() not in names:
        raise ValueError
    return text if ":" in text else text.lower()


def _webhook_url(value: object) -> object:
    """Accept an http or https address, which often holds a secret in its path or query."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#]+(/[^\s#]*)?", value):
        raise ValueError
    return value


def _database_url(value: object) -> object:
    """Accept the address of a Postgres database, which may hold a password."""
    if not isinstance(value, str) or not re.match(r"postgres(ql)?://\S+$", value):
        raise ValueError
    return value


def _redis_url(value: object) -> object:
    """Accept the address of a Redis server, which may hold a password."""
    if not isinstance(value, str) or not re.match(r"(rediss?|unix)://\S+$", value):
        raise ValueError
    return value


Url = Annotated[str, BeforeValidator(_url)]
Phone = Annotated[str, BeforeValidator(_phone)]
Region = Annotated[str, BeforeValidator(_region)]
Tokens = Annotated[tuple[SecretStr, ...], BeforeValidator(_tokens)]
NamedTokens = Annotated[dict[str, SecretStr], BeforeValidator(_named_tokens)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(_database_url)]
WebhookUrl = Annotated[SecretStr, BeforeValidator(_webhook_url)]
RedisUrl = Annotated[SecretStr, BeforeValidator(_redis_url)]
StoreName = Annotated[str, BeforeValidator(_adapter)]
ResolverName = Annotated[str, BeforeValidator(_resolver)]
AnyCase = BeforeValidator(_lower)


def say(default: Any, about: str, allowed: str, *, repeat: bool = False, **rules: Any) -> Any:
    """Describe one setting.

    ``about`` is its line in the documents; a wrong value is answered with "must be" and ``allowed``, and is repeated
    only where it cannot be a secret or somebody's number.
    """
    return Field(default, description=about, json_schema_extra={"allowed": allowed, "repeat": repeat}, **rules)


def number(default: float, about: str, low: float, high: float) -> Any:
    """Describe a number with its bounds."""
    kind = "a whole number" if isinstance(default, int) else "a number"
    return say(default, about, f"{kind} from {low} to {high}", repeat=True, ge=low, le=high)


def choice(default: str, about: str, *values: str) -> Any:
    """Describe an enumerated setting."""
    words = " or ".join(part for part in (", ".join(values[:-1]), values[-1]) if part)
    return say(default, about, words, repeat=True)


def flag(default: bool, about: str) -> Any:
    """Describe a switch."""
    return say(default, about, "true or false", repeat=True)


def text(about: str, default: str | None = None, *, allowed: str = "a text", **rules: Any) -> Any:
    """Describe a text, absent unless it has a default."""
    return say(default, about, allowed, **rules)


URL = "an address that starts with https:// or http:// and has no query"
NUMBER = "a telephone number such as +15551234567"


def complaint(name: str, field: FieldInfo, value: str) -> str:
    """Return the sentence for a wrong value."""
    extra = field.json_schema_extra
    words = extra if isinstance(extra, dict) else {}
    but = f", not {value[:40]!r}" if words.get("repeat") else ""
    return f"{name} must be {words.get('allowed', 'a text')}{but}."


def secret_values(value: object) -> Iterator[str]:
    """Yield every secret in a value, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secret_values(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from secret_values(inner)
