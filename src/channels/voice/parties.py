"""Decides who the customer of a call is, and whether the network stands behind their number. Pure.

Twilio says so in ``Direction`` and ``StirVerstat``. Its values (twilio.com/docs/voice/trusted-calling-with-shakenstir)
are ``TN-Validation-Passed`` and ``TN-Validation-Failed`` with the letter of an attestation behind it (``-A``, ``-B``,
``-C``) and perhaps ``-Diverted`` or ``-Passthrough`` behind that; ``TN-Validation-Failed`` alone; ``No-TN-Validation``;
and ``NULL``. Passed through, the verdict is that of the caller's own carrier. A diverted call was signed by the carrier
that forwarded it, which knows nothing of who called at first: it proves no number, not even with an A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ...identity.base import Resolution
from ...model import NOBODY, NUMBERED, Address, Channel, Route

FULL_ATTESTATION: Final = frozenset({"tn-validation-passed-a", "tn-validation-passed-a-passthrough"})
"""The values that prove a number: its carrier knows the caller, and that they may use it. All others do not."""
_ATTESTED_SCHEMES: Final = NUMBERED - {"whatsapp"}
"""STIR is about telephone numbers alone, which a call may write as a text does; WhatsApp knows its callers itself.

Who may write in other schemes is decided where they are read.
"""


class AttestationRule(StrEnum):
    """Choices of ``CALLER_ATTESTATION``: calls whose number opens an account."""

    WHEN_PRESENT = "when_present"
    REQUIRED = "required"
    IGNORED = "ignored"

    def accepts(self, verdict: str) -> bool:
        """Tell whether a call's number is believed; ``verdict`` is its ``StirVerstat``, empty without one."""
        if self is AttestationRule.IGNORED or (self is AttestationRule.WHEN_PRESENT and not verdict.strip()):
            return True
        return verdict.strip().lower() in FULL_ATTESTATION


@dataclass(frozen=True, slots=True)
class Parties:
    """Both ends of a call: the customer's and ours. ``outbound``: we called them."""

    customer: Address
    ours: Address
    outbound: bool = False

    @classmethod
    def of(cls, *, from_: str, to: str, direction: str) -> Parties:
        """Read Twilio's fields. Of a call that we made, the customer is who was called."""
        outbound = direction.strip().lower().startswith("outbound")
        caller, called = Address.parse(from_), Address.parse(to)
        return cls(called, caller, outbound) if outbound else cls(caller, called)

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> Parties:
        """Read the fields of a webhook."""
        return cls.of(from_=form.get("From", ""), to=form.get("To", ""), direction=form.get("Direction", ""))

    def proven(self, rule: AttestationRule, verdict: str, *, own: str | None = None) -> bool:
        """Tell whether the customer's number is believed. Somebody whom we called is where we called.

        Our own numbers, that which was called and the gateway's (``own``), are no customer's: a switchboard writes one
        of them when it forwards a call here, and so do forgers. All whom it forwards would share one conversation.
        """
        return self.customer.value not in (self.ours.value, own) and (
            self.outbound or self.customer.scheme not in _ATTESTED_SCHEMES or rule.accepts(verdict)
        )

    def asked_for(self, call: str, *, proven: bool) -> Address:
        """Return the address to ask about: nobody's, where the number is not believed."""
        believed = proven or self.customer.scheme not in _ATTESTED_SCHEMES
        return self.customer if believed else Address(NOBODY, call)

    def route(self, found: Resolution, call: str) -> Route:
        """Return the way to the customer: to the number that was proven, or to a name, or to nobody."""
        customer = self.customer
        if found.phone is not None:
            customer = Address("tel", found.phone)
        elif found.nobody:
            customer = Address(NOBODY, call)
        return Route(Channel.VOICE, customer, self.ours)
