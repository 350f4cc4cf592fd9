"""The kinds of settings: how each is read, and answered when it is wrong. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_address
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ..conversation.opening_hours import OpeningHours
from ..identity.factory import PHONE, SOURCES
from ..persistence.factory import ADAPTERS
from ..staff.event_types import EventKind
from ..staff.scopes import EVERY_SCOPE, Scope, Scopes, read_scopes

MAKES_AGENT: Final = "makes the agent"
"""Marks a setting that decides how the agent answers; one that reaches a person or another system must not bear it."""


def _matching(pattern: str, allowed: str) -> BeforeValidator:
    """Accept a text that fits a pattern; another one is answered with "must be" and ``allowed``."""

    def check(value: object) -> object:
        if not isinstance(value, str) or not re.match(pattern, value):
            raise ValueError(allowed)
        return value

    return BeforeValidator(check)


def _one_of(names: Container[str], allowed: str) -> AfterValidator:
    """Accept one of our names, in any case, or somebody's own as ``module:Class``."""

    def check(value: str) -> str:
        if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", value) and value.lower() not in names:
            raise ValueError(f"{allowed}, not {value[:40]!r}")
        return value if ":" in value else value.lower()

    return AfterValidator(check)


def _phone(value: str) -> str:
    """Keep the digits and the plus of a telephone number or short code as people write it.

    Without a plus nothing tells a country code from a number of another country that begins like it.
    """
    text = re.sub(r"[\s().-]", "", value)
    if not re.fullmatch(r"\+[1-9]\d{4,14}|\d{5,8}", text):
        raise ValueError("a telephone number such as +15551234567, with its plus, or a short code of 5 to 8 digits")
    return text


def _region(value: str) -> str:
    """Accept a region for which telephone numbers are known."""
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("a region of two letters, such as US or GB")
    return value.upper()


def _hosts(value: object) -> object:
    """Split a comma-separated list of host names and addresses."""
    if not isinstance(value, str):
        return value
    hosts = tuple(part.strip().lower() for part in value.split(","))
    if not all(re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", host) for host in hosts):
        raise ValueError("host names or addresses without a port, several with commas")
    return hosts


def _host(value: str) -> str:
    """Accept what a socket can listen on: an address of a network card, or a name."""
    with suppress(ValueError):
        return str(ip_address(value[1:-1] if value[0] + value[-1] == "[]" else value))
    if not re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*", value) or re.fullmatch(r"[\d.]+", value):
        raise ValueError("an address of this machine such as 127.0.0.1, 0.0.0.0 or ::1, or its name")
    return value


def _hours(value: str) -> str:
    """Accept the hours of a week."""
    try:
        OpeningHours.parse(value, "UTC")
    except ValueError:
        raise ValueError("days and hours such as Mon-Fri 09:00-17:30, Sat 10:00-14:00") from None
    return value


def _zone(value: str) -> str:
    """Accept a time zone that this machine knows."""
    try:
        return ZoneInfo(value).key
    except (ValueError, LookupError, OSError):
        raise ValueError("a time zone such as Europe/Berlin, and known to this machine (package tzdata)") from None


def _event_kinds(value: object) -> object:
    """Split a comma-separated list of kinds of events."""
    if not isinstance(value, str):
        return value
    names = tuple(part.strip().lower() for part in value.split(","))
    if not set(names) <= set(EventKind):
        raise ValueError(f"kinds with commas, of {', '.join(EventKind)}")
    return tuple(map(EventKind, names))


_JSON: Final = "[{"
"""Beginnings of a JSON list and object: neither a token nor a name begins so."""


def _tokens(value: object) -> object:
    """Split a comma-separated list of secrets."""
    tokens = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value
    if isinstance(tokens, tuple) and not all(token and str(token)[0] not in _JSON for token in tokens):
        raise ValueError("one token, or two with a comma, and no JSON")
    return tokens


@dataclass(frozen=True, slots=True)
class StaffToken:
    """A token of somebody at the desk, and what it lets them do."""

    secret: SecretStr
    scopes: Scopes = EVERY_SCOPE

    def get_secret_value(self) -> str:
        """Return the token itself."""
        return self.secret.get_secret_value()


_SCOPES = re.compile(r"[a-zA-Z]+[a-zA-Z +]*")
"""What behind a token is meant as scopes. Behind a colon a token may go on, though not in letters alone."""


def _named_tokens(value: object) -> object:
    """Split ``name:token:scope+scope,name:token``; two people must not share a name or a token."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":")[::2] for part in value.split(",")]
    named = {name.strip(): _staff_token(token.strip()) for name, token in pairs}
    tokens = {token.get_secret_value() for token in named.values()}
    people = {name.casefold() for name in named}  # "Mia" and "mia" would be one colleague, and two to approve
    once = len(tokens) == len(people) == len(pairs)
    if not all(named) or "" in tokens or not once or any(name[0] in _JSON for name in named):
        raise ValueError("name:token, several with commas, each name and each token once, and no JSON")
    return named


def _staff_token(text: str) -> StaffToken:
    token, colon, scopes = text.rpartition(":")
    if not colon or not _SCOPES.fullmatch(scopes.strip()):
        return StaffToken(SecretStr(text))
    try:
        return StaffToken(SecretStr(token.strip()), read_scopes(scopes))
    except ValueError as error:
        raise ValueError(f"name:token:scope+scope, and a scope one of {', '.join(Scope)}") from error


def _scopes_by_value(value: object) -> object:
    """Split ``support:read+reply,leads:read+approve``; a value may hold colons itself."""
    if not isinstance(value, str):
        return value
    try:
        pairs = [part.rpartition(":")[::2] for part in value.split(",")]
        return {name.strip(): read_scopes(scopes) for name, scopes in pairs if name.strip() or scopes.strip()}
    except ValueError as error:
        raise ValueError(f"value:scope+scope, several with commas, and a scope one of {', '.join(Scope)}") from error


RETIRED_LEVELS = {
    "warn": "warning",
    "http": "info",
    "verbose": "debug",
    "trace": "debug",
    "silly": "debug",
    "fatal": "error",
    "critical": "error",
}
"""What other systems, the earlier one among them, call our levels of the log."""


def _level(value: object) -> object:
    name = value.lower() if isinstance(value, str) else value
    return RETIRED_LEVELS.get(name, name) if isinstance(name, str) else name


_PLACEHOLDER = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|(\w{2,3}-)?your[-_]\S+|(\w{2}-?)?(x{6,}|\.{3}|…)", re.IGNORECASE)


def placeholder(value: str) -> bool:
    """Tell whether a value only stands for one: ``your_api_key``, ``ACxxxxxxxxxxxx``, ``<token>``, ``sk-…``."""
    return _PLACEHOLDER.fullmatch(value) is not None


_QUOTES = "\"'"


def quoted(value: str) -> bool:
    """Tell whether a value stands in quotes, which some programs keep (``docker run --env-file``)."""
    return len(value) > 1 and value[0] in _QUOTES and value[0] == value[-1]


def stray_quote(value: str) -> bool:
    """Tell whether a value stands in quotes, or has one at an end whose other half is missing."""
    ends = {value[0], value[-1]} & {*_QUOTES}
    odd = any(value.count(mark) % 2 for mark in ends)
    # An apostrophe may end a word of a sentence.
    return quoted(value) or (odd and ('"' in ends or " " not in value))


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a field holds a secret, of which a quote may be a part."""
    return any(name in repr(field.annotation) for name in ("SecretStr", "StaffToken"))


AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
Level = BeforeValidator(_level)

Phone = Annotated[str, AfterValidator(_phone)]
Digits = Annotated[str, _matching(r"[0-9*#w]{1,60}\Z", "keys such as ww123#, where w waits half a second")]
Region = Annotated[str, AfterValidator(_region)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
Host = Annotated[str, AfterValidator(_host)]
Hours = Annotated[str, AfterValidator(_hours)]
Zone = Annotated[str, AfterValidator(_zone)]
Tokens = Annotated[tuple[SecretStr, ...], BeforeValidator(_tokens)]
EventKinds = Annotated[tuple[EventKind, ...], BeforeValidator(_event_kinds)]
ScopesByValue = Annotated[dict[str, Scopes], BeforeValidator(_scopes_by_value)]
NamedTokens = Annotated[dict[str, StaffToken], BeforeValidator(_named_tokens)]
StoreName = Annotated[str, _one_of(ADAPTERS, "file, redis, postgres or module:Class")]
ResolverName = Annotated[str, _one_of((PHONE, *SOURCES), "phone, segment, crm or module:Class")]
AgentPath = Annotated[str, _matching(r"\w+(\.\w+)*:\w+(\.\w+)*\Z", "module:attribute, such as my_agents:billing")]
AccountSid = Annotated[str, _matching("AC", "an account SID, which starts with AC")]
ApiKeySid = Annotated[str, _matching("SK", "an API key SID, which starts with SK")]
ServiceSid = Annotated[str, _matching("MG", "a messaging service SID, which starts with MG")]
ContentSid = Annotated[str, _matching("HX", "the SID of a content template, which starts with HX")]
SocketUrl = Annotated[str, _matching("wss://", "an address that starts with wss://")]
Url = Annotated[
    str,
    _matching(r"https?://[^\s/?#]+(/[^\s?#]*)?\Z", "an address that starts with https:// or http:// and has no query"),
    AfterValidator(lambda url: url.rstrip("/")),
]
WebhookUrl = Annotated[
    SecretStr, _matching(r"https?://[^\s/?#]+(/[^\s#]*)?\Z", "an address that starts with https:// or http://")
]
"""Its path or query often holds a secret."""
DatabaseUrl = Annotated[
    SecretStr, _matching(r"postgres(ql)?://\S+\Z", "an address that starts with postgresql:// or postgres://")
]
RedisUrl = Annotated[
    SecretStr,
    _matching(r"(rediss?|unix)://\S+\Z", "an address such as redis://user:password@host:6379/0, or rediss:// for TLS"),
]
TableName = Annotated[
    str,
    _matching(r"[A-Za-z_][A-Za-z0-9_]{0,39}\Z", "up to 40 letters, digits and underscores, not beginning with a digit"),
]
KeyPrefix = Annotated[str, _matching(r"[A-Za-z0-9:._-]{1,100}\Z", "up to 100 letters, digits and the signs : . _ -")]

_NUMBERS: Mapping[object, str] = {
    int: "a whole number from {} to {}",
    float: "a number from {} to {}",
    Decimal: "an amount from {} to {}, such as 100 or 49.99",
}


def complaint(name: str, field: FieldInfo, error: ErrorDetails, value: str) -> str:
    """Return the sentence for a wrong value; it is repeated only where it cannot be a secret or somebody's number."""
    said = error.get("ctx", {}).get("error") or f"{_allowed(field)}, not {value[:40]!r}"
    return f"{name} must be {said}."


def complaint_inside(name: str, where: tuple[int | str, ...], error: ErrorDetails) -> str:
    """Return the sentence for something wrong within a value that is JSON."""
    place = ".".join(map(str, where))
    return f"{name}, at {place}: {error.get('ctx', {}).get('error') or error['msg']}."


def _allowed(field: FieldInfo) -> str:
    """Say what a switch, a choice or a number may be."""
    kind = _without_none(field.annotation)
    if kind is bool:
        return "true or false"
    if choices := get_args(kind):
        return f"{', '.join(choices[:-1])} or {choices[-1]}"
    bounds = [getattr(one, side) for side in ("ge", "le") for one in field.metadata if hasattr(one, side)]
    return _NUMBERS[kind].format(*bounds)


def _without_none(annotation: Any) -> Any:
    """Return the kind of a field that may also be left out."""
    kinds = [one for one in get_args(annotation) if one is not NoneType]
    kind = kinds[0] if NoneType in get_args(annotation) else annotation
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def secret_values(value: object) -> Iterator[str]:
    """Yield every secret in a value, however deep."""
    if isinstance(value, SecretStr | StaffToken):
        yield value.get_secret_value()
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secret_values(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from secret_values(inner)
