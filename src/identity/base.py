"""Subject resolution: from an address to the subject whose lane an entry belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from ..model import Address, Route, SubjectId

Metadata = Mapping[str, str]
"""What came with a request besides the address, by name: a signed webhook's query, or a call's parameters."""
NO_METADATA: Metadata = MappingProxyType({})
USER_ID, ANONYMOUS_ID, EMAIL = "userId", "anonymousId", "email"
_SPELLINGS = {"user_id": USER_ID, "anonymous_id": ANONYMOUS_ID}
_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,63}", re.ASCII)
"""The provider's own fields begin with a capital letter, and stand beside ours in the query of a GET."""
_MOST, _LONGEST = 16, 200


def read_metadata(values: Mapping[str, str]) -> dict[str, str]:
    """Return what a resolver may use of a request's values: at most 16, of at most 200 printable characters each."""
    found: dict[str, str] = {}
    for name, value in values.items():
        text = value.strip()
        if _NAME.fullmatch(name) and text and len(text) <= _LONGEST and text.isprintable() and len(found) < _MOST:
            found.setdefault(_SPELLINGS.get(name, name), text)
    return found


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer of a resolver.

    ``phone`` is E.164 (``+14155550100``), or None when the address is no full telephone number. ``facts`` is what the
    source knows of the customer (name, plan, …): JSON values, empty for a plain telephone number. ``earlier`` names
    subjects under which the same person may have been served while less was known: their lanes are joined to this one.
    ``nobody``: the address names nobody who could be told from others, or answered.
    """

    subject: SubjectId
    phone: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[SubjectId, ...] = ()
    nobody: bool = False


class SubjectResolver(Protocol):
    """Turns addresses into subjects. Chosen by ``SUBJECT_RESOLVER``; your own is one of these."""

    async def resolve(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """Find the subject behind an address.

        * ``session`` is the id of the call or message; an address that names nobody (a withheld number) gets a subject
          of its own per session, never a shared one.
        * ``metadata`` is what the webhook's address or the call's ``<Parameter>`` said, signed by the provider: what
          :func:`read_metadata` makes of it reaches a source.
        * The same address gives the same subject again and again: status callbacks rely on it.
        * Different numbers never give the same subject, unless the source knows that one person owns both.
        * An address that cannot be read names nobody; it is no error. Neither is trouble at a source, for whoever asks:
          what guards the source falls back to the telephone number. A source itself raises what it likes.
        """
        ...


class Identity(SubjectResolver, Protocol):
    """Resolver that never fails and never takes long, with facts about subjects."""

    async def resolve_cached(self, address: Address, *, session: str, metadata: Metadata = NO_METADATA) -> Resolution:
        """As :meth:`resolve`, from what is known here already; a source is asked, but not waited for."""
        ...

    async def facts(self, route: Route, subject: SubjectId) -> Mapping[str, Any]:
        """Return what is known of a customer, nothing when that is not known in time. Never raises."""
        ...

    def known(self, subject: SubjectId) -> Resolution | None:
        """Return what a source last said of a subject to this process, None when it said nothing."""
        ...
