"""The resolver that ``SUBJECT_RESOLVER`` names: one of ours, or a user's own as ``module:Class``.

A source joins with one line in SOURCES. All but the telephone number are asked through :class:`.CachingResolver`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, Protocol, cast

from pydantic import SecretStr

from .. import own_code
from ..errors import ConfigurationError, IdentityError, IdentityUnavailable
from ..model import Address, SubjectId
from .base import NO_METADATA, Identity, Resolution, SubjectResolver
from .caching_resolver import LONGEST_LOOKUP, CachingResolver
from .phone import PhoneResolver, e164, subject_id
from .source_answers import checked

PHONE: Final = "phone"
SETTING: Final = "SUBJECT_RESOLVER"
NOBODYS_NUMBER: Final = Address("tel", "+15005550006")
"""For asking a source whether it answers; no line has this number (twilio.com/docs/iam/test-credentials)."""


class IdentitySettings(Protocol):
    """Settings that resolvers need; :class:`~tandem.settings.Settings` fulfils it."""

    subject_resolver: str
    default_region: str
    trusted_sip_hosts: tuple[str, ...]
    resolver_timeout_ms: int
    segment_profile_api_token: SecretStr | None
    segment_space_id: str | None
    segment_region: Literal["us", "eu"]
    segment_profile_api_url: str | None
    crm_base_url: str | None
    crm_api_key: SecretStr | None


@dataclass(frozen=True, slots=True)
class CustomerSource:
    """A kind of source. ``place`` says where it is, in words for an operator; ``needs`` names settings."""

    open: Callable[[IdentitySettings], AbstractAsyncContextManager[SubjectResolver]]
    place: Callable[[IdentitySettings], str]
    needs: tuple[str, ...] = ()


@asynccontextmanager
async def open_identity(settings: IdentitySettings) -> AsyncIterator[Identity]:
    """Open the chosen resolver. Raises ConfigurationError with one sentence when it cannot be used."""
    phone = _phone(settings)
    if settings.subject_resolver == PHONE:
        yield phone
        return
    deadline = settings.resolver_timeout_ms / 1000
    async with _source(settings).open(settings) as source, CachingResolver(source, phone, deadline=deadline) as guarded:
        yield guarded


def _phone(settings: IdentitySettings) -> PhoneResolver:
    return PhoneResolver(settings.default_region, settings.trusted_sip_hosts)


def source_place(settings: IdentitySettings) -> str:
    """Say who knows the customers."""
    return "the telephone number alone" if settings.subject_resolver == PHONE else _source(settings).place(settings)


async def probe_source(settings: IdentitySettings) -> None:
    """Ask the chosen source once, about nobody's number. Raises ConfigurationError or IdentityError."""
    if settings.subject_resolver != PHONE:
        await _ask_once(settings, NOBODYS_NUMBER)


async def subjects_named(settings: IdentitySettings, spelling: str) -> tuple[SubjectId, ...]:
    """Return the subjects that an operator means by an id, or by a telephone number.

    A number is looked up at the source: first comes the customer, then those under which they may have been served
    before. Raises MalformedRequest for what is neither, IdentityError when the source cannot say.
    """
    subject = subject_id(spelling, settings.default_region)
    number = e164(spelling, settings.default_region)
    if settings.subject_resolver == PHONE or number is None:
        return (subject,)
    found = await _ask_once(settings, Address("tel", number))
    return tuple(dict.fromkeys((found.subject, *found.earlier, subject)))


async def _ask_once(settings: IdentitySettings, address: Address) -> Resolution:
    base = await _phone(settings).resolve(address, session="command")
    async with _source(settings).open(settings) as source:
        try:
            async with asyncio.timeout(LONGEST_LOOKUP):
                return checked(await source.resolve(address, session="command", metadata=NO_METADATA), base)
        except IdentityError:
            raise
        except Exception as error:
            # The edge to a source, which may be anybody's code.
            raise IdentityUnavailable(f"({type(error).__name__})") from error


def missing(resolver: str, given: Mapping[str, str]) -> list[str]:
    """Name what a resolver needs and was not given, one sentence each."""
    source = SOURCES.get(resolver)
    return [
        f"{name} must be set with SUBJECT_RESOLVER={resolver}." for name in (source.needs if source else ())
        if name not in given
    ]  # fmt: skip


def _source(settings: IdentitySettings) -> CustomerSource:
    return SOURCES.get(settings.subject_resolver) or CustomerSource(_open_own, lambda it: it.subject_resolver)


# --- ours: imported when chosen, because every command reads the settings and few ask a source ----------------


def _open_segment(settings: IdentitySettings) -> AbstractAsyncContextManager[SubjectResolver]:
    from .segment import open_segment

    token, space = settings.segment_profile_api_token, settings.segment_space_id
    if token is None or space is None:
        raise ConfigurationError(missing("segment", {}))
    address, key = _profile_address(settings), token.get_secret_value()
    return open_segment(address, key, space, region=settings.default_region, sip_hosts=settings.trusted_sip_hosts)


def _profile_address(settings: IdentitySettings) -> str:
    from .segment import ADDRESSES

    return settings.segment_profile_api_url or ADDRESSES[settings.segment_region]


def _open_crm(settings: IdentitySettings) -> AbstractAsyncContextManager[SubjectResolver]:
    from .crm import open_crm

    url, key = settings.crm_base_url, settings.crm_api_key
    if url is None or key is None:
        raise ConfigurationError(missing("crm", {}))
    return open_crm(url, key.get_secret_value(), region=settings.default_region, sip_hosts=settings.trusted_sip_hosts)


SOURCES: Final[Mapping[str, CustomerSource]] = {
    "segment": CustomerSource(
        _open_segment,
        lambda settings: f"Segment at {_profile_address(settings)}, space {settings.segment_space_id}",
        ("SEGMENT_PROFILE_API_TOKEN", "SEGMENT_SPACE_ID"),
    ),
    "crm": CustomerSource(
        _open_crm, lambda settings: f"the CRM at {settings.crm_base_url}", ("CRM_BASE_URL", "CRM_API_KEY")
    ),
}


# --- a user's own -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _open_own(settings: IdentitySettings) -> AsyncIterator[SubjectResolver]:
    """Call what ``module:Class`` names with the settings; it gives a resolver, or a context manager that gives one."""
    path = settings.subject_resolver
    made = own_code.call(SETTING, path, own_code.load(SETTING, path), settings)
    if isinstance(made, AbstractAsyncContextManager):
        async with made as opened:
            yield _fitting(path, opened)
    else:
        yield _fitting(path, made)


def _fitting(path: str, resolver: Any) -> SubjectResolver:
    """Look at a resolver once, so that a wrong one is told at the start and not by every customer's message."""
    resolve = getattr(resolver, "resolve", None)
    if not iscoroutinefunction(resolve):
        raise own_code.wrong(SETTING, path, f"gives a {type(resolver).__name__}, which has no async method resolve")
    if not own_code.takes(resolve, NOBODYS_NUMBER, session="", metadata={}):
        does_not_take = "has a method resolve that does not take (address, *, session, metadata)"
        raise own_code.wrong(SETTING, path, does_not_take)
    return cast(SubjectResolver, resolver)
