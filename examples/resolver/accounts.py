"""Customers by their account number, from a file: SUBJECT_RESOLVER=accounts:Accounts.

A resolver is a class that is made with the settings and has one async method. It may fail and it may be slow: the
gateway asks it within RESOLVER_TIMEOUT_MS, keeps its answers for five minutes, and serves customers under their
telephone numbers when it cannot say. It must never answer the same subject for two people.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tandem.identity.base import NO_METADATA, Metadata, Resolution
from tandem.identity.phone import PhoneResolver, e164
from tandem.model import Address, SubjectId
from tandem.settings import Settings

FILE = Path(__file__).with_name("accounts.csv")


class Accounts:
    """Knows whose number it is. John Doe has two: both are one conversation."""

    def __init__(self, settings: Settings) -> None:
        self._phone = PhoneResolver(settings.default_region, settings.trusted_sip_hosts)
        with FILE.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self._by_number = {e164(row["phone"], settings.default_region): row for row in rows}
        self._by_account = {row["account"]: row for row in rows}

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Find the account by its number in the webhook's address (``/sms?account=A-1001``), or by the telephone."""
        by_phone = await self._phone.resolve(address, session=session)
        named = self._by_account.get(metadata.get("account", ""))
        row = named or (self._by_number.get(by_phone.phone) if by_phone.phone else None)
        if row is None:
            return by_phone
        return Resolution(
            SubjectId(f"account_{row['account']}"),
            facts={"name": row["name"], "plan": row["plan"]},
            # What this number said before the account was known belongs to it, unless somebody else's phone was used.
            earlier=() if named else (by_phone.subject,),
        )
