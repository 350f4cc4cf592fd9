"""Who is it: what turns an address into the subject whose lane an entry belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model import Address, SubjectId


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer of a resolver.

    ``phone`` is E.164 (``+14155550100``), or None when the address is no full telephone number. ``facts`` is what the
    source knows of the customer (name, plan, …): JSON values, empty for a plain telephone number.
    """

    subject: SubjectId
    phone: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class SubjectResolver(Protocol):
    """Turns addresses into subjects. Chosen by ``SUBJECT_RESOLVER``."""

    async def resolve(self, address: Address, *, session: str) -> Resolution:
        """Find the subject behind an address.

        * ``session`` is the id of the call or message; an address that names nobody (a withheld number) gets a subject
          of its own per session, never a shared one.
        * The same address gives the same subject again and again: status callbacks rely on it.
        * Different numbers never give the same subject, unless the source knows that one person owns both.
        * Raises MalformedRequest when the text is no address. Trouble at a source is not an error: the resolver falls
          back to the telephone number.
        """
        ...
