"""Customers of a CRM: ``POST {CRM_BASE_URL}/customers/lookup``.

The question is a JSON object with what is known: ``phone`` (E.164), ``email``, ``userId``. The answer is a JSON object
with ``profileId``, ``customerId`` or ``id``, the first of them that is there; everything else in it is a fact of
the customer. 404: nobody is known by that. The subject is ``crm_`` and the id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from ..errors import IdentityUnreadable
from ..model import Address, SubjectId
from .base import EMAIL, NO_METADATA, USER_ID, Metadata, Resolution
from .phone import PhoneResolver, e164
from .source_answers import customer_id
from .source_client import SourceClient, open_client

IDS: Final = ("profileId", "customerId", "id")
PHONES: Final = ("phone", "phones", "phoneNumber", "phoneNumbers", "mobile")


class CrmResolver:
    """Fulfils :class:`~tandem.identity.base.SubjectResolver`; raises the identity errors."""

    def __init__(self, client: SourceClient, base_url: str, phone: PhoneResolver, region: str) -> None:
        self._client = client
        self._url = f"{base_url.rstrip('/')}/customers/lookup"
        self._phone = phone
        self._region = region

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Ask the CRM who it is; whoever it does not know is their telephone number."""
        base = await self._phone.resolve(address, session=session)
        named = {name: metadata[name] for name in (USER_ID, EMAIL) if name in metadata}
        if base.phone is None and not named:
            return base
        question = {"phone": base.phone, **named} if base.phone else named
        answer = await self._client.ask("POST", self._url, question)
        if answer is None:
            return base
        known = next((found for name in IDS if (found := customer_id(answer.get(name)))), None)
        if known is None:
            raise IdentityUnreadable("(no id)")
        facts = {name: value for name, value in answer.items() if name not in IDS}
        # Joining cannot be undone. Asked by more than the number, the CRM may mean a person who only uses somebody
        # else's telephone; asked by the number alone, a record that names other numbers only may be a wrong one.
        numbers = self._numbers(answer)
        theirs = base.phone is not None and (base.phone in numbers or not (named or numbers))
        return Resolution(SubjectId(f"crm_{known}"), base.phone, facts, (base.subject,) if theirs else ())

    def _numbers(self, answer: Mapping[str, Any]) -> set[str]:
        """Return the numbers that the CRM knows of a customer, in E.164."""
        found: set[str] = set()
        for name in PHONES:
            value = answer.get(name)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and (number := e164(text, self._region)):
                    found.add(number)
        return found


@asynccontextmanager
async def open_crm(
    base_url: str, key: str, *, region: str, sip_hosts: Collection[str] = ()
) -> AsyncIterator[CrmResolver]:
    """Open the way to a CRM; ``region`` and ``sip_hosts`` are those of :class:`.PhoneResolver`."""
    async with open_client({"Authorization": f"Bearer {key}"}) as client:
        yield CrmResolver(client, base_url, PhoneResolver(region, sip_hosts), region)
