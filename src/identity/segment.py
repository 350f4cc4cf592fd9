"""Customers of a Segment space, by its Profile API (twilio.com/docs/segment/unify/profile-api).

``GET {address}/v1/spaces/{space}/collections/users/profiles/{type}:{value}/traits`` answers
``{"traits": {…}, "cursor": …}``; the same with ``/external_ids`` answers ``{"data": [{"type", "id", "created_at", …}],
"cursor": …}``. 404: no such profile. Basic authentication, the token is the user name. Values are escaped: the plus of
a number is ``%2B``.

Subject ids, told apart so that none of one kind can be one of another:

==========================  ===========================================================================
``segment_user_{id}``       a profile that has a user id
``segment_{anonymousId}``   nobody knows them, but the request brought an anonymous id
``segment_{hash}``          nobody knows them: of their number, 32 hexadecimal digits
``segment_{random}``        a withheld number: one per call or message, 32 hexadecimal digits
==========================  ===========================================================================
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ..errors import IdentityUnreadable
from ..model import Address, SubjectId
from .base import ANONYMOUS_ID, EMAIL, NO_METADATA, USER_ID, Metadata, Resolution
from .phone import PhoneResolver, e164
from .source_answers import customer_id
from .source_client import SourceClient, open_client

ADDRESSES: Final = {"us": "https://profiles.segment.com", "eu": "https://profiles.euw1.segment.com"}
TRAITS, EXTERNAL_IDS = 200, 100
"""How many of each are asked for, which is the most that the API gives in one answer."""
USER: Final = "segment_user_"
MOST_ANONYMOUS: Final = 5

_LIKE_OURS = re.compile(r"user_.*|-.*|[0-9a-f]{32}", re.ASCII | re.DOTALL)
"""An anonymous id that would make the subject of somebody else."""


@dataclass(frozen=True, slots=True)
class SegmentProfile:
    """A profile as the API gives it. ``user_id`` is its oldest one, so that it stays the same."""

    user_id: str | None
    traits: Mapping[str, Any]
    anonymous_ids: tuple[str, ...]
    phones: frozenset[str]


class SegmentResolver:
    """Fulfils :class:`~tandem.identity.base.SubjectResolver`; raises the identity errors."""

    def __init__(self, client: SourceClient, base_url: str, space: str, phone: PhoneResolver, region: str) -> None:
        self._client = client
        self._profiles = f"{base_url.rstrip('/')}/v1/spaces/{quote(space, safe='')}/collections/users/profiles"
        self._phone = phone
        self._region = region

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Look a customer up by user id, e-mail and number, in this order."""
        base = await self._phone.resolve(address, session=session)
        unknown = _unknown(base, metadata)
        asked: dict[str, str | None] = {
            "user_id": customer_id(metadata.get(USER_ID)),
            "email": customer_id(metadata.get(EMAIL)),
            "phone": base.phone,
        }
        for kind, value in asked.items():
            if value is not None and (profile := await self._profile(kind, value)) is not None:
                came = customer_id(metadata.get(ANONYMOUS_ID))
                return _known(profile, base, unknown, by_phone=kind == "phone", came=[came] if came else [])
        return unknown

    async def _profile(self, kind: str, value: str) -> SegmentProfile | None:
        """Return the profile that has an identifier, or None. Both halves are asked for at once."""
        where = f"{self._profiles}/{kind}:{quote(value, safe='')}"
        try:
            async with asyncio.TaskGroup() as group:
                traits = group.create_task(self._part(f"{where}/traits?limit={TRAITS}", "traits", dict))
                ids = group.create_task(self._part(f"{where}/external_ids?limit={EXTERNAL_IDS}", "data", list))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        found, external = traits.result(), ids.result()
        if found is None or external is None:
            return None
        rows = sorted(
            (row for row in external if isinstance(row, dict)), key=lambda row: str(row.get("created_at", ""))
        )
        users = [one for row in rows if row.get("type") == "user_id" and (one := customer_id(row.get("id")))]
        if kind == "user_id":
            users = [value]
        phones = [row.get("id") for row in rows if row.get("type") == "phone"]
        anonymous = [one for row in rows if row.get("type") == "anonymous_id" and (one := customer_id(row.get("id")))]
        return SegmentProfile(
            users[0] if users else None,
            found,
            tuple(anonymous[-MOST_ANONYMOUS:]),
            frozenset(self._numbers((*phones, found.get("phone")))),
        )

    async def _part(self, url: str, name: str, kind: type) -> Any:
        answer = await self._client.ask("GET", url)
        if answer is None:
            return None
        part = answer.get(name)
        if not isinstance(part, kind):
            raise IdentityUnreadable(f"(no {name})")
        return part

    def _numbers(self, texts: Iterable[Any]) -> set[str]:
        return {number for text in texts if isinstance(text, str) and (number := e164(text, self._region))}


def _known(
    profile: SegmentProfile, base: Resolution, unknown: Resolution, *, by_phone: bool, came: Sequence[str]
) -> Resolution:
    """Name somebody whom Segment knows; ``came`` is the anonymous id of the request, if any."""
    if profile.user_id is None:
        return Resolution(unknown.subject, base.phone, profile.traits, unknown.earlier)
    anonymous = [_anonymous(one) for one in (*came, *profile.anonymous_ids)]
    # Found by something else than the number, it may be a person who only uses somebody else's telephone.
    own = [base.subject, of_number(base.subject)] if base.phone and (by_phone or base.phone in profile.phones) else []
    return Resolution(SubjectId(USER + profile.user_id), base.phone, profile.traits, (*own, *anonymous))


def _unknown(base: Resolution, metadata: Metadata) -> Resolution:
    """Name somebody whom Segment does not know."""
    anonymous = customer_id(metadata.get(ANONYMOUS_ID))
    if anonymous is not None:
        return Resolution(_anonymous(anonymous), base.phone)
    subject = of_number(base.subject)
    return Resolution(subject, base.phone, earlier=(base.subject,) if base.phone else ())


def of_number(subject: SubjectId) -> SubjectId:
    """Return the subject of a number, or of the call or message of a withheld one, whose id is random already.

    ``subject`` is what the number alone gives.
    """
    return SubjectId("segment_" + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32])


def _anonymous(anonymous: str) -> SubjectId:
    """Return the subject of an anonymous id. One that looks like another kind's is hashed, behind a dash."""
    if _LIKE_OURS.fullmatch(anonymous):
        return SubjectId(f"segment_-{hashlib.sha256(anonymous.encode()).hexdigest()}")
    return SubjectId(f"segment_{anonymous}")


@asynccontextmanager
async def open_segment(
    base_url: str, token: str, space: str, *, region: str, sip_hosts: Collection[str] = ()
) -> AsyncIterator[SegmentResolver]:
    """Open the way to the Profile API; ``region`` and ``sip_hosts`` are those of :class:`.PhoneResolver`."""
    login = base64.b64encode(f"{token}:".encode()).decode()
    async with open_client({"Authorization": f"Basic {login}"}) as client:
        yield SegmentResolver(client, base_url, space, PhoneResolver(region, sip_hosts), region)
